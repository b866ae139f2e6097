"""Who may make whom: accounts, grants, companies, and the pages of those who look after them."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from enterprises.models import Enterprise
from tenancy import operations
from tenancy.access import Permission, get_scope
from tenancy.models import (
    Division,
    DivisionKind,
    Grant,
    OperatorCompany,
    Role,
    SiteAssignment,
    User,
)
from tenancy.operations import Refused
from tenancy.words import PERMISSION_WORDS
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


class World:
    """Two cities of one province, a county and an area in each, and those who look after people."""

    def __init__(self) -> None:
        self.province = Division.objects.create(
            code="140000", name="山西省", kind=DivisionKind.PROVINCE
        )
        self.city = factories.DivisionFactory(parent=self.province)
        self.other_city = factories.DivisionFactory(
            code="140800", name="运城市", parent=self.province
        )
        self.county = factories.CountyFactory(parent=self.city)
        self.other_county = factories.CountyFactory(parent=self.other_city)
        self.area = factories.DivisionFactory(
            code="1410EDZ", name="开发区", kind=DivisionKind.AREA, parent=self.city
        )
        self.enterprise = factories.EnterpriseFactory(county=self.county)
        self.site = factories.SiteFactory(enterprise=self.enterprise)
        self.foreign = factories.EnterpriseFactory(county=self.other_county)
        self.foreign_site = factories.SiteFactory(enterprise=self.foreign)
        self.company = OperatorCompany.objects.create(name="运维一公司(示例)", division=self.city)
        self.foreign_company = OperatorCompany.objects.create(
            name="运维二公司(示例)", division=self.other_city
        )
        self.security = self.holder(Role.SECURITY_ADMIN, self.city)
        self.city_admin = self.holder(Role.CITY_ADMIN, self.city)

    @staticmethod
    def holder(role: Role, division: Division | None = None, **scope) -> User:
        return factories.GrantFactory(role=role, division=division, **scope).user


@pytest.fixture
def world(clock) -> World:
    return World()


def give(world: World, user: User, role: Role, *, actor: User | None = None, **scope) -> Grant:
    return operations.give_grant(
        user=user,
        role=role,
        starts_at=scope.pop("starts_at", NOW),
        ends_at=scope.pop("ends_at", None),
        actor=actor or world.security,
        now=NOW,
        **scope,
    )


# --- rules --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "place"),
    [
        (Role.COUNTY_BRANCH, "county"),
        (Role.COUNTY_BRANCH, "area"),
        (Role.COUNTY_AIR_OFFICE, "county"),
        (Role.CITY_ENFORCER, "city"),
        (Role.AUTHORITY_HEAD, "county"),
        (Role.SYSTEM_ADMIN, "city"),
    ],
)
def test_a_role_is_given_for_its_kind_of_division(world, role, place):
    grant = give(world, factories.UserFactory(), role, division=getattr(world, place))
    assert grant.pk


@pytest.mark.parametrize(
    ("role", "scope"),
    [
        (Role.COUNTY_BRANCH, {"division": "city"}),
        (Role.CITY_ENFORCER, {"division": "county"}),
        (Role.CITY_ENFORCER, {"division": "area"}),
        (Role.CITY_ENFORCER, {"enterprise": "enterprise"}),
        (Role.ENTERPRISE_OFFICER, {"division": "county"}),
        (Role.OPERATOR, {"division": "city"}),
        (Role.OPERATOR, {"enterprise": "enterprise"}),
        (Role.CITY_ENFORCER, {"division": "city", "company": "company"}),
        (Role.CITY_ENFORCER, {}),
    ],
)
def test_a_role_that_does_not_fit_its_scope_is_refused(world, role, scope):
    scope = {name: getattr(world, value) for name, value in scope.items()}
    with pytest.raises(Refused):
        give(world, factories.UserFactory(), role, **scope)
    assert Grant.objects.count() == 2


def test_nobody_grants_to_themselves_or_ends_their_own(world):
    with pytest.raises(Refused):
        give(world, world.security, Role.CITY_ENFORCER, division=world.city)
    with pytest.raises(Refused):
        operations.end_grant(grant=world.security.grants.get(), actor=world.security, now=NOW)


@pytest.mark.parametrize(
    ("role", "scope"),
    [
        (Role.CITY_ENFORCER, {"division": "other_city"}),
        (Role.COUNTY_BRANCH, {"division": "other_county"}),
        (Role.PROVINCE_VIEWER, {"division": "province"}),
        (Role.OPERATOR, {"company": "foreign_company"}),
        (Role.ENTERPRISE_OFFICER, {"enterprise": "enterprise"}),
    ],
)
def test_a_security_administrator_stays_within_the_own_city(world, role, scope):
    scope = {name: getattr(world, value) for name, value in scope.items()}
    with pytest.raises(PermissionDenied):
        give(world, factories.UserFactory(), role, **scope)


@pytest.mark.parametrize(
    ("role", "scope", "allowed"),
    [
        (Role.ENTERPRISE_OFFICER, {"enterprise": "enterprise"}, True),
        (Role.ENTERPRISE_REP, {"enterprise": "enterprise"}, True),
        (Role.OPERATOR, {"company": "company"}, True),
        (Role.ENTERPRISE_OFFICER, {"enterprise": "foreign"}, False),
        (Role.OPERATOR, {"company": "foreign_company"}, False),
        (Role.COUNTY_BRANCH, {"division": "county"}, False),
        (Role.SECURITY_ADMIN, {"division": "city"}, False),
    ],
)
def test_a_city_administrator_gives_outer_roles_of_the_city_only(world, role, scope, allowed):
    scope = {name: getattr(world, value) for name, value in scope.items()}
    user = factories.UserFactory()
    if allowed:
        assert give(world, user, role, actor=world.city_admin, **scope).pk
        return
    with pytest.raises(PermissionDenied):
        give(world, user, role, actor=world.city_admin, **scope)


@pytest.mark.parametrize("actor", [Role.CITY_ENFORCER, Role.SYSTEM_ADMIN, Role.AUDITOR])
def test_others_give_nothing(world, actor):
    with pytest.raises(PermissionDenied):
        give(
            world,
            factories.UserFactory(),
            Role.COUNTY_BRANCH,
            division=world.county,
            actor=world.holder(actor, world.city),
        )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Role.SYSTEM_ADMIN, Role.AUDITOR),
        (Role.SECURITY_ADMIN, Role.SYSTEM_ADMIN),
        (Role.AUDITOR, Role.SECURITY_ADMIN),
    ],
)
def test_nobody_becomes_two_of_the_three_administrators(world, first, second):
    user = factories.UserFactory()
    grant = give(world, user, first, division=world.city)
    with pytest.raises(Refused) as refusal:
        give(world, user, second, division=world.city)
    assert isinstance(refusal.value.__cause__, IntegrityError)  # the database spoke
    operations.end_grant(grant=grant, actor=world.security, now=NOW + DAY)
    assert give(world, user, second, division=world.city, starts_at=NOW + 2 * DAY).pk


def test_the_same_grant_is_not_given_twice_but_again_after_its_end(world):
    user = factories.UserFactory()
    give(world, user, Role.CITY_ENFORCER, division=world.city, ends_at=NOW + DAY)
    with pytest.raises(Refused):
        give(world, user, Role.CITY_ENFORCER, division=world.city)
    assert give(world, user, Role.CITY_ENFORCER, division=world.city, starts_at=NOW + DAY).pk


def test_a_grant_taken_away_works_on_the_next_request(world, client):
    officer = world.holder(Role.CITY_ENFORCER, world.city)
    client.force_login(officer)
    assert client.get("/city/").status_code == 200
    assert Enterprise.objects.visible_to(officer).exists()
    operations.end_grant(grant=officer.grants.get(), actor=world.security, now=NOW)
    assert client.get(reverse("enterprise", args=[world.enterprise.pk])).status_code == 404
    assert Grant.objects.filter(user=officer, ends_at=NOW).exists()
    with pytest.raises(Refused):
        operations.end_grant(grant=officer.grants.get(), actor=world.security, now=NOW)


def test_a_grant_that_has_not_begun_can_be_ended(world):
    user = factories.UserFactory()
    grant = give(world, user, Role.CITY_ENFORCER, division=world.city, starts_at=NOW + 9 * DAY)
    operations.end_grant(grant=grant, actor=world.security, now=NOW)
    grant.refresh_from_db()
    assert grant.ends_at - grant.starts_at == timedelta(microseconds=1)


def test_closing_signs_out_everywhere_and_opening_asks_for_a_new_password(world, client):
    officer = world.holder(Role.CITY_ENFORCER, world.city)
    client.force_login(officer)
    operations.deactivate(user=officer, actor=world.security, now=NOW)
    assert client.get("/account/").status_code == 302
    operations.reactivate(user=officer, actor=world.security, now=NOW)
    officer.refresh_from_db()
    assert officer.is_active and officer.must_change_password


def test_an_account_that_serves_elsewhere_too_is_left_alone(world):
    both = world.holder(Role.CITY_ENFORCER, world.city)
    factories.GrantFactory(user=both, role=Role.CITY_ENFORCER, division=world.other_city)
    for act in (operations.deactivate, operations.give_new_password, operations.end_sessions):
        with pytest.raises(Refused):
            act(user=both, actor=world.security, now=NOW)


def test_a_city_administrator_does_not_touch_an_officers_account(world):
    officer = world.holder(Role.COUNTY_BRANCH, world.county)
    with pytest.raises(PermissionDenied):
        operations.give_new_password(user=officer, actor=world.city_admin, now=NOW)
    also_outer = world.holder(Role.CITY_ENFORCER, world.city)
    factories.GrantFactory(
        user=also_outer, role=Role.OPERATOR, division=None, company=world.company
    )
    with pytest.raises(Refused):
        operations.give_new_password(user=also_outer, actor=world.city_admin, now=NOW)


# --- companies ----------------------------------------------------------------------------------


def test_a_company_gets_an_enterprises_sites_and_loses_them_again(world):
    operator = world.holder(Role.OPERATOR, None, company=world.company)
    [assignment] = operations.assign_sites(
        company=world.company,
        enterprise=world.enterprise,
        starts_at=NOW,
        actor=world.city_admin,
        now=NOW,
    )
    assert get_scope(operator).site_ids == (world.site.pk,)
    with pytest.raises(Refused):
        operations.assign_sites(
            company=world.company,
            enterprise=world.enterprise,
            starts_at=NOW,
            actor=world.city_admin,
            now=NOW,
        )
    operations.end_assignment(assignment=assignment, actor=world.city_admin, now=NOW)
    assert get_scope(operator, at=NOW + DAY).site_ids == ()


@pytest.mark.parametrize(
    ("company", "enterprise"), [("company", "foreign"), ("foreign_company", "enterprise")]
)
def test_nobody_assigns_what_is_another_citys(world, company, enterprise):
    with pytest.raises(PermissionDenied):
        operations.assign_sites(
            company=getattr(world, company),
            enterprise=getattr(world, enterprise),
            starts_at=NOW,
            actor=world.city_admin,
            now=NOW,
        )
    assert not SiteAssignment.objects.exists()


# --- pages --------------------------------------------------------------------------------------


def shown(client: Client, query: str = "") -> set[str]:
    rows = client.get(f"/people/{query}").context["rows"]
    return {row["person"].username for row in rows}


@pytest.fixture
def crowd(world):
    """One person of each kind in each city."""
    people = {
        "enforcer": world.holder(Role.CITY_ENFORCER, world.city),
        "branch": world.holder(Role.COUNTY_BRANCH, world.county),
        "officer": world.holder(Role.ENTERPRISE_OFFICER, None, enterprise=world.enterprise),
        "operator": world.holder(Role.OPERATOR, None, company=world.company),
        "foreign_enforcer": world.holder(Role.CITY_ENFORCER, world.other_city),
        "foreign_officer": world.holder(Role.ENTERPRISE_OFFICER, None, enterprise=world.foreign),
        "foreign_operator": world.holder(Role.OPERATOR, None, company=world.foreign_company),
        "province": world.holder(Role.PROVINCE_VIEWER, world.province),
        "nobody": factories.UserFactory(),
    }
    for name, user in people.items():
        user.username = name
        user.save()
    return people


def test_a_security_administrator_sees_the_own_citys_people(world, client, crowd):
    client.force_login(world.security)
    own = {"enforcer", "branch", "officer", "operator"}
    own |= {world.security.username, world.city_admin.username}
    assert shown(client) == own
    assert shown(client, "?kind=enterprise") == {"officer"}
    assert shown(client, f"?q={world.company.name[:4]}") == {"operator"}
    assert shown(client, "?state=ended") == set()


def test_a_city_administrator_sees_outer_people_only(world, client, crowd):
    client.force_login(world.city_admin)
    assert shown(client) == {"officer", "operator"}
    page = client.get("/people/new/")
    roles = {value for value, _label in page.context["form"].fields["role"].choices if value}
    assert roles == {"enterprise_officer", "enterprise_rep", "operator"}


def test_the_provinces_security_administrator_sees_all_and_who_has_nothing(world, client, crowd):
    client.force_login(world.holder(Role.SECURITY_ADMIN, world.province))
    assert {"foreign_officer", "nobody", "province"} <= shown(client)


@pytest.mark.parametrize("name", ["foreign_enforcer", "foreign_officer", "province", "nobody"])
def test_outside_is_not_found_on_every_page(world, client, crowd, name):
    client.force_login(world.security)
    pk = crowd[name].pk
    assert client.get(f"/people/{pk}/").status_code == 404
    assert client.get(f"/people/{pk}/grants/new/").status_code == 404
    assert client.post(f"/people/{pk}/act/", {"act": "deactivate"}).status_code == 404
    for grant in crowd[name].grants.all():
        assert client.post(f"/grants/{grant.pk}/end/").status_code == 404
    assert client.get(f"/companies/{world.foreign_company.pk}/").status_code == 404
    crowd[name].refresh_from_db()
    assert crowd[name].is_active


@pytest.mark.parametrize("name", ["enforcer", "officer", "operator", "nobody"])
def test_who_looks_after_nobody_gets_403(client, crowd, name):
    client.force_login(crowd[name])
    for url in ("/people/", "/people/new/", "/companies/", "/companies/new/"):
        assert client.get(url).status_code == 403


def test_an_account_is_made_with_its_grant_and_its_password_told_once(world, client):
    client.force_login(world.city_admin)
    form = {
        "full_name": "张环保",
        "username": "zhang",
        "role": Role.ENTERPRISE_OFFICER,
        "enterprise": world.enterprise.code,
        "first_day": "2026-11-23",
        "last_day": "2026-12-31",
    }
    answer = client.post("/people/new/", form)
    password = answer.context["password"]
    assert "no-store" in answer["Cache-Control"]
    user = User.objects.get(username="zhang")
    assert user.check_password(password) and user.must_change_password
    grant = user.grants.get()
    assert grant.enterprise == world.enterprise
    assert grant.ends_at == datetime(2026, 12, 31, 16, tzinfo=UTC)  # the end of the day in Shanghai
    page = client.get(f"/people/{user.pk}/").content.decode()
    assert password not in page


@pytest.mark.parametrize("words", ["T-none", "测试"])
def test_an_enterprise_that_is_not_mine_is_not_found(world, client, words):
    client.force_login(world.city_admin)
    form = {
        "full_name": "张环保",
        "username": "zhang",
        "role": Role.ENTERPRISE_OFFICER,
        "enterprise": world.foreign.code if words == "T-none" else world.foreign.name,
        "first_day": "2026-11-23",
    }
    assert client.post("/people/new/", form).context["form"].errors["enterprise"]
    assert not User.objects.filter(username="zhang").exists()


def test_a_refused_grant_leaves_no_account(world, client):
    client.force_login(world.security)
    form = {
        "full_name": "新人",
        "username": "newcomer",
        "role": Role.COUNTY_BRANCH,
        "division": world.city.pk,
        "first_day": "2026-11-23",
    }
    assert client.post("/people/new/", form).context["form"].non_field_errors()
    assert not User.objects.filter(username="newcomer").exists()


def test_unlocking_lets_a_person_try_again(world, client, crowd):
    for _try in range(5):
        client.post("/accounts/login/", {"username": "enforcer", "password": "wrong"})
    manager = Client()
    manager.force_login(world.security)
    assert shown(manager, "?state=locked") == {"enforcer"}
    url = f"/people/{crowd['enforcer'].pk}/act/"
    assert manager.post(url, {"act": "unlock"}).status_code == 302
    assert shown(manager, "?state=locked") == set()
    again = client.post("/accounts/login/", {"username": "enforcer", "password": "wrong"})
    assert again.status_code == 200


def test_a_company_page_takes_sites_and_shows_only_what_one_may_see(world, client):
    SiteAssignment.objects.create(company=world.company, site=world.foreign_site, starts_at=NOW)
    client.force_login(world.city_admin)
    url = f"/companies/{world.company.pk}/assign/"
    form = {"enterprise": world.enterprise.name, "first_day": "2026-11-23"}
    assert client.post(url, form).status_code == 302
    page = client.get(f"/companies/{world.company.pk}/")
    assert [row["assignment"].site for row in page.context["rows"]] == [world.site]
    assignment = page.context["rows"][0]["assignment"]
    assert client.post(f"/assignments/{assignment.pk}/end/").status_code == 302
    client.force_login(world.security)
    page = client.get(f"/companies/{world.company.pk}/")
    assert page.context["rows"] == [] and page.context["form"] is None


@pytest.mark.parametrize("more", [1, 3])
def test_the_list_costs_the_same_for_one_and_for_many(
    world, client, more, django_assert_num_queries
):
    for _n in range(more):
        world.holder(Role.ENTERPRISE_OFFICER, None, enterprise=world.enterprise)
        world.holder(Role.OPERATOR, None, company=world.company)
    client.force_login(world.security)
    with django_assert_num_queries(17):
        assert client.get("/people/").status_code == 200


def test_every_permission_has_its_words():
    assert set(PERMISSION_WORDS) == set(Permission)
