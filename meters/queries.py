"""Reading devices, segments and samples as plain data, in few queries whatever their number."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet

from common.intervals import Span
from enterprises.models import Threshold
from meters.models import Collector, Meter, MonitoringPoint
from meters.states import CommissioningRow, Sample, Segment, State, StateRules, Tuning, state_rules
from meters.timelines import Timeline, combine_points


@dataclass(frozen=True, slots=True)
class Point:
    """A monitoring point with what the states and rules need to know around it."""

    id: int
    facility_id: int
    facility_name: str
    site_id: int
    site_name: str
    collector_id: int
    mn: str
    is_enabled: bool  # its collector
    received_at: datetime | None  # when its collector was last heard, our clock
    rules: StateRules
    retired_at: datetime | None = None


class SegmentRow(NamedTuple):
    """A stored segment, whole."""

    id: int
    point_id: int
    state: State
    start: datetime
    end: datetime
    mean_kw: float | None
    max_kw: float | None
    reading_count: int
    backfill_count: int

    def as_segment(self) -> Segment:
        return Segment(*self[2:])

    def differs_from(self, segment: Segment) -> bool:
        return self[2:] != tuple(segment)


class PowerFigures(NamedTuple):
    """What a point's readings in some stretches come to; mean and maximum in kW."""

    mean_kw: float | None
    max_kw: float | None
    reading_count: int
    backfill_count: int


def get_points(
    *,
    enterprise_id: int | None = None,
    point_ids: Sequence[int] | None = None,
    tuning: Tuning | None = None,
) -> list[Point]:
    """Return the points of an enterprise, or these points, by id. Two queries."""
    points = MonitoringPoint.objects.order_by("pk")
    if enterprise_id is not None:
        points = points.filter(collector__enterprise=enterprise_id)
    if point_ids is not None:
        points = points.filter(pk__in=point_ids)
    rows = list(
        points.values(
            "pk",
            "retired_at",
            "facility_id",
            "facility__name",
            "facility__load_class",
            "facility__rated_kw",
            "facility__nominal_voltage_v",
            "facility__site_id",
            "facility__site__name",
            "collector_id",
            "collector__mn",
            "collector__is_enabled",
            "collector__expected_interval_s",
            "collector__status__latest_received_at",
        )
    )
    commissioned: dict[int, list[CommissioningRow]] = defaultdict(list)
    for facility_id, valid_from, off_below_kw, on_from_kw in Threshold.objects.filter(
        facility__in={row["facility_id"] for row in rows}
    ).values_list("facility_id", "valid_from", "off_below_kw", "on_from_kw"):
        commissioned[facility_id].append(CommissioningRow(valid_from, off_below_kw, on_from_kw))
    return [_make_point(row, commissioned[row["facility_id"]], tuning) for row in rows]


def _make_point(
    row: Mapping[str, Any], commissioned: Sequence[CommissioningRow], tuning: Tuning | None
) -> Point:
    return Point(
        id=row["pk"],
        facility_id=row["facility_id"],
        facility_name=row["facility__name"],
        site_id=row["facility__site_id"],
        site_name=row["facility__site__name"],
        collector_id=row["collector_id"],
        mn=row["collector__mn"],
        is_enabled=row["collector__is_enabled"],
        received_at=row["collector__status__latest_received_at"],
        rules=state_rules(
            load_class=row["facility__load_class"],
            rated_kw=row["facility__rated_kw"],
            nominal_voltage_v=row["facility__nominal_voltage_v"],
            interval=timedelta(seconds=row["collector__expected_interval_s"]),
            rows=commissioned,
            tuning=tuning,
        ),
        retired_at=row["retired_at"],
    )


SEGMENT_COLUMNS = (
    "id, point_id, state, started_at, ended_at, mean_kw, max_kw, reading_count, backfill_count"
)


def get_segments(
    point_ids: Iterable[int], start: datetime, end: datetime | None = None
) -> dict[int, list[SegmentRow]]:
    """Return the points' segments in ``[start, end)``, whole and ascending; one query.

    The first of a point is the one in force at ``start``, or the latest before it where the point
    has been silent since: it tells up to when the point is known. A point without any has [].
    """
    return get_segments_since(dict.fromkeys(point_ids, start), end)


def get_segments_since(
    starts: Mapping[int, datetime], end: datetime | None = None
) -> dict[int, list[SegmentRow]]:
    """Return what ``get_segments`` returns, with a start for each point."""
    found: dict[int, list[SegmentRow]] = {point_id: [] for point_id in starts}
    if not starts:
        return found
    # The unique index on (point, started_at) answers both halves, however many years lie before.
    sql = f"""
        SELECT s.* FROM unnest(%s::bigint[], %s::timestamptz[]) AS w (point_id, since)
        CROSS JOIN LATERAL (
            (SELECT {SEGMENT_COLUMNS} FROM meters_statesegment
             WHERE point_id = w.point_id AND started_at <= w.since
             ORDER BY started_at DESC LIMIT 1)
            UNION ALL
            (SELECT {SEGMENT_COLUMNS} FROM meters_statesegment
             WHERE point_id = w.point_id AND started_at > w.since
               AND (%s::timestamptz IS NULL OR started_at < %s))
        ) AS s ORDER BY s.point_id, s.started_at
    """  # noqa: S608  # the columns are the constant above
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(starts), list(starts.values()), end, end])
        for row in cursor.fetchall():
            found[row[1]].append(SegmentRow(row[0], row[1], State(row[2]), *row[3:]))
    return found


def get_samples_since(starts: Mapping[int, datetime]) -> dict[int, list[Sample]]:
    """Return the points' samples, each point's from its own start on, ascending; one query."""
    found: dict[int, list[Sample]] = {point_id: [] for point_id in starts}
    if not starts:
        return found
    # The constant bound lets the planner drop the partitions before it.
    sql = """
        SELECT r.* FROM unnest(%s::bigint[], %s::timestamptz[]) AS w (point_id, since)
        CROSS JOIN LATERAL (
            SELECT point_id, measured_at, p_kw, greatest(ua, ub, uc), is_backfill
            FROM meters_reading
            WHERE point_id = w.point_id AND measured_at >= w.since AND measured_at >= %s
        ) AS r ORDER BY r.point_id, r.measured_at
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(starts), list(starts.values()), min(starts.values())])
        for point_id, *sample in cursor.fetchall():
            found[point_id].append(Sample(*sample))
    return found


def get_power_figures(
    stretches: Sequence[tuple[int, Span, bool]],
) -> dict[tuple[int, Span], PowerFigures]:
    """Return the figures of (point, stretch, whether its end counts) from the readings; one query.

    Only readings that carry a power count.
    """
    if not stretches:
        return {}
    sql = """
        SELECT w.point_id, w.since, w.until, r.* FROM unnest(
            %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::boolean[]
        ) AS w (point_id, since, until, whole)
        CROSS JOIN LATERAL (
            SELECT avg(p_kw), max(p_kw), count(*), count(*) FILTER (WHERE is_backfill)
            FROM meters_reading
            WHERE point_id = w.point_id AND p_kw IS NOT NULL
              AND measured_at >= w.since AND measured_at <= w.until
              AND (w.whole OR measured_at < w.until)
              AND measured_at >= %s AND measured_at <= %s
        ) AS r
    """
    spans = [span for _, span, _ in stretches]
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            [
                [point_id for point_id, _, _ in stretches],
                [span.start for span in spans],
                [span.end for span in spans],
                [whole for _, _, whole in stretches],
                min(span.start for span in spans),
                max(span.end for span in spans),
            ],
        )
        return {
            (point_id, Span(since, until)): PowerFigures(*figures)
            for point_id, since, until, *figures in cursor.fetchall()
        }


def facility_spans(
    points: Iterable[Point], segments: Mapping[int, Sequence[SegmentRow]]
) -> dict[int, Timeline]:
    """Return each facility's timeline from its points' segments, by facility."""
    by_facility: dict[int, list[Point]] = defaultdict(list)
    for point in points:
        by_facility[point.facility_id].append(point)
    return {
        facility_id: combine_points(
            [segments.get(point.id, ()) for point in members],
            [point.retired_at for point in members],
        )
        for facility_id, members in by_facility.items()
    }


def get_meter_at(point: MonitoringPoint, at: datetime) -> Meter | None:
    """Return the meter record in force on the point at the instant: its ratio is that evidence's.

    None where none is on record for that time.
    """
    return Meter.objects.in_force(at).filter(point=point).first()


def find_enterprises_by_number(number: str) -> list[QuerySet[Any, Any]]:
    """Return the queries of enterprises' keys by the beginning of an MN, and by a meter's number.

    For ``enterprises.search``; capitals do not matter for a whole number.
    """
    upper = number.upper()
    collectors = Collector.objects.filter(Q(mn__prefix=number) | Q(mn=upper))
    meters = Meter.objects.filter(serial__in={number, upper})
    return [collectors.values("enterprise"), meters.values("point__collector__enterprise")]
