"""The administration shows and takes what the actor's grants cover, and nothing else."""

import pytest
from django.contrib import admin
from django.urls import reverse

from enterprises.models import Enterprise, Site
from tenancy.models import Role
from tenancy.scoped_admin import ScopedAdmin
from tests import factories

pytestmark = pytest.mark.django_db

SCOPED = [model for model, own in admin.site._registry.items() if isinstance(own, ScopedAdmin)]


@pytest.fixture
def cities():
    """The administrator of the first of two cities, and a point with all it hangs on in each."""
    points = []
    for code in ("141000", "140800"):
        city = factories.DivisionFactory(code=code, name=code)
        county = factories.CountyFactory(code=f"{code}1", parent=city)
        site = factories.SiteFactory(enterprise__county=county, name=f"厂区{code}")
        facility = factories.FacilityFactory(site=site)
        factories.PairingFactory(site=site, stage=f"工段{code}")
        points.append(factories.PointFactory(facility=facility))
    grant = factories.GrantFactory(
        role=Role.CITY_ADMIN,
        division=points[0].facility.site.enterprise.county.parent,
        user__is_staff=True,
    )
    return grant.user, points


@pytest.mark.parametrize("model", SCOPED, ids=lambda model: model.__name__)
def test_every_scoped_list_opens_for_a_city_administrator(client, cities, model):
    client.force_login(cities[0])
    answer = client.get(
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    )
    assert answer.status_code == 200


def test_a_list_holds_the_own_city_only(client, cities):
    client.force_login(cities[0])
    shown = client.get(reverse("admin:enterprises_enterprise_changelist")).context["cl"].queryset
    assert set(shown) == {cities[1][0].facility.site.enterprise}


@pytest.mark.parametrize("what", ["enterprise", "site", "facility", "collector"])
def test_another_citys_row_does_not_open(client, cities, what):
    client.force_login(cities[0])
    for point, status in zip(cities[1], (200, 404), strict=True):
        rows = {
            "site": ("enterprises_site", point.facility.site.pk),
            "enterprise": ("enterprises_enterprise", point.facility.site.enterprise.pk),
            "facility": ("enterprises_facility", point.facility.pk),
            "collector": ("meters_collector", point.collector.pk),
        }
        name, pk = rows[what]
        assert client.get(reverse(f"admin:{name}_change", args=[pk])).status_code == status


def test_a_form_does_not_take_another_citys_enterprise(client, cities):
    client.force_login(cities[0])
    foreign = cities[1][1].facility.site.enterprise
    form = {
        "enterprise": foreign.pk,
        "name": "偷接",
        "address": "",
        "lines-TOTAL_FORMS": 0,
        "lines-INITIAL_FORMS": 0,
    }
    answer = client.post(reverse("admin:enterprises_site_add"), form)
    assert answer.status_code == 200  # the form again, with its error
    assert not Site.objects.filter(name="偷接").exists()
    form["enterprise"] = cities[1][0].facility.site.enterprise.pk
    assert client.post(reverse("admin:enterprises_site_add"), form).status_code == 302


def test_nothing_is_deleted_here_but_by_a_superuser(client, cities):
    client.force_login(cities[0])
    own = cities[1][0].facility.site.enterprise
    client.post(reverse("admin:enterprises_enterprise_delete", args=[own.pk]), {"post": "yes"})
    assert Enterprise.objects.filter(pk=own.pk).exists()


@pytest.mark.parametrize("role", [Role.CITY_ENFORCER, Role.COUNTY_BRANCH, Role.PROVINCE_VIEWER])
def test_staff_without_the_permission_finds_nothing(client, cities, role):
    grant = factories.GrantFactory(
        role=role, division=cities[1][0].facility.site.enterprise.county, user__is_staff=True
    )
    client.force_login(grant.user)
    assert client.get(reverse("admin:enterprises_enterprise_changelist")).status_code == 403


def test_people_and_grants_are_not_a_city_administrators(client, cities):
    client.force_login(cities[0])
    for name in ("tenancy_user", "tenancy_grant", "tenancy_division", "tenancy_auditentry"):
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 403
