"""The administration: in Chinese, searchable, and as cheap for many rows as for few."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tenancy.models import User
from tests import factories

pytestmark = pytest.mark.django_db

LISTS = (
    "tenancy_user",
    "tenancy_division",
    "tenancy_grant",
    "enterprises_enterprise",
    "enterprises_site",
    "enterprises_productionline",
    "enterprises_facility",
    "enterprises_pairing",
)


@pytest.fixture
def root(client, story) -> User:
    User.objects.filter(pk=story.administrator.pk).update(is_staff=True, is_superuser=True)
    client.force_login(story.administrator)
    return story.administrator


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_for_many_rows(client, root, story, name, django_assert_num_queries):
    url = reverse(f"admin:{name}_changelist")
    client.get(url)
    with CaptureQueriesContext(connection) as few:
        assert client.get(url).status_code == 200
    for __ in range(3):
        site = factories.SiteFactory(enterprise__county=story.foundry.county)
        factories.LineFactory(site=site)
        production = factories.FacilityFactory(site=site, production=True)
        factories.PairingFactory(site=site, productions=[production])
        factories.GrantFactory(division=story.city)
    with django_assert_num_queries(len(few)):
        assert client.get(url).status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_a_search_is_answered(client, root, name):
    assert client.get(reverse(f"admin:{name}_changelist"), {"q": "恒源"}).status_code == 200


def test_a_threshold_in_force_cannot_be_taken_away(client, root, story):
    url = reverse("admin:enterprises_facility_change", args=[story.facilities["furnace1"].pk])
    content = client.get(url).content.decode()
    assert "field-on_from_kw" in content
    assert 'name="thresholds-0-on_from_kw"' not in content
    assert "thresholds-0-DELETE" not in content


def test_who_is_no_staff_does_not_get_in(client, story):
    client.force_login(story.enforcer)
    assert client.get(reverse("admin:index")).status_code == 403
