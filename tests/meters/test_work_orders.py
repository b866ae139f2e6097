"""Work orders: who moves them, by when they are due, and that no number comes twice."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from meters.models import Meter, MeteringLimit, WorkOrder, WorkOrderLog, WorkOrderStatus
from meters.work_orders import (
    MOVES,
    Event,
    WorkOrderRefused,
    get_events,
    move_work_order,
    next_number,
    open_work_order,
)
from tenancy.models import OperatorCompany, Role, SiteAssignment
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
LONG_AGO = factories.LONG_AGO


class World:
    def __init__(self):
        self.point = factories.PointFactory()
        self.site = self.point.facility.site
        enterprise = self.site.enterprise
        self.company = OperatorCompany.objects.create(name="甲运维", division=enterprise.county)
        SiteAssignment.objects.create(company=self.company, site=self.site, starts_at=LONG_AGO)
        grant = factories.GrantFactory
        self.branch = grant(role=Role.COUNTY_BRANCH, division=enterprise.county).user
        self.officer = grant(
            role=Role.ENTERPRISE_OFFICER, division=None, enterprise=enterprise
        ).user
        self.operator = grant(role=Role.OPERATOR, division=None, company=self.company).user
        other = OperatorCompany.objects.create(name="乙运维", division=enterprise.county)
        SiteAssignment.objects.create(
            company=other, site=factories.SiteFactory(), starts_at=LONG_AGO
        )
        self.rival = grant(role=Role.OPERATOR, division=None, company=other).user

    def open(self, **changes):
        said = {"kind": "FAULT", "text": "离线", "actor": self.branch, "now": NOW, **changes}
        return open_work_order(self.site, **said)

    def move(self, order, event, actor, **said):
        return move_work_order(order, Event(event), actor=actor, now=NOW, **said)


@pytest.fixture
def world():
    return World()


def test_it_goes_its_way_and_each_step_is_logged(world):
    order = world.open(body="襄汾县 · 分局")
    assert (order.company, order.due_at) == (world.company, NOW + timedelta(hours=48))
    world.move(order, "accept", world.operator)
    world.move(order, "finish", world.operator, note="换了天线")
    world.move(order, "return", world.branch, note="仍离线")
    world.move(order, "finish", world.operator, note="换了卡")
    world.move(order, "confirm", world.branch)
    order.refresh_from_db()
    assert order.status == "CONFIRMED"
    steps = WorkOrderLog.objects.order_by("pk").values_list("from_status", "to_status")
    assert list(steps) == [
        ("", "OPEN"),
        ("OPEN", "ACCEPTED"),
        ("ACCEPTED", "DONE"),
        ("DONE", "RETURNED"),
        ("RETURNED", "DONE"),
        ("DONE", "CONFIRMED"),
    ]


@pytest.mark.parametrize("status", WorkOrderStatus.values)
@pytest.mark.parametrize("event", list(Event))
def test_what_is_not_in_the_table_is_refused(world, status, event):
    order = world.open()
    WorkOrder.objects.filter(pk=order.pk).update(status=status)
    order.refresh_from_db()
    if (status, event) in MOVES:
        world.move(order, event, world.branch, note="x")
        assert order.status == MOVES[status, event]
    else:
        with pytest.raises(WorkOrderRefused):
            world.move(order, event, world.branch, note="x")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("OPEN", {"branch": ["cancel"], "operator": ["accept"]}),
        ("ACCEPTED", {"branch": ["cancel"], "operator": ["finish"]}),
        ("DONE", {"branch": ["confirm", "return"]}),
        ("RETURNED", {"branch": ["cancel"], "operator": ["finish"]}),
        ("CONFIRMED", {}),
        ("CANCELLED", {}),
    ],
)
def test_each_side_does_its_own_part(world, status, expected):
    order = world.open()
    order.status = status
    people = {name: getattr(world, name) for name in ("branch", "operator", "officer", "rival")}
    found = {name: [str(e) for e in get_events(order, who)] for name, who in people.items()}
    assert {name: events for name, events in found.items() if events} == expected


def test_what_the_enterprise_opened_it_confirms_itself(world):
    order = world.open(actor=world.officer)
    order.status = "DONE"
    assert [str(event) for event in get_events(order, world.officer)] == ["confirm", "return"]
    assert [str(event) for event in get_events(order, world.branch)] == ["confirm", "return"]


def test_of_two_at_one_moment_the_second_is_refused(world):
    order = world.open()
    twin = WorkOrder.objects.get(pk=order.pk)
    world.move(order, "accept", world.operator)
    with pytest.raises(WorkOrderRefused):
        world.move(twin, "cancel", world.branch, note="x")


@pytest.mark.parametrize("event", ["return", "cancel", "finish"])
def test_a_step_that_owes_words_is_refused_without(world, event):
    order = world.open()
    status = {"return": "DONE", "cancel": "OPEN", "finish": "ACCEPTED"}[event]
    WorkOrder.objects.update(status=status)
    order.refresh_from_db()
    with pytest.raises(WorkOrderRefused):
        world.move(order, event, world.operator, note="  ")
    assert WorkOrder.objects.get().status == status


def test_a_site_without_an_operator_gets_none(world):
    SiteAssignment.objects.filter(site=world.site).delete()
    with pytest.raises(WorkOrderRefused):
        world.open()
    assert not WorkOrder.objects.exists()


def test_a_device_of_another_site_is_refused(world):
    with pytest.raises(WorkOrderRefused):
        world.open(collector=factories.CollectorFactory())


def test_a_county_may_set_its_own_clock(world):
    MeteringLimit.objects.create(
        key="fault_repair_hours",
        value=24,
        division=world.site.enterprise.county,
        valid_from=LONG_AGO,
    )
    assert world.open().due_at == NOW + timedelta(hours=24)


class TestCalibration:
    METER = {
        "serial": "S1",
        "accuracy_class": "0.5S",
        "ct_ratio": 40.0,
        "certificate_number": "新-1",
        "certified_on": date(2026, 11, 20),
        "certificate_expires_on": date(2028, 11, 20),
        "seal_numbers": "F9",
    }

    def start(self, world):
        Meter.objects.create(
            point=world.point,
            serial="S1",
            ct_ratio=40,
            certificate_number="旧-1",
            certificate_expires_on=date(2026, 11, 30),
            valid_from=LONG_AGO,
        )
        order = world.open(kind="CALIBRATION", point=world.point)
        world.move(order, "accept", world.operator)
        return order

    def test_it_ends_with_a_new_record_in_the_orders_name(self, world):
        order = self.start(world)
        world.move(order, "finish", world.operator, note="已检定", meter=self.METER)
        old, new = Meter.objects.order_by("valid_from")
        assert (old.valid_to, old.certificate_number) == (NOW, "旧-1")
        assert (new.certificate_number, new.work_order, new.recorded_by) == (
            "新-1",
            order,
            world.operator,
        )

    def test_without_the_record_it_is_not_done(self, world):
        order = self.start(world)
        with pytest.raises(WorkOrderRefused):
            world.move(order, "finish", world.operator, note="已检定")
        assert WorkOrder.objects.get().status == "ACCEPTED"

    def test_an_unsound_record_leaves_the_order_as_it_was(self, world):
        order = self.start(world)
        unsound = {**self.METER, "certificate_expires_on": date(2020, 1, 1)}
        with pytest.raises(ValidationError):
            world.move(order, "finish", world.operator, note="已检定", meter=unsound)
        assert WorkOrder.objects.get().status == "ACCEPTED"
        assert Meter.objects.count() == 1


class TestNumbers:
    def test_they_count_the_local_day(self):
        evening = datetime(2026, 11, 23, 15, 59, tzinfo=UTC)
        assert next_number(evening) == "GD-20261123-0001"
        assert next_number(evening) == "GD-20261123-0002"
        assert next_number(evening + timedelta(minutes=1)) == "GD-20261124-0001"

    @pytest.mark.django_db(transaction=True)
    def test_many_at_one_moment_all_differ(self):
        found, start = [], threading.Barrier(6)

        def draw():
            start.wait()
            found.extend(next_number(NOW) for _ in range(10))
            connection.close()

        threads = [threading.Thread(target=draw) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == [f"GD-20261123-{n:04d}" for n in range(1, 61)]
