"""Whichever way a change comes, the log says who, for which body, from where, in what request."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from enterprises.models import Contact
from powerwatch.database_roles import grant_roles
from powerwatch.settings import _database_for
from tenancy import walls
from tenancy.models import AuditEntry, Role
from tenancy.tokens import issue_token
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def city():
    return factories.DivisionFactory()


@pytest.fixture
def enterprise(city):
    return factories.EnterpriseFactory(county=factories.CountyFactory(parent=city))


@pytest.fixture
def administrator(city):
    return factories.GrantFactory(role=Role.CITY_ADMIN, division=city).user


@pytest.fixture
def as_web(transactional_db):
    """Let the test go on as the role of the web processes: behind the walls, with their rights."""
    assert grant_roles()
    kept = dict(connection.settings_dict)
    own = {name: value for name, value in _database_for("web").items() if name in LOGIN}
    connection.close()
    connection.settings_dict.update(own)
    yield
    connection.close()
    connection.settings_dict.update({name: kept[name] for name in LOGIN})


LOGIN = ("USER", "PASSWORD", "HOST", "PORT", "OPTIONS")


def read(action):
    """Return the one entry of an action, read over the walls."""
    with walls.as_system("a test reads the log"):
        return AuditEntry.objects.get(action=action)


def told(entry):
    return entry.actor_id, entry.actor_name, entry.address


@pytest.fixture
def signed_in(administrator):
    client = Client(REMOTE_ADDR="10.0.3.7")
    client.force_login(administrator)
    client.get("/account/")
    return client


@pytest.mark.django_db(transaction=True)
def test_a_change_through_a_page(signed_in, administrator, enterprise, city, as_web):
    form = {"name": "晋源运维(示例)", "division": city.pk, "phone": "", "credit_code": ""}
    assert signed_in.post(reverse("company_new"), form).status_code == 302
    entry = read("operatorcompany.add")
    assert told(entry) == (administrator.pk, str(administrator), "10.0.3.7")
    assert entry.body.startswith(city.name)
    assert len(entry.session) == 16
    assert len(entry.request) == 36


@pytest.mark.django_db(transaction=True)
def test_a_change_through_the_administration(signed_in, administrator, enterprise, as_web):
    form = {"enterprise": enterprise.pk, "kind": "DUTY", "name": "值班", "phone": "13900000000"}
    assert signed_in.post(reverse("admin:enterprises_contact_add"), form).status_code == 302
    entry = read("contact.add")
    assert told(entry) == (administrator.pk, str(administrator), "10.0.3.7")
    assert (entry.enterprise_id, entry.division_path) == (enterprise.pk, enterprise.county.path)
    assert entry.body
    assert entry.session
    assert entry.request


@pytest.mark.django_db(transaction=True)
def test_a_change_through_the_api_bears_the_token(enterprise, as_owner_token, as_web):
    officer, token, text = as_owner_token
    now = timezone.now()
    program = Client(REMOTE_ADDR="10.0.3.8", headers={"Authorization": f"Bearer {text}"})
    body = {
        "enterprise": enterprise.pk,
        "kind": "REPAIR",
        "starts_at": (now + timedelta(hours=1)).isoformat(),
        "ends_at": (now + timedelta(hours=3)).isoformat(),
        "reason": "布袋检修",
    }
    answer = program.post("/api/v1/declarations", json.dumps(body), "application/json")
    assert answer.status_code == 201, answer.content
    entry = read("declaration.add")
    assert told(entry) == (officer.pk, str(officer), "10.0.3.8")
    assert entry.session == token.prefix
    assert entry.request
    assert entry.enterprise_id == enterprise.pk


@pytest.fixture
def as_owner_token(enterprise):
    officer = factories.GrantFactory(
        role=Role.ENTERPRISE_OFFICER, division=None, enterprise=enterprise
    ).user
    now = timezone.now()
    token, text = issue_token(
        officer,
        name="t",
        scopes=["write:declarations"],
        expires_at=now + timedelta(days=1),
        now=now,
    )
    return officer, token, text


@pytest.mark.django_db(transaction=True)
def test_a_change_by_a_task_is_the_systems(enterprise, as_web):
    with walls.as_system("nightly"):
        Contact.objects.create(enterprise=enterprise, kind="DUTY", name="值班", phone="1")
    entry = read("contact.add")
    assert told(entry) == (None, "system", None)
    assert (entry.session, entry.request) == ("", "")


def test_no_secret_is_in_the_log_whoever_writes_it(signed_in, administrator, as_owner_token):
    officer, token, text = as_owner_token
    collector = factories.CollectorFactory(password="871163")
    collector.password = "871164"
    collector.save()
    officer.set_password("hukou-Falls-1938")
    officer.save()
    everything = json.dumps(list(AuditEntry.objects.values("old", "new", "note", "object_label")))
    secret = text.rpartition("_")[2]
    for word in ("871163", "871164", "hukou-Falls", officer.password, secret, token.digest):
        assert word not in everything
    assert '"***"' in everything
