"""A small plant for tests of evaluation: one furnace, one fan, one collector."""

from datetime import UTC, datetime, timedelta

from alerts.drain import process_changes
from alerts.models import Alert, AlertLog, Notification, Occurrence
from meters.models import CollectorStatus
from tenancy.models import Role
from tests import factories
from tests.helpers import store_readings

T0 = datetime(2026, 11, 22, 16, tzinfo=UTC)  # midnight in Shanghai
MINUTE = timedelta(minutes=1)


def minute(n):
    return T0 + n * MINUTE


class Plant:
    """Furnace ON from 20 kW, fan ON from 20 kW, both OFF below 1 kW."""

    def __init__(self, fans=1, mode="ANY"):
        self.site = factories.SiteFactory(enterprise__county__code="141023")
        self.enterprise = self.site.enterprise
        city = self.enterprise.county.parent
        factories.GrantFactory(division=city, role=Role.CITY_ENFORCER)
        factories.GrantFactory(division=self.enterprise.county, role=Role.COUNTY_BRANCH)
        self.collector = factories.CollectorFactory(site=self.site)
        self.furnace = self.add_point(production=True)
        self.fans = [self.add_point(control=True) for _ in range(fans)]
        self.fan = self.fans[0]
        self.pairing = factories.PairingFactory(
            site=self.site,
            productions=[self.furnace.facility],
            controls=[fan.facility for fan in self.fans],
            mode=mode,
        )

    def add_point(self, **traits):
        facility = factories.FacilityFactory(site=self.site, **traits)
        factories.ThresholdFactory(facility=facility)
        return factories.PointFactory(facility=facility, collector=self.collector)

    def send(self, start, furnace, *fans, is_backfill=False):
        """Store readings from a minute on; one list of values for each point."""
        for point, values in zip([self.furnace, *self.fans], [furnace, *fans], strict=True):
            store_readings(point, minute(start), values, is_backfill=is_backfill)

    def heard(self, at):
        CollectorStatus.objects.update_or_create(
            collector=self.collector,
            defaults={
                "latest_received_at": minute(at),
                "latest_measured_at": minute(at),
                "first_measured_at": T0,
            },
        )

    def evaluate(self, now):
        return process_changes(self.enterprise.pk, now=minute(now))


def occurrences(*, withdrawn=True):
    rows = Occurrence.objects.order_by("rule", "started_at", "pk")
    return [
        (
            row.rule,
            row.state,
            row.level,
            (row.started_at - T0) / MINUTE,
            (row.ended_at - T0) / MINUTE,
        )
        for row in rows
        if withdrawn or row.state != "WITHDRAWN"
    ]


def alerts():
    return [
        (
            row.rule,
            row.status,
            row.level,
            (row.first_started_at - T0) / MINUTE,
            (row.latest_ended_at - T0) / MINUTE,
            row.is_ongoing,
            row.occurrence_count,
        )
        for row in Alert.objects.order_by("pk")
    ]


def logged():
    return list(AlertLog.objects.order_by("pk").values_list("event", flat=True))


def told():
    """Return the events told by SMS, with the audience, in order."""
    return [
        (key.split(":")[4], audience)
        for key, audience in Notification.objects.filter(channel="SMS")
        .order_by("pk")
        .values_list("key", "audience")
    ]
