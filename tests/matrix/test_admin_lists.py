"""Every list of the administration: searchable, filtered, as cheap for many rows as for few."""

import pytest
from django.contrib import admin
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tenancy.models import Role
from tests import factories
from tests.matrix.world import Place

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
ROLES = (Role.CITY_ADMIN, Role.SECURITY_ADMIN, Role.SYSTEM_ADMIN, Role.AUDITOR)


def url(model, what, *args):
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{what}", args=args)


@pytest.fixture(scope="module")
def narrow(world):
    """For each role somebody whose grant covers one county with one enterprise."""
    county = world.plants[Place.OTHER_COUNTY].enterprise.county
    with transaction.atomic():
        clients = {}
        for role in ROLES:
            clients[role] = Client()
            clients[role].force_login(
                factories.GrantFactory(role=role, division=county, user__username=f"n{role}").user
            )
        yield clients
        transaction.set_rollback(True)


def cost(client, model):
    """Return status, queries and number of rows of the model's list."""
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        answer = client.get(url(model, "changelist"))
        transaction.set_rollback(True)
    if answer.status_code != 200:
        return answer.status_code, 0, 0
    plain = [q for q in queries if "SAVEPOINT" not in q["sql"]]
    return 200, len(plain), len(answer.context["cl"].result_list)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_list_costs_the_same_for_one_row_and_for_three(model, world, clients, narrow):
    compared = 0
    for role in ROLES:
        cost(clients[role], model)  # what is kept from one request to the next
        cost(narrow[role], model)
        status, queries, rows = cost(clients[role], model)
        few_status, few_queries, few_rows = cost(narrow[role], model)
        assert status == few_status
        if status == 200:
            assert queries <= 16, role
            if few_rows:
                assert queries == few_queries, (role, few_rows, rows)
            compared += 1
    assert compared


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_list_is_searched_and_filtered(model, world, clients):
    own = admin.site._registry[model]
    assert own.search_fields
    assert own.list_filter
    assert own.list_per_page <= 100
    statuses = set()
    for role in ROLES:
        with transaction.atomic():
            statuses.add(clients[role].get(url(model, "changelist"), {"q": "QX"}).status_code)
            transaction.set_rollback(True)
    assert statuses == {200, 403}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_nothing_is_deleted_here(model, world, clients):
    rows = world.plants[Place.OWN].rows | world.rows
    row = rows.get(model) or model._default_manager.order_by("pk").first()
    if row is None:
        row_pk = 1
    else:
        row_pk = row.pk
    for role in ROLES:
        with transaction.atomic():
            answer = clients[role].post(url(model, "delete", row_pk), {"post": "yes"})
            transaction.set_rollback(True)
        assert answer.status_code in (403, 404), role
    for name in (action for action in admin.site._registry[model].actions or ()):
        assert name in ("revoke", "end")


def test_rights_and_libraries_have_no_page_here():
    apps = {model._meta.app_label for model in MODELS}
    assert apps == {"alerts", "enterprises", "meters", "orders", "tenancy"}
