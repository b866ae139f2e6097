"""The loop of an alert: one table of moves, one function that makes them.

``reconcile`` moves alerts when data change (WITHDRAW, REINSTATE); people make the other moves
through ``alerts.operations``. A reviewed alert is never moved by data.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from alerts.models import Alert, AlertLog, AlertStatus
from tenancy.models import User


class LoopEvent(StrEnum):
    """What can happen to an alert's status; the words of ``AlertLog.event``."""

    ACKNOWLEDGE = "acknowledged"
    EXPLAIN = "explained"
    VERIFY = "verification_started"
    CONFIRM = "confirmed"
    DISMISS = "dismissed"
    ACCEPT_EXPLANATION = "explanation_accepted"
    CLOSE = "closed"
    WITHDRAW = "withdrawn"
    REINSTATE = "reinstated"


class NotAllowed(Exception):
    """The move is not in the table, or someone else moved the alert first."""


S, E = AlertStatus, LoopEvent

#: (status, event) -> status. Domain reference 8, "States".
MOVES: dict[tuple[str, LoopEvent], AlertStatus] = {
    (S.OPEN, E.ACKNOWLEDGE): S.ACKNOWLEDGED,
    (S.OPEN, E.EXPLAIN): S.EXPLAINED,
    (S.OPEN, E.WITHDRAW): S.WITHDRAWN,
    (S.ACKNOWLEDGED, E.EXPLAIN): S.EXPLAINED,
    (S.ACKNOWLEDGED, E.VERIFY): S.VERIFYING,
    (S.ACKNOWLEDGED, E.CONFIRM): S.CONFIRMED,
    (S.ACKNOWLEDGED, E.DISMISS): S.DISMISSED,
    (S.ACKNOWLEDGED, E.WITHDRAW): S.WITHDRAWN,
    # The party may state as often as it likes until the matter is decided.
    (S.EXPLAINED, E.EXPLAIN): S.EXPLAINED,
    (S.EXPLAINED, E.VERIFY): S.VERIFYING,
    (S.EXPLAINED, E.ACCEPT_EXPLANATION): S.EXPLAINED_OK,
    (S.EXPLAINED, E.CONFIRM): S.CONFIRMED,
    (S.EXPLAINED, E.DISMISS): S.DISMISSED,
    (S.EXPLAINED, E.WITHDRAW): S.WITHDRAWN,
    (S.VERIFYING, E.EXPLAIN): S.VERIFYING,
    (S.VERIFYING, E.ACCEPT_EXPLANATION): S.EXPLAINED_OK,
    (S.VERIFYING, E.CONFIRM): S.CONFIRMED,
    (S.VERIFYING, E.DISMISS): S.DISMISSED,
    (S.VERIFYING, E.WITHDRAW): S.WITHDRAWN,
    (S.CONFIRMED, E.CLOSE): S.CLOSED,
    (S.DISMISSED, E.CLOSE): S.CLOSED,
    (S.EXPLAINED_OK, E.CLOSE): S.CLOSED,
    (S.WITHDRAWN, E.CLOSE): S.CLOSED,
    (S.WITHDRAWN, E.REINSTATE): S.OPEN,
}


def can_move(alert: Alert, event: LoopEvent) -> bool:
    """Return whether the table has the move from the status that the alert is seen in."""
    return (alert.status, event) in MOVES


def move(
    alert: Alert,
    event: LoopEvent,
    *,
    actor: User | None,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> AlertLog:
    """Move the alert and append its log row; call it in a transaction.

    The update holds only while the status is still the one that the caller saw, so that of two
    officers who take an alert at the same moment one is told that it is taken.
    Raises ``NotAllowed`` for a move that is not in the table, and for the second officer.
    """
    seen = alert.status
    target = MOVES.get((seen, event))
    if target is None:
        raise NotAllowed(f"{alert.number}: {event} from {seen}")
    if not Alert.objects.filter(pk=alert.pk, status=seen).update(status=target):
        raise NotAllowed(f"{alert.number}: is no longer {seen}")
    alert.status = target
    return log(alert, event, actor=actor, now=now, seen=seen, detail=detail)


def log(
    alert: Alert,
    event: str,
    *,
    now: datetime,
    actor: User | None = None,
    seen: str | None = None,
    detail: dict[str, Any] | None = None,
) -> AlertLog:
    """Append a log row; ``seen``: the status before, where the event changed it."""
    return AlertLog.objects.create(
        alert=alert,
        at=now,
        actor=actor,
        event=event,
        from_status=alert.status if seen is None else seen,
        to_status=alert.status,
        detail=detail or {},
    )
