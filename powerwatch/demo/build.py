"""Writes the generated city into the database: all of it in one transaction, or none."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction

from enterprises.models import (
    Enterprise,
    Facility,
    FacilityKind,
    LoadClass,
    Pairing,
    ProductionLine,
    Site,
    Threshold,
    ThresholdSource,
)
from meters.simulator.loads import usual_kw
from meters.simulator.machines import Machine, shape_of
from powerwatch.demo.city import EnterpriseSpec, FacilitySpec
from powerwatch.demo.devices import FacilityKey, write_devices
from powerwatch.demo.file import drive_of, file_fields, write_contacts, write_grades
from powerwatch.demo.papers import write_papers
from powerwatch.demo.people import Person, email, enterprise_people, officials, phone
from powerwatch.demo.programme import Cast, make_companies, write_programme
from tenancy.demo_accounts import DEMO_ACCOUNTS
from tenancy.linfen import load_divisions
from tenancy.models import Division, Grant, OperatorCompany, Role, User

SITE_NAME = "主厂区"
#: Devices, pairings and grants stand since so long before the seeding.
STANDING = timedelta(days=200)

# Shares of the measured reference load from which a state counts (domain reference, 7(2)).
_SHARES = {
    LoadClass.FIXED: (0.05, 0.30),
    LoadClass.VFD: (0.03, 0.40),
    LoadClass.FURNACE: (0.02, 0.50),
    LoadClass.CYCLIC: (0.02, 0.10),
    LoadClass.HEATER: (0.05, 0.20),
}
# A main meter rests at its unmetered few per cent; "on" is 1.3 times that.
_MAIN_OFF_SHARE, _MAIN_ON_SHARE = 0.034, 0.045


def has_city() -> bool:
    """Tell whether the city stands; it comes and goes as a whole."""
    return Enterprise.objects.filter(code="LF-0001").exists()


@transaction.atomic
def build_city(specs: Sequence[EnterpriseSpec], *, now: datetime) -> None:
    """Write divisions, enterprises, devices and people. The profiles must stand (migrations)."""
    since = (now - STANDING).replace(hour=0, minute=0, second=0, microsecond=0)
    divisions = load_divisions()
    enterprises = _enterprises(specs, divisions)
    companies = make_companies(divisions)
    users = _people(specs, divisions, enterprises, companies[0], since)
    facilities = _facilities(specs, enterprises)
    _pairings(specs, facilities, users["city"], since)
    _thresholds(specs, facilities, users["city"], since)
    installed = [spec for spec in specs if spec.has_devices]
    write_devices(installed, enterprises, facilities, since=since, now=now)
    write_contacts(specs, enterprises)
    write_grades(specs, enterprises, since)
    cast = _cast(users, companies)
    write_programme(specs, enterprises, divisions, cast, now=now)
    write_papers(specs, enterprises, divisions, users, cast.branches, since=since, now=now)


def _enterprises(
    specs: Sequence[EnterpriseSpec], divisions: Mapping[str, Division]
) -> dict[str, Enterprise]:
    rows = Enterprise.objects.bulk_create(
        Enterprise(
            name=spec.name,
            code=spec.code,
            credit_code=spec.credit_code,
            county=divisions[spec.county],
            industry=spec.industry,
            address=spec.address,
            is_key=spec.is_key,
            performance_grade=spec.grade,
            installation_status=spec.status,
            **file_fields(spec),
        )
        for spec in specs
    )
    return {row.code: row for row in rows}


def _facilities(
    specs: Sequence[EnterpriseSpec], enterprises: Mapping[str, Enterprise]
) -> dict[FacilityKey, Facility]:
    sites = {
        site.enterprise.code: site
        for site in Site.objects.bulk_create(
            Site(
                enterprise=enterprises[spec.code],
                name=SITE_NAME,
                address=spec.address,
                longitude=spec.longitude,
                latitude=spec.latitude,
            )
            for spec in specs
        )
    }
    lines = {
        (line.site.enterprise.code, line.name): line
        for line in ProductionLine.objects.bulk_create(
            ProductionLine(site=sites[spec.code], name=name, position=position)
            for spec in specs
            for position, name in enumerate(spec.lines)
        )
    }
    rows = Facility.objects.bulk_create(
        Facility(
            site=sites[spec.code],
            line=lines.get((spec.code, facility.line)),
            code=facility.code,
            name=facility.name,
            kind=facility.kind,
            process_step=facility.step,
            load_class=facility.load_class,
            rated_kw=facility.rated_kw,
            drive=drive_of(facility),
            nominal_voltage_v=facility.phase_v,
            keep_warm_kw=facility.keep_warm_kw,
            duty_group=facility.duty_group,
            is_safety_critical=facility.is_safety_critical,
            position=position,
        )
        for spec in specs
        for position, facility in enumerate(spec.facilities)
    )
    return {(row.site.enterprise.code, row.code): row for row in rows}


def _pairings(
    specs: Sequence[EnterpriseSpec],
    facilities: Mapping[FacilityKey, Facility],
    approver: User,
    since: datetime,
) -> None:
    wanted = [(spec, pairing) for spec in specs for pairing in spec.pairings]
    rows = Pairing.objects.bulk_create(
        Pairing(
            site=facilities[spec.code, pairing.controls[0]].site,
            stage=pairing.stage,
            mode=pairing.mode,
            at_least=pairing.at_least,
            valid_from=since,
            approved_by=approver,
            approved_at=since,
        )
        for spec, pairing in wanted
    )
    productions, controls = Pairing.productions.through, Pairing.controls.through
    productions.objects.bulk_create(
        productions(pairing_id=row.pk, facility_id=facilities[spec.code, code].pk)
        for row, (spec, pairing) in zip(rows, wanted, strict=True)
        for code in pairing.productions
    )
    controls.objects.bulk_create(
        controls(pairing_id=row.pk, facility_id=facilities[spec.code, code].pk)
        for row, (spec, pairing) in zip(rows, wanted, strict=True)
        for code in pairing.controls
    )


def _thresholds(
    specs: Sequence[EnterpriseSpec],
    facilities: Mapping[FacilityKey, Facility],
    approver: User,
    since: datetime,
) -> None:
    """Write what commissioning tests found; the other facilities go by their rated power."""
    rows = []
    for spec in specs:
        for facility in spec.facilities:
            is_main = facility.kind == FacilityKind.MAIN
            shares = _SHARES.get(facility.load_class)
            if is_main:
                reference, shares = facility.rated_kw, (_MAIN_OFF_SHARE, _MAIN_ON_SHARE)
            elif spec.is_commissioned and shares and spec.has_devices:
                reference = usual_kw(_as_machine(spec, facility))
            else:
                continue
            rows.append(
                Threshold(
                    facility=facilities[spec.code, facility.code],
                    valid_from=since,
                    off_below_kw=round(reference * shares[0], 3),
                    on_from_kw=round(reference * shares[1], 3),
                    reference_kw=round(reference, 1),
                    source=ThresholdSource.COMMISSIONING,
                    approved_by=approver,
                    approved_at=since,
                )
            )
    Threshold.objects.bulk_create(rows)


def _as_machine(spec: EnterpriseSpec, facility: FacilitySpec) -> Machine:
    """Return the facility as the simulator will see it; see ``meters.simulator.inventory``."""
    return Machine(
        key=f"{spec.code}/{facility.code}",
        circuit="",
        kind=facility.kind,
        shape=shape_of(facility.load_class, facility.kind, facility.rated_kw),
        rated_kw=facility.rated_kw,
    )


def _people(
    specs: Sequence[EnterpriseSpec],
    divisions: Mapping[str, Division],
    enterprises: Mapping[str, Enterprise],
    company: OperatorCompany,
    since: datetime,
) -> dict[str, User]:
    passwords = {account["username"]: account["password"] for account in DEMO_ACCOUNTS}
    people = [*officials(), *enterprise_people(specs)]
    # ``assign_enterprise_account`` grants the first its enterprise; the second has a company.
    extra = [("enterprise", "企业环保负责人(示例)"), ("operator", "运维单位工程师(示例)")]
    names = [(person.username, person.full_name) for person in people] + extra
    users = User.objects.bulk_create(
        User(
            username=username,
            full_name=full_name,
            phone=phone(number),
            email=email(username),
            # Only the demo accounts can sign in: a hash takes a noticeable part of a second.
            password=make_password(passwords.get(username)),
            is_staff=username in ("city", "yuncheng"),
        )
        for number, (username, full_name) in enumerate(names, 1)
    )
    by_name = {user.username: user for user in users}
    grants = [_grant(by_name[p.username], p, divisions, enterprises, since) for p in people]
    grants.append(
        Grant(user=by_name["operator"], role=Role.OPERATOR, company=company, starts_at=since)
    )
    Grant.objects.bulk_create(grants)
    return by_name


def _grant(
    user: User,
    person: Person,
    divisions: Mapping[str, Division],
    enterprises: Mapping[str, Enterprise],
    since: datetime,
) -> Grant:
    return Grant(
        user=user,
        role=person.role,
        division=divisions[person.division] if person.division else None,
        enterprise=enterprises[person.enterprise] if person.enterprise else None,
        starts_at=since,
    )


def _cast(users: Mapping[str, User], companies: Sequence[OperatorCompany]) -> Cast:
    return Cast(
        air_office=users["airoffice"],
        branches={
            person.division: users[person.username]
            for person in officials()
            if person.role == Role.COUNTY_BRANCH and person.division
        },
        engineer=users["operator"],
        companies=companies,
        second_city=users["yuncheng"],
    )


def assign_enterprise_account(enterprise: Enterprise, *, now: datetime) -> None:
    """Make the account "enterprise" the officer of this enterprise, unless it has one already."""
    user = User.objects.get(username="enterprise")
    if not user.grants.exists():
        Grant.objects.create(
            user=user,
            role=Role.ENTERPRISE_OFFICER,
            enterprise=enterprise,
            starts_at=(now - STANDING).replace(microsecond=0),
        )
