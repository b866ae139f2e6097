"""Two cities, three counties, an enterprise with everything in each, and people of every role."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from alerts.models import Alert, AlertLog, Occurrence
from enterprises.models import Attachment, Installation, LineGrade
from meters.models import Meter, StateSegment, WorkOrder
from orders.models import Declaration
from tenancy.models import Division, OperatorCompany, Role, SiteAssignment, User
from tenancy.tokens import SCOPES, issue_token
from tests import factories as make

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LONG_AGO = make.LONG_AGO


@dataclass
class Plant:
    """An enterprise and one object of each kind under it."""

    county: Division
    objects: dict[str, Any] = field(default_factory=dict)

    @property
    def enterprise(self) -> Any:
        return self.objects["enterprises"]

    @property
    def ids(self) -> dict[str, int]:
        """Return the ids by resource; ``controls`` are facilities too."""
        control = self.objects["pairings"].controls.get()
        return {name: one.pk for name, one in self.objects.items()} | {"controls": control.pk}


@dataclass
class World:
    own: Plant
    neighbour: Plant  # another county of the same city
    stranger: Plant  # another city
    people: dict[str, User]

    def token(self, role: str, *, scopes=None, **kwargs) -> str:
        now = timezone.now()
        return issue_token(
            self.people[role],
            name="test",
            scopes=scopes or SCOPES,
            expires_at=now + timedelta(days=30),
            now=now,
            **kwargs,
        )[1]

    def client(self, role: str, **kwargs) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.token(role, **kwargs)}")
        return client


def make_plant(county: Division, keeper: User) -> Plant:
    site = make.SiteFactory(enterprise=make.EnterpriseFactory(county=county))
    enterprise = site.enterprise
    line = make.LineFactory(site=site)
    LineGrade.objects.create(line=line, grade="B", valid_from=LONG_AGO)
    furnace = make.FacilityFactory(site=site, line=line, production=True)
    fan = make.FacilityFactory(site=site, control=True)
    collector = make.CollectorFactory(site=site)
    point = make.PointFactory(collector=collector, facility=furnace)
    make_reading(point, NOW)
    StateSegment.objects.create(
        point=point, state="ON", started_at=NOW, ended_at=NOW + timedelta(hours=1)
    )
    alert = make_alert(enterprise, furnace)
    declaration = Declaration.objects.create(
        enterprise=enterprise,
        kind="REPAIR",
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=8),
        reason="检修",
    )
    declaration.facilities.add(fan)
    return Plant(
        county,
        {
            "enterprises": enterprise,
            "sites": site,
            "lines": line,
            "facilities": furnace,
            "pairings": make.PairingFactory(site=site, productions=[furnace], controls=[fan]),
            "thresholds": make.ThresholdFactory(facility=furnace),
            "attachments": Attachment.objects.create(
                key=uuid4(),
                enterprise=enterprise,
                site=site,
                title="照片",
                file_name="a.jpg",
                path=uuid4().hex,
                content_type="image/jpeg",
                size_bytes=3,
                sha256="0" * 64,
                uploaded_by=keeper,
                uploaded_at=NOW,
            ),
            "installations": Installation.objects.create(enterprise=enterprise),
            "collectors": collector,
            "points": point,
            "meters": Meter.objects.create(point=point, serial="D1", valid_from=LONG_AGO),
            "work-orders": WorkOrder.objects.create(
                number=uuid4().hex[:12],
                kind="FAULT",
                site=site,
                text="看",
                opened_by=keeper,
                opened_at=NOW,
                due_at=NOW + timedelta(days=1),
            ),
            "alerts": alert,
            "declarations": declaration,
        },
    )


def make_alert(enterprise, furnace) -> Alert:
    alert = Alert.objects.create(
        number=uuid4().hex[:16],
        rule="R01",
        level=1,
        enterprise=enterprise,
        county=enterprise.county,
        facility=furnace,
        subject_key=f"facility:{furnace.pk}",
        first_started_at=NOW,
        latest_ended_at=NOW + timedelta(minutes=10),
        detected_at=NOW + timedelta(minutes=10),
    )
    Occurrence.objects.create(
        alert=alert,
        enterprise=enterprise,
        rule="R01",
        subject_key=alert.subject_key,
        state="FIRING",
        level=1,
        started_at=NOW,
        ended_at=NOW + timedelta(minutes=10),
        detected_at=NOW,
    )
    AlertLog.objects.create(alert=alert, at=NOW, event="opened", to_status="OPEN")
    return alert


def make_reading(point, at) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT meters_make_partitions(%s::date, %s::date)", [at, at])
        cursor.execute(
            "INSERT INTO meters_reading (point_id, measured_at, received_at, p_kw, energy_kwh,"
            " flag, is_backfill, chunk_id) VALUES (%s, %s, %s, 812.4, 1.5, 'N', false, 1)",
            [point.pk, at, at],
        )


def make_world() -> World:
    linfen = make.DivisionFactory()
    yuncheng = make.DivisionFactory(code="140800", name="运城市")
    keeper = make.UserFactory()
    counties = [
        make.CountyFactory(code="141023", name="襄汾县", parent=linfen),
        make.CountyFactory(code="141024", name="洪洞县", parent=linfen),
        make.CountyFactory(code="140802", name="盐湖区", parent=yuncheng),
    ]
    own, neighbour, stranger = [make_plant(county, keeper) for county in counties]
    people = {}
    city = {"city_admin", "city_air_office", "city_enforcer"}
    central = {"system_admin", "security_admin", "auditor"}
    for role in Role.values:
        if role in {"enterprise_officer", "enterprise_rep"}:
            target: dict[str, Any] = {"division": None, "enterprise": own.enterprise}
        elif role == "operator":
            company = OperatorCompany.objects.create(name="示例运维", division=linfen)
            SiteAssignment.objects.create(
                company=company, site=own.objects["sites"], starts_at=LONG_AGO
            )
            target = {"division": None, "company": company}
        elif role in city | central | {"province_viewer"}:
            target = {"division": linfen}
        else:
            target = {"division": counties[0]}
        people[role] = make.GrantFactory(role=role, **target).user
    return World(own, neighbour, stranger, people)


@pytest.fixture
def world(db, settings) -> World:
    settings.API_RATES = dict.fromkeys(settings.API_RATES, 0)
    return make_world()
