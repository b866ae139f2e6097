"""Having the past judged again after a record that reaches into it."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Min

from meters.models import ChangedWindow, StateSegment


def judge_again(
    *, enterprise_id: int, facility_ids: Iterable[int], since: datetime | None, now: datetime
) -> ChangedWindow | None:
    """Queue the enterprise's time from ``since`` (None: all of it) for the worker, if any is kept.

    Bounded to what these facilities' points have sent: without readings there is nothing to judge,
    and readings that still wait are judged by the new record anyway. Call it in the transaction of
    the change, so that the worker never sees one without the other.
    """
    first = StateSegment.objects.filter(point__facility__in=list(facility_ids)).aggregate(
        at=Min("started_at")
    )["at"]
    if first is None:
        return None
    start = first if since is None else max(first, since)
    if start >= now:
        return None
    return ChangedWindow.objects.create(
        enterprise_id=enterprise_id, since=start, until=now, received_at=now
    )
