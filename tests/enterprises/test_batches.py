"""Acts on many: what applies to whom, and that no debt goes away silently."""

from datetime import UTC, date, datetime, timedelta

import pytest

from enterprises.batches import (
    assign_company,
    extend_due,
    move_many,
    require_many,
    sort_for_batch,
    visible_batches,
)
from enterprises.models import Enterprise, Installation, InstallationLog
from enterprises.programme import Event, MoveRefused, Note
from tenancy.access import get_scope
from tenancy.models import Role, SiteAssignment
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
STATUSES = ("NOT_REQUIRED", "REQUIRED", "CONNECTED", "ACCEPTED", "EXEMPT", "DISMANTLED")


@pytest.fixture
def officer():
    return factories.UserFactory()


@pytest.fixture
def county():
    return factories.CountyFactory()


def enterprise(county, status="REQUIRED", **part):
    made = factories.EnterpriseFactory(county=county, installation_status=status)
    if part:
        factories.InstallationFactory(enterprise=made, **part)
    return made


def test_a_batch_takes_in_who_has_no_notice_and_leaves_the_others_alone(officer, county):
    by_status = {status: enterprise(county, status) for status in STATUSES}
    other = factories.BatchFactory()
    elsewhere = enterprise(county, "REQUIRED", batch=other, due_on=date(2026, 9, 1))
    foreign = enterprise(
        factories.CountyFactory(parent=factories.DivisionFactory(code="140800")), "NOT_REQUIRED"
    )
    batch = factories.BatchFactory(due_on=date(2026, 12, 31))
    said = sort_for_batch(Enterprise.objects.exclude(pk=foreign.pk))
    done = require_many(batch, Enterprise.objects.all(), actor=officer, now=NOW, body="大气办")
    assert done == said
    assert done.count == 3
    assert set(batch.installations.values_list("enterprise", "due_on")) == {
        (by_status[status].pk, date(2026, 12, 31))
        for status in ("NOT_REQUIRED", "REQUIRED", "CONNECTED")
    }
    elsewhere.installation.refresh_from_db()
    assert (elsewhere.installation.batch, elsewhere.installation.due_on) == (
        other,
        date(2026, 9, 1),
    )
    moved = InstallationLog.objects.get(event=Event.REQUIRE)
    assert (moved.enterprise, moved.from_status, moved.to_status) == (
        by_status["NOT_REQUIRED"],
        "NOT_REQUIRED",
        "REQUIRED",
    )
    assert InstallationLog.objects.filter(event=Note.DUE).count() == 2
    foreign.refresh_from_db()
    assert foreign.installation_status == "NOT_REQUIRED"
    # Done again it changes nothing.
    assert require_many(batch, Enterprise.objects.all(), actor=officer, now=NOW).count == 0


def test_a_day_of_its_own_is_not_put_off_by_joining_a_batch(officer, county):
    one = enterprise(county, batch=None, due_on=date(2026, 9, 1))
    require_many(
        factories.BatchFactory(due_on=date(2026, 12, 31)),
        Enterprise.objects.all(),
        actor=officer,
        now=NOW,
    )
    one.installation.refresh_from_db()
    assert one.installation.due_on == date(2026, 9, 1)


def test_a_due_day_is_changed_for_open_duties_alone_and_says_why(officer, county):
    late = enterprise(county, "INSTALLING", due_on=date(2026, 10, 31))
    accepted = enterprise(county, "ACCEPTED", due_on=date(2026, 10, 31))
    everyone, day = Enterprise.objects.all(), date(2026, 12, 31)
    with pytest.raises(MoveRefused):
        extend_due(everyone, day, reason=" ", actor=officer, now=NOW)
    with pytest.raises(MoveRefused):
        extend_due(everyone, date(2026, 11, 22), reason="late parts", actor=officer, now=NOW)
    assert extend_due(everyone, day, reason="late parts", actor=officer, now=NOW) == 1
    assert extend_due(everyone, day, reason="late parts", actor=officer, now=NOW) == 0
    late.installation.refresh_from_db()
    accepted.installation.refresh_from_db()
    assert (late.installation.due_on, late.installation.extension_reason) == (day, "late parts")
    assert accepted.installation.due_on == date(2026, 10, 31)
    assert InstallationLog.objects.get().reason == "2026-10-31 → 2026-12-31: late parts"


@pytest.mark.parametrize(
    ("event", "target"), [(Event.EXEMPT, "EXEMPT"), (Event.RELEASE, "NOT_REQUIRED")]
)
def test_duties_are_taken_away_with_a_reason_where_the_table_allows(officer, county, event, target):
    wanted = enterprise(county, "SURVEYED", due_on=date(2026, 10, 31))
    accepted = enterprise(county, "ACCEPTED")
    with pytest.raises(MoveRefused):
        move_many(Enterprise.objects.all(), event, actor=officer, now=NOW)
    count = move_many(Enterprise.objects.all(), event, actor=officer, now=NOW, reason="closed")
    assert count == 1
    wanted.refresh_from_db()
    accepted.refresh_from_db()
    assert (wanted.installation_status, accepted.installation_status) == (target, "ACCEPTED")
    installation = Installation.objects.get(enterprise=wanted)
    assert (installation.due_on is None) == (event is Event.RELEASE)


def test_what_is_made_one_by_one_is_not_made_for_many(officer):
    with pytest.raises(ValueError, match="one by one"):
        move_many(Enterprise.objects.all(), Event.ACCEPT, actor=officer, now=NOW, reason="x")


def test_an_assigned_company_sees_the_sites_and_the_former_one_no_longer(officer, county):
    site = factories.SiteFactory(enterprise=enterprise(county))
    first, second = factories.CompanyFactory(), factories.CompanyFactory()
    people = {}
    for company in (first, second):
        people[company] = factories.UserFactory()
        factories.GrantFactory(
            user=people[company], role=Role.OPERATOR, division=None, company=company
        )
    everyone = Enterprise.objects.all()
    assert assign_company(everyone, first, actor=officer, now=NOW) == 1
    assert assign_company(everyone, first, actor=officer, now=NOW) == 0
    later = NOW + timedelta(days=1)
    at = later + timedelta(minutes=1)
    assert get_scope(people[first], at=at).site_ids == (site.pk,)
    assert assign_company(everyone, second, actor=officer, now=later) == 1
    assert get_scope(people[first], at=at).site_ids == ()
    assert get_scope(people[second], at=at).site_ids == (site.pk,)
    assert SiteAssignment.objects.count() == 2
    assert Installation.objects.get().company == second


def test_an_assignment_that_would_end_at_its_own_beginning_never_was(officer, county):
    factories.SiteFactory(enterprise=enterprise(county))
    first, second = factories.CompanyFactory(), factories.CompanyFactory()
    for company in (first, second):
        assign_company(Enterprise.objects.all(), company, actor=officer, now=NOW)
    assert SiteAssignment.objects.get().company == second


def test_a_batch_is_seen_by_its_division_and_by_whose_enterprise_it_names(county):
    batch, foreign = (
        factories.BatchFactory(),
        factories.BatchFactory(division=factories.DivisionFactory(code="140800", name="运城市")),
    )
    named = enterprise(county, batch=batch)

    def seen_by(**grant):
        return set(visible_batches(factories.GrantFactory(**grant).user))

    assert seen_by() == {batch}
    assert seen_by(division=county, role=Role.COUNTY_BRANCH) == {batch}
    assert seen_by(division=factories.CountyFactory(), role=Role.COUNTY_BRANCH) == set()
    assert seen_by(division=foreign.division) == {foreign}
    own = {"division": None, "enterprise": named, "role": Role.ENTERPRISE_OFFICER}
    assert seen_by(**own) == {batch}
    assert visible_batches(factories.UserFactory()).count() == 0


@pytest.mark.parametrize("count", [1, 3])
def test_an_act_costs_the_same_for_one_and_for_many(
    officer, county, count, django_assert_num_queries
):
    for _one in range(count):
        enterprise(county, "NOT_REQUIRED")
    batch = factories.BatchFactory()
    with django_assert_num_queries(9):
        require_many(batch, Enterprise.objects.all(), actor=officer, now=NOW)
