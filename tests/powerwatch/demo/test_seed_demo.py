"""What a seeded city holds, and that seeding it again changes nothing."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.db import transaction
from django.db.models import Count, Max, Min
from django.http import HttpRequest
from django.test import override_settings
from django.utils import timezone

from alerts.models import Alert, Occurrence, OccurrenceState
from enterprises.models import Enterprise, Facility
from meters.models import (
    ChangedWindow,
    Collector,
    CollectorStatus,
    LatestReading,
    MonitoringPoint,
    Reading,
    StateSegment,
)
from meters.segments import rebuild_segments
from meters.simulator import inventory
from meters.simulator.incidents import Kind, Plan, plan_start
from meters.simulator.machines import shape_of
from meters.simulator.plants import Feed
from orders.models import Declaration, DeclarationStatus
from tenancy.demo_accounts import DEMO_ACCOUNTS
from tenancy.models import Division, Grant, Role, User
from tests.powerwatch.demo.seeding import seed

pytestmark = pytest.mark.django_db

#: What a seeded night holds depends on the minute at which it is seeded.
SEEDED_AT = datetime(2026, 11, 24, 2, 22, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def city(django_db_setup, django_db_blocker):
    """A small city, seeded once for all tests here, which only look at it."""
    with (
        time_machine.travel(SEEDED_AT, tick=True),
        django_db_blocker.unblock(),
        transaction.atomic(),
        override_settings(DEMO=True),
    ):
        seed()
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _in_the_city(city, settings):
    settings.DEMO = True


def counts() -> dict[str, int]:
    models = (Division, Enterprise, Facility, Collector, MonitoringPoint, Reading, StateSegment)
    more = (LatestReading, CollectorStatus, User, Grant, Declaration, Alert, Occurrence)
    return {model.__name__: model.objects.count() for model in (*models, *more)}


def test_a_second_seeding_changes_nothing():
    before = counts()
    assert min(before[name] for name in ("Reading", "StateSegment", "Declaration")) > 0
    seed()
    assert counts() == before


def test_each_point_has_a_night_without_holes_and_its_newest_reading():
    plan = Plan(inventory.load_plants(), _start())
    silent = {i.plant for i in plan.opening if i.kind is Kind.SILENT}
    rows = Reading.objects.values("point_id").annotate(
        first=Min("measured_at"), newest=Max("measured_at"), count=Count("measured_at")
    )
    by_point = {row["point_id"]: row for row in rows}
    assert by_point.keys() == set(MonitoringPoint.objects.values_list("pk", flat=True))
    for latest in LatestReading.objects.select_related("point__collector"):
        row = by_point[latest.point_id]
        assert latest.measured_at == row["newest"]
        assert row["newest"] - row["first"] > timedelta(hours=11, minutes=30)
        is_silent = latest.point.collector.mn in silent
        age = timezone.now() - row["newest"]
        assert (age > timedelta(minutes=12)) is is_silent


def _start() -> int:
    """The start that a simulation right after seeding takes up."""
    ends = [int(at.timestamp()) for at in inventory.load_record_ends().values()]
    return plan_start(ends, int(timezone.now().timestamp()))


def test_the_simulation_goes_on_without_a_seam():
    plants = inventory.load_plants()
    plan, registers = Plan(plants, _start()), inventory.load_registers()
    for plant in plants:
        stored = {
            row.point_id: row
            for row in LatestReading.objects.filter(point__collector__mn=plant.key)
        }
        at = int(next(iter(stored.values())).measured_at.timestamp())
        live = Feed(plant, plan, registers[plant.key])
        for machine, sample in live.measure(at):
            assert sample.p_kw == stored[machine.point_id].p_kw
            assert sample.ua == stored[machine.point_id].ua
        for machine, sample in live.measure(at + plant.interval_s):
            assert sample.energy_kwh >= float(stored[machine.point_id].energy_kwh)


def test_the_states_are_those_that_a_rebuild_would_write():
    changes = rebuild_segments(list(MonitoringPoint.objects.values_list("pk", flat=True)))
    assert (changes.inserts, changes.updates, changes.deletes) == ([], [], [])
    assert not ChangedWindow.objects.exists()


def test_the_night_raises_its_offences_and_nothing_else():
    plan = Plan(inventory.load_plants(), _start())
    offenders = {i.plant for i in (*plan.night, *plan.opening) if i.is_offence}
    raised = Alert.objects.filter(rule="R01")
    assert set(raised.values_list("enterprise__collectors__mn", flat=True)) <= offenders
    suppressed = Occurrence.objects.filter(state=OccurrenceState.SUPPRESSED)
    repaired = {i.plant for i in plan.night if i.kind is Kind.DECLARED_REPAIR}
    assert set(suppressed.values_list("enterprise__collectors__mn", flat=True)) == repaired
    assert set(Declaration.objects.values_list("status", flat=True)) == {DeclarationStatus.ACCEPTED}


def test_everybody_is_fictional_and_only_the_demo_accounts_can_sign_in():
    can_sign_in = set()
    for user in User.objects.all():
        assert user.phone.startswith("1390000")
        assert len(user.phone) == 11
        assert user.email.endswith("@example.test")
        assert user.full_name.endswith("(示例)")
        if user.has_usable_password():
            can_sign_in.add(user.username)
    assert can_sign_in == {account["username"] for account in DEMO_ACCOUNTS}
    assert User.objects.values("phone").distinct().count() == User.objects.count()
    assert all(
        name.endswith("(示例)") for name in Enterprise.objects.values_list("name", flat=True)
    )


def test_every_account_works_and_has_a_scope():
    for account in DEMO_ACCOUNTS:
        user = authenticate(
            HttpRequest(), username=account["username"], password=account["password"]
        )
        assert user is not None
        assert Grant.objects.filter(user=user).exists()


def test_roles_are_all_filled_and_installed_enterprises_have_their_people():
    assert set(Grant.objects.values_list("role", flat=True)) == set(Role.values)
    for collector in Collector.objects.all():
        roles = set(collector.enterprise.grants.values_list("role", flat=True))
        assert roles >= {Role.ENTERPRISE_OFFICER, Role.ENTERPRISE_REP}


def test_the_cities_are_kept_apart():
    other = User.objects.get(username="yuncheng")
    theirs = set(Enterprise.objects.visible_to(other).values_list("code", flat=True))
    assert theirs == {"YC-0001"}
    assert Enterprise.objects.visible_to(User.objects.get(username="province")).count() == 7


def test_machines_look_the_same_to_the_seeding_and_to_the_simulator():
    facilities = {f.points.get().pk: f for f in Facility.objects.filter(points__isnull=False)}
    for plant in inventory.load_plants():
        for machine in plant.machines:
            facility = facilities[machine.point_id]
            assert machine.shape is shape_of(facility.load_class, facility.kind, facility.rated_kw)
            reference = facility.thresholds.values_list("reference_kw", flat=True).first()
            assert reference is None or reference > 0


def test_the_accounts_are_listed_a_line_each(capsys):
    call_command("demo_accounts")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(DEMO_ACCOUNTS)
    for line, account in zip(lines, DEMO_ACCOUNTS, strict=True):
        assert line.split()[-2:] == [account["username"], account["password"]]
