"""Who sees what follows from the grants in force."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError

from enterprises.models import Enterprise
from tenancy.access import ROLE_PERMISSIONS, Permission, get_scope, has_permission
from tenancy.models import Division, Grant, Role
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def city():
    """Two counties of one city and one of another, an enterprise in each."""
    linfen = factories.DivisionFactory()
    yuncheng = factories.DivisionFactory(code="140800", name="运城市")
    counties = [
        factories.CountyFactory(code="141023", parent=linfen),
        factories.CountyFactory(code="141024", parent=linfen),
        factories.CountyFactory(code="140802", parent=yuncheng),
    ]
    return [factories.EnterpriseFactory(county=county) for county in counties]


def visible(user) -> set[Enterprise]:
    return set(Enterprise.objects.visible_to(user))


def test_a_city_role_sees_its_counties_and_no_other_citys(city):
    grant = factories.GrantFactory(division=Division.objects.get(code="141000"))
    assert visible(grant.user) == set(city[:2])


def test_a_county_role_sees_its_county(city):
    grant = factories.GrantFactory(role=Role.COUNTY_BRANCH, division=city[0].county)
    assert visible(grant.user) == {city[0]}


def test_an_enterprises_officer_sees_exactly_the_own(city):
    grant = factories.GrantFactory(role=Role.ENTERPRISE_OFFICER, division=None, enterprise=city[1])
    assert visible(grant.user) == {city[1]}


def test_several_grants_add_up(city):
    grant = factories.GrantFactory(role=Role.COUNTY_BRANCH, division=city[0].county)
    factories.GrantFactory(user=grant.user, role=Role.OPERATOR, division=None, enterprise=city[2])
    assert visible(grant.user) == {city[0], city[2]}


def test_without_a_grant_nothing_is_seen(city):
    assert visible(factories.UserFactory()) == set()
    assert get_scope(AnonymousUser()).is_empty


def test_a_disabled_person_sees_nothing(city):
    grant = factories.GrantFactory(user__is_active=False)
    assert visible(grant.user) == set()
    assert not has_permission(grant.user, Permission.HANDLE_ALERTS)


@pytest.mark.parametrize(
    ("starts", "ends", "holds"),
    [(-1, None, True), (-1, 1, True), (-2, -1, False), (1, None, False), (-1, 0, False)],
)
def test_a_grant_holds_from_its_start_to_before_its_end(city, starts, ends, holds):
    grant = factories.GrantFactory(
        starts_at=NOW + timedelta(days=starts),
        ends_at=None if ends is None else NOW + timedelta(days=ends),
    )
    assert get_scope(grant.user, at=NOW).is_empty is not holds
    assert has_permission(grant.user, Permission.HANDLE_ALERTS, at=NOW) is holds


def test_a_code_that_begins_like_another_does_not_open_it(city):
    factories.EnterpriseFactory(
        county=factories.CountyFactory(code="1410231", parent=city[0].county.parent)
    )
    grant = factories.GrantFactory(role=Role.COUNTY_BRANCH, division=city[0].county)
    assert visible(grant.user) == {city[0]}


def test_every_role_has_its_line_in_the_table():
    assert set(ROLE_PERMISSIONS) == set(Role)


def test_a_grant_names_a_division_or_an_enterprise_not_both(city):
    with pytest.raises(IntegrityError, match="tenancy_grant_one_scope"):
        Grant.objects.create(
            user=factories.UserFactory(),
            role=Role.OPERATOR,
            division=city[0].county,
            enterprise=city[0],
            starts_at=NOW,
        )
