"""The two loops around evaluation: what changed, and what fell silent.

One transaction for each enterprise, under its advisory lock: segments, occurrences, alerts, log,
messages and the removal of the queue rows that asked for it commit together. A crash anywhere
leaves the queue rows, and doing it again changes nothing.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Min

from alerts.evaluate import evaluate_enterprise, get_place
from alerts.evaluation import r10
from alerts.models import Occurrence, OccurrenceState, RuleCode
from alerts.parameters import get_tuning, load_parameters
from common.intervals import Span
from meters.listening import get_deaf_spans
from meters.models import ChangedWindow, CollectorStatus
from meters.queries import Point, get_points
from meters.segments import try_lock, update_segments

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Drained:
    """How a round went: enterprises evaluated, left to another worker, failed."""

    evaluated: int = 0
    busy: int = 0
    failed: int = 0


def process_changes(enterprise_id: int, *, now: datetime) -> bool:
    """Evaluate what changed at one enterprise, in one transaction.

    Return False where another worker is at it or nothing waits. Raises whatever goes wrong, with
    nothing written and the queue rows left.
    """
    with transaction.atomic():
        if not try_lock(enterprise_id):
            return False
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM meters_changedwindow WHERE enterprise_id = %s RETURNING since",
                [enterprise_id],
            )
            taken = cursor.fetchall()
        if not taken:
            return False
        since = min(row[0] for row in taken)
        place = get_place(enterprise_id)
        points = get_points(enterprise_id=enterprise_id, tuning=place.tuning(now))
        for some in _in_batches(points, now - since):
            update_segments(enterprise_id, since, points=some)
        evaluate_enterprise(
            enterprise_id, as_of=now, now=now, since=since, place=place, points=points
        )
        return True


#: How many days of readings of one point are held in memory at a time, all points together.
POINT_DAYS_AT_ONCE = 90


def _in_batches(points: Sequence[Point], length: timedelta) -> Iterator[Sequence[Point]]:
    """Yield the points, fewer at a time the further a change reaches back; live data: all."""
    days = max(1.0, length / timedelta(days=1))
    size = max(1, int(POINT_DAYS_AT_ONCE / days))
    if days == 1.0 or size >= len(points):
        yield points
        return
    for start in range(0, len(points), size):
        yield points[start : start + size]


def drain_changes(*, clock: Callable[[], datetime], budget_s: float = 2.0) -> Drained:
    """Evaluate enterprises with changed windows, longest waiting first, until none or out of time.

    Several workers may drain at once. An enterprise that fails is logged, counted and left for the
    next round; the others go on.
    """
    drained = Drained()
    finish_at = time.monotonic() + budget_s
    seen: set[int] = set()
    while time.monotonic() < finish_at:
        waiting = [
            enterprise_id
            for enterprise_id in ChangedWindow.objects.values("enterprise_id")
            .annotate(waits_since=Min("received_at"))
            .order_by("waits_since")
            .values_list("enterprise_id", flat=True)
            if enterprise_id not in seen
        ]
        if not waiting:
            break
        for enterprise_id in waiting:
            if time.monotonic() >= finish_at:
                break
            seen.add(enterprise_id)
            _attempt(drained, enterprise_id, lambda id_: process_changes(id_, now=clock()))
    return drained


def evaluate_silent(*, now: datetime) -> Drained:
    """Judge the collectors that fell silent, or whose silence has reached its next level.

    Two queries find them; the enterprises of those that are due are evaluated.
    """
    drained = Drained()
    for enterprise_id in find_silent_enterprises(now):
        _attempt(drained, enterprise_id, lambda id_: _evaluate_by_clock(id_, now))
    return drained


def _evaluate_by_clock(enterprise_id: int, now: datetime) -> bool:
    with transaction.atomic():
        if not try_lock(enterprise_id):
            return False
        evaluate_enterprise(enterprise_id, as_of=now, now=now)
        return True


#: A silence that is already told is looked at again this often, so that its length keeps up.
REFRESH = timedelta(minutes=10)


def find_silent_enterprises(now: datetime) -> list[int]:
    """Return the enterprises with a collector whose silence must be judged now, by id.

    Parameters of narrower scope than the enterprise's county are seen when it is judged; here the
    defaults decide who is looked at, so a shorter scoped silence is found at its next reading.
    """
    book = load_parameters(division_path="", industry="", enterprise_id=0).enterprise
    shortest = book.duration("offline_minutes_yellow", now)
    silent = list(
        CollectorStatus.objects.filter(
            latest_received_at__lte=now - shortest,
            latest_measured_at__isnull=False,
            collector__is_enabled=True,
        ).values_list(
            "collector_id",
            "collector__enterprise_id",
            "collector__expected_interval_s",
            "latest_received_at",
        )
    )
    told: dict[str, Occurrence] = {}
    keys = [f"collector:{collector_id}" for collector_id, *_ in silent]
    for stored in Occurrence.objects.filter(
        rule=RuleCode.R10,
        subject_key__in=keys,
        state__in=(OccurrenceState.FIRING, OccurrenceState.SUPPRESSED),
    ).order_by("ended_at"):
        told[stored.subject_key] = stored
    tuning = get_tuning(book, now)
    earliest = min((received_at for *_, received_at in silent), default=now)
    deaf = get_deaf_spans(earliest, now)
    due = set()
    for collector_id, enterprise_id, interval_s, received_at in silent:
        stale_after = max(
            tuning.stale_intervals * timedelta(seconds=interval_s), tuning.stale_floor
        )
        if r10.silence([Span(received_at, now)], deaf) < max(stale_after, shortest):
            continue
        row = told.get(f"collector:{collector_id}")
        if row is None or row.ended_at < received_at or now - row.ended_at >= REFRESH:
            due.add(enterprise_id)
        elif row.state == OccurrenceState.FIRING:
            lasted = r10.silence([Span(row.started_at, now)], deaf)
            _, level = r10.level_of(lasted, book, row.started_at)
            if level < row.level:
                due.add(enterprise_id)
    return sorted(due)


def _attempt(drained: Drained, enterprise_id: int, work: Callable[[int], bool]) -> None:
    try:
        done = work(enterprise_id)
    except Exception:
        # One enterprise's trouble must not keep the others waiting; its queue rows stand.
        logger.exception("evaluation.failed enterprise=%s", enterprise_id)
        drained.failed += 1
    else:
        drained.evaluated += done
        drained.busy += not done
