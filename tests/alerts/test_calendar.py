"""From records to alerts: certificates and due days, looked at by the clock."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts import calendar
from alerts.calendar import (
    evaluate_calendar,
    find_enterprises,
    judge_enterprise,
    judge_enterprises,
)
from alerts.evaluate import evaluate_enterprise
from alerts.models import Alert, AlertLog, Notification, Occurrence, RuleParameter
from alerts.tasks import evaluate_calendar as calendar_task
from common.localtime import day_start
from enterprises.models import Enterprise, Installation, InstallationLog
from meters.models import Meter
from tenancy.models import OperatorCompany, Role, SiteAssignment
from tests import factories

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
DUE = date(2026, 11, 30)
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


def at(day, hours=12):
    return day_start(DUE) + DAY + day * DAY + timedelta(hours=hours)


@pytest.fixture
def late():
    """An enterprise that had to install by ``DUE``."""
    enterprise = factories.EnterpriseFactory(installation_status="REQUIRED")
    factories.GrantFactory(division=enterprise.county, role=Role.COUNTY_BRANCH)
    factories.GrantFactory(enterprise=enterprise, division=None, role=Role.ENTERPRISE_OFFICER)
    Installation.objects.create(enterprise=enterprise, due_on=DUE)
    return enterprise


@pytest.fixture
def metered():
    """A point whose meter's certificate ends on ``DUE``; its site is served by a company."""
    point = factories.PointFactory()
    site = point.facility.site
    company = OperatorCompany.objects.create(name="运维", division=site.enterprise.county)
    SiteAssignment.objects.create(company=company, site=site, starts_at=LONG_AGO)
    factories.GrantFactory(company=company, division=None, role=Role.OPERATOR)
    Meter.objects.create(point=point, serial="S1", certificate_expires_on=DUE, valid_from=LONG_AGO)
    return point


def stored():
    return [
        (row.rule, row.state, row.level) for row in Occurrence.objects.order_by("started_at", "pk")
    ]


def look(day):
    return evaluate_calendar(now=at(day)).evaluated


class TestOverdue:
    def test_it_opens_rises_and_ends_with_the_acceptance(self, late):
        assert look(-1) == 0
        assert look(0) == 1
        assert stored() == [("R19", "FIRING", 3)]
        alert = Alert.objects.get()
        assert (alert.rule, alert.level, alert.is_ongoing) == ("R19", 3, True)
        assert look(3) == 1
        assert look(7) == 1
        assert stored() == [("R19", "FIRING", 1)]
        Enterprise.objects.filter(pk=late.pk).update(installation_status="ACCEPTED")
        InstallationLog.objects.create(
            enterprise=late, from_status="CONNECTED", to_status="ACCEPTED", event="x", at=at(8)
        )
        assert look(8.5) == 1
        assert stored() == [("R19", "ENDED", 1)]
        alert.refresh_from_db()
        assert not alert.is_ongoing
        events = list(AlertLog.objects.order_by("pk").values_list("event", flat=True))
        assert events == ["opened", "level_raised", "level_raised", "ended"]
        told = Notification.objects.order_by("pk").values_list("audience", flat=True)
        assert set(told) == {"enterprise_officer", "county_branch"}

    def test_a_second_look_on_the_same_day_finds_nobody(self, late):
        look(0)
        assert find_enterprises(at(0, 23)) == []
        assert find_enterprises(at(1, 0.1)) == [late.pk]

    def test_an_exemption_ends_it_and_a_moved_due_day_withdraws_it(self, late):
        look(0)
        Installation.objects.update(due_on=DUE + 30 * DAY)
        assert look(1) == 1
        assert stored() == [("R19", "WITHDRAWN", 3)]
        assert Alert.objects.get().status == "WITHDRAWN"
        assert look(2) == 0

    def test_who_was_accepted_late_before_anybody_looked_is_not_raised(self, late):
        Enterprise.objects.update(installation_status="ACCEPTED")
        Installation.objects.update(accepted_at=at(5))
        assert look(9) == 0
        judge_enterprise(late.pk, now=at(9))
        assert stored() == []

    def test_patience_of_a_city_is_heeded_without_looking_again_and_again(self, late):
        RuleParameter.objects.create(
            key="r19_days_yellow", value=2, division=late.county.parent, valid_from=LONG_AGO
        )
        assert find_enterprises(at(1)) == []
        assert find_enterprises(at(2)) == [late.pk]

    def test_evaluating_readings_leaves_it_alone(self, late):
        look(0)
        evaluate_enterprise(late.pk, as_of=at(0), now=at(0))
        assert stored() == [("R19", "FIRING", 3)]

    def test_as_of_decides_not_the_day_of_writing(self, late):
        judge_enterprise(late.pk, as_of=at(2), now=at(50))
        assert stored() == [("R19", "FIRING", 3)]


class TestCertificates:
    def test_it_is_told_to_who_looks_after_the_site_and_ends_when_renewed(self, metered):
        enterprise = metered.collector.enterprise
        assert look(-32) == 0
        assert look(-31) == 1
        assert stored() == [("R18", "FIRING", 3)]
        assert set(Notification.objects.values_list("audience", flat=True)) == {"operator"}
        assert find_enterprises(at(-31)) == []
        Meter.objects.update(valid_to=at(-20))
        Meter.objects.create(
            point=metered,
            serial="S1",
            certificate_expires_on=DUE + 700 * DAY,
            valid_from=at(-20),
        )
        assert find_enterprises(at(-19)) == [enterprise.pk]
        assert look(-19) == 1
        assert stored() == [("R18", "ENDED", 3)]
        assert look(-18) == 0

    def test_a_retired_point_and_an_exempt_enterprise_are_left_alone(self, metered):
        metered.retired_at = at(-100)
        metered.save()
        assert look(0) == 0
        metered.retired_at = None
        metered.save()
        Enterprise.objects.update(installation_status="EXEMPT")
        assert look(0) == 0

    def test_a_shorter_notice_of_one_industry_is_heeded(self, metered):
        RuleParameter.objects.create(
            key="r18_notice_days", value=5, industry="FOUNDRY", valid_from=LONG_AGO
        )
        assert find_enterprises(at(-10)) == []
        assert find_enterprises(at(-6)) == [metered.collector.enterprise_id]

    def test_the_operator_sees_it_and_no_alert_of_another_kind(self, metered, late):
        operator = Role.OPERATOR
        look(0)
        user = metered.facility.site.assignments.get().company.grants.get(role=operator).user
        assert [alert.rule for alert in Alert.objects.visible_to(user)] == ["R18"]


def test_a_round_that_finds_nothing_is_six_queries_whatever_the_number(late, metered):
    look(0)
    for _ in range(3):
        other = factories.EnterpriseFactory(installation_status="REQUIRED")
        Installation.objects.create(enterprise=other, due_on=DUE)
    look(0)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert look(0) == 0
    assert len(queries) == 6


def count_queries(day):
    with CaptureQueriesContext(connection) as queries:
        judged = look(day)
    return judged, len(queries)


def test_another_day_costs_the_same_queries_whatever_the_number(late, metered):
    look(0)
    found = count_queries(1)
    assert found[0] == 2
    for n in range(3):
        other = factories.EnterpriseFactory(
            installation_status="REQUIRED", county=factories.CountyFactory()
        )
        Installation.objects.create(enterprise=other, due_on=DUE)
        point = factories.PointFactory()
        Meter.objects.create(
            point=point, serial=f"T{n}", certificate_expires_on=DUE, valid_from=LONG_AGO
        )
    look(1)
    assert count_queries(2) == (8, found[1])
    assert found[1] == 17  # six to find, a savepoint, the locks, six to load, two to write


def test_a_batch_finds_what_each_alone_finds(late, metered):
    def rows():
        return list(
            Occurrence.objects.order_by("enterprise", "rule", "started_at").values_list(
                "enterprise", "rule", "state", "level", "started_at", "ended_at", "evidence"
            )
        ), list(Alert.objects.order_by("enterprise").values_list("level", "latest_ended_at"))

    ids = [late.pk, metered.collector.enterprise_id]
    RuleParameter.objects.create(
        key="r19_days_red", value=5, division=late.county, valid_from=LONG_AGO
    )
    for day in (0, 2, 5, 8):
        point = transaction.savepoint()
        for pk in ids:
            judge_enterprise(pk, now=at(day))
        alone = rows()
        transaction.savepoint_rollback(point)
        judge_enterprises(ids, now=at(day))
        assert rows() == alone
    assert [row[3] for row in rows()[0]] == [1, 3]


def test_an_enterprise_that_cannot_be_judged_does_not_hold_up_its_batch(
    late, metered, monkeypatch, caplog
):
    Installation.objects.create(enterprise=metered.collector.enterprise, due_on=DUE)
    Enterprise.objects.filter(pk=metered.collector.enterprise_id).update(
        installation_status="CONNECTED"
    )
    whole = calendar.r19.evaluate

    def fails_for_one(installation, **kwargs):
        if installation.enterprise_id == late.pk:
            raise ValueError("unsound")
        return whole(installation, **kwargs)

    monkeypatch.setattr(calendar.r19, "evaluate", fails_for_one)
    drained = evaluate_calendar(now=at(0))
    assert (drained.evaluated, drained.failed) == (1, 1)
    assert {row.enterprise_id for row in Occurrence.objects.all()} == {
        metered.collector.enterprise_id
    }
    assert "calendar.failed" in caplog.text


def test_the_task_runs_twice_with_the_effect_of_once(late):
    Installation.objects.update(due_on=date(2020, 1, 7))
    calendar_task()
    before = stored(), Notification.objects.count()
    calendar_task()
    assert (stored(), Notification.objects.count()) == before
