"""From stored readings to a signed sheet."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common.intervals import Span
from enterprises.models import AcceptanceSheet, Installation, InstallationLog, Pairing, Threshold
from meters.acceptance import (
    AcceptanceRefused,
    Declared,
    accept_installation,
    reject_installation,
    run_checks,
)
from meters.limits import load_limits
from meters.models import (
    CollectorStatus,
    LatestReading,
    Meter,
    MeteringLimit,
    MonitoringPoint,
    StateSegment,
)
from meters.partitions import make_partitions
from tenancy.models import Role
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


def fill(point, *, start=NOW - 72 * HOUR, end=NOW, kw=70.0, late=2, amps=125.0):
    """Store a reading a minute in the database itself."""
    make_partitions(start.date(), end.date())
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO meters_reading (point_id, measured_at, received_at, p_kw, ua, ub, uc,
              ia, ib, ic, pf, flag, is_backfill, chunk_id)
            SELECT %s, t, t + make_interval(secs => %s), %s, 220, 220, 220, %s, %s, %s, 0.85,
              'N', false, 1
            FROM generate_series(%s::timestamptz, %s - interval '1 minute', '1 minute') AS t
            """,
            [point.pk, late, kw, amps, amps, amps, start, end],
        )
    at = end - timedelta(minutes=1)
    LatestReading.objects.update_or_create(
        point=point, defaults={"measured_at": at, "received_at": at}
    )


def add_point(site, collector, **traits):
    facility = factories.FacilityFactory(site=site, rated_kw=100.0, **traits)
    point = factories.PointFactory(facility=facility, collector=collector, is_accepted=False)
    Meter.objects.create(
        point=point,
        serial=f"S{point.pk}",
        accuracy_class="0.5S",
        ct_ratio=40,
        certificate_number="Z",
        certificate_expires_on=date(2027, 6, 1),
        seal_numbers="F1",
        valid_from=factories.LONG_AGO,
    )
    return point


@pytest.fixture
def plant():
    """A connected enterprise with a furnace and a fan, complete on record, no readings yet."""
    enterprise = factories.EnterpriseFactory(installation_status="CONNECTED")
    site = factories.SiteFactory(enterprise=enterprise)
    collector = factories.CollectorFactory(site=site, password="own-secret")
    CollectorStatus.objects.create(collector=collector, latest_received_at=NOW)
    add_point(site, collector, kind="PRODUCTION", name="炉")
    add_point(site, collector, kind="CONTROL", name="风机")
    officer = factories.GrantFactory(role=Role.COUNTY_BRANCH, division=enterprise.county).user
    furnace, fan = (point.facility for point in points(enterprise))
    factories.PairingFactory(site=site, productions=[furnace], controls=[fan])
    Pairing.objects.update(approved_by=officer, approved_at=NOW)
    Installation.objects.create(enterprise=enterprise, points_required=2)
    enterprise.officer = officer
    return enterprise


def points(enterprise):
    return list(MonitoringPoint.objects.filter(collector__enterprise=enterprise).order_by("pk"))


def failing(enterprise, **kwargs):
    checks = run_checks(enterprise, now=NOW, **kwargs)
    return {str(c.code): [f.reason for f in c.faults] for c in checks if not c.is_passed}


def sign(enterprise, **changes):
    said = {
        "actor": enterprise.officer,
        "signed_name": enterprise.officer.full_name,
        "body": "襄汾县 · 分局",
        "now": NOW,
        **changes,
    }
    return accept_installation(enterprise, **said)


def test_a_sound_installation_is_accepted_and_the_sheet_keeps_what_was_found(plant):
    for point in points(plant):
        fill(point)
    assert failing(plant) == {}
    sheet = sign(plant, remark="现场核对无误")
    plant.refresh_from_db()
    assert plant.installation_status == "ACCEPTED"
    assert plant.installation.accepted_at == NOW
    assert all(point.is_accepted for point in points(plant))
    assert (sheet.is_passed, len(sheet.checks)) == (True, 11)
    log = InstallationLog.objects.get()
    assert (log.event, log.to_status, log.body) == ("accepted", "ACCEPTED", "襄汾县 · 分局")


def test_without_readings_nothing_is_taken_for_zero(plant):
    assert failing(plant) == {
        "reporting": ["never", "never"],
        "valid_data": ["gaps", "gaps"],
        "clock": ["no_live", "no_live"],
    }


def test_what_fails_keeps_everything_as_it_was(plant):
    fill(points(plant)[0])
    with pytest.raises(AcceptanceRefused):
        sign(plant)
    plant.refresh_from_db()
    assert plant.installation_status == "CONNECTED"
    assert not AcceptanceSheet.objects.exists()
    assert not any(point.is_accepted for point in points(plant))


def test_nobody_signs_with_anothers_name(plant):
    for point in points(plant):
        fill(point)
    with pytest.raises(AcceptanceRefused):
        sign(plant, signed_name="别人")
    assert not AcceptanceSheet.objects.exists()


def test_it_goes_back_with_reasons_and_only_with_them(plant):
    said = {"actor": plant.officer, "signed_name": plant.officer.full_name, "now": NOW}
    with pytest.raises(AcceptanceRefused):
        reject_installation(plant, reason=" ", **said)
    assert not AcceptanceSheet.objects.exists()
    sheet = reject_installation(plant, reason="无数据", **said)
    plant.refresh_from_db()
    assert (plant.installation_status, sheet.is_passed) == ("INSTALLING", False)


def test_it_is_accepted_once(plant):
    for point in points(plant):
        fill(point)
    sign(plant)
    with pytest.raises(AcceptanceRefused):
        sign(plant)
    assert AcceptanceSheet.objects.count() == 1


class TestFigures:
    def test_a_gap_of_five_hours_fails_unless_it_was_a_power_cut_or_declared(self, plant):
        furnace, fan = points(plant)
        fill(furnace)
        fill(fan, end=NOW - 10 * HOUR)
        fill(fan, start=NOW - 5 * HOUR)
        assert failing(plant) == {"valid_data": ["gaps"]}
        gap = Span(NOW - 10 * HOUR, NOW - 5 * HOUR)
        assert failing(plant, declared=[Declared(gap, frozenset({fan.facility_id}))]) == {}
        assert failing(plant, declared=[Declared(gap, frozenset({furnace.facility_id}))]) == {
            "valid_data": ["gaps"]
        }
        StateSegment.objects.create(
            point=fan, state="POWER_CUT", started_at=gap.start, ended_at=gap.end
        )
        assert failing(plant) == {}

    def test_many_readings_in_one_minute_cover_one_minute(self, plant):
        furnace, fan = points(plant)
        fill(furnace)
        for seconds in (0, 10, 20, 30):
            fill(fan, start=NOW - 18 * HOUR + timedelta(seconds=seconds))
        assert failing(plant)["valid_data"] == ["gaps"]

    def test_a_slow_clock_a_wrong_ratio_and_a_lost_phase_are_found(self, plant):
        furnace, fan = points(plant)
        fill(furnace, late=90, amps=250)
        fill(fan, kw=1.75, amps=3.1)
        assert failing(plant) == {
            "clock": ["slow"],
            "ratio": ["factor"],
            "formula": ["formula"],
        }

    def test_an_unapproved_threshold_fails(self, plant):
        for point in points(plant):
            fill(point)
        factories.ThresholdFactory(facility=points(plant)[0].facility)
        assert failing(plant) == {"thresholds": ["threshold_not_approved"]}
        Threshold.objects.update(approved_at=NOW, approved_by=plant.officer)
        assert failing(plant) == {}


def test_the_deepest_and_latest_limit_wins(plant):
    city = plant.county.parent
    rows = [(None, 10, 1), (city, 20, 2), (plant.county, 30, 1), (plant.county, 40, 2)]
    for division, value, day in rows:
        MeteringLimit.objects.create(
            key="clock_skew_s",
            division=division,
            value=value,
            valid_from=factories.LONG_AGO + timedelta(days=day),
        )
    assert load_limits(plant.county.path, at=NOW)["clock_skew_s"] == 40
    assert load_limits(city.path, at=NOW)["clock_skew_s"] == 20
    assert load_limits("990000/", at=NOW)["clock_skew_s"] == 10


def test_the_checks_take_three_queries_whatever_the_number_of_points(plant):
    collector = points(plant)[0].collector
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            run_checks(plant, now=NOW)
        assert len(queries) == 3
        for _ in range(3):
            add_point(collector.site, collector)
