"""Keeping ``StateSegment`` rows in step with readings, a few queries an enterprise.

``meters.states`` says what the segments are; this module finds how far back the walk must begin,
compares what it gives with what is stored, and writes the difference. In the steady state, one new
reading a point, that is one UPDATE for all points together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import connection

from common.intervals import Span
from meters.queries import (
    Point,
    SegmentRow,
    get_points,
    get_power_figures,
    get_samples_since,
    get_segments_since,
)
from meters.states import Prior, Sample, Segment, State, Tuning, find_restart, find_segments

#: Distinguishes our advisory locks from other uses of the two-number space.
LOCK_SPACE = 0x5057
#: How often the look-back is widened before a point is read from its first reading on.
TRIES = 4
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Changes:
    """What is to be written, and what was: counts for logs and tests."""

    deletes: list[int] = field(default_factory=list)
    updates: list[tuple[int, Segment]] = field(default_factory=list)
    inserts: list[tuple[int, Segment]] = field(default_factory=list)


def try_lock(enterprise_id: int) -> bool:
    """Take the enterprise's lock until the transaction ends; return False if another has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK_SPACE, enterprise_id])
        return bool(cursor.fetchone()[0])


def try_locks(enterprise_ids: Iterable[int]) -> set[int]:
    """Take the enterprises' locks until the transaction ends; return those that we got."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM unnest(%s::int[]) AS id WHERE pg_try_advisory_xact_lock(%s, id)",
            [list(enterprise_ids), LOCK_SPACE],
        )
        return {row[0] for row in cursor.fetchall()}


def update_segments(
    enterprise_id: int,
    since: datetime,
    *,
    points: Sequence[Point] | None = None,
    tuning: Tuning | None = None,
) -> Changes:
    """Bring an enterprise's segments up to date with every reading from ``since`` on.

    Nothing before ``since`` (aware; the oldest new reading's own time) may have changed since the
    last call. Call it under ``try_lock``, in its transaction. ``points`` saves the two queries for
    them where the caller has them.
    """
    if points is None:
        points = get_points(enterprise_id=enterprise_id, tuning=tuning)
    changes, unclear = Changes(), _Unclear()
    by_id = {point.id: point for point in points}
    waiting = {
        point.id: since - point.rules.look_back - point.rules.stale_after for point in points
    }
    from_scratch: list[Point] = []
    for _ in range(TRIES):
        segments, samples = get_segments_since(waiting), get_samples_since(waiting)
        deeper: dict[int, datetime] = {}
        for point_id, start in waiting.items():
            point, rows, new = by_id[point_id], segments[point_id], samples[point_id]
            if not new or new[-1].at < since:
                continue  # nothing new at this point
            needed = _start_before_silence(rows, point, since)
            if needed is None:
                from_scratch.append(point)
            elif needed < start:
                deeper[point_id] = needed
            elif prior := find_restart(new, point.rules, [r.as_segment() for r in rows], since):
                _compare(point, rows, new, prior, since, changes, unclear)
            else:
                deeper[point_id] = start - 20 * point.rules.look_back
        waiting = deeper
        if not waiting:
            break
    _compare_from_scratch([*from_scratch, *(by_id[id_] for id_ in waiting)], changes)
    unclear.resolve(changes)
    _write(changes)
    return changes


def rebuild_segments(point_ids: Sequence[int], *, tuning: Tuning | None = None) -> Changes:
    """Write the points' segments anew from all their readings; return what differed.

    For a change of thresholds or tuning that reaches back. Call it in a transaction, under
    ``try_lock`` of the points' enterprises.
    """
    changes = Changes()
    for point in get_points(point_ids=point_ids, tuning=tuning):
        _compare_from_scratch([point], changes)
    _write(changes)
    return changes


def _start_before_silence(
    rows: Sequence[SegmentRow], point: Point, since: datetime
) -> datetime | None:
    """Return from where on a restart can be looked for: before a silence in which ``since`` lies.

    None: the point has no segment before ``since``.
    """
    before = [row for row in rows if row.start < since]
    if not before:
        return None
    heard_until = since
    if before[-1].state is State.UNKNOWN:
        heard_until = before[-1].start
    elif before[-1].end < since:
        heard_until = before[-1].end
    return heard_until - point.rules.look_back


def _compare_from_scratch(points: Sequence[Point], changes: Changes) -> None:
    if not points:
        return
    everything = {point.id: BEGINNING for point in points}
    segments, samples = get_segments_since(everything), get_samples_since(everything)
    for point in points:
        _compare(point, segments[point.id], samples[point.id], None, BEGINNING, changes, _Unclear())


def _compare(
    point: Point,
    rows: Sequence[SegmentRow],
    samples: Sequence[Sample],
    prior: Prior | None,
    since: datetime,
    changes: Changes,
    unclear: "_Unclear",
) -> None:
    """Add to ``changes`` what parts the stored rows from what the samples say."""
    found = find_segments(samples, point.rules, prior)
    if prior is not None:
        first = max(n for n, row in enumerate(rows) if row.start <= prior.at)
        rows = rows[first:]
        # The figures of the continued segment count from the restart only: complete them.
        continued = found[0]._replace(start=rows[0].start)
        grown = _grow(rows[0], continued, samples, since, is_newest=len(found) == 1)
        if grown is None:
            unclear.add(point.id, continued, rows[0], is_newest=len(found) == 1)
            found = found[1:]
            stored = {row.start: row for row in rows[1:]}
        else:
            found[0] = grown
            stored = {row.start: row for row in rows}
    else:
        stored = {row.start: row for row in rows}
    for segment in found:
        row = stored.pop(segment.start, None)
        if row is None:
            changes.inserts.append((point.id, segment))
        elif row.differs_from(segment):
            changes.updates.append((row.id, segment))
    changes.deletes += [row.id for row in stored.values()]


def _grow(
    row: SegmentRow,
    segment: Segment,
    samples: Sequence[Sample],
    since: datetime,
    *,
    is_newest: bool,
) -> Segment | None:
    """Return the segment with the row's figures and those of what came after it.

    None where readings came inside the row or it lost some: then only the readings can tell.
    """
    keeps_its_last = segment.end > row.end or (is_newest and segment.end == row.end)
    if since <= row.end or not keeps_its_last:
        return None
    added = [
        sample
        for sample in samples
        if row.end < sample.at
        and (sample.at < segment.end or (is_newest and sample.at == segment.end))
        and sample.p_kw is not None
    ]
    powers = [sample.p_kw for sample in added if sample.p_kw is not None]
    count = row.reading_count + len(powers)
    if not powers:
        mean, top = row.mean_kw, row.max_kw
    else:
        mean = ((row.mean_kw or 0.0) * row.reading_count + sum(powers)) / count
        top = max(powers) if row.max_kw is None else max(row.max_kw, *powers)
    backfilled = row.backfill_count + sum(sample.is_backfill for sample in added)
    return Segment(segment.state, segment.start, segment.end, mean, top, count, backfilled)


class _Unclear:
    """Continued segments whose figures must be read from all their readings."""

    def __init__(self) -> None:
        self._items: list[tuple[int, Segment, SegmentRow, bool]] = []

    def add(self, point_id: int, segment: Segment, row: SegmentRow, *, is_newest: bool) -> None:
        self._items.append((point_id, segment, row, is_newest))

    def resolve(self, changes: Changes) -> None:
        """Complete the figures with one query and add what changed."""
        figures = get_power_figures(
            [(id_, Span(s.start, s.end), newest) for id_, s, _, newest in self._items]
        )
        for point_id, segment, row, _ in self._items:
            read = figures[point_id, Span(segment.start, segment.end)]
            whole = segment._replace(**read._asdict())
            if row.differs_from(whole):
                changes.updates.append((row.id, whole))


def _write(changes: Changes) -> None:
    """Write the difference, at most one statement of each kind."""
    with connection.cursor() as cursor:
        if changes.deletes:
            cursor.execute("DELETE FROM meters_statesegment WHERE id = ANY(%s)", [changes.deletes])
        if changes.updates:
            cursor.execute(
                """
                UPDATE meters_statesegment AS s
                SET state = n.state, ended_at = n.ended_at, mean_kw = n.mean_kw,
                    max_kw = n.max_kw, reading_count = n.reading_count,
                    backfill_count = n.backfill_count
                FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::float8[], %s::float8[],
                            %s::int[], %s::int[])
                  AS n (id, state, ended_at, mean_kw, max_kw, reading_count, backfill_count)
                WHERE s.id = n.id
                """,
                [
                    [id_ for id_, _ in changes.updates],
                    [s.state.value for _, s in changes.updates],
                    [s.end for _, s in changes.updates],
                    [s.mean_kw for _, s in changes.updates],
                    [s.max_kw for _, s in changes.updates],
                    [s.reading_count for _, s in changes.updates],
                    [s.backfill_count for _, s in changes.updates],
                ],
            )
        if changes.inserts:
            cursor.execute(
                """
                INSERT INTO meters_statesegment
                  (point_id, state, started_at, ended_at, mean_kw, max_kw, reading_count,
                   backfill_count)
                SELECT * FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[],
                  %s::timestamptz[], %s::float8[], %s::float8[], %s::int[], %s::int[])
                """,
                [
                    [point_id for point_id, _ in changes.inserts],
                    [s.state.value for _, s in changes.inserts],
                    [s.start for _, s in changes.inserts],
                    [s.end for _, s in changes.inserts],
                    [s.mean_kw for _, s in changes.inserts],
                    [s.max_kw for _, s in changes.inserts],
                    [s.reading_count for _, s in changes.inserts],
                    [s.backfill_count for _, s in changes.inserts],
                ],
            )
