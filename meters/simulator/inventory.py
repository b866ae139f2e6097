"""What stands in the database, as the simulator sees it."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from itertools import groupby

from enterprises.models import INSTALLED_STATUSES
from meters.models import Collector, CollectorStatus, LatestReading, MonitoringPoint
from meters.simulator.machines import Machine, Plant, only_metered, shape_of
from meters.simulator.wire import DIALECTS

_USUAL_PROFILE = "st44-2025"


def load_plants(limit: int | None = None) -> list[Plant]:
    """Return a plant for each enabled collector of an installed enterprise, by its number.

    limit: at most so many enterprises. Which control serves which production is told by the
    production line that they share; a control without a line serves all behind its collector.
    """
    points = (
        MonitoringPoint.objects.filter(
            collector__is_enabled=True,
            collector__enterprise__installation_status__in=INSTALLED_STATUSES,
        )
        .select_related("collector__enterprise__county", "collector__profile", "facility")
        .order_by("collector__enterprise__code", "collector_id", "facility__position", "id")
    )
    plants: list[Plant] = []
    enterprises: set[int] = set()
    for collector, own_points in groupby(points, key=lambda point: point.collector):
        enterprises.add(collector.enterprise_id)
        if limit is not None and len(enterprises) > limit:
            break
        plants.append(_plant(collector, list(own_points)))
    return only_metered(plants)


def _plant(collector: Collector, points: list[MonitoringPoint]) -> Plant:
    enterprise = collector.enterprise
    profile = collector.profile.name if collector.profile else _USUAL_PROFILE
    machines = []
    for point in points:
        facility = point.facility
        line = f"{enterprise.code}/{facility.line_id}" if facility.line_id else ""
        machines.append(
            Machine(
                key=f"{enterprise.code}/{facility.code}",
                circuit=point.circuit,
                kind=facility.kind,
                shape=shape_of(facility.load_class, facility.kind, facility.rated_kw),
                rated_kw=facility.rated_kw,
                phase_v=facility.nominal_voltage_v,
                line=line,
                duty_group=facility.duty_group,
                is_held_hot=facility.is_safety_critical or facility.keep_warm_kw is not None,
                point_id=point.pk,
            )
        )
    return Plant(
        key=collector.mn,
        name=enterprise.name,
        industry=enterprise.industry,
        machines=tuple(machines),
        password=collector.password,
        profile=profile if profile in DIALECTS else _USUAL_PROFILE,
        interval_s=collector.expected_interval_s,
        area=enterprise.county.path.rstrip("/").rpartition("/")[0],
    )


def load_record_ends() -> dict[str, datetime]:
    """Return the collector's own time of the newest stored reading, by MN."""
    rows = CollectorStatus.objects.values_list("collector__mn", "latest_measured_at")
    return {mn: measured_at for mn, measured_at in rows if measured_at is not None}


def load_registers() -> Mapping[str, dict[str, tuple[int, float]]]:
    """Return by MN and circuit the second of the newest stored reading and its register, kWh."""
    registers: dict[str, dict[str, tuple[int, float]]] = defaultdict(dict)
    rows = LatestReading.objects.values_list(
        "point__collector__mn", "point__circuit", "measured_at", "energy_kwh"
    )
    for mn, circuit, measured_at, energy_kwh in rows:
        if energy_kwh is not None:
            registers[mn][circuit] = (int(measured_at.timestamp()), float(energy_kwh))
    return registers
