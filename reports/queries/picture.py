"""The picture of one enterprise, filled from segments, pairings, occurrences and declarations."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from alerts.models import (
    CALENDAR_RULES,
    Alert,
    AlertStatus,
    Occurrence,
    OccurrenceState,
    RuleCode,
)
from alerts.wording import get_headline
from common import formats
from enterprises.models import Enterprise, Facility, FacilityKind, Pairing, PairingMode
from meters.models import LatestReading, MonitoringPoint, OperatingState, StateSegment
from orders.models import Declaration
from reports.picture import (
    Bar,
    Cluster,
    Declared,
    Finding,
    Group,
    Lane,
    Pair,
    Picture,
    Window,
)
from reports.picture.bars import STRENGTH, combine, complete
from reports.picture.model import UNKNOWN
from reports.queries.alerts import get_declarations, touching
from reports.queries.online import stale_after
from tenancy.models import User

KINDS = {
    FacilityKind.PRODUCTION: "production",
    FacilityKind.COMBINED: "production",
    FacilityKind.AUXILIARY: "main",
    FacilityKind.CONTROL: "control",
    FacilityKind.MAIN: "main",
}


@dataclass(frozen=True, slots=True)
class FacilityNow:
    """A facility with what it does now."""

    facility: Facility
    points: list[MonitoringPoint]
    state: str
    load_kw: float | None
    measured_at: datetime | None
    is_fresh: bool

    @property
    def state_label(self) -> str:
        return str(OperatingState(self.state).label)


@dataclass(frozen=True, slots=True)
class EnterpriseView:
    """The picture with the rows from which it was made, for the page around it."""

    picture: Picture
    facilities: list[FacilityNow]
    occurrences: list[Occurrence]
    declarations: list[Declaration]
    lanes_of: dict[int, list[Bar]]


def get_enterprise_view(
    enterprise: Enterprise,
    window: Window,
    *,
    actor: User,
    lane_query: str = "",
    declarations: list[Declaration] | None = None,
) -> EnterpriseView:
    """Return the picture of the enterprise in the window. Six queries, however many facilities.

    It holds what the actor may see: who looks after one site sees that site's facilities.
    ``lane_query`` is the query string to which a lane's link adds ``facility``. ``declarations``
    saves their query where the caller has those of a stretch that holds the window.
    """
    facilities = list(
        Facility.objects.visible_to(actor)
        .filter(site__enterprise=enterprise)
        .select_related("line", "site")
        .order_by("site_id", "line__position", "line_id", "position", "pk")
    )
    points = _points(facilities, window)
    bars = _bars(points, window)
    by_facility: dict[int, list[MonitoringPoint]] = defaultdict(list)
    for point in points:
        by_facility[point.facility_id].append(point)
    lanes_of = {
        facility.pk: combine([bars[point.pk] for point in by_facility[facility.pk]])
        for facility in facilities
        if by_facility[facility.pk]
    }
    standing = [_now(facility, by_facility[facility.pk], window.now) for facility in facilities]
    occurrences = get_occurrences(enterprise, window.start, window.end, actor=actor)
    if declarations is None:
        declarations = get_declarations(enterprise, window.start, window.end, actor=actor)
    declarations = touching(declarations, window.start, window.end)
    lanes = {
        row.facility.pk: _lane(row, lanes_of, lane_query, is_live=window.is_live)
        for row in standing
        if row.points
    }
    picture = Picture(
        window=window,
        groups=_groups(
            [row.facility for row in standing if row.points],
            lanes,
            _pairings(enterprise, window, actor),
        ),
        findings=tuple(_finding(occurrence, window) for occurrence in occurrences),
        declared=tuple(_declared(declaration) for declaration in declarations),
        language=get_language() or "zh-hans",
        now_label=_("Now %(time)s") % {"time": formats.local_time(window.now)},
        label=_("What the facilities of %(name)s did") % {"name": enterprise.name},
    )
    return EnterpriseView(picture, standing, occurrences, declarations, lanes_of)


# --- reading --------------------------------------------------------------------------------


def _points(facilities: list[Facility], window: Window) -> list[MonitoringPoint]:
    """Return the points with collector, latest reading and state, and where to begin reading.

    ``first_start`` is the start of the segment that reaches into the window.
    """
    newest_first = StateSegment.objects.filter(point=OuterRef("pk")).order_by("-started_at")
    before = newest_first.filter(started_at__lte=window.start).values("started_at")[:1]
    return list(
        MonitoringPoint.objects.filter(facility__in=[facility.pk for facility in facilities])
        .select_related("collector", "latest")
        .annotate(
            first_start=Subquery(before), latest_state=Subquery(newest_first.values("state")[:1])
        )
        .order_by("facility_id", "pk")
    )


def _bars(points: list[MonitoringPoint], window: Window) -> dict[int, list[Bar]]:
    """Return each point's bars, complete over the window. One query, by index."""
    wanted = Q(pk__in=[])
    for point in points:
        wanted |= Q(
            point=point.pk, started_at__gte=getattr(point, "first_start", None) or window.start
        )
    segments: dict[int, list[Bar]] = defaultdict(list)
    rows = (
        StateSegment.objects.filter(wanted, started_at__lt=window.end)
        .order_by("point_id", "started_at")
        .values_list(
            "point_id", "state", "started_at", "ended_at", "mean_kw", "max_kw", "backfill_count"
        )
    )
    for point_id, state, start, end, mean_kw, max_kw, backfilled in rows:
        segments[point_id].append(
            Bar(state, start, end, mean_kw=mean_kw, max_kw=max_kw, is_backfilled=backfilled > 0)
        )
    return {
        point.pk: complete(
            segments[point.pk],
            window,
            stale_after=stale_after(point.collector.expected_interval_s),
        )
        for point in points
    }


def _pairings(enterprise: Enterprise, window: Window, actor: User) -> QuerySet[Pairing]:
    """Return the pairings in force at the end of the window, with their facilities' keys."""
    at = min(window.end, window.now)
    return (
        Pairing.objects.visible_to(actor)
        .filter(
            Q(valid_to__isnull=True) | Q(valid_to__gt=at),
            site__enterprise=enterprise,
            valid_from__lte=at,
        )
        .annotate(
            production_ids=ArraySubquery(
                Pairing.productions.through.objects.filter(pairing=OuterRef("pk"))
                .order_by("facility_id")
                .values("facility_id")
            ),
            control_ids=ArraySubquery(
                Pairing.controls.through.objects.filter(pairing=OuterRef("pk"))
                .order_by("facility_id")
                .values("facility_id")
            ),
        )
        .order_by("pk")
    )


def get_occurrences(
    enterprise: Enterprise, start: datetime, end: datetime, *, actor: User
) -> list[Occurrence]:
    """Return what the rules found in the stretch, suppressed findings left out.

    What only the calendar says (a certificate, a due day) is no time on the axis.
    """
    return list(
        Occurrence.objects.visible_to(actor)
        .filter(enterprise=enterprise, ended_at__gte=start, started_at__lt=end, alert__isnull=False)
        .exclude(state=OccurrenceState.SUPPRESSED)
        .exclude(rule__in=[str(rule) for rule in CALENDAR_RULES])
        .select_related("alert")
        .order_by("started_at", "pk")
    )


# --- arranging ------------------------------------------------------------------------------


def _latest(point: MonitoringPoint) -> LatestReading | None:
    return getattr(point, "latest", None)


def _now(facility: Facility, points: list[MonitoringPoint], now: datetime) -> FacilityNow:
    """Return what the facility does now, whatever the window; without fresh data unknown."""
    latest = [reading for point in points if (reading := _latest(point))]
    measured_at = max((reading.measured_at for reading in latest), default=None)
    fresh = bool(points) and all(
        (reading := _latest(point)) is not None
        and now - reading.measured_at <= stale_after(point.collector.expected_interval_s)
        for point in points
    )
    loads = [reading.p_kw for reading in latest if reading.p_kw is not None]
    states = [getattr(point, "latest_state", None) or UNKNOWN for point in points]
    state = max(states, key=STRENGTH.__getitem__) if fresh else UNKNOWN
    return FacilityNow(
        facility=facility,
        points=points,
        state=state,
        load_kw=sum(loads) if loads and fresh else None,
        measured_at=measured_at,
        is_fresh=fresh,
    )


def _lane(row: FacilityNow, lanes_of: dict[int, list[Bar]], query: str, *, is_live: bool) -> Lane:
    """Return the lane; what the facility does now is noted only where now is in sight."""
    facility = row.facility
    bars = tuple(replace(bar, title=bar_title(facility.name, bar)) for bar in lanes_of[facility.pk])
    link = f"{query}&facility={facility.pk}" if query else f"facility={facility.pk}"
    load = formats.kw(row.load_kw) if row.load_kw is not None else ""
    return Lane(
        key=facility.pk,
        name=facility.name,
        kind=KINDS[FacilityKind(facility.kind)],
        note=" ".join(part for part in (row.state_label, load) if part) if is_live else "",
        title=_("%(name)s: show its power as a line") % {"name": facility.name},
        href=f"?{link}#power",
        bars=bars,
    )


def bar_title(name: str, bar: Bar) -> str:
    """Return what a bar says when pointed at: facility, state, from, to, how long, load."""
    language = get_language()
    words = {
        "name": name,
        "state": OperatingState(bar.state).label,
        "start": formats.local_time(bar.start),
        "end": formats.local_time(bar.end),
        "length": formats.duration(bar.end - bar.start, language=language),
    }
    said = _("%(name)s: %(state)s, %(start)s–%(end)s (%(length)s)") % words
    if bar.mean_kw is not None:
        said += pgettext("between parts", ", ") + _("mean %(load)s") % {
            "load": formats.kw(bar.mean_kw)
        }
    if bar.is_backfilled:
        said += pgettext("between parts", ", ") + _("filled in later")
    return said


def mode_label(pairing: Pairing) -> str:
    """Return how many of the controls must run, in a word."""
    if pairing.mode == PairingMode.AT_LEAST:
        return _("At least %(count)d") % {"count": pairing.at_least}
    return str(PairingMode(pairing.mode).label)


@dataclass(slots=True)
class _Together:
    """Productions under one heading that the same pairings serve; or one facility alone."""

    rank: int
    heading: str
    pairings: list[Pairing]
    facilities: list[Facility]


def _groups(
    facilities: list[Facility], lanes: dict[int, Lane], pairings: Iterable[Pairing]
) -> tuple[Group, ...]:
    """Return the lines in order, each production directly above the controls that serve it.

    Productions served by the same pairings stand together. A control that serves two clusters
    stands in both; one that serves none stands alone; the main meter comes last.
    """
    serving: dict[int, list[Pairing]] = defaultdict(list)
    paired: set[int] = set()
    for pairing in pairings:
        for key in pairing.production_ids:  # type: ignore[attr-defined]
            serving[key].append(pairing)
        paired |= set(pairing.control_ids)  # type: ignore[attr-defined]

    clusters: dict[object, _Together] = {}
    for facility in facilities:
        if facility.kind == FacilityKind.CONTROL and facility.pk in paired:
            continue
        rank, heading = _heading(facility)
        stages = serving[facility.pk]
        key = (heading, *(pairing.pk for pairing in stages)) if stages else facility.pk
        together = clusters.setdefault(key, _Together(rank, heading, stages, []))
        together.facilities.append(facility)

    groups: dict[str, list[Cluster]] = defaultdict(list)
    for together in sorted(clusters.values(), key=lambda together: together.rank):
        groups[together.heading].append(_cluster(together, lanes))
    return tuple(Group(heading, tuple(found)) for heading, found in groups.items())


def _cluster(together: _Together, lanes: dict[int, Lane]) -> Cluster:
    productions = tuple(facility.pk for facility in together.facilities)
    pairs = tuple(
        Pair(
            key=pairing.pk,
            mode=mode_label(pairing),
            title=_("%(stage)s: %(mode)s of the control facilities must run")
            % {"stage": pairing.stage, "mode": mode_label(pairing)},
            productions=productions,
            controls=_in_order(pairing.control_ids, lanes),  # type: ignore[attr-defined]
        )
        for pairing in together.pairings
    )
    # A control of two stages stands once.
    keys = dict.fromkeys([*productions, *(key for pair in pairs for key in pair.controls)])
    return Cluster(lanes=tuple(lanes[key] for key in keys), pairs=pairs)


def _in_order(facility_ids: Iterable[int], lanes: dict[int, Lane]) -> tuple[int, ...]:
    """Return the keys of the metered ones in the order of the lanes, which is the plant's own."""
    wanted = set(facility_ids)
    return tuple(key for key in lanes if key in wanted)


def _heading(facility: Facility) -> tuple[int, str]:
    """Return the rank and heading under which a facility stands; the main meter last of all."""
    if facility.kind == FacilityKind.MAIN:
        return 2, _("Whole site")
    if facility.line is None:
        return 1, _("Outside the lines")
    return 0, facility.line.name


# --- findings and declarations --------------------------------------------------------------


def _finding(occurrence: Occurrence, window: Window) -> Finding:
    alert = occurrence.alert
    assert alert is not None  # noqa: S101  (get_occurrences leaves out what has none)
    suspected = alert.is_suspected and occurrence.state != OccurrenceState.WITHDRAWN
    confirmed = alert.status == AlertStatus.CONFIRMED
    goes_on = occurrence.state == OccurrenceState.FIRING
    return Finding(
        label=get_headline(alert),
        start=occurrence.started_at,
        # The verdict is some seconds old; what goes on reaches the live edge.
        end=max(occurrence.ended_at, window.now) if goes_on else occurrence.ended_at,
        title=f"{get_headline(alert)} · {alert.get_level_display()} · {alert.number}",
        href=reverse("alert", args=[alert.number]),
        lanes=finding_lanes(alert, occurrence),
        is_suspected=suspected or confirmed,
        is_ongoing=goes_on,
    )


def finding_lanes(alert: Alert, occurrence: Occurrence) -> frozenset[int]:
    """Return the facilities that the finding is about; none where it is about a whole site."""
    if alert.rule != RuleCode.R01:
        return frozenset()
    evidence = occurrence.evidence
    named = [control.get("id") for control in evidence.get("controls", [])]
    named.append(evidence.get("production", {}).get("id") or alert.facility_id)
    return frozenset(key for key in named if isinstance(key, int))


def _declared(declaration: Declaration) -> Declared:
    kind = declaration.get_kind_display()
    return Declared(
        label=_("Declared: %(kind)s") % {"kind": kind},
        start=declaration.starts_at,
        end=declaration.ends_at,
        title=_("Declared: %(kind)s, %(start)s to %(end)s (%(status)s). %(reason)s")
        % {
            "kind": kind,
            "start": formats.local_dt(declaration.starts_at, language=get_language()),
            "end": formats.local_dt(declaration.ends_at, language=get_language()),
            "status": declaration.get_status_display(),
            "reason": declaration.reason,
        },
        lanes=frozenset(row["id"] for row in declaration.facility_rows),  # type: ignore[attr-defined]
    )
