"""The acceptance sheets of an enterprise, read in the query that reads the enterprise."""

from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject

from enterprises.models import AcceptanceSheet, Enterprise
from tenancy.models import User

#: What a list says of a sheet.
FIELDS = ("pk", "is_passed", "signed_name", "body", "signed_at", "remark")


def signed_sheets(actor: User) -> ArraySubquery:
    """Return the annotation ``signed`` of a queryset of enterprises, for ``read_signed``."""
    visible = AcceptanceSheet.objects.visible_to(actor).filter(enterprise=OuterRef("pk"))
    fields = JSONObject(**{name: name for name in FIELDS})
    return ArraySubquery(visible.order_by("-signed_at", "-pk").values(it=fields))


def read_signed(enterprise: Enterprise) -> list[dict[str, Any]]:
    """Return the sheets by ``FIELDS``, newest first; signed_at is aware."""
    return [
        row | {"signed_at": datetime.fromisoformat(row["signed_at"])}
        for row in enterprise.signed  # type: ignore[attr-defined]
    ]
