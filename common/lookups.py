"""Lookups that the database's indexes serve."""

from typing import Any

from django.db.models import CharField
from django.db.models.lookups import Lookup, PatternLookup


@CharField.register_lookup
class LikeAnywhere(PatternLookup):
    """``name__ilike="铸造"``: contained, whatever the case, by a plain ``ILIKE``.

    Django's ``icontains`` compares ``UPPER(column)``, which no trigram index on the column serves.
    """

    lookup_name = "ilike"

    def get_rhs_op(self, connection: Any, rhs: str) -> str:
        return f"ILIKE {rhs}"


def as_pattern(words: str) -> str:
    """Return the pattern of LIKE by which text contains the words."""
    escaped = words.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"


@CharField.register_lookup
class Prefix(Lookup):
    """``mn__prefix="1499"``: begins with the text, by bytes.

    Unlike LIKE these operators are leakproof, so that an index (``..._pattern_ops``, which Django
    makes for every unique text) serves them behind row-level security too.
    """

    lookup_name = "prefix"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, of_column = self.process_lhs(compiler, connection)
        text = str(self.rhs)
        return (
            f"({column} ~>=~ %s AND {column} ~<~ %s)",
            (*of_column, text, *of_column, f"{text}\U0010ffff"),
        )
