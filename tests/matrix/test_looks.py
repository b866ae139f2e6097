"""Every address that shows one enterprise's data notes who looked, or says why it need not."""

import pytest
from django.contrib import admin
from django.db import transaction

from enterprises.models import AcceptanceSheet, Enterprise
from meters.models import WorkOrder
from tenancy.models import AuditEntry, Role
from tenancy.scoped_admin import ScopedAdmin
from tests.matrix.expectations import ROUTES
from tests.matrix.matrix import address, readable
from tests.matrix.routes import Found, walk
from tests.matrix.world import Place

pytestmark = pytest.mark.django_db

LOOKERS = (Role.CITY_ADMIN, Role.OPERATOR)
AN_ACT = "an act: the change itself is in the log"
A_LIST = "a list of many enterprises; taken out whole it is an export, which is noted"
A_BATCH = "a notice to many enterprises; its names lead to theirs"
AN_ACCOUNT = "an account or a company, not an enterprise's data"
AN_IMPORT = "what the person themselves handed in for many enterprises"

#: Addresses with an argument that note no look, and why.
EXPLAINED = {
    "a/<str:number>/": "leads on to the alert, which notes it",
    "alert_short": "leads on to the alert, which notes it",
    "enterprises_export": A_LIST,
    "alerts_export": A_LIST,
    "filter_delete": "a person's own",
    "installation_batch": A_BATCH,
    "installation_batch_act": AN_ACT,
    "audit_entry": "the log itself",
    "enterprise_looks": "the enterprise's own page; nobody else opens it",
    "import": AN_IMPORT,
    "import_live": AN_IMPORT,
    "import_write": AN_IMPORT,
    "import_errors": AN_IMPORT,
    "person": AN_ACCOUNT,
    "person_act": AN_ACCOUNT,
    "grant_give": AN_ACCOUNT,
    "grant_end": AN_ACCOUNT,
    "company": AN_ACCOUNT,
    "assignment_new": AN_ACCOUNT,
    "assignment_end": AN_ACCOUNT,
    "api_token_revoke": "a person's own",
    "api:division-detail": "no enterprise's",
    "attach": AN_ACT,
    "attachment_withdraw": AN_ACT,
    "alert_act": AN_ACT,
    "acceptance_sign": AN_ACT,
    "enterprise_installation_act": AN_ACT,
    "work_order_act": AN_ACT,
}
EXPLAINED |= {
    f"api:alert-{act}": AN_ACT
    for act in (
        "acknowledge",
        "verify",
        "accept-explanation",
        "confirm",
        "dismiss",
        "close",
        "explain",
    )
}
#: The arguments of what the matrix does not know (yet).
ARGUMENTS = {
    "acceptance": lambda plant: {"pk": plant[Enterprise].pk},
    "acceptance_sheet": lambda plant: {
        "pk": plant[Enterprise].pk,
        "sheet_pk": plant[AcceptanceSheet].pk,
    },
    "work_order": lambda plant: {"number": plant[WorkOrder].number},
    "api:work-order-detail": lambda plant: {"pk": plant[WorkOrder].pk},
}
#: What an address cannot be asked without.
SPAN = "?since=2026-11-22T00:00:00Z&until=2026-11-23T00:00:00Z"
QUERIES = {"api:reading-list": SPAN, "api:segment-list": SPAN}
FOUND = [
    found
    for found in walk()
    if found.arguments and not found.is_admin and found.name not in EXPLAINED
]


def looks_of(client, url, enterprise):
    """Ask once and return the answer's status and the looks that it noted."""
    with transaction.atomic():
        answer = client.get(url)
        readable(answer)  # a file is read to its end
        noted = list(
            AuditEntry.objects.filter(
                enterprise_id=enterprise.pk, action__endswith=".look"
            ).values_list("action", "actor_name", "body")
        )
        transaction.set_rollback(True)
    return answer.status_code, noted


def test_every_exception_is_an_address():
    assert set(EXPLAINED) - {found.name for found in walk()} == set()


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.name)
def test_a_look_by_an_authority_or_an_operator_is_noted(found: Found, world, clients):
    plant = world.plants[Place.OWN]
    arguments = ARGUMENTS.get(found.name) or ROUTES[found.name].at
    assert arguments, "say which row it shows, or in EXPLAINED why no look is noted"
    seen = 0
    for role in LOOKERS:
        url = address(found, arguments(plant)) + QUERIES.get(found.name, "")
        status, noted = looks_of(clients[role], url, plant.enterprise)
        if status in (403, 404):
            assert noted == []
            continue
        assert status == 200, (role, status)
        assert len(noted) == 1, (role, noted)
        assert noted[0][1] == str(world.people[role])
        seen += 1
    assert seen, "neither may open it: then explain it"


@pytest.mark.parametrize("place", [Place.OWN])
def test_the_enterprises_own_look_is_nobodys_business(place, world, clients):
    plant = world.plants[place]
    for name in ("enterprise", "enterprise_file", "enterprise_installation"):
        (found,) = [found for found in FOUND if found.name == name]
        url = address(found, {"pk": plant.enterprise.pk})
        assert looks_of(clients[Role.ENTERPRISE_OFFICER], url, plant.enterprise) == (200, [])


@pytest.mark.parametrize("name", ["sites", "facilities", "collectors", "alerts", "points"])
def test_an_api_list_of_one_enterprise_is_a_look_at_it(name, world, clients):
    plant = world.plants[Place.OWN]
    everything = f"/api/v1/{name}"
    narrowed = f"{everything}?enterprise={plant.enterprise.pk}"
    client = clients[Role.CITY_ADMIN]
    status, noted = looks_of(client, narrowed, plant.enterprise)
    assert (status, len(noted)) == (200, 1)
    assert looks_of(client, everything, plant.enterprise) == (200, [])


SCOPED = [
    model
    for model, own in admin.site._registry.items()
    if isinstance(own, ScopedAdmin) and own.enterprise is not None
]


@pytest.mark.parametrize("model", SCOPED, ids=lambda model: model.__name__)
def test_a_row_opened_in_the_administration_is_a_look(model, world, clients):
    plant = world.plants[Place.OWN]
    row = plant[model]
    name = f"{model._meta.app_label}/{model._meta.model_name}"
    url = f"/admin/{name}/{row.pk}/change/"
    status, noted = looks_of(clients[Role.CITY_ADMIN], url, plant.enterprise)
    assert status == 200
    assert [action for action, *_ in noted] == ["admin.look"]
    assert looks_of(clients[Role.SECURITY_ADMIN], url, plant.enterprise) == (403, [])
    far = world.plants[Place.OTHER_CITY]
    url = f"/admin/{name}/{far[model].pk}/change/"
    assert looks_of(clients[Role.CITY_ADMIN], url, far.enterprise) == (404, [])
