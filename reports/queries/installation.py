"""How far the programme has come, in a fixed number of queries however many enterprises there are.

Counts start from the enterprise, so one without a row of ``Installation`` (nobody acted on it yet)
counts by its status, and is never overdue because it has no day. What was a week ago is derived
from the log: the status that an enterprise's first move of the week left, and the due day that its
first change of the week replaced. Enterprises registered within the week count as they stand.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet, Window
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from common.localtime import day_start, local_date
from enterprises.models import (
    INSTALLED_STATUSES,
    NOT_COUNTED_STATUSES,
    Enterprise,
    FacilityKind,
    Industry,
    InstallationBatch,
    InstallationLog,
)
from enterprises.models import InstallationStatus as Status
from enterprises.programme import EVENT_WORDS, NO_DAY, OPEN_STATUSES, Event, Note
from reports.queries.online import INTERVALS_MISSED, SHORTEST_STALE
from tenancy.models import Division, User

WEEK = timedelta(days=7)
SHOWN_NAMES = 8

#: The tabs of the page: by what the table's rows are.
GROUPINGS = {"county": "NULL::text", "industry": "industry", "batch": "batch_id::text"}

#: Statuses of each figure; a step that was passed counts as reached.
REACHED: dict[str, tuple[Status, ...]] = {
    "required": tuple(s for s in Status if s not in NOT_COUNTED_STATUSES),
    "surveyed": (
        Status.SURVEYED,
        Status.INSTALLING,
        *INSTALLED_STATUSES,
    ),
    "installed": INSTALLED_STATUSES,
    "accepted": (Status.ACCEPTED,),
    "exempt": (Status.EXEMPT,),
}
#: In the order of the stacked bar.
STEPS = (
    Status.ACCEPTED,
    Status.CONNECTED,
    Status.INSTALLING,
    Status.SURVEYED,
    Status.REQUIRED,
)


@dataclass(slots=True)
class Progress:
    """What one county, industry or batch counts; ``before``: a week ago."""

    key: str = ""
    name: str = ""
    above: str = ""  # the city of a county, where several cities are seen
    enterprises: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    statuses_before: dict[str, int] = field(default_factory=dict)
    overdue: int = 0
    overdue_before: int = 0
    points: dict[str, int] = field(default_factory=dict)  # accepted ones in use, by kind
    points_online: int = 0

    def reached(self, figure: str) -> int:
        return sum(self.statuses.get(status, 0) for status in REACHED[figure])

    def reached_before(self, figure: str) -> int:
        return sum(self.statuses_before.get(status, 0) for status in REACHED[figure])

    # Plain names for templates and sorting.
    @property
    def required(self) -> int:
        return self.reached("required")

    @property
    def surveyed(self) -> int:
        return self.reached("surveyed")

    @property
    def installed(self) -> int:
        return self.reached("installed")

    @property
    def accepted(self) -> int:
        return self.reached("accepted")

    @property
    def exempt(self) -> int:
        return self.reached("exempt")

    @property
    def points_accepted(self) -> int:
        return sum(self.points.values())

    @property
    def accepted_change(self) -> int:
        return self.accepted - self.reached_before("accepted")

    def add(self, other: "Progress") -> None:
        self.enterprises += other.enterprises
        self.overdue += other.overdue
        self.overdue_before += other.overdue_before
        self.points_online += other.points_online
        for name in ("statuses", "statuses_before", "points"):
            mine = getattr(self, name)
            for key, count in getattr(other, name).items():
                mine[key] = mine.get(key, 0) + count


@dataclass(frozen=True, slots=True)
class Name:
    """An enterprise in a list of names, with the day that matters there."""

    pk: int
    name: str
    county: str
    day: date | datetime | None


@dataclass(frozen=True, slots=True)
class CountyMoves:
    """What moved in a county within the week."""

    county: str
    moves: tuple[tuple[str, int], ...]  # words of the event, how many


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since last week; ``counts``: of all names, of which some are shown."""

    since: datetime
    by_county: list[CountyMoves]
    accepted: list[Name]
    accepted_count: int
    overdue: list[Name]
    overdue_count: int


@dataclass(frozen=True, slots=True)
class InstallationView:
    rows: list[Progress]
    counties: list[Progress]  # the same by county, for the map
    total: Progress
    changes: Changes


def get_installation(actor: User, *, now: datetime, by: str, county: str = "") -> InstallationView:
    """Return the progress of what the actor may see; ``county`` narrows all but the counties.

    by: a key of ``GROUPINGS``. Seven queries and the actor's grants.
    """
    visible = Enterprise.objects.visible_to(actor)
    divisions = _divisions(visible)
    cells = _count(visible, now, by)
    _count_points(visible, now, by, cells)
    narrow = {pk for pk, d in divisions.items() if not county or county in (d.code, _above(d))}
    rows: dict[str, Progress] = {}
    counties: dict[str, Progress] = {}
    total = Progress()
    names = _names(by, {key for _county, key in cells})
    for (county_id, key), cell in cells.items():
        division = divisions[county_id]
        place = counties.setdefault(division.code, _place(division))
        place.add(cell)
        if county_id not in narrow:
            continue
        total.add(cell)
        if by != "county":
            rows.setdefault(key, Progress(key or "none", names.get(key, key))).add(cell)
    if by == "county":
        shown = {divisions[pk].code for pk in narrow}
        rows = {code: row for code, row in counties.items() if code in shown}
    _name_cities(counties.values())
    narrowed = visible.filter(county__in=narrow) if county else visible
    return InstallationView(
        rows=sorted(rows.values(), key=lambda row: (row.above, row.key)),
        counties=sorted(counties.values(), key=lambda row: row.key),
        total=total,
        changes=_changes(narrowed, now),
    )


def division_label(division: Division) -> str:
    english = (get_language() or "").startswith("en")
    return division.name_en if english and division.name_en else division.name


def _above(division: Division) -> str:
    return division.parent.code if division.parent else ""


def _place(division: Division) -> Progress:
    above = division_label(division.parent) if division.parent else ""
    return Progress(division.code, division_label(division), above)


def _name_cities(places: Iterable[Progress]) -> None:
    """Leave the city's name away where all counties have the same."""
    places = list(places)
    if len({place.above for place in places}) < 2:
        for place in places:
            place.above = ""


def _divisions(visible: QuerySet[Enterprise]) -> dict[int, Division]:
    keys = visible.order_by().values("county")
    return {d.pk: d for d in Division.objects.filter(pk__in=keys).select_related("parent")}


def _names(by: str, keys: set[str]) -> dict[str, str]:
    if by == "industry":
        return {value: str(label) for value, label in Industry.choices}
    if by == "batch":
        found = InstallationBatch.objects.filter(pk__in=[int(key) for key in keys if key])
        return {str(batch.pk): batch.name for batch in found} | {"": _("In no batch")}
    return {}


def _seen(visible: QuerySet[Enterprise]) -> tuple[str, tuple[Any, ...]]:
    """Return the door as a subquery: key, county, industry, status of the visible enterprises."""
    rows = visible.order_by().values_list("pk", "county_id", "industry", "installation_status")
    sql, parameters = rows.query.sql_with_params()
    door = f"SELECT * FROM ({sql}) AS door (id, county_id, industry, status)"  # noqa: S608
    return door, parameters


Cells = dict[tuple[int, str], Progress]


def _count(visible: QuerySet[Enterprise], now: datetime, by: str) -> Cells:
    """Return the counts by county and group, now and a week ago. One query."""
    door, parameters = _seen(visible)
    today = local_date(now)
    sql = f"""
        WITH seen AS ({door}),
        first_move AS (
            SELECT DISTINCT ON (enterprise_id) enterprise_id, from_status
            FROM enterprises_installationlog
            WHERE at >= %s AND from_status <> to_status
            ORDER BY enterprise_id, at, id
        ),
        first_due AS (
            SELECT DISTINCT ON (enterprise_id) enterprise_id,
                   nullif(left(reason, 10), %s)::date AS due_on
            FROM enterprises_installationlog
            WHERE at >= %s AND event = %s
            ORDER BY enterprise_id, at, id
        ),
        facts AS (
            SELECT seen.county_id, coalesce({GROUPINGS[by]}, '') AS grouped, seen.status,
                   coalesce(first_move.from_status, seen.status) AS before,
                   installation.due_on,
                   CASE WHEN first_due.enterprise_id IS NULL THEN installation.due_on
                        ELSE first_due.due_on END AS due_before
            FROM seen
            LEFT JOIN enterprises_installation installation ON installation.enterprise_id = seen.id
            LEFT JOIN first_move ON first_move.enterprise_id = seen.id
            LEFT JOIN first_due ON first_due.enterprise_id = seen.id
        )
        SELECT county_id, grouped, status, before, count(*),
               count(*) FILTER (WHERE status = ANY(%s) AND due_on < %s),
               count(*) FILTER (WHERE before = ANY(%s) AND due_before < %s)
        FROM facts
        GROUP BY county_id, grouped, status, before
    """  # noqa: S608 - the door's own SQL and a constant; values are parameters
    open_statuses = [str(status) for status in OPEN_STATUSES]
    since = now - WEEK
    cells: Cells = {}
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            [
                *parameters,
                since,
                NO_DAY,
                since,
                str(Note.DUE),
                open_statuses,
                today,
                open_statuses,
                local_date(since),
            ],
        )
        for county, key, status, before, count, late, late_before in cursor:
            cell = cells.setdefault((county, key), Progress())
            cell.enterprises += count
            cell.statuses[status] = cell.statuses.get(status, 0) + count
            cell.statuses_before[before] = cell.statuses_before.get(before, 0) + count
            cell.overdue += late
            cell.overdue_before += late_before
    return cells


def _count_points(visible: QuerySet[Enterprise], now: datetime, by: str, cells: Cells) -> None:
    """Add the accepted points in use by kind, and how many of them report. One query.

    A point is online while its newest reading arrived within three of its collector's intervals,
    five minutes at least (``reports.queries.online``).
    """
    door, parameters = _seen(visible)
    batch = (
        "LEFT JOIN enterprises_installation installation ON installation.enterprise_id = seen.id"
        if by == "batch"
        else ""
    )
    sql = f"""
        WITH seen AS ({door})
        SELECT seen.county_id, coalesce({GROUPINGS[by]}, '') AS grouped, facility.kind, count(*),
               count(*) FILTER (WHERE latest.received_at >= %s - make_interval(
                   secs => greatest({INTERVALS_MISSED} * collector.expected_interval_s, %s)))
        FROM meters_monitoringpoint point
        JOIN meters_collector collector ON collector.id = point.collector_id
        JOIN seen ON seen.id = collector.enterprise_id
        JOIN enterprises_facility facility ON facility.id = point.facility_id
        LEFT JOIN meters_latestreading latest ON latest.point_id = point.id
        {batch}
        WHERE point.is_accepted AND point.retired_at IS NULL
        GROUP BY seen.county_id, grouped, facility.kind
    """  # noqa: S608 - the door's own SQL and constants; values are parameters
    shortest = int(SHORTEST_STALE.total_seconds())
    with connection.cursor() as cursor:
        cursor.execute(sql, [*parameters, now, shortest])
        for county, key, kind, count, online in cursor:
            cell = cells.setdefault((county, key), Progress())
            cell.points[kind] = cell.points.get(kind, 0) + count
            cell.points_online += online


def _changes(visible: QuerySet[Enterprise], now: datetime) -> Changes:
    """Return what the last seven days changed. Three queries."""
    since = now - WEEK
    moves = InstallationLog.objects.filter(at__gte=since, enterprise__in=visible)
    counted = (
        moves.exclude(event__in=list(Note))
        .values_list("enterprise__county__code", "enterprise__county__name", "event")
        .annotate(count=Count("pk"))
        .order_by("enterprise__county__code", "event")
    )
    by_county: dict[str, list[tuple[str, int]]] = {}
    for _code, county, event, count in counted:
        by_county.setdefault(county, []).append((str(EVENT_WORDS.get(event, event)), count))
    everyone = Window(Count("pk"))
    accepted = list(
        moves.filter(event=Event.ACCEPT, enterprise__installation_status=Status.ACCEPTED)
        .annotate(everyone=everyone)
        .order_by("-at", "-pk")
        .values_list(
            "everyone", "enterprise_id", "enterprise__name", "enterprise__county__name", "at"
        )[:SHOWN_NAMES]
    )
    overdue = list(
        visible.filter(newly_overdue(local_date(now)))
        .annotate(everyone=everyone)
        .order_by("-installation__due_on", "code", "pk")
        .values_list("everyone", "pk", "name", "county__name", "installation__due_on")[:SHOWN_NAMES]
    )
    return Changes(
        since=day_start(local_date(since)),
        by_county=[CountyMoves(name, tuple(row)) for name, row in by_county.items()],
        accepted=[Name(*row[1:]) for row in accepted],
        accepted_count=accepted[0][0] if accepted else 0,
        overdue=[Name(*row[1:]) for row in overdue],
        overdue_count=overdue[0][0] if overdue else 0,
    )


def newly_overdue(today: date) -> Q:
    """Return the condition of who became overdue within the last seven days, and still is."""
    return Q(
        installation_status__in=OPEN_STATUSES,
        installation__due_on__lt=today,
        installation__due_on__gte=today - WEEK,
    )


def kinds_of(total: Progress) -> list[tuple[str, int]]:
    """Return the points by kind in words, kinds without a point left out."""
    return [
        (str(kind.label), total.points[kind]) for kind in FacilityKind if total.points.get(kind)
    ]
