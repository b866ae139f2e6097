"""Every registered page of the administration opens for its administrator and nobody else."""

import pytest
from django.contrib import admin
from django.urls import reverse

from tenancy.models import Role
from tests import factories

pytestmark = pytest.mark.django_db

#: Whose a model is, where it is not the city administrator's.
OWNERS = {
    "User": Role.SECURITY_ADMIN,
    "Grant": Role.SECURITY_ADMIN,
    "ApiToken": Role.SECURITY_ADMIN,
    "UserSession": Role.SECURITY_ADMIN,
    "AuditEntry": Role.AUDITOR,
    "Division": Role.SYSTEM_ADMIN,
    "Profile": Role.SYSTEM_ADMIN,
}
#: May be opened by a second one: what holds for everyone is the system administrator's.
ALSO = {"RuleParameter": Role.SYSTEM_ADMIN, "MeteringLimit": Role.SYSTEM_ADMIN}
ROLES = (Role.CITY_ADMIN, Role.SECURITY_ADMIN, Role.SYSTEM_ADMIN, Role.AUDITOR)
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def city():
    return factories.DivisionFactory()


def sign_in(client, city, role):
    user = factories.GrantFactory(role=role, division=city, user__is_staff=False).user
    client.force_login(user)
    return user


def url(model, what, *args):
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{what}", args=args)


@pytest.mark.parametrize("role", ROLES)
def test_each_administrator_opens_the_own_lists_and_forms_only(client, city, role):
    sign_in(client, city, role)
    for model in MODELS:
        own = role in (OWNERS.get(model.__name__, Role.CITY_ADMIN), ALSO.get(model.__name__))
        status = client.get(url(model, "changelist")).status_code
        assert status == (200 if own else 403), model
        add = client.get(url(model, "add")).status_code
        assert add in ((200, 403) if own else (403,)), model


@pytest.mark.parametrize("role", ROLES)
def test_the_index_opens_and_shows_the_own_modules_only(client, city, role):
    sign_in(client, city, role)
    answer = client.get(reverse("admin:index"))
    shown = {m["model"] for app in answer.context["app_list"] for m in app["models"]}
    assert shown == {
        model
        for model in MODELS
        if role in (OWNERS.get(model.__name__, Role.CITY_ADMIN), ALSO.get(model.__name__))
    }


@pytest.mark.parametrize(
    "role", [role for role in Role if role not in ROLES and role != Role.OPERATOR]
)
def test_nobody_else_comes_in_not_even_with_a_staff_account(client, city, role):
    on_enterprise = role in (Role.ENTERPRISE_OFFICER, Role.ENTERPRISE_REP)
    scope = {"division": None, "enterprise": factories.EnterpriseFactory()}
    place = scope if on_enterprise else {"division": city}
    client.force_login(factories.GrantFactory(role=role, user__is_staff=True, **place).user)
    assert client.get(reverse("admin:index")).status_code == 403


def test_who_is_not_signed_in_is_sent_to_the_sign_in_page(client):
    chain = client.get(reverse("admin:index"), follow=True).redirect_chain
    assert chain[-1][0].startswith("/accounts/login/?next=")


def make_rows(city, count):
    county = factories.CountyFactory(parent=city)
    for n in range(count):
        site = factories.SiteFactory(enterprise__county=county, name=f"厂区{n}")
        line = factories.LineFactory(site=site)
        facility = factories.FacilityFactory(site=site, line=line)
        factories.ThresholdFactory(facility=facility)
        factories.PairingFactory(site=site, productions=[facility])
        point = factories.PointFactory(facility=facility)
        point.meters.create(serial=f"S{n}", valid_from=factories.LONG_AGO)
        point.collector.devices.create(serial=f"D{n}", valid_from=factories.LONG_AGO)
        line.grades.create(grade="B", valid_from=factories.LONG_AGO)
        site.enterprise.contacts.create(kind="DUTY", name=f"值班{n}")
        factories.GrantFactory(division=county)


def cost(client, model):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(url(model, "changelist")).status_code == 200
    return len(queries)


@pytest.mark.parametrize("role", ROLES)
def test_a_list_costs_the_same_for_one_row_and_for_four(client, city, role):
    sign_in(client, city, role)
    make_rows(city, 1)
    own = [m for m in MODELS if OWNERS.get(m.__name__, Role.CITY_ADMIN) == role]
    before = {model: cost(client, model) for model in own}
    make_rows(city, 3)
    assert {model: cost(client, model) for model in own} == before


def test_dated_rows_may_be_added_and_not_changed(client, city):
    make_rows(city, 1)
    sign_in(client, city, Role.CITY_ADMIN)
    for name in ("Meter", "Threshold", "Pairing", "LineGrade", "CollectorDevice"):
        model = next(m for m in MODELS if m.__name__ == name)
        row = model.objects.get()
        assert client.get(url(model, "add")).status_code == 200
        assert client.get(url(model, "change", row.pk)).status_code == 200
        assert client.post(url(model, "change", row.pk), {}).status_code == 403
        assert client.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_a_city_sets_parameters_for_itself_only(client, city):
    from alerts.models import RuleParameter

    sign_in(client, city, Role.CITY_ADMIN)
    elsewhere = factories.DivisionFactory(code="140800", name="运城市")
    form = {
        "key": "r01_minutes",
        "value": "15",
        "valid_from_0": "2026-12-01",
        "valid_from_1": "00:00:00",
        "note": "",
    }
    for division, status in ((elsewhere.pk, 200), ("", 200), (city.pk, 302)):
        before = RuleParameter.objects.count()
        answer = client.post(url(RuleParameter, "add"), form | {"division": division})
        assert answer.status_code == status
        assert RuleParameter.objects.count() == before + (status == 302)
