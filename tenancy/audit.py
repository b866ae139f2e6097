"""Writing and reading the audit log.

What changed in the tables is written by triggers; what cannot be seen there (a look, a sign-in, an
export, a refusal) is written here, in the same transaction as what it tells of.
"""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from tenancy.models import AuditEntry, User


def record(
    action: str,
    *,
    actor: User | None = None,
    enterprise: Any = None,
    object_type: str = "",
    object_id: object = "",
    object_label: str = "",
    old: Any = None,
    new: Any = None,
    note: str = "",
    is_success: bool = True,
    request: HttpRequest | None = None,
) -> None:
    """Append one entry; ``action`` is a dotted name such as ``"file.look"``, ``"list.export"``."""
    AuditEntry.objects.create(
        at=timezone.now(),
        action=action,
        actor_id=actor.pk if actor else None,
        actor_name=str(actor or ""),
        enterprise_id=getattr(enterprise, "pk", None),
        object_type=object_type,
        object_id=str(object_id),
        object_label=object_label[:200],
        old=old,
        new=new,
        note=note[:300],
        is_success=is_success,
    )


def note_look(request: HttpRequest, enterprise: Any, what: str) -> None:
    """Note that somebody looked at an enterprise's ``what`` (``"file"``, ``"alert"``...).

    The enterprise sees who looked. Looks of its own people are not noted.
    """
    if isinstance(request.user, User):
        record(f"{what}.look", actor=request.user, enterprise=enterprise, request=request)
