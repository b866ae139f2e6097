"""Lookups that the database's indexes serve."""

from typing import Any

from django.db.models import CharField
from django.db.models.lookups import PatternLookup


@CharField.register_lookup
class LikeAnywhere(PatternLookup):
    """``name__ilike="铸造"``: contained, whatever the case, by a plain ``ILIKE``.

    Django's ``icontains`` compares ``UPPER(column)``, which no trigram index on the column serves.
    """

    lookup_name = "ilike"

    def get_rhs_op(self, connection: Any, rhs: str) -> str:
        return f"ILIKE {rhs}"
