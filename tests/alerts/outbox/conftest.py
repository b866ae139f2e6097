"""A county's foundry with one alert, and the people around it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from alerts import outbox
from alerts.models import Alert, Level, Occurrence, OccurrenceState, RuleCode
from alerts.standins.mail import MailStandIn
from alerts.standins.sms import SmsStandIn
from tenancy.models import Division, Role, User
from tests import factories

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)  # 03:00 in Shanghai
STARTED = datetime(2026, 11, 22, 18, 13, tzinfo=UTC)  # 02:13


@dataclass
class World:
    """A city, its county, one enterprise with a furnace and its fan, and one person a role."""

    city: Division
    county: Division
    other_county: Division
    enterprise: object
    furnace: object
    fan: object
    people: dict[str, User]
    sequence: int = 0

    def make_alert(self, *, level=Level.RED, now=NOW, **overrides) -> tuple[Alert, Occurrence]:
        """Return an open R01 alert of the furnace with its first occurrence, 47 minutes old."""
        self.sequence += 1
        subject_key = f"facility:{self.furnace.pk}/pairing:{self.sequence}"
        alert = Alert.objects.create(
            number=f"A20261123-{self.sequence:04d}",
            rule=RuleCode.R01,
            level=level,
            enterprise=self.enterprise,
            county=self.county,
            facility=self.furnace,
            subject_key=subject_key,
            first_started_at=STARTED,
            latest_ended_at=STARTED + timedelta(minutes=47),
            detected_at=now,
        )
        occurrence = Occurrence.objects.create(
            alert=alert,
            enterprise=self.enterprise,
            rule=alert.rule,
            subject_key=subject_key,
            state=OccurrenceState.FIRING,
            level=level,
            started_at=STARTED,
            ended_at=STARTED + timedelta(minutes=47),
            detected_at=now,
            evidence=self.make_evidence(),
        )
        for name, value in overrides.items():
            setattr(alert, name, value)
        if overrides:
            alert.save()
        return alert, occurrence

    def make_evidence(self) -> dict:
        return {
            "as_of": NOW.isoformat(),
            "production": {"id": self.furnace.pk, "name": self.furnace.name},
            "controls": [
                {"id": self.fan.pk, "name": self.fan.name, "state": "OFF", "mean_kw": 0.0}
            ],
            "pairing": {"id": 1, "stage": "除尘", "mode": "ANY", "at_least": 1},
            "numbers": [
                {
                    "key": "violation_minutes",
                    "value": 47.0,
                    "unit": "min",
                    "threshold": 10.0,
                    "threshold_key": "r01_minutes",
                }
            ],
            "spans": [[STARTED.isoformat(), (STARTED + timedelta(minutes=47)).isoformat()]],
        }


@pytest.fixture
def world(db) -> World:
    return make_world()


def make_world() -> World:
    city = factories.DivisionFactory()
    county = factories.CountyFactory(code="141023", name="襄汾县", parent=city)
    other = factories.CountyFactory(code="141024", name="洪洞县", parent=city)
    enterprise = factories.EnterpriseFactory(name="襄汾县晋南铸造有限公司", county=county)
    site = factories.SiteFactory(enterprise=enterprise)
    people = {}
    for role, scope in [
        (Role.ENTERPRISE_OFFICER, {"enterprise": enterprise, "division": None}),
        (Role.ENTERPRISE_REP, {"enterprise": enterprise, "division": None}),
        (Role.OPERATOR, {"enterprise": enterprise, "division": None}),
        (Role.COUNTY_BRANCH, {"division": county}),
        (Role.CITY_ENFORCER, {"division": city}),
        (Role.CITY_ADMIN, {"division": city}),
    ]:
        people[role] = factories.GrantFactory(role=role, user__username=role.value, **scope).user
    # A colleague of the neighbouring county and one of another enterprise, who must hear nothing.
    people["stranger"] = factories.GrantFactory(role=Role.COUNTY_BRANCH, division=other).user
    people["other_officer"] = factories.GrantFactory(
        role=Role.ENTERPRISE_OFFICER,
        division=None,
        enterprise=factories.EnterpriseFactory(county=county),
    ).user
    return World(
        city=city,
        county=county,
        other_county=other,
        enterprise=enterprise,
        furnace=factories.FacilityFactory(site=site, production=True),
        fan=factories.FacilityFactory(site=site, control=True),
        people=people,
    )


@pytest.fixture
def sms(settings):
    with SmsStandIn(key_id="k1", secret="s1") as standin:
        settings.SMS_URL = standin.url
        settings.SMS_KEY_ID = "k1"
        settings.SMS_SECRET = "s1"
        settings.SMS_TIMEOUT_S = 1
        yield standin


@pytest.fixture
def mail(settings):
    with MailStandIn() as standin:
        settings.EMAIL_URL = standin.url
        settings.EMAIL_FROM = "用电卫士 <powerwatch@linfen.example>"
        yield standin


@pytest.fixture
def queued(world, sms, mail):
    """Eight messages of one red alert, due now: four people by SMS and by email."""
    with transaction.atomic():
        return outbox.queue_notifications(
            *world.make_alert(), event="opened", now=timezone.now() - timedelta(seconds=1)
        )
