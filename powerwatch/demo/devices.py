"""The collectors, points and meters of the demo city, with their papers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from common.localtime import local_date
from enterprises.models import Enterprise, Facility
from meters.models import Collector, CollectorDevice, Meter, MonitoringPoint, Profile
from powerwatch.demo.city import EnterpriseSpec, circuits

FacilityKey = tuple[str, str]  # codes of enterprise and facility

#: Years between two verifications of a meter of class 0.5S (JJG 596-2012: at most six).
VERIFIED_YEARS = 6
#: Certificates of these meters, by their order: days until they expire, when the city is seeded.
EXPIRING = {12: -20, 41: -3, 77: 18}
_VENDORS = (("示例仪表", "DC-300"), ("示例电气", "NX-18"), ("示例物联", "SJ-212"))


def write_devices(
    specs: Sequence[EnterpriseSpec],
    enterprises: Mapping[str, Enterprise],
    facilities: Mapping[FacilityKey, Facility],
    *,
    since: datetime,
    now: datetime,
) -> None:
    """Write a collector for each enterprise and a meter on each of its facilities."""
    profiles = {profile.name: profile for profile in Profile.objects.all()}
    collectors = Collector.objects.bulk_create(
        Collector(
            mn=spec.collector.mn,
            enterprise=enterprises[spec.code],
            site=facilities[spec.code, spec.facilities[0].code].site,
            password=spec.collector.password,
            profile=profiles.get(spec.collector.profile),
            expected_interval_s=spec.collector.interval_s,
        )
        for spec in specs
    )
    CollectorDevice.objects.bulk_create(
        CollectorDevice(
            collector=collector,
            vendor=_VENDORS[number % len(_VENDORS)][0],
            model=_VENDORS[number % len(_VENDORS)][1],
            serial=f"SC{number:06d}",
            valid_from=since,
        )
        for number, collector in enumerate(collectors, 1)
    )
    points = MonitoringPoint.objects.bulk_create(
        MonitoringPoint(
            collector=collector,
            circuit=circuit,
            facility=facilities[spec.code, code],
            is_accepted=spec.status == "ACCEPTED",
        )
        for spec, collector in zip(specs, collectors, strict=True)
        for code, circuit in circuits(spec).items()
    )
    Meter.objects.bulk_create(
        _meter(number, point, since, local_date(now)) for number, point in enumerate(points, 1)
    )


def _meter(number: int, point: MonitoringPoint, since: datetime, today: date) -> Meter:
    installed_on = local_date(since)
    expires_on = _years_later(installed_on, VERIFIED_YEARS)
    if number in EXPIRING:
        expires_on = today + timedelta(days=EXPIRING[number])
    certified_on = _years_later(expires_on, -VERIFIED_YEARS)
    return Meter(
        point=point,
        serial=f"SL{number:08d}",
        model="DTSD-示例",
        accuracy_class="0.5S",
        ct_ratio=ct_ratio(point.facility),
        pt_ratio=100.0 if point.facility.nominal_voltage_v > 1000 else 1.0,
        ct_class="0.5",
        certificate_number=f"晋检字{certified_on.year}第{number:06d}号(示例)",
        certified_on=certified_on,
        certificate_expires_on=expires_on,
        wiring_checked_on=installed_on,
        seal_numbers=f"LF{number * 2 - 1:06d}, LF{number * 2:06d}",
        valid_from=since,
        reason="检定到期换表" if number not in EXPIRING else "安装",
    )


def _years_later(day: date, years: int) -> date:
    # 29 February has no day of its own in most years.
    return day.replace(year=day.year + years, day=min(day.day, 28))


def ct_ratio(facility: Facility) -> float:
    """Return the ratio of the next usual current transformer (primary A / 5 A)."""
    return usual_primary(facility.rated_kw, facility.nominal_voltage_v) / 5


def usual_primary(rated_kw: float, phase_v: float) -> int:
    """Return the primary current in A of the next usual transformer."""
    amperes = rated_kw * 1000 / (3 * phase_v * 0.8)
    usual = (50, 75, 100, 150, 200, 300, 400, 600, 800, 1000, 1500, 2000, 3000, 5000)
    return next((primary for primary in usual if primary >= amperes), usual[-1])
