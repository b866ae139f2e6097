"""The night behind the demo city: readings from the simulator's own loads, written with COPY.

They end at the plan's start, with what the plan has under way then already in progress, so that
``manage.py simulate`` goes on without a seam. All of it is one transaction, or none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from enterprises.models import Facility, FacilityKind
from meters.models import ChangedWindow, Collector, CollectorStatus, LatestReading, Reading
from meters.partitions import make_partitions
from meters.simulator.electrical import Sample
from meters.simulator.incidents import Incident, Kind, Plan
from meters.simulator.machines import Machine, Plant
from meters.simulator.plants import Feed
from orders.models import Declaration, DeclarationKind, DeclarationStatus

LASTS = timedelta(hours=12)
DENSE = timedelta(hours=2)
#: Spacing before the dense part: under the five minutes after which a value is stale.
SPARSE_S = 240
_ARRIVES_AFTER_S = 2
_NO_CHUNK = 0  # these readings came by no frame
_COPY = (
    "COPY meters_reading (point_id, measured_at, received_at, p_kw, ua, ub, uc, ia, ib, ic, pf,"
    " energy_kwh, flag, is_backfill, chunk_id) FROM STDIN"
)
_PLANTS_PER_WRITE = 8


@dataclass(slots=True)
class _Newest:
    """The newest reading of each circuit of one plant, and how many measurements there are."""

    at: int = 0
    count: int = 0
    readings: Sequence[tuple[Machine, Sample]] = ()


def has_history() -> bool:
    """Tell whether any reading stands; then the record is left alone."""
    return CollectorStatus.objects.exists() or Reading.objects.exists()


def write_history(plants: Sequence[Plant], plan: Plan) -> int:
    """Write every plant's readings up to the plan's start and return how many rows that made.

    Also the newest readings, the collectors' signs of life, the windows that evaluation must look
    at, and the declarations behind what is lawful.
    """
    until = datetime.fromtimestamp(plan.start, UTC)
    since = until - LASTS
    make_partitions(since.date(), until.date() + timedelta(days=7))
    collectors = {c.mn: c for c in Collector.objects.select_related("enterprise")}
    newest = {plant.key: _Newest() for plant in plants}
    rows = 0
    with transaction.atomic():
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            lines: list[str] = []
            for number, plant in enumerate(plants, 1):
                lines += _rows(plant, plan, newest[plant.key])
                if number % _PLANTS_PER_WRITE == 0 or number == len(plants):
                    rows += len(lines)
                    copy.write("".join(lines))
                    lines = []
        _write_signs_of_life(newest, collectors)
        ChangedWindow.objects.bulk_create(
            ChangedWindow(
                enterprise=collectors[plant.key].enterprise,
                since=since,
                until=until,
                received_at=until,
            )
            for plant in plants
        )
        _write_declarations(plan, collectors)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE meters_reading")
    return rows


def _rows(plant: Plant, plan: Plan, newest: _Newest) -> Iterator[str]:
    """Yield the COPY lines of a plant's history, oldest first."""
    until = plan.start
    since = until - int(LASTS.total_seconds())
    dense_from = until - int(DENSE.total_seconds())
    feed = Feed(plant, plan)
    outages = feed.timeline(since, until + 1).disconnected
    sparse = plant.grid(since, dense_from)[:: max(1, SPARSE_S // plant.interval_s)]
    for at in (*sparse, *plant.grid(dense_from, until + 1)):
        outage = next((span for span in outages if span.start <= at < span.end), None)
        if outage and outage.end > until:
            break  # still kept by the collector: it comes as back-fill, later
        received_s = outage.end if outage else at + _ARRIVES_AFTER_S
        readings = feed.measure(at)
        measured_at = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}+00"
        received_at = f"{datetime.fromtimestamp(received_s, UTC):%Y-%m-%d %H:%M:%S}+00"
        tail = f"\tN\t{'t' if outage else 'f'}\t{_NO_CHUNK}\n"
        newest.at, newest.readings = at, readings
        newest.count += 1
        for machine, (ua, ub, uc, ia, ib, ic, p_kw, pf, kwh) in readings:
            yield (
                f"{machine.point_id}\t{measured_at}\t{received_at}\t{p_kw}\t{ua}\t{ub}\t{uc}"
                f"\t{ia}\t{ib}\t{ic}\t{pf}\t{kwh}{tail}"
            )


def _write_signs_of_life(newest: dict[str, _Newest], collectors: dict[str, Collector]) -> None:
    found = {mn: state for mn, state in newest.items() if state.count}
    LatestReading.objects.bulk_create(
        LatestReading(
            point_id=machine.point_id,
            measured_at=datetime.fromtimestamp(state.at, UTC),
            received_at=datetime.fromtimestamp(state.at + _ARRIVES_AFTER_S, UTC),
            p_kw=sample.p_kw,
            ua=sample.ua,
            ia=sample.ia,
            energy_kwh=sample.energy_kwh,
        )
        for state in found.values()
        for machine, sample in state.readings
    )
    CollectorStatus.objects.bulk_create(
        CollectorStatus(
            collector=collectors[mn],
            first_measured_at=datetime.fromtimestamp(state.at, UTC) - LASTS,
            latest_measured_at=datetime.fromtimestamp(state.at, UTC),
            latest_received_at=datetime.fromtimestamp(state.at + _ARRIVES_AFTER_S, UTC),
            latest_peer="127.0.0.1",
            frame_count=state.count,
        )
        for mn, state in found.items()
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


def _write_declarations(plan: Plan, collectors: dict[str, Collector]) -> None:
    """Write the accepted declarations of the opening and the night."""
    for incident in (*plan.opening, *plan.night):
        if incident.kind not in _ANNOUNCED:
            continue
        kind, reason = _ANNOUNCED[incident.kind]
        collector = collectors[incident.plant]
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
