"""What can be done next with an alert, for whom, and the doing of it.

The moves are the table of ``alerts.loop``: offered is what it allows from where the alert stands,
to people who have the right. ``alerts.operations`` does it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alerts import operations
from alerts.loop import LoopEvent, NotAllowed, can_move
from alerts.models import Alert, AlertLog
from tenancy.access import Permission, has_permission
from tenancy.eyes import Eyes
from tenancy.models import User

Words = str | Promise


class ActRefused(Exception):
    """The act cannot be done now; the text says why, to the person who tried."""


@dataclass(frozen=True, slots=True)
class Act:
    """A decision as a button, with the form that it needs."""

    name: str
    event: LoopEvent
    permission: Permission
    operation: Callable[..., AlertLog]
    label: Words
    done: Words  # what is said afterwards
    says: Words = ""  # what will happen, above the form
    style: str = ""
    has_reasons: bool = False
    note: Words = ""  # the label of the text; empty where the act takes none
    note_required: bool = False
    open: bool = False
    chosen: str = ""
    typed: str = ""

    @property
    def reasons(self) -> list[tuple[str, Words]]:
        return list(operations.DismissalReason.choices) if self.has_reasons else []


HANDLE, EXPLAIN = Permission.HANDLE_ALERTS, Permission.EXPLAIN_ALERTS

ACTS = (
    Act(
        "acknowledge",
        LoopEvent.ACKNOWLEDGE,
        HANDLE,
        operations.acknowledge_alert,
        gettext_lazy("Take it"),
        gettext_lazy("You have taken this alert. It is recorded under your name."),
        style="primary",
    ),
    Act(
        "verify",
        LoopEvent.VERIFY,
        HANDLE,
        operations.start_verification,
        gettext_lazy("Begin verification on site"),
        gettext_lazy("Verification on site has begun."),
        style="primary",
    ),
    Act(
        "accept",
        LoopEvent.ACCEPT_EXPLANATION,
        HANDLE,
        operations.accept_explanation,
        gettext_lazy("Accept the explanation"),
        gettext_lazy("The explanation is accepted."),
        says=gettext_lazy("The alert then counts as neither confirmed nor false."),
        note=gettext_lazy("Why (optional)"),
    ),
    Act(
        "confirm",
        LoopEvent.CONFIRM,
        HANDLE,
        operations.confirm_alert,
        gettext_lazy("Confirm"),
        gettext_lazy("The alert is confirmed."),
        says=gettext_lazy("You record that a person found the matter to be so. A case can follow."),
        style="danger",
        note=gettext_lazy("What was found (optional)"),
    ),
    Act(
        "dismiss",
        LoopEvent.DISMISS,
        HANDLE,
        operations.dismiss_alert,
        gettext_lazy("Dismiss"),
        gettext_lazy("The alert is dismissed. The record keeps it with your reason."),
        says=gettext_lazy("You record that it was none. The record keeps it with your reason."),
        has_reasons=True,
        note=gettext_lazy("More about it (required for Other)"),
    ),
    Act(
        "explain",
        LoopEvent.EXPLAIN,
        EXPLAIN,
        operations.explain_alert,
        gettext_lazy("Explain"),
        gettext_lazy("Your explanation is recorded. The officers see it at once."),
        says=gettext_lazy("What happened, and why? You may add to it until the matter is decided."),
        style="primary",
        note=gettext_lazy("Explanation"),
        note_required=True,
    ),
    Act(
        "close",
        LoopEvent.CLOSE,
        HANDLE,
        operations.close_alert,
        gettext_lazy("Close"),
        gettext_lazy("The alert is closed."),
    ),
)


def get_acts(alert: Alert, eyes: Eyes, *, typed: Mapping[str, str] | None = None) -> list[Act]:
    """Return the next acts of this reader; ``typed`` is what a refused form held, and stays."""
    offered = [act for act in ACTS if eyes.may(act.permission) and can_move(alert, act.event)]
    if not typed:
        return offered
    return [
        replace(act, open=True, chosen=typed.get("reason", ""), typed=typed.get("note", ""))
        if act.name == typed.get("act")
        else act
        for act in offered
    ]


def perform(alert: Alert, *, name: str, actor: User, reason: str, note: str, now: datetime) -> str:
    """Carry out the act and return what was done, in words.

    Raises ``PermissionError`` for people without the right, ``ActRefused`` where the act cannot be
    done: unknown, incomplete, or somebody else was quicker.
    """
    act = next((act for act in ACTS if act.name == name), None)
    if act is None:
        raise ActRefused(_("This act is not known. Nothing was changed."))
    if not has_permission(actor, act.permission):
        raise PermissionError(name)
    fields: dict[str, Any] = {"reason": reason} if act.has_reasons else {}
    if act.note:
        fields["text"] = note
    try:
        act.operation(alert, actor=actor, now=now, **fields)
    except NotAllowed as error:
        raise ActRefused(
            _(
                "The alert has moved on meanwhile, so this was not recorded."
                " The page shows where it stands now."
            )
        ) from error
    except ValueError as error:
        words = (
            _("Choose a reason; for Other say in words what it was. Nothing was recorded yet.")
            if act.has_reasons
            else _("Write an explanation first. Nothing was recorded yet.")
        )
        raise ActRefused(words) from error
    return str(act.done)
