"""The main job: a reading comes in by TCP, and city and county are told."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.models import Alert, AlertStatus, Channel, Notification, NotificationState
from enterprises.models import PairingMode
from meters.models import Profile
from tenancy.models import Role
from tests import factories
from tests.e2e.conftest import FieldClient, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def foundry(transactional_db):
    """A foundry with a furnace and its dust fan on one collector, officers in city and county."""
    county = factories.CountyFactory(code="141023", name="襄汾县")
    enterprise = factories.EnterpriseFactory(county=county, name="襄汾甲子铸造有限公司(示例)")
    site = factories.SiteFactory(enterprise=enterprise)
    furnace = factories.FacilityFactory(site=site, production=True)
    fan = factories.FacilityFactory(site=site, control=True)
    factories.ThresholdFactory(facility=furnace, off_below_kw=20.0, on_from_kw=400.0)
    factories.ThresholdFactory(facility=fan, off_below_kw=5.0, on_from_kw=30.0)
    factories.PairingFactory(site=site, productions=[furnace], controls=[fan], mode=PairingMode.ANY)
    collector = factories.CollectorFactory(
        site=site, profile=Profile.objects.get(name="st80-family-b")
    )
    factories.PointFactory(collector=collector, circuit="100001", facility=furnace)
    factories.PointFactory(collector=collector, circuit="100002", facility=fan)
    return collector


@pytest.fixture
def officers(foundry):
    county = foundry.enterprise.county
    other = factories.CountyFactory(code="141024", name="洪洞县", parent=county.parent)
    return {
        "city": factories.GrantFactory(role=Role.CITY_ENFORCER, division=county.parent).user,
        "county": factories.GrantFactory(role=Role.COUNTY_BRANCH, division=county).user,
        "other county": factories.GrantFactory(role=Role.COUNTY_BRANCH, division=other).user,
    }


def test_city_and_county_are_told_once_the_minutes_have_run_out(system, foundry, officers):
    client = FieldClient(system.gateway_port, mn=foundry.mn)
    now = datetime.now(UTC).replace(microsecond=0)
    started = now - timedelta(minutes=20)
    for minute in range(5):  # both run
        assert (
            client.report(started + timedelta(minutes=minute), {"100001": 800.0, "100002": 80.0})
            == "9014"
        )
    for minute in range(5, 15):  # the fan is off: minutes 0 to 9 of the violation
        client.report(started + timedelta(minutes=minute), {"100001": 800.0, "100002": 0.1})
    wait_until(lambda: not queue_length(), what="evaluation of the first minutes")
    assert not Alert.objects.exists()  # pending, not firing

    client.report(started + timedelta(minutes=15), {"100001": 800.0, "100002": 0.1})
    alert = wait_until(Alert.objects.first, what="the alert")
    wait_until(
        lambda: (
            Notification.objects.filter(state=NotificationState.SENT, channel=Channel.SMS).count()
            == 2
        ),
        what="both SMS",
    )
    client.close()

    assert (alert.rule, alert.level, alert.status) == ("R01", 1, AlertStatus.OPEN)
    assert alert.is_suspected
    rows = Notification.objects.all()
    assert {row.recipient for row in rows} == {officers["city"], officers["county"]}
    assert len({row.created_at for row in rows}) == 1  # one commit
    assert {call.phone for call in system.sms.taken.values()} == {
        officers["city"].phone,
        officers["county"].phone,
    }
    wait_until(
        lambda: (
            Notification.objects.filter(state=NotificationState.SENT, channel=Channel.EMAIL).count()
            == 2
        ),
        what="both emails",
    )
    assert {address for mail in system.mail.mails for address in mail.recipients} == {
        officers["city"].email,
        officers["county"].email,
    }


def test_a_plant_that_rests_raises_nothing(system, foundry, officers):
    client = FieldClient(system.gateway_port, mn=foundry.mn)
    started = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=40)
    for minute in range(40):
        running = minute < 10
        powers = {"100001": 800.0, "100002": 80.0} if running else {"100001": 0.0, "100002": 0.0}
        client.report(started + timedelta(minutes=minute), powers)
    wait_until(lambda: not queue_length(), what="evaluation")
    client.close()
    assert not Alert.objects.exists()
    assert not Notification.objects.exists()


def queue_length() -> int:
    from meters.models import ChangedWindow

    return ChangedWindow.objects.count()
