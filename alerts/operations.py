"""What people do with alerts, one function each.

Every function moves the alert by the table of ``alerts.loop`` and writes one log row in one
transaction; ``NotAllowed`` if the move is not open. Whether the person may handle or explain alerts
(``tenancy.access.Permission``) and may see this one is asked before, where the request comes in.
"""

from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from alerts.loop import LoopEvent, move
from alerts.models import Alert, AlertLog
from tenancy.models import User

TEXT_CHARACTERS = 2_000


class DismissalReason(models.TextChoices):
    """Why an alert turned out to be none 误报原因 (domain reference 8)."""

    FALSE_READING = "false_reading", _("False reading")
    DECLARED_STOP = "declared_stop", _("Declared stop")
    MAINTENANCE = "maintenance", _("Maintenance")
    EQUIPMENT_FAULT_REPORTED = "equipment_fault_reported", _("Equipment fault, reported")
    POWER_CUT = "power_cut", _("Power cut")
    PAIRING_WRONG = "pairing_wrong", _("Pairing wrong")
    THRESHOLD_WRONG = "threshold_wrong", _("Threshold wrong")
    KEEP_WARM = "keep_warm", _("Keep-warm load")
    TEST = "test", _("Test")
    OTHER = "other", _("Other (say what)")


def acknowledge_alert(alert: Alert, *, actor: User, now: datetime) -> AlertLog:
    """Take the alert 接单: from now on this officer handles it."""
    return _move(alert, LoopEvent.ACKNOWLEDGE, actor, now)


def explain_alert(alert: Alert, *, actor: User, now: datetime, text: str) -> AlertLog:
    """Record the enterprise's explanation 反馈; raises ``ValueError`` for an empty one."""
    return _move(alert, LoopEvent.EXPLAIN, actor, now, text=_said(text))


def start_verification(alert: Alert, *, actor: User, now: datetime) -> AlertLog:
    """Begin the verification on site 核查."""
    return _move(alert, LoopEvent.VERIFY, actor, now)


def accept_explanation(alert: Alert, *, actor: User, now: datetime, text: str = "") -> AlertLog:
    """Accept what the enterprise explained; the alert counts as neither confirmed nor false."""
    return _move(alert, LoopEvent.ACCEPT_EXPLANATION, actor, now, text=text[:TEXT_CHARACTERS])


def confirm_alert(alert: Alert, *, actor: User, now: datetime, text: str = "") -> AlertLog:
    """Record that a person found the matter to be so 属实."""
    return _move(alert, LoopEvent.CONFIRM, actor, now, text=text[:TEXT_CHARACTERS])


def dismiss_alert(
    alert: Alert, *, actor: User, now: datetime, reason: str, text: str = ""
) -> AlertLog:
    """Record that the alert was none 误报, with a ``DismissalReason``.

    Raises ``ValueError`` for an unknown reason, and for OTHER without a text.
    """
    chosen = DismissalReason(reason)
    text = _said(text) if chosen == DismissalReason.OTHER else text[:TEXT_CHARACTERS]
    return _move(alert, LoopEvent.DISMISS, actor, now, reason=chosen.value, text=text)


def close_alert(alert: Alert, *, actor: User, now: datetime) -> AlertLog:
    """Close a decided alert 销号."""
    return _move(alert, LoopEvent.CLOSE, actor, now)


def _move(alert: Alert, event: LoopEvent, actor: User, now: datetime, **detail: Any) -> AlertLog:
    with transaction.atomic():
        return move(alert, event, actor=actor, now=now, detail=detail)


def _said(text: str) -> str:
    text = text.strip()[:TEXT_CHARACTERS]
    if not text:
        raise ValueError("a text is owed here")
    return text
