"""The shell around the rules: load a window once, judge, write the difference.

``alerts.drain`` calls it for what changed and for what fell silent; backtests call it with the
clock of their data. Same data, same verdict.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q

from alerts.evaluation import r01, r10, r12
from alerts.evaluation.findings import (
    Excuse,
    Finding,
    Phase,
    Suppression,
    evidence,
    iso,
    number_row,
)
from alerts.evaluation.findings import Number as N
from alerts.models import CALENDAR_RULES, Occurrence, OccurrenceState, RuleCode
from alerts.parameters import ParameterBook, get_tuning, load_parameters
from alerts.reconcile import Judged, Outcome, Reconciler, match
from common.intervals import normalise
from enterprises.models import Enterprise, Facility
from meters.listening import get_deaf_spans
from meters.queries import (
    Point,
    PowerFigures,
    SegmentRow,
    facility_spans,
    get_points,
    get_power_figures,
    get_segments,
)
from meters.states import State, Tuning
from meters.timelines import Timeline
from orders.allowance import get_declared_stretches

#: How far before the first change the window begins, and how far before an occurrence it reaches
#: when it is drawn in. Longer than any minimum duration, recovery and lead together.
MARGIN = timedelta(hours=2)
LEAD_IN = timedelta(hours=1)
#: Rules whose findings join several stretches: a window never begins inside one of theirs.
JOINING = (RuleCode.R01, RuleCode.R12)


@dataclass(frozen=True, slots=True)
class Place:
    """The enterprise that is evaluated, and what applies to it."""

    id: int
    county_id: int
    book: ParameterBook

    def tuning(self, at: datetime) -> Tuning:
        return get_tuning(self.book.enterprise, at)


def get_place(enterprise_id: int) -> Place:
    """Return the enterprise with its parameters; two queries."""
    row = Enterprise.objects.values("county_id", "county__path", "industry").get(pk=enterprise_id)
    book = load_parameters(
        division_path=row["county__path"], industry=row["industry"], enterprise_id=enterprise_id
    )
    return Place(enterprise_id, row["county_id"], book)


def evaluate_enterprise(
    enterprise_id: int,
    *,
    as_of: datetime,
    now: datetime,
    since: datetime | None = None,
    place: Place | None = None,
    points: Sequence[Point] | None = None,
) -> Outcome:
    """Judge an enterprise from ``since`` on (default: ``as_of``) and write what differs.

    as_of: what lies after it is not looked at, and open silences end there; the clock of the data
    in a replay, else ``now``. now: our clock, which dates what is written. Call it in a
    transaction under ``meters.segments.try_lock``, with the segments up to date.
    """
    place = place or get_place(enterprise_id)
    if points is None:
        points = get_points(enterprise_id=enterprise_id, tuning=place.tuning(as_of))
    start, rows = _load_occurrences(enterprise_id, since or as_of)
    segments = get_segments([point.id for point in points], start)
    findings = [
        finding
        for finding in _judge(place, points, segments, start, as_of)
        if finding.phase is not Phase.PENDING and finding.span.end > start
    ]
    found, left = match(findings, rows)
    changed = [
        (finding, row)
        for finding, row in zip(findings, found, strict=True)
        if row is None or not _stands_as_is(row, finding, since or as_of)
    ]
    if not changed and not left:
        return Outcome()
    means = _measure([finding for finding, _ in changed], points)
    group_gap = place.book.enterprise.duration("group_hours", as_of)
    return Reconciler(
        enterprise_id=enterprise_id, county_id=place.county_id, group_gap=group_gap, now=now
    ).run(
        [Judged(finding, means(finding)) for finding, _ in changed],
        [row for _, row in changed],
        left,
    )


# --- loading ---


def _load_occurrences(enterprise_id: int, since: datetime) -> tuple[datetime, list[Occurrence]]:
    """Return where the window begins and the occurrences that reach into it; mostly one query.

    The window begins before every joined occurrence that reaches into it, so that none is cut.
    """
    start = since - MARGIN
    while True:
        rows = list(
            Occurrence.objects.filter(
                Q(ended_at__gt=start) | Q(state=OccurrenceState.FIRING), enterprise=enterprise_id
            )
            .exclude(rule__in=CALENDAR_RULES)
            .select_related("alert")
        )
        starts = [
            row.started_at
            for row in rows
            if row.rule in JOINING and row.state != OccurrenceState.WITHDRAWN
        ]
        earliest = min(starts, default=since) - LEAD_IN
        if earliest >= start:
            return start, rows
        start = earliest


@dataclass(frozen=True, slots=True)
class PairingRow:
    """A pairing with the facilities on either side, by id."""

    facts: r01.PairingFacts
    production_ids: tuple[int, ...]
    control_ids: tuple[int, ...]


def _load_pairings(enterprise_id: int, start: datetime) -> list[PairingRow]:
    """Return the pairings valid at some time from ``start`` on; one query."""
    # By hand: through the ORM the two many-to-many sides multiply, and this runs every minute.
    sql = """
        SELECT p.id, p.stage, p.mode, p.at_least, p.valid_from, p.valid_to, p.lead_s,
               ARRAY(SELECT facility_id FROM enterprises_pairing_productions
                     WHERE pairing_id = p.id ORDER BY 1),
               ARRAY(SELECT facility_id FROM enterprises_pairing_controls
                     WHERE pairing_id = p.id ORDER BY 1)
        FROM enterprises_pairing p JOIN enterprises_site s ON s.id = p.site_id
        WHERE s.enterprise_id = %s AND (p.valid_to IS NULL OR p.valid_to > %s)
        ORDER BY p.id
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [enterprise_id, start])
        return [
            PairingRow(r01.PairingFacts(*facts), tuple(production_ids), tuple(control_ids))
            for *facts, production_ids, control_ids in cursor.fetchall()
        ]


def _load_excuses(place: Place, start: datetime, as_of: datetime) -> list[Excuse]:
    report_within = place.book.enterprise.duration("declaration_report_hours", as_of)
    return [
        Excuse(
            span=stretch.span,
            rules=stretch.rules,
            why=Suppression("declaration", stretch.text, stretch.declaration_id),
            facility_ids=stretch.facility_ids,
        )
        for stretch in get_declared_stretches(place.id, start, report_within=report_within)
    ]


# --- judging ---


def _judge(
    place: Place,
    points: Sequence[Point],
    segments: Mapping[int, Sequence[SegmentRow]],
    start: datetime,
    as_of: datetime,
) -> Iterable[Finding]:
    """Yield every rule's findings, each rule called with plain data."""
    excuses = _load_excuses(place, start, as_of)
    deaf = get_deaf_spans(start, as_of)
    pairings = _load_pairings(place.id, start)
    timelines = facility_spans(points, segments)
    cuts = {
        site_id: [_point_cut(point, segments[point.id]) for point in members]
        for site_id, members in _group(points, lambda point: point.site_id).items()
    }
    yield from _judge_r01(place, points, timelines, pairings, cuts, excuses, as_of)
    for collector_id, members in _group(points, lambda point: point.collector_id).items():
        first = members[0]
        standing = [point for point in members if point.retired_at is None]
        facts = r10.CollectorFacts(
            id=collector_id,
            mn=first.mn,
            site_id=first.site_id,
            site_name=first.site_name,
            interval=first.rules.interval,
            stale_after=first.rules.stale_after,
            facility_ids=frozenset(point.facility_id for point in members),
            points_total=len(standing),
            received_at=first.received_at,
            is_enabled=first.is_enabled and bool(standing),
        )
        yield from r10.evaluate(
            facts,
            [segments[point.id] for point in members],
            params=place.book.enterprise,
            as_of=as_of,
            excuses=excuses,
            deaf=deaf,
        )
    for site_id, members in _group(points, lambda point: point.site_id).items():
        if any(cut.cut for cut in cuts[site_id]):
            yield from r12.evaluate(
                r12.SiteFacts(site_id, members[0].site_name),
                cuts[site_id],
                params=place.book.enterprise,
                as_of=as_of,
                excuses=excuses,
            )


def _judge_r01(
    place: Place,
    points: Sequence[Point],
    timelines: Mapping[int, Timeline],
    pairings: Sequence[PairingRow],
    cuts: Mapping[int, Sequence[r12.PointCut]],
    excuses: Sequence[Excuse],
    as_of: datetime,
) -> Iterable[Finding]:
    facilities = {
        point.facility_id: r01.Facility(
            point.facility_id, point.facility_name, timelines[point.facility_id], point.rules
        )
        for point in points
    }
    sites = {point.facility_id: point.site_id for point in points}
    wanted = {id_ for row in pairings for id_ in (*row.production_ids, *row.control_ids)}
    if unmetered := wanted - facilities.keys():
        for id_, name in Facility.objects.filter(pk__in=unmetered).values_list("pk", "name"):
            facilities[id_] = r01.Facility(id_, name, Timeline())
    for row in pairings:
        controls = [facilities[id_] for id_ in row.control_ids]
        for production_id in row.production_ids:
            params = place.book.for_facility(production_id)
            yield from r01.evaluate(
                facilities[production_id],
                controls,
                row.facts,
                params=params,
                as_of=as_of,
                excuses=excuses,
                power_cut=r12.wider_cut(
                    cuts.get(sites.get(production_id, 0), ()),
                    frozenset(row.control_ids),
                    at_least=int(params.number("r12_points", as_of)),
                ),
            )


def _point_cut(point: Point, segments: Sequence[SegmentRow]) -> r12.PointCut:
    return r12.PointCut(
        facility_id=point.facility_id,
        cut=normalise((s.start, s.end) for s in segments if s.state is State.POWER_CUT),
        known_until=segments[-1].end if segments else None,
    )


def _group(points: Iterable[Point], key: Callable[[Point], int]) -> dict[int, list[Point]]:
    groups: dict[int, list[Point]] = defaultdict(list)
    for point in points:
        groups[key(point)].append(point)
    return groups


# --- evidence ---


def _stands_as_is(row: Occurrence, finding: Finding, since: datetime) -> bool:
    """Return whether a finished occurrence says already what the finding says."""
    if finding.span.end >= since or finding.phase is not Phase.ENDED:
        return False
    expected = OccurrenceState.SUPPRESSED if finding.suppressed_by else OccurrenceState.ENDED
    why = row.evidence.get("suppressed_by")
    return (
        row.state == expected
        and row.level == finding.level
        and row.evidence.get("spans") == [[iso(start), iso(end)] for start, end in finding.spans]
        and (why["id"] if why else None)
        == (finding.suppressed_by.id if finding.suppressed_by else None)
    )


def _measure(
    findings: Sequence[Finding], points: Sequence[Point]
) -> Callable[[Finding], dict[str, Any]]:
    """Return the function from a finding to its evidence with mean powers; at most one query."""
    by_facility = _group(points, lambda point: point.facility_id)
    stretches = {
        (point.id, span, False)
        for finding in findings
        for facility_id in finding.subject.metered
        for point in by_facility.get(facility_id, ())
        for span in finding.spans
    }
    figures = get_power_figures(sorted(stretches))

    def of_facility(finding: Finding, facility_id: int) -> tuple[float | None, int]:
        members = by_facility.get(facility_id, ())
        each = [[figures[point.id, span] for span in finding.spans] for point in members]
        means = [mean for parts in each if (mean := _mean(parts)) is not None]
        backfilled = sum(part.backfill_count for parts in each for part in parts)
        return (sum(means) if means else None), backfilled

    def with_means(finding: Finding) -> dict[str, Any]:
        said: dict[str, Any] = evidence(finding)
        means = {id_: of_facility(finding, id_) for id_ in finding.subject.metered}
        said["backfilled"] = sum(backfilled for _, backfilled in means.values())
        numbers = []
        if finding.subject.facility_id in means:
            mean, _ = means[finding.subject.facility_id]
            numbers.append(("production_mean_kw", mean))
        if "controls" in said:
            known = []
            for control in said["controls"]:
                mean, _ = means[control["id"]]
                control["mean_kw"] = None if mean is None else round(mean, 3)
                known += [] if mean is None else [mean]
            numbers.append(("control_mean_kw", sum(known) if known else None))
        said["numbers"] += [
            number_row(N(key, mean, "kW")) for key, mean in numbers if mean is not None
        ]
        return said

    return with_means


def _mean(parts: Sequence[PowerFigures]) -> float | None:
    """Return the mean over several stretches, each weighted by its readings."""
    count = sum(part.reading_count for part in parts)
    if not count:
        return None
    return sum((part.mean_kw or 0.0) * part.reading_count for part in parts) / count
