"""Four enterprises and one person of every role: who sees which, and what may never show.

From the eyes of whoever belongs to OWN: OWN itself, a NEIGHBOUR in the same county, an enterprise
of the OTHER COUNTY, one of the OTHER CITY. Every plant has one row of everything, and every name in
it carries the plant's canary, so that a foreign row shows wherever it is printed.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from io import BytesIO
from typing import Any

from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models
from PIL import Image

from alerts.models import (
    Alert,
    AlertLog,
    Channel,
    Notification,
    NotificationState,
    Occurrence,
    OccurrenceState,
    RuleCode,
)
from enterprises.attachments import store_attachment
from enterprises.models import (
    AcceptanceSheet,
    Contact,
    ContactKind,
    Enterprise,
    FacilityKind,
    ImportJob,
    ImportStatus,
    Installation,
    InstallationBatch,
    InstallationLog,
    InstallationStatus,
    LineGrade,
    SurveySheet,
)
from meters.importing.job import get_problems_path
from meters.models import (
    CollectorDevice,
    CollectorStatus,
    IntakeIssue,
    IntakeReason,
    LatestReading,
    Meter,
    OperatingState,
    ReadingConflict,
    StateSegment,
    WorkOrder,
    WorkOrderKind,
    WorkOrderLog,
    WorkOrderStatus,
)
from orders.models import Declaration, DeclarationKind
from tenancy.models import (
    ApiToken,
    AuditEntry,
    Division,
    Grant,
    OperatorCompany,
    Role,
    SavedFilter,
    SiteAssignment,
    User,
    UserSession,
)
from tests import factories

#: The clock of the world; a Monday's morning.
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class Place(StrEnum):
    OWN = "own"
    NEIGHBOUR = "same county, other enterprise"
    OTHER_COUNTY = "other county"
    OTHER_CITY = "other city"


#: In every name of the plant; in no template, message or code.
CANARIES = {
    Place.OWN: "QXOWN",
    Place.NEIGHBOUR: "QXNBR",
    Place.OTHER_COUNTY: "QXCTY",
    Place.OTHER_CITY: "QXFAR",
}
#: In every name of the second site of OWN, which is assigned to no operator.
SECOND_SITE = "QXTWO"

COUNTY_ROLES = (Role.COUNTY_BRANCH, Role.COUNTY_AIR_OFFICE)
ENTERPRISE_ROLES = (Role.ENTERPRISE_OFFICER, Role.ENTERPRISE_REP)
BLIND_ROLES = (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR)
_ALL = tuple(Place)

#: Which plants a role at OWN sees.
SEES: dict[Role, tuple[Place, ...]] = (
    dict.fromkeys(Role, _ALL[:3])
    | {Role.PROVINCE_VIEWER: _ALL}
    | dict.fromkeys(COUNTY_ROLES, _ALL[:2])
    | dict.fromkeys((*ENTERPRISE_ROLES, Role.OPERATOR), _ALL[:1])
    | dict.fromkeys(BLIND_ROLES, ())
)


@dataclass(slots=True)
class Plant:
    """An enterprise with one row of everything, by model."""

    place: Place
    enterprise: Enterprise
    rows: dict[type[models.Model], Any] = field(default_factory=dict)

    def __getitem__(self, model: type[models.Model]) -> Any:
        return self.rows[model]


@dataclass(slots=True)
class World:
    province: Division
    city: Division
    other_city: Division
    county: Division
    plants: dict[Place, Plant]
    people: dict[Role, User]
    disabled: User
    company: OperatorCompany
    rows: dict[type[models.Model], Any]  # of no enterprise: divisions, profiles, parameters ...

    def foreign_canaries(self, role: Role | None) -> tuple[str, ...]:
        """Return the words that may not stand in anything the role is answered."""
        seen = SEES[role] if role else ()
        words = tuple(word for place, word in CANARIES.items() if place not in seen)
        return (*words, SECOND_SITE) if role == Role.OPERATOR else words


def make_world() -> World:
    """Build it all; about 150 rows."""
    province = factories.DivisionFactory(code="140000", name="山西省", kind="PROVINCE")
    city = factories.DivisionFactory(code="141000", name="临汾市", parent=province)
    other_city = factories.DivisionFactory(code="140800", name="运城市", parent=province)
    county = factories.CountyFactory(code="141023", name="襄汾县", parent=city)
    counties = {
        Place.OWN: county,
        Place.NEIGHBOUR: county,
        Place.OTHER_COUNTY: factories.CountyFactory(code="141024", name="洪洞县", parent=city),
        Place.OTHER_CITY: factories.CountyFactory(code="140802", name="盐湖区", parent=other_city),
    }
    company = OperatorCompany.objects.create(name="运维公司(示例)", division=city)
    clerk = factories.UserFactory(username="clerk", full_name="办事员")
    plants = {place: _plant(place, counties[place], clerk, city) for place in Place}
    SiteAssignment.objects.create(
        company=company,
        site=plants[Place.OWN].enterprise.sites.get(name="主厂区"),
        starts_at=LONG_AGO,
    )
    _second_site(plants[Place.OWN].enterprise)
    people = {role: _person(role, province, city, county, plants, company) for role in Role}
    disabled = factories.UserFactory(username="disabled", is_active=False)
    factories.GrantFactory(user=disabled, role=Role.CITY_ADMIN, division=city)
    admin_user = people[Role.CITY_ADMIN]
    rows = {
        Division: city,
        OperatorCompany: company,
        SiteAssignment: SiteAssignment.objects.filter(company=company).get(),
        User: clerk,
        Grant: Grant.objects.filter(user=people[Role.COUNTY_BRANCH]).get(),
        ApiToken: ApiToken.objects.create(
            user=clerk,
            name="token",
            prefix="abcdefgh",
            digest="0" * 64,
            scopes=[],
            created_at=NOW,
            expires_at=NOW + timedelta(days=30),
        ),
        UserSession: UserSession.objects.create(
            user=admin_user, session_key="k" * 32, started_at=NOW, latest_at=NOW
        ),
        SavedFilter: SavedFilter.objects.create(user=admin_user, page="enterprises", name="mine"),
        ImportJob: ImportJob.objects.create(
            user=admin_user,
            division=city,
            file_name="book.xlsx",
            path="none",
            sha256="0" * 64,
            status=ImportStatus.FAULTY,
            errors=[{"sheet": "x", "row": 2, "column": "A", "value": "=1", "problem": "no"}],
            error_count=1,
            created_at=NOW,
        ),
        # The trigger's entry of the making of OWN.
        AuditEntry: AuditEntry.objects.filter(
            enterprise_id=plants[Place.OWN].enterprise.pk, division_path__startswith=city.path
        )
        .order_by("pk")
        .first(),
    }
    problems = get_problems_path(rows[ImportJob])
    problems.parent.mkdir(parents=True, exist_ok=True)
    problems.write_text("row,problem\n2,=1\n", encoding="utf-8")
    for model in admin.site._registry:
        if model not in rows and (first := model._default_manager.order_by("pk").first()):
            rows[model] = first
    return World(province, city, other_city, county, plants, people, disabled, company, rows)


LONG_AGO = factories.LONG_AGO


def _person(
    role: Role,
    province: Division,
    city: Division,
    county: Division,
    plants: dict[Place, Plant],
    company: OperatorCompany,
) -> User:
    user = factories.UserFactory(
        username=str(role), full_name=f"人员{role}", password_changed_at=NOW, is_staff=True
    )
    scope: dict[str, Any]
    if role == Role.PROVINCE_VIEWER:
        scope = {"division": province}
    elif role in COUNTY_ROLES:
        scope = {"division": county}
    elif role in ENTERPRISE_ROLES:
        scope = {"division": None, "enterprise": plants[Place.OWN].enterprise}
    elif role == Role.OPERATOR:
        scope = {"division": None, "company": company}
    else:
        scope = {"division": city}
    factories.GrantFactory(user=user, role=role, **scope)
    return user


def _plant(place: Place, county: Division, clerk: User, city: Division) -> Plant:
    word = CANARIES[place]
    number = list(Place).index(place) + 1
    enterprise = factories.EnterpriseFactory(
        name=f"{word}铸造厂", code=f"{word}-1", county=county, address=f"{word}路"
    )
    site = factories.SiteFactory(enterprise=enterprise, name="主厂区", address=f"{word}路 1 号")
    line = factories.LineFactory(site=site, name=f"{word}线")
    furnace = factories.FacilityFactory(
        site=site, line=line, production=True, name=f"{word}炉", code=f"{word}F"
    )
    fan = factories.FacilityFactory(
        site=site, line=line, control=True, name=f"{word}风机", code=f"{word}K"
    )
    collector = factories.CollectorFactory(site=site, mn=f"{word}{number:019d}")
    point = factories.PointFactory(facility=furnace, collector=collector)
    factories.PointFactory(facility=fan, collector=collector)
    pairing = factories.PairingFactory(
        site=site, stage=f"{word}除尘", productions=[furnace], controls=[fan]
    )
    threshold = factories.ThresholdFactory(facility=furnace)
    order = WorkOrder.objects.create(
        number=f"GD-{word}",
        kind=WorkOrderKind.FAULT,
        site=site,
        collector=collector,
        text=f"{word}采集仪不通",
        opened_by=clerk,
        opened_at=NOW,
        due_at=NOW + timedelta(days=1),
    )
    batch = InstallationBatch.objects.create(
        division=county.parent or city,
        name=f"{word}批次",
        issued_on=date(2020, 1, 7),
        due_on=date(2020, 4, 1),
    )
    alert = Alert.objects.create(
        number=f"A{word}1",
        rule=RuleCode.R01,
        level=1,
        enterprise=enterprise,
        county=county,
        facility=furnace,
        pairing=pairing,
        site=site,
        subject_key=f"facility:{furnace.pk}",
        first_started_at=NOW - timedelta(hours=1),
        latest_ended_at=NOW,
        detected_at=NOW,
    )
    occurrence = Occurrence.objects.create(
        alert=alert,
        enterprise=enterprise,
        rule=RuleCode.R01,
        subject_key=alert.subject_key,
        state=OccurrenceState.FIRING,
        level=1,
        started_at=alert.first_started_at,
        ended_at=NOW,
        detected_at=NOW,
        evidence={},
    )
    common = {"enterprise": enterprise}
    officer = factories.UserFactory(
        username=f"officer-{number}", full_name=f"{word}环保员", phone=f"1380000000{number}"
    )
    grant = factories.GrantFactory(
        user=officer, role=Role.ENTERPRISE_OFFICER, division=None, enterprise=enterprise
    )
    company = OperatorCompany.objects.create(name=f"{word}运维公司", division=county.parent or city)
    assignment = SiteAssignment.objects.create(company=company, site=site, starts_at=LONG_AGO)
    made = [
        officer,
        grant,
        company,
        assignment,
        enterprise,
        site,
        line,
        furnace,
        collector,
        point,
        pairing,
        threshold,
        order,
        batch,
        alert,
        occurrence,
        LineGrade.objects.create(line=line, grade="B", valid_from=LONG_AGO, basis=word),
        Contact.objects.create(
            kind=ContactKind.OFFICER, name=f"{word}联系人", phone="13900000000", **common
        ),
        CollectorDevice.objects.create(collector=collector, serial=f"{word}D", valid_from=LONG_AGO),
        CollectorStatus.objects.create(collector=collector, latest_received_at=NOW),
        Meter.objects.create(
            point=point, serial=f"{word}M", ct_ratio=40, valid_from=LONG_AGO, work_order=order
        ),
        LatestReading.objects.create(point=point, measured_at=NOW, received_at=NOW, p_kw=number),
        StateSegment.objects.create(
            point=point,
            state=OperatingState.ON,
            started_at=NOW - timedelta(hours=2),
            ended_at=NOW,
        ),
        ReadingConflict.objects.create(
            point=point, measured_at=NOW, received_at=NOW, kept={}, refused={}, chunk_id=1
        ),
        IntakeIssue.objects.create(
            reason=IntakeReason.values[0], mn=collector.mn, first_at=NOW, latest_at=NOW, count=1
        ),
        WorkOrderLog.objects.create(
            work_order=order, to_status=WorkOrderStatus.OPEN, at=NOW, actor=clerk, note=word
        ),
        AlertLog.objects.create(alert=alert, at=NOW, event="opened", to_status="OPEN"),
        Notification.objects.create(
            key=f"{word}:1",
            alert=alert,
            recipient=clerk,
            audience=Role.COUNTY_BRANCH,
            channel=Channel.SMS,
            address="13900000000",
            text=f"{word}短信",
            state=NotificationState.SENT,
            created_at=NOW,
            due_at=NOW,
            sent_at=NOW,
        ),
        Declaration.objects.create(
            kind=DeclarationKind.REPAIR,
            starts_at=NOW - timedelta(hours=2),
            ends_at=NOW + timedelta(hours=2),
            reason=f"{word}检修",
            **common,
        ),
        Installation.objects.create(batch=batch, due_on=date(2020, 4, 1), **common),
        InstallationLog.objects.create(
            from_status=InstallationStatus.REQUIRED,
            to_status=InstallationStatus.SURVEYED,
            event="SURVEY",
            at=NOW,
            reason=word,
            **common,
        ),
        SurveySheet.objects.create(
            surveyed_on=date(2020, 2, 1), finding=word, recorded_by=clerk, recorded_at=NOW, **common
        ),
        AcceptanceSheet.objects.create(
            checks=[],
            is_passed=True,
            signed_by=clerk,
            signed_name="办事员",
            signed_at=NOW,
            remark=word,
            **common,
        ),
        store_attachment(
            SimpleUploadedFile(f"{word}.png", picture()),
            title=f"{word}铭牌",
            site=site,
            actor=clerk,
            now=NOW,
            **common,
        ),
    ]
    return Plant(place, enterprise, {type(row): row for row in made})


def picture() -> bytes:
    """Return a picture of a few pixels."""
    out = BytesIO()
    Image.new("RGB", (8, 8), "teal").save(out, "PNG")
    return out.getvalue()


def _second_site(enterprise: Enterprise) -> None:
    """Give OWN a second site that no operator looks after."""
    site = factories.SiteFactory(enterprise=enterprise, name=f"{SECOND_SITE}厂区")
    facility = factories.FacilityFactory(
        site=site, name=f"{SECOND_SITE}炉", code=SECOND_SITE, kind=FacilityKind.PRODUCTION
    )
    collector = factories.CollectorFactory(site=site, mn=f"{SECOND_SITE}{9:019d}")
    factories.PointFactory(facility=facility, collector=collector)
