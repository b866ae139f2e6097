"""The installation programme 用电监控安装: one table of moves, one function that makes them.

An enterprise's status stands on the enterprise and is moved here alone; each move appends to
``InstallationLog`` in the same transaction. Acts on many at once are in ``enterprises.batches``,
surveys in ``enterprises.surveys``; ACCEPT and REJECT belong to the acceptance (it checks first,
then calls ``move``). The row of ``Installation`` is made with the first act on an enterprise, so
whoever counts starts from the enterprise. Source: domain reference 10; the moves between the
statuses are an assumption.
"""

from datetime import date, datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.localtime import local_date
from enterprises.models import Enterprise, Installation, InstallationLog, InstallationStatus
from tenancy.access import Permission
from tenancy.models import User

REASON_CHARACTERS = 300  # of InstallationLog.reason
BODY_CHARACTERS = 150


class Event(StrEnum):
    """What can happen to an enterprise in the programme; the words of ``InstallationLog.event``."""

    REQUIRE = "required"
    SURVEY = "surveyed"
    BEGIN = "installing_began"
    CONNECT = "connected"
    ACCEPT = "accepted"
    REJECT = "rejected"
    RETURN = "returned"  # one step back, because the step was recorded wrongly or no longer holds
    EXEMPT = "exempted"
    RELEASE = "released"
    DISMANTLE = "dismantled"


class Note(StrEnum):
    """What is logged without moving anything; the other words of ``InstallationLog.event``."""

    DUE = "due_changed"
    ASSIGN = "company_assigned"


#: Every event and note in the words of a log entry.
EVENT_WORDS: dict[str, str | Promise] = {
    Event.REQUIRE: gettext_lazy("Must install"),
    Event.SURVEY: gettext_lazy("Surveyed on site"),
    Event.BEGIN: gettext_lazy("Installation began"),
    Event.CONNECT: gettext_lazy("Devices connected"),
    Event.ACCEPT: gettext_lazy("Acceptance passed"),
    Event.REJECT: gettext_lazy("Acceptance refused"),
    Event.RETURN: gettext_lazy("Sent one step back"),
    Event.EXEMPT: gettext_lazy("Exempted"),
    Event.RELEASE: gettext_lazy("Released from the duty"),
    Event.DISMANTLE: gettext_lazy("Devices dismantled"),
    Note.DUE: gettext_lazy("Due date changed"),
    Note.ASSIGN: gettext_lazy("Operator company assigned"),
}


class MoveRefused(Exception):
    """The move is not open; the text is a sentence for the person who asked for it."""


S, E = InstallationStatus, Event

#: (status, event) -> status.
MOVES: dict[tuple[str, Event], InstallationStatus] = {
    (S.NOT_REQUIRED, E.REQUIRE): S.REQUIRED,
    (S.EXEMPT, E.REQUIRE): S.REQUIRED,
    (S.DISMANTLED, E.REQUIRE): S.REQUIRED,
    (S.REQUIRED, E.SURVEY): S.SURVEYED,
    # A later survey follows the first; it takes nothing back that was reached since.
    (S.SURVEYED, E.SURVEY): S.SURVEYED,
    (S.INSTALLING, E.SURVEY): S.INSTALLING,
    (S.CONNECTED, E.SURVEY): S.CONNECTED,
    (S.ACCEPTED, E.SURVEY): S.ACCEPTED,
    (S.SURVEYED, E.BEGIN): S.INSTALLING,
    (S.INSTALLING, E.CONNECT): S.CONNECTED,
    (S.CONNECTED, E.ACCEPT): S.ACCEPTED,
    (S.CONNECTED, E.REJECT): S.INSTALLING,
    (S.SURVEYED, E.RETURN): S.REQUIRED,
    (S.INSTALLING, E.RETURN): S.SURVEYED,
    (S.CONNECTED, E.RETURN): S.INSTALLING,
    (S.ACCEPTED, E.RETURN): S.CONNECTED,
    (S.REQUIRED, E.EXEMPT): S.EXEMPT,
    (S.SURVEYED, E.EXEMPT): S.EXEMPT,
    (S.INSTALLING, E.EXEMPT): S.EXEMPT,
    (S.CONNECTED, E.EXEMPT): S.EXEMPT,
    (S.REQUIRED, E.RELEASE): S.NOT_REQUIRED,
    (S.SURVEYED, E.RELEASE): S.NOT_REQUIRED,
    (S.CONNECTED, E.DISMANTLE): S.DISMANTLED,
    (S.ACCEPTED, E.DISMANTLE): S.DISMANTLED,
}

#: Statuses in which the duty is open: past the due day they are overdue.
OPEN_STATUSES = (S.REQUIRED, S.SURVEYED, S.INSTALLING, S.CONNECTED)

#: Who makes the move: one of these permissions, for the enterprise.
EVENT_PERMISSIONS: dict[Event, tuple[Permission, ...]] = {
    E.REQUIRE: (Permission.MANAGE_PROGRAMME,),
    E.SURVEY: (Permission.SURVEY,),
    E.BEGIN: (Permission.INSTALL, Permission.MANAGE_PROGRAMME),
    E.CONNECT: (Permission.INSTALL, Permission.MANAGE_PROGRAMME),
    E.ACCEPT: (Permission.ACCEPT_INSTALLATION,),
    E.REJECT: (Permission.ACCEPT_INSTALLATION,),
    E.RETURN: (Permission.MANAGE_PROGRAMME,),
    E.EXEMPT: (Permission.MANAGE_PROGRAMME,),
    E.RELEASE: (Permission.MANAGE_PROGRAMME,),
    E.DISMANTLE: (Permission.MANAGE_PROGRAMME,),
}


def target_of(status: str, event: Event) -> InstallationStatus | None:
    """Return the status to which the event leads, None where the table has no such move."""
    return MOVES.get((status, event))


def owes_reason(status: str, event: Event) -> bool:
    """Tell whether the move must say why: whatever takes a duty away or a step back."""
    if event is E.REQUIRE:
        return status in (S.EXEMPT, S.DISMANTLED)
    return event in (E.REJECT, E.RETURN, E.EXEMPT, E.RELEASE, E.DISMANTLE)


def overdue(today: date, path: str = "") -> Q:
    """Return the condition of an overdue enterprise; ``path`` leads to the enterprise.

    today: the day in Asia/Shanghai. Overdue from the day after the due day on.
    """
    return Q(
        **{
            f"{path}installation_status__in": OPEN_STATUSES,
            f"{path}installation__due_on__lt": today,
        }
    )


def is_overdue(status: str, due_on: date | None, now: datetime) -> bool:
    """Return the same for one enterprise; the day is that of Asia/Shanghai."""
    return status in OPEN_STATUSES and due_on is not None and due_on < local_date(now)


@transaction.atomic
def move(
    enterprise: Enterprise,
    event: Event,
    *,
    actor: User | None,
    now: datetime,
    reason: str = "",
    body: str = "",
) -> InstallationLog:
    """Move the enterprise by the table and append the log row; the instance gets the new status.

    body: for which body the actor acts, as the frame of the page names it.
    The move holds only from the status that the caller saw on the instance: of two at one moment
    the second is refused. Whether the person may is asked before (``EVENT_PERMISSIONS``).
    Raises ``MoveRefused``: not in the table, moved by somebody else, no reason where one is owed.
    """
    seen = enterprise.installation_status
    current = (
        Enterprise.objects.select_for_update(of=("self",))
        .values_list("installation_status", flat=True)
        .get(pk=enterprise.pk)
    )
    if current != seen:
        raise MoveRefused(
            _(
                "Somebody else moved this enterprise a moment ago: it is now “%(status)s”."
                " Nothing of yours was recorded; look again and decide."
            )
            % {"status": S(current).label}
        )
    target, reason = _checked(current, event, reason)
    Enterprise.objects.filter(pk=enterprise.pk).update(installation_status=target)
    enterprise.installation_status = target
    row = InstallationLog(
        enterprise=enterprise,
        from_status=current,
        to_status=target,
        event=event,
        at=now,
        actor=actor,
        body=body[:BODY_CHARACTERS],
        reason=reason,
    )
    _keep_installation(row, now)
    row.save()
    return row


def _checked(status: str, event: Event, reason: str) -> tuple[InstallationStatus, str]:
    """Return the target and the trimmed reason; raises ``MoveRefused``."""
    target = target_of(status, event)
    if target is None:
        raise MoveRefused(
            _("“%(event)s” is not possible while the enterprise is “%(status)s”.")
            % {"event": EVENT_WORDS[event], "status": S(status).label}
        )
    reason = reason.strip()[:REASON_CHARACTERS]
    if owes_reason(status, event) and not reason:
        raise MoveRefused(_("Say why: this step needs a reason. Nothing was recorded."))
    return target, reason


def _keep_installation(row: InstallationLog, now: datetime) -> None:
    installation, _created = Installation.objects.get_or_create(enterprise=row.enterprise)
    if row.event == E.ACCEPT:
        installation.accepted_at = now
    elif row.to_status != S.ACCEPTED:
        installation.accepted_at = None
    if row.event == E.RELEASE:
        # Who is required again gets a new day with the new notice.
        if installation.due_on:
            InstallationLog.objects.create(
                enterprise=row.enterprise,
                from_status=row.from_status,
                to_status=row.from_status,
                event=Note.DUE,
                at=row.at,
                actor=row.actor,
                body=row.body,
                reason=due_change(installation.due_on, None, row.reason),
            )
        installation.batch, installation.due_on, installation.extension_reason = None, None, ""
    installation.save()


NO_DAY = "-" * 10  # as long as a date


def due_change(old: date | None, new: date | None, reason: str) -> str:
    """Return the reason of a ``Note.DUE``: both days, then why.

    The old day is its first ten characters, from where the progress page reads it again.
    """
    before, after = (day.isoformat() if day else NO_DAY for day in (old, new))
    return f"{before} → {after}: {reason}"[:REASON_CHARACTERS]
