"""An alert's log and messages as one timeline, in words."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alerts.models import AlertLog, Channel, Notification, NotificationState
from alerts.operations import DismissalReason
from reports.queries.alerts import AlertFile

EVENTS = {
    "opened": gettext_lazy("Raised"),
    "occurrence_added": gettext_lazy("Happened again"),
    "recurred": gettext_lazy("Happened again"),
    "level_raised": gettext_lazy("Level raised"),
    "extended": gettext_lazy("Goes on"),
    "ended": gettext_lazy("Over"),
    "resumed": gettext_lazy("Goes on again"),
    "withdrawn": gettext_lazy("Withdrawn: later data show otherwise"),
    "acknowledged": gettext_lazy("Taken"),
    "explained": gettext_lazy("Explained by the enterprise"),
    "verification_started": gettext_lazy("Verification on site begun"),
    "confirmed": gettext_lazy("Confirmed"),
    "dismissed": gettext_lazy("Dismissed"),
    "explanation_accepted": gettext_lazy("Explanation accepted"),
    "closed": gettext_lazy("Closed"),
    "reinstated": gettext_lazy("Raised again: later data bear it out after all"),
}
ICONS = {"opened": "alert", "level_raised": "warning", "ended": "ok", "withdrawn": "backfill"}
FATES = {
    NotificationState.QUEUED: "waiting",
    NotificationState.IN_FLIGHT: "waiting",
    NotificationState.RETRY: "waiting",
    NotificationState.UNKNOWN: "waiting",
    NotificationState.SENT: "done",
    NotificationState.FAILED: "bad",
}


def get_timeline(file: AlertFile) -> list[dict[str, Any]]:
    """Return acts and messages, oldest first, as ``components/timeline.html`` shows them."""
    entries: list[tuple[datetime, int, dict[str, Any]]] = []
    entries += [(act.at, 0, _act(act)) for act in file.log]
    entries += [(item.created_at, 1, _message(item)) for item in file.notifications]
    return [shown for *_when, shown in sorted(entries, key=lambda entry: entry[:2])]


def _act(entry: AlertLog) -> dict[str, Any]:
    what = EVENTS.get(entry.event) or entry.get_to_status_display()
    details = [
        _reason(str(entry.detail.get("reason", ""))),
        str(entry.detail.get("text") or ""),
    ]
    return {
        "what": what,
        "at": entry.at,
        "who": str(entry.actor) if entry.actor else _("the system"),
        "detail": " · ".join(detail for detail in details if detail),
        "tone": "done",
        "icon": ICONS.get(entry.event, ""),
    }


def _reason(code: str) -> str:
    """Return the reason of a dismissal in words; a code of older days as it stands."""
    reasons = dict(DismissalReason.choices)
    return str(reasons.get(code, code))


def _message(item: Notification) -> dict[str, Any]:
    state = NotificationState(item.state)
    detail = state.label if not item.error else f"{state.label} · {item.error}"
    return {
        "what": _("%(channel)s to %(person)s")
        % {"channel": Channel(item.channel).label, "person": item.recipient},
        "at": item.sent_at or item.created_at,
        "who": "",
        "detail": detail,
        "tone": FATES[state],
        "icon": "phone" if item.channel == Channel.SMS else "message",
    }
