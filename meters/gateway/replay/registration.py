"""Making the plants of a recording known: enterprises, facilities, thresholds, pairings, points."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from django.db import transaction

from enterprises.models import (
    Enterprise,
    Facility,
    FacilityKind,
    Industry,
    InstallationStatus,
    LoadClass,
    Pairing,
    Site,
    Threshold,
    ThresholdSource,
)
from meters.builtin_profiles import ST80_FAMILY_B
from meters.gateway.replay.recording import PASSWORD, Plant
from meters.models import Collector, MonitoringPoint, Profile
from tenancy.models import Division, DivisionKind

_SINCE: Final = datetime(2000, 1, 1, tzinfo=UTC)  # before anything that was recorded
_SITE: Final = "主厂区"
_STAGE: Final = "治理"
_LINE_VOLTAGE_V: Final = 380.0  # what the recordings hold as voltage
_KINDS: Final = {
    "production": FacilityKind.PRODUCTION,
    "control": FacilityKind.CONTROL,
    "auxiliary": FacilityKind.AUXILIARY,
    "total": FacilityKind.MAIN,
}
_INDUSTRIES: Final = {
    "饲料加工": Industry.FEED,
    "建材磨粉": Industry.CEMENT,
    "钢铁加工": Industry.STEEL,
    "电子装配": Industry.ELECTRONICS,
    "机械加工": Industry.MACHINERY,
}
_PROVINCE: Final = ("140000", "山西省")
_CITY: Final = ("141000", "临汾市")
# GB/T 2260
_COUNTIES: Final = {
    "尧都区": "141002",
    "曲沃县": "141021",
    "翼城县": "141022",
    "襄汾县": "141023",
    "洪洞县": "141024",
    "古县": "141025",
    "安泽县": "141026",
    "浮山县": "141027",
    "吉县": "141028",
    "乡宁县": "141029",
    "大宁县": "141030",
    "隰县": "141031",
    "永和县": "141032",
    "蒲县": "141033",
    "汾西县": "141034",
    "侯马市": "141081",
    "霍州市": "141082",
}
_DEFAULT_COUNTY: Final = "尧都区"


@transaction.atomic
def register(plants: Iterable[Plant]) -> int:
    """Register what is missing of the plants; return how many enterprises are new."""
    profile, _ = Profile.objects.get_or_create(
        name=ST80_FAMILY_B.name,
        defaults={"title": ST80_FAMILY_B.title, "spec": ST80_FAMILY_B.spec},
    )
    return sum(_register(plant, profile) for plant in plants)


def _register(plant: Plant, profile: Profile) -> bool:
    enterprise, is_new = Enterprise.objects.get_or_create(
        code=plant.enterprise_code,
        defaults={
            "name": plant.name,
            "county": _county(plant.county),
            "industry": _INDUSTRIES.get(plant.industry, Industry.OTHER),
            "installation_status": InstallationStatus.ACCEPTED,
        },
    )
    site, _ = Site.objects.get_or_create(enterprise=enterprise, name=_SITE)
    collector, _ = Collector.objects.get_or_create(
        mn=plant.mn,
        defaults={
            "enterprise": enterprise,
            "site": site,
            "password": PASSWORD,
            "profile": profile,
            "expected_interval_s": plant.interval_s,
        },
    )
    facilities: dict[str, Facility] = {}
    for position, recorded in enumerate(plant.facilities):
        kind = _KINDS[recorded.role]
        facility, _ = Facility.objects.get_or_create(
            site=site,
            code=recorded.code,
            defaults={
                "name": recorded.code,
                "kind": kind,
                "load_class": LoadClass.MAIN if kind == FacilityKind.MAIN else LoadClass.FIXED,
                "rated_kw": recorded.rated_kw,
                "nominal_voltage_v": _LINE_VOLTAGE_V,
                "position": position,
            },
        )
        facilities[recorded.code] = facility
        Threshold.objects.get_or_create(
            facility=facility,
            valid_from=_SINCE,
            defaults={
                "off_below_kw": recorded.off_below_kw,
                "on_from_kw": recorded.load_above_kw,
                "source": ThresholdSource.COMMISSIONING,
            },
        )
        MonitoringPoint.objects.get_or_create(
            collector=collector, circuit=recorded.circuit, defaults={"facility": facility}
        )
    _pair(plant, site, facilities)
    return is_new


def _pair(plant: Plant, site: Site, facilities: dict[str, Facility]) -> None:
    """Pair each control facility with the productions that name it."""
    productions_of: dict[str, list[Facility]] = {}
    for recorded in plant.facilities:
        if recorded.role == "production" and recorded.pair in facilities:
            productions_of.setdefault(recorded.pair, []).append(facilities[recorded.code])
    for control, productions in productions_of.items():
        if Pairing.objects.filter(site=site, controls=facilities[control]).exists():
            continue
        pairing = Pairing.objects.create(site=site, stage=_STAGE, valid_from=_SINCE)
        pairing.productions.set(productions)
        pairing.controls.set([facilities[control]])


def _county(name: str) -> Division:
    name = name or _DEFAULT_COUNTY
    known = Division.objects.filter(name=name, kind=DivisionKind.COUNTY).first()
    if known is not None:
        return known
    province = _division(*_PROVINCE, DivisionKind.PROVINCE, None)
    city = _division(*_CITY, DivisionKind.CITY, province)
    code = _COUNTIES.get(name) or f"{_CITY[0]}X{Division.objects.count():03d}"
    return _division(code, name, DivisionKind.COUNTY, city)


def _division(code: str, name: str, kind: DivisionKind, parent: Division | None) -> Division:
    division, _ = Division.objects.get_or_create(
        code=code, defaults={"name": name, "kind": kind, "parent": parent}
    )
    return division
