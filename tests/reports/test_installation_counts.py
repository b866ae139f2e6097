"""The counts of the programme against counting by hand, now and a week ago."""

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from common.localtime import local_date
from enterprises.batches import extend_due, move_many, require_many
from enterprises.models import (
    NOT_COUNTED_STATUSES,
    Enterprise,
    FacilityKind,
    Industry,
    InstallationStatus,
)
from enterprises.programme import OPEN_STATUSES, Event, is_overdue, move
from meters.models import LatestReading
from reports.queries.installation import GROUPINGS, REACHED, get_installation
from reports.queries.programme_names import STATES, NameFilter
from reports.tallies import count_points
from tenancy.models import Role
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TODAY = local_date(NOW)


@pytest.fixture
def city():
    return factories.DivisionFactory()


@pytest.fixture
def officer(city):
    return factories.GrantFactory(division=city, role=Role.CITY_AIR_OFFICE).user


def random_city(city, seed):
    """Fill two counties at random; some enterprises have no row of ``Installation``."""
    rng = Random(seed)
    counties = [factories.CountyFactory(parent=city) for _one in range(2)]
    batches = [factories.BatchFactory(division=city) for _one in range(2)]
    for _one in range(25):
        enterprise = factories.EnterpriseFactory(
            county=rng.choice(counties),
            industry=rng.choice(list(Industry)[:3]),
            installation_status=rng.choice(InstallationStatus.values),
        )
        if rng.random() < 0.8:
            factories.InstallationFactory(
                enterprise=enterprise,
                batch=rng.choice([None, *batches]),
                due_on=rng.choice([None, *(TODAY + timedelta(days=n) for n in (-30, -1, 0, 9))]),
            )
    stranger = factories.CountyFactory(parent=factories.DivisionFactory(code="140800"))
    factories.EnterpriseFactory(county=stranger, installation_status="REQUIRED")
    return counties


def by_hand(enterprises):
    found = Counter()
    for one in enterprises:
        status = one.installation_status
        part = getattr(one, "installation", None)
        found["enterprises"] += 1
        found["required"] += status not in NOT_COUNTED_STATUSES
        for figure in ("surveyed", "installed", "accepted", "exempt"):
            found[figure] += status in REACHED[figure]
        found["overdue"] += is_overdue(status, part.due_on if part else None, NOW)
    return found


FIGURES = ("enterprises", "required", "surveyed", "installed", "accepted", "exempt", "overdue")


@pytest.mark.parametrize(("seed", "by"), list(itertools.product((1, 2, 3), GROUPINGS)))
def test_every_number_is_what_one_counts_by_hand(city, officer, seed, by):
    random_city(city, seed)
    view = get_installation(officer, now=NOW, by=by)
    ours = list(Enterprise.objects.filter(county__parent=city).select_related("installation"))
    keys = {
        "county": lambda one: one.county.code,
        "industry": lambda one: one.industry,
        "batch": lambda one: str(getattr(getattr(one, "installation", None), "batch_id", "") or ""),
    }
    groups = {}
    for one in ours:
        groups.setdefault(keys[by](one) or "none", []).append(one)
    assert {row.key for row in view.rows} == set(groups)
    for row in view.rows:
        expected = by_hand(groups[row.key])
        assert {f: getattr(row, f) for f in FIGURES} == {f: expected[f] for f in FIGURES}
    expected = by_hand(ours)
    assert {f: getattr(view.total, f) for f in FIGURES} == {f: expected[f] for f in FIGURES}


@pytest.mark.parametrize("seed", [1, 2])
def test_every_number_leads_to_as_many_names(city, officer, seed):
    counties = random_city(city, seed)
    visible = Enterprise.objects.visible_to(officer)
    view = get_installation(officer, now=NOW, by="county", county=counties[0].code)
    for figure in ("required", "surveyed", "installed", "accepted", "exempt", "overdue"):
        names = NameFilter(county=counties[0].code, state=figure).apply(visible, now=NOW)
        assert names.count() == getattr(view.total, figure)
    for row in get_installation(officer, now=NOW, by="batch").rows:
        assert NameFilter(batch=row.key).apply(visible, now=NOW).count() == row.enterprises
    for status in InstallationStatus:
        count = NameFilter(county=counties[0].code, state=status).apply(visible, now=NOW).count()
        assert count == view.total.statuses.get(status, 0)


def test_what_was_a_week_ago_is_what_was_counted_then(city, officer):
    """Count, live through a week of acts, and ask for the week before."""
    then, rng = NOW - timedelta(days=7), Random(7)
    random_city(city, 4)
    before = get_installation(officer, now=then, by="industry")
    ours = Enterprise.objects.visible_to(officer)
    batch = factories.BatchFactory(due_on=TODAY + timedelta(days=30))
    require_many(batch, ours, actor=officer, now=then + timedelta(hours=1))
    some = ours.filter(pk__in=rng.sample(list(ours.values_list("pk", flat=True)), 8))
    day = TODAY + timedelta(days=40)
    extend_due(some, day, reason="late parts", actor=officer, now=then + timedelta(days=1))
    extend_due(
        some, day + timedelta(1), reason="again", actor=officer, now=then + timedelta(days=2)
    )
    few = ours.filter(installation_status="REQUIRED")[:3].values("pk")
    releases = ours.filter(pk__in=list(few.values_list("pk", flat=True)))
    move_many(releases, Event.RELEASE, actor=officer, now=then + timedelta(days=3), reason="closed")
    for hours, one in enumerate(ours.filter(installation_status="CONNECTED").order_by("pk"), 80):
        move(one, Event.ACCEPT, actor=officer, now=then + timedelta(hours=hours))
    after = get_installation(officer, now=NOW, by="industry")
    earlier = {row.key: row for row in before.rows}
    assert {row.key for row in after.rows} == set(earlier)
    for row in after.rows:
        was = earlier[row.key]
        now_zero = {k: n for k, n in row.statuses_before.items() if n}
        assert now_zero == was.statuses
        assert row.overdue_before == was.overdue
    assert after.total.accepted > before.total.accepted
    assert after.changes.accepted_count == after.total.accepted - before.total.accepted


def test_who_became_overdue_within_the_week_is_named(city, officer):
    county = factories.CountyFactory(parent=city)
    days = {"today": 0, "yesterday": 1, "a week ago": 7, "eight days ago": 8}
    for name, ago in days.items():
        one = factories.EnterpriseFactory(county=county, name=name, installation_status="CONNECTED")
        factories.InstallationFactory(enterprise=one, due_on=TODAY - timedelta(days=ago))
    changes = get_installation(officer, now=NOW, by="county").changes
    assert [name.name for name in changes.overdue] == ["yesterday", "a week ago"]
    assert changes.overdue_count == 2


def test_points_count_once_accepted_and_in_use_and_online_by_their_own_readings(city, officer):
    site = factories.SiteFactory(enterprise__county=factories.CountyFactory(parent=city))
    ages = {"fresh": 1, "late": 4, "silent": 6, "never": None, "new": 1, "retired": 1}
    for name, minutes in ages.items():
        point = factories.PointFactory(
            facility=factories.FacilityFactory(site=site, control=True),
            is_accepted=name != "new",
            retired_at=NOW if name == "retired" else None,
        )
        if minutes:
            at = NOW - timedelta(minutes=minutes)
            LatestReading.objects.create(point=point, measured_at=at, received_at=at)
    slow = factories.CollectorFactory(site=site, expected_interval_s=900)
    main = factories.FacilityFactory(site=site, kind=FacilityKind.MAIN)
    point = factories.PointFactory(facility=main, collector=slow)
    at = NOW - timedelta(minutes=44)
    LatestReading.objects.create(point=point, measured_at=at, received_at=at)
    count_points(now=NOW)
    for by in GROUPINGS:
        view = get_installation(officer, now=NOW, by=by)
        assert view.points_counted_at == NOW
        assert view.total.points == {"CONTROL": 4, "MAIN": 1}
        assert [row.points_online for row in view.rows] == [3]
    total = get_installation(officer, now=NOW, by="county").total
    assert total.points == {"CONTROL": 4, "MAIN": 1}
    assert (total.points_online, total.points_accepted) == (3, 5)


def test_a_branch_counts_its_county_alone(city):
    mine, other = (factories.CountyFactory(parent=city) for _one in range(2))
    for county in (mine, other):
        factories.EnterpriseFactory(county=county, installation_status="REQUIRED")
    officer = factories.GrantFactory(division=mine, role=Role.COUNTY_BRANCH).user
    view = get_installation(officer, now=NOW, by="county")
    assert [(row.key, row.required) for row in view.rows] == [(mine.code, 1)]
    assert view.total.required == 1


def test_a_province_counts_city_by_city(city):
    province = factories.DivisionFactory(code="140000", name="山西省", kind="PROVINCE")
    city.parent = province
    city.save()
    second = factories.DivisionFactory(code="140800", name="运城市", parent=province)
    for above in (city, second):
        county = factories.CountyFactory(parent=above)
        factories.EnterpriseFactory(county=county, installation_status="REQUIRED")
    officer = factories.GrantFactory(division=province, role=Role.PROVINCE_VIEWER).user
    view = get_installation(officer, now=NOW, by="county")
    assert {row.above for row in view.rows} == {"临汾市", "运城市"}
    narrowed = get_installation(officer, now=NOW, by="county", county="140800")
    assert [row.above for row in narrowed.rows] == ["运城市"]
    assert narrowed.total.required == 1


def test_a_state_that_nobody_knows_narrows_nothing(city, officer):
    random_city(city, 1)
    visible = Enterprise.objects.visible_to(officer)
    assert NameFilter(state="x").apply(visible, now=NOW).count() == 25
    assert set(STATES) >= set(REACHED)
    assert all(not is_overdue(s, date(2020, 1, 1), NOW) or s in OPEN_STATUSES for s in REACHED)
