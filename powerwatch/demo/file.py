"""What the demo's enterprise files hold beside the machines: permits, people to reach, grades.

Permit numbers follow the pattern of HJ 608-2017 (credit code, three digits, a letter); the industry
codes are GB/T 4754-2017's. Names say what they are; nobody real is meant.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from random import Random

from enterprises.models import (
    Contact,
    ContactKind,
    Drive,
    Enterprise,
    Industry,
    LineGrade,
    LoadClass,
    ManagementClass,
    ProductionLine,
)
from enterprises.pinyin import to_pinyin
from meters.simulator.noise import seed_of
from powerwatch.demo.city import EnterpriseSpec, FacilitySpec
from powerwatch.demo.people import email, phone

INDUSTRY_CODES = {
    Industry.COKING: "C2521",
    Industry.STEEL: "C3120",
    Industry.COAL_WASHING: "B0610",
    Industry.FOUNDRY: "C3391",
    Industry.BRICK: "C3031",
    Industry.CEMENT: "C3011",
    Industry.LIME: "C3012",
    Industry.REFRACTORY: "C3089",
    Industry.STONE: "C3039",
    Industry.CONCRETE: "C3021",
    Industry.COATING: "C2110",
    Industry.CHEMICAL: "C2614",
    Industry.FEED: "C1329",
    Industry.ELECTRONICS: "C3982",
    Industry.MACHINERY: "C3484",
    Industry.OTHER: "C4190",
}
#: Motors from here on are not switched on directly (assumption).
_SOFT_START_FROM_KW = 75
#: Fictional numbers of enterprises' contacts begin here: below are the accounts' (``people``).
_FIRST_CONTACT = 5_000


def file_fields(spec: EnterpriseSpec) -> dict[str, object]:
    """Return the columns of the enterprise's file that the generated city does not hold."""
    chance = Random(seed_of("file", spec.code)).random()
    if spec.is_key:
        management = ManagementClass.KEY
    else:
        management = ManagementClass.SIMPLIFIED if chance < 0.7 else ManagementClass.REGISTERED
    letter = "X" if management == ManagementClass.REGISTERED else "P"
    pinyin, initials = to_pinyin(spec.name)  # bulk_create calls no save()
    return {
        "permit_number": f"{spec.credit_code}001{letter}",
        "management_class": management,
        "industry_code": INDUSTRY_CODES[spec.industry],
        "legal_representative": f"{_short(spec)}法定代表人(示例)",
        "name_pinyin": pinyin,
        "name_initials": initials,
    }


def _short(spec: EnterpriseSpec) -> str:
    return spec.name.removesuffix("(示例)")


def drive_of(facility: FacilitySpec) -> str:
    """Return how the motor is driven; empty for what has none."""
    if facility.load_class in (LoadClass.MAIN, LoadClass.HEATER, LoadClass.FURNACE):
        return ""
    if facility.load_class == LoadClass.VFD:
        return Drive.VFD
    return Drive.SOFT_STARTER if facility.rated_kw >= _SOFT_START_FROM_KW else Drive.DIRECT


def write_contacts(specs: Sequence[EnterpriseSpec], enterprises: Mapping[str, Enterprise]) -> None:
    """Write whom to reach at each enterprise: officer, representative, duty telephone."""
    numbers = iter(range(_FIRST_CONTACT, 10_000))
    Contact.objects.bulk_create(
        contact for spec in specs for contact in _contacts(spec, enterprises[spec.code], numbers)
    )


def _contacts(
    spec: EnterpriseSpec, enterprise: Enterprise, numbers: Iterator[int]
) -> Iterator[Contact]:
    code = spec.code.lower()
    for kind, name, user in (
        (ContactKind.OFFICER, "环保负责人", f"officer-{code}"),
        (ContactKind.REPRESENTATIVE, "法定代表人", f"rep-{code}"),
        (ContactKind.DUTY, "值班电话", ""),
    ):
        yield Contact(
            enterprise=enterprise,
            kind=kind,
            name=f"{_short(spec)}{name}(示例)",
            phone=phone(next(numbers)),
            email=email(user) if user else "",
        )


def write_grades(
    specs: Sequence[EnterpriseSpec], enterprises: Mapping[str, Enterprise], since: datetime
) -> None:
    """Write the performance grade of each line, as the enterprise's own says."""
    grades = {enterprises[spec.code].pk: spec.grade for spec in specs}
    lines = ProductionLine.objects.filter(site__enterprise__in=grades).select_related("site")
    LineGrade.objects.bulk_create(
        LineGrade(
            line=line,
            grade=grades[line.site.enterprise_id],
            valid_from=since,
            basis="年度绩效分级结果(示例)",
        )
        for line in lines.order_by("pk")
    )
