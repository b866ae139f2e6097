"""The night behind the demo city: readings from the simulator's own loads, written with COPY.

They end at the plan's start, with what the plan has under way then already in progress, so that
``manage.py simulate`` goes on without a seam. A collector's night is one transaction, or none, so
that a seeding that was killed can be taken up.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import repeat
from multiprocessing import get_context
from typing import Any, NamedTuple

from django.db import connection, connections, transaction
from django.utils import timezone

from alerts.evaluate import evaluate_enterprise, get_place
from enterprises.models import Facility, FacilityKind, InstallationStatus
from meters.models import ChangedWindow, Collector, CollectorStatus, LatestReading
from meters.partitions import make_partitions
from meters.queries import get_points
from meters.segments import try_lock
from meters.simulator.electrical import Sample
from meters.simulator.incidents import Incident, Kind, Plan
from meters.simulator.machines import Machine, Plant
from meters.simulator.plants import Feed
from meters.states import Sample as StateSample
from meters.states import find_segments
from orders.models import Declaration, DeclarationKind, DeclarationStatus

LASTS = timedelta(hours=12)
DENSE = timedelta(hours=1)
#: Spacing before the dense part: under the five minutes after which a value is stale.
SPARSE_S = 240
#: So many connected enterprises have every minute of it, so that they can be accepted.
DENSE_PLANTS = 5
_ARRIVES_AFTER_S = 2
_NO_CHUNK = 0  # these readings came by no frame
_READING_COLUMNS = (
    "point_id, measured_at, received_at, p_kw, ua, ub, uc, ia, ib, ic, pf,"
    " energy_kwh, flag, is_backfill, chunk_id"
)
# In the order of a meters.states.Segment.
_SEGMENT_COLUMNS = (
    "point_id, state, started_at, ended_at, mean_kw, max_kw, reading_count, backfill_count"
)
_BATCH = 8  # plants that a process takes at a time


class _Measured(NamedTuple):
    """What all meters behind a collector showed at one second."""

    at: int
    received_at: int
    is_backfill: bool
    readings: Sequence[tuple[Machine, Sample]]


def without_history(plants: Sequence[Plant]) -> list[Plant]:
    """Return the plants of which no reading stands; where one does, the record is left alone."""
    heard = set(CollectorStatus.objects.values_list("collector__mn", flat=True))
    return [plant for plant in plants if plant.key not in heard]


def write_history(plants: Sequence[Plant], plan: Plan, *, processes: int = 1) -> int:
    """Write the plants' readings up to the plan's start and return how many rows that made.

    Also what follows from them: newest readings, signs of life, states and the alerts of the
    night, by the same evaluation as live; before it the declarations behind what is lawful.
    """
    until = datetime.fromtimestamp(plan.start, UTC)
    make_partitions((until - LASTS).date(), until.date() + timedelta(days=7))
    _write_declarations(plan)
    dense = _wait_for_acceptance()
    batches = [plants[i : i + _BATCH] for i in range(0, len(plants), _BATCH)]
    if processes == 1:
        rows = sum(map(_write_plants, batches, repeat(plan), repeat(dense)))
    else:
        connections.close_all()  # a connection must not be shared with a forked process
        with ProcessPoolExecutor(processes, get_context("fork")) as pool:
            rows = sum(pool.map(_write_plants, batches, repeat(plan), repeat(dense)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE meters_reading, meters_statesegment")
    return rows


@contextmanager
def _copy_into(table: str, columns: str) -> Iterator[Any]:
    """Take rows by COPY by way of a temporary table: COPY itself stops at row-level security."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE arriving ON COMMIT DROP AS SELECT {columns} FROM {table}"  # noqa: S608
            " WITH NO DATA"
        )
        with cursor.copy(f"COPY arriving ({columns}) FROM STDIN") as copy:
            yield copy
        cursor.execute(f"INSERT INTO {table} ({columns}) SELECT * FROM arriving")  # noqa: S608
        cursor.execute("DROP TABLE arriving")


def _wait_for_acceptance() -> frozenset[str]:
    """Return the MNs of the first connected enterprises that are not accepted yet."""
    waiting = Collector.objects.filter(
        enterprise__installation_status=InstallationStatus.CONNECTED
    ).order_by("enterprise__code")
    return frozenset(waiting.values_list("mn", flat=True)[:DENSE_PLANTS])


def _write_plants(plants: Sequence[Plant], plan: Plan, dense: frozenset[str]) -> int:
    return sum(_write_plant(plant, plan, plant.key in dense) for plant in plants)


@transaction.atomic
def _write_plant(plant: Plant, plan: Plan, is_dense: bool) -> int:
    collector = Collector.objects.get(mn=plant.key)
    measured = list(_measure(plant, plan, is_dense=is_dense))
    with _copy_into("meters_reading", _READING_COLUMNS) as copy:
        copy.write("".join(line for moment in measured for line in _copy_lines(moment)))
    _write_signs_of_life(collector, measured)
    since, until = (datetime.fromtimestamp(measured[i].at, UTC) for i in (0, -1))
    if try_lock(collector.enterprise_id):
        _judge(collector, measured, since)
    else:  # a worker runs beside us: it will see to it
        ChangedWindow.objects.create(
            enterprise_id=collector.enterprise_id, since=since, until=until, received_at=until
        )
    return sum(len(moment.readings) for moment in measured)


def _judge(collector: Collector, measured: Sequence[_Measured], since: datetime) -> None:
    """Write the states that follow from the readings, and the alerts that follow from those.

    The states are those of ``meters.segments``, without reading back what was just written.
    """
    now = timezone.now()
    place = get_place(collector.enterprise_id)
    points = get_points(enterprise_id=collector.enterprise_id, tuning=place.tuning(now))
    samples: dict[int, list[StateSample]] = defaultdict(list)
    for moment in measured:
        at = datetime.fromtimestamp(moment.at, UTC)
        for machine, (ua, ub, uc, _ia, _ib, _ic, p_kw, _pf, _kwh) in moment.readings:
            samples[machine.point_id].append(
                StateSample(at, p_kw, max(ua, ub, uc), moment.is_backfill)
            )
    with _copy_into("meters_statesegment", _SEGMENT_COLUMNS) as copy:
        for point in points:
            for segment in find_segments(samples.get(point.id, ()), point.rules):
                copy.write_row((point.id, segment.state.value, *segment[1:]))
    evaluate_enterprise(
        collector.enterprise_id, as_of=now, now=now, since=since, place=place, points=points
    )


def _measure(plant: Plant, plan: Plan, *, is_dense: bool = False) -> Iterator[_Measured]:
    """Yield a plant's history as far as it has reached us, oldest first."""
    until = plan.start
    since = until - int(LASTS.total_seconds())
    dense_from = since if is_dense else until - int(DENSE.total_seconds())
    feed = Feed(plant, plan)
    outages = feed.timeline(since, until + 1).disconnected
    sparse = plant.grid(since, dense_from)[:: max(1, SPARSE_S // plant.interval_s)]
    for at in (*sparse, *plant.grid(dense_from, until + 1)):
        outage = next((span for span in outages if span.start <= at < span.end), None)
        if outage and outage.end > until:
            break  # still kept by the collector: it comes as back-fill, later
        received_at = outage.end if outage else at + _ARRIVES_AFTER_S
        yield _Measured(at, received_at, outage is not None, feed.measure(at))


def _copy_lines(moment: _Measured) -> Iterator[str]:
    measured_at = f"{datetime.fromtimestamp(moment.at, UTC):%Y-%m-%d %H:%M:%S}+00"
    received_at = f"{datetime.fromtimestamp(moment.received_at, UTC):%Y-%m-%d %H:%M:%S}+00"
    tail = f"\tN\t{'t' if moment.is_backfill else 'f'}\t{_NO_CHUNK}\n"
    for machine, (ua, ub, uc, ia, ib, ic, p_kw, pf, kwh) in moment.readings:
        yield (
            f"{machine.point_id}\t{measured_at}\t{received_at}\t{p_kw}\t{ua}\t{ub}\t{uc}"
            f"\t{ia}\t{ib}\t{ic}\t{pf}\t{kwh}{tail}"
        )


def _write_signs_of_life(collector: Collector, measured: Sequence[_Measured]) -> None:
    newest = measured[-1]
    measured_at = datetime.fromtimestamp(newest.at, UTC)
    received_at = datetime.fromtimestamp(newest.received_at, UTC)
    LatestReading.objects.bulk_create(
        LatestReading(
            point_id=machine.point_id,
            measured_at=measured_at,
            received_at=received_at,
            p_kw=sample.p_kw,
            ua=sample.ua,
            ia=sample.ia,
            energy_kwh=sample.energy_kwh,
        )
        for machine, sample in newest.readings
    )
    CollectorStatus.objects.create(
        collector=collector,
        first_measured_at=datetime.fromtimestamp(measured[0].at, UTC),
        latest_measured_at=measured_at,
        latest_received_at=received_at,
        latest_peer="127.0.0.1",
        frame_count=len(measured),
    )


# What was announced, in the words of the enterprise (data, hence Chinese).
_ANNOUNCED = {
    Kind.PLANNED_STOP: (DeclarationKind.STOP, "按计划停产检查设备，停产期间治污设施一并停运。"),
    Kind.PLANT_RESTS: (DeclarationKind.STOP, "订单不足，当班停产。"),
    Kind.DECLARED_REPAIR: (
        DeclarationKind.REPAIR,
        "除尘风机轴承更换，期间降负荷生产，已启用移动式雾炮抑尘。",
    ),
}


@transaction.atomic
def _write_declarations(plan: Plan) -> None:
    """Write the accepted declarations of the opening and the night, unless there are any."""
    if Declaration.objects.exists():
        return
    for incident in (*plan.opening, *plan.night):
        if incident.kind not in _ANNOUNCED:
            continue
        kind, reason = _ANNOUNCED[incident.kind]
        collector = Collector.objects.select_related("enterprise").get(mn=incident.plant)
        starts_at = datetime.fromtimestamp(incident.start, UTC)
        declaration = Declaration.objects.create(
            enterprise=collector.enterprise,
            kind=kind,
            starts_at=starts_at - timedelta(minutes=10),
            ends_at=datetime.fromtimestamp(incident.end, UTC) + timedelta(minutes=20),
            reason=reason,
            status=DeclarationStatus.ACCEPTED,
        )
        # auto_now_add would have it announced after the fact
        Declaration.objects.filter(pk=declaration.pk).update(
            submitted_at=starts_at - timedelta(hours=3)
        )
        if incident.line:
            declaration.facilities.set(_controls_of(incident, collector))


def _controls_of(incident: Incident, collector: Collector) -> list[Facility]:
    line_id = int(incident.line.rpartition("/")[2])
    facilities = Facility.objects.filter(
        site=collector.site, line_id=line_id, kind=FacilityKind.CONTROL
    )
    return list(facilities.order_by("pk"))
