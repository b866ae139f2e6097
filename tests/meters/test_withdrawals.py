"""A planned record is withdrawn before it begins; one that has begun is not."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from enterprises import operations as file_ops
from enterprises.models import Attachment, LineGrade, Pairing, Threshold
from meters import operations as ops
from meters.models import CollectorDevice, Meter
from tenancy.models import AuditEntry
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
DAY = timedelta(days=1)
SINCE, PLANNED, LATER = NOW - 30 * DAY, NOW + 10 * DAY, NOW + 20 * DAY


@pytest.fixture
def by():
    return {"actor": factories.UserFactory(), "now": NOW}


def dates(model, **names):
    rows = model.objects.filter(**names).order_by("valid_from")
    return list(rows.values_list("valid_from", "valid_to"))


def meters(point, by, *starts):
    return [
        ops.replace_meter(point, serial=f"S{n}", ct_ratio=40, valid_from=at, reason="换表", **by)
        for n, at in enumerate(starts)
    ]


def withdrawn(row, by):
    withdraw = {
        Threshold: ops.withdraw_threshold,
        Pairing: ops.withdraw_pairing,
        Meter: ops.withdraw_meter,
        CollectorDevice: ops.withdraw_device,
        LineGrade: file_ops.withdraw_grade,
    }[type(row)]
    withdraw(row, reason="计划取消", **by)


def test_the_meter_in_force_goes_on_and_the_log_says_who_and_why(by):
    point = factories.PointFactory()
    _, planned = meters(point, by, SINCE, PLANNED)
    paper = hang_paper(planned)
    withdrawn(planned, by)
    assert dates(Meter) == [(SINCE, None)]
    entry = AuditEntry.objects.get(action="record.withdraw")
    assert (entry.actor_id, entry.enterprise_id, entry.note) == (
        by["actor"].pk,
        point.collector.enterprise_id,
        "计划取消",
    )
    paper.refresh_from_db()
    assert (paper.subject_type, paper.subject_id) == ("", None)


def hang_paper(meter):
    enterprise = meter.point.collector.enterprise
    return Attachment.objects.create(
        key="00000000-0000-4000-8000-000000000001",
        enterprise=enterprise,
        subject_type="meter",
        subject_id=meter.pk,
        path="a/b",
        size_bytes=1,
        uploaded_by=factories.UserFactory(),
        uploaded_at=NOW,
    )


def test_of_two_planned_meters_the_first_hands_its_time_to_the_one_before(by):
    _, first, _ = meters(factories.PointFactory(), by, SINCE, PLANNED, LATER)
    withdrawn(first, by)
    assert dates(Meter) == [(SINCE, LATER), (LATER, None)]


def test_of_two_planned_meters_the_last_leaves_the_first_open(by):
    *_, last = meters(factories.PointFactory(), by, SINCE, PLANNED, LATER)
    withdrawn(last, by)
    assert dates(Meter) == [(SINCE, PLANNED), (PLANNED, None)]


def test_hardware_a_threshold_and_a_grade_are_withdrawn_alike(by):
    collector = factories.CollectorFactory()
    for at in (SINCE, PLANNED):
        device = ops.replace_device(collector, serial="D", valid_from=at, reason="x", **by)
    facility, line = factories.FacilityFactory(production=True), factories.LineFactory()
    for at in (SINCE, PLANNED):
        powers = {"off_below_kw": 5, "on_from_kw": 20}
        threshold = ops.set_threshold(facility, **powers, valid_from=at, reason="x", **by)
        grade = file_ops.set_grade(line, grade="B", valid_from=at, basis="通知", **by)
    for row in (device, threshold, grade):
        withdrawn(row, by)
    assert dates(CollectorDevice) == [(SINCE, None)]
    assert list(Threshold.objects.values_list("valid_from", flat=True)) == [SINCE]
    assert list(LineGrade.objects.values_list("valid_from", flat=True)) == [SINCE]
    assert AuditEntry.objects.filter(action="record.withdraw").count() == 3


class TestPairing:
    @pytest.fixture
    def sides(self):
        site = factories.SiteFactory()
        return {
            "site": site,
            "productions": [factories.FacilityFactory(site=site, production=True)],
            "controls": [factories.FacilityFactory(site=site, control=True)],
        }

    def test_the_pairing_that_it_was_to_follow_goes_on(self, sides, by):
        old = ops.set_pairing(**sides, stage="除尘", valid_from=SINCE, reason="x", **by)
        other = ops.set_pairing(**sides, stage="脱硫", valid_from=SINCE, reason="x", **by)
        ops.end_pairing(other, valid_to=NOW + DAY, reason="拆除", **by)
        new = ops.set_pairing(**sides, stage="除尘", valid_from=PLANNED, replaces=old, **by)
        withdrawn(new, by)
        assert dates(Pairing, stage="除尘") == [(SINCE, None)]
        assert dates(Pairing, stage="脱硫") == [(SINCE, NOW + DAY)]

    def test_a_first_pairing_that_was_planned_is_simply_gone(self, sides, by):
        new = ops.set_pairing(**sides, stage="除尘", valid_from=PLANNED, **by)
        withdrawn(new, by)
        assert not Pairing.objects.exists()

    def test_what_stands_in_the_way_of_the_one_before_is_named_and_nothing_changes(self, sides, by):
        old = ops.set_pairing(**sides, stage="除尘", valid_from=SINCE, reason="x", **by)
        new = ops.set_pairing(**sides, stage="除尘二级", valid_from=PLANNED, replaces=old, **by)
        ops.set_pairing(**sides, stage="除尘", valid_from=LATER, **by)
        with pytest.raises(ValidationError) as caught:
            withdrawn(new, by)
        assert list(caught.value.message_dict) == ["reason"]
        assert Pairing.objects.count() == 3


def test_a_record_that_has_begun_stays_whatever_stood_in_the_plan(by):
    point = factories.PointFactory()
    _, planned = meters(point, by, SINCE, PLANNED)
    for now in (PLANNED, LATER):
        with pytest.raises(ValidationError, match="已生效"):
            withdrawn(planned, by | {"now": now})
    assert Meter.objects.count() == 2
    assert not AuditEntry.objects.filter(action="record.withdraw").exists()


def test_a_reason_is_owed_and_the_second_to_withdraw_is_told(by):
    point = factories.PointFactory()
    _, planned = meters(point, by, SINCE, PLANNED)
    with pytest.raises(ValidationError) as caught:
        ops.withdraw_meter(planned, reason=" ", **by)
    assert list(caught.value.message_dict) == ["reason"]
    withdrawn(Meter.objects.get(pk=planned.pk), by)
    with pytest.raises(ValidationError, match="已被撤回"):
        withdrawn(planned, by)
