"""What was refused is in the audit log, whatever the refusal rolled back."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenancy.models import AuditEntry, Role
from tenancy.tokens import issue_token
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_marks():
    cache.clear()


@pytest.fixture
def officer():
    enterprise = factories.EnterpriseFactory()
    grant = factories.GrantFactory(
        role=Role.ENTERPRISE_OFFICER, division=None, enterprise=enterprise
    )
    return grant.user


@pytest.fixture
def foreign():
    return factories.EnterpriseFactory()


def refusals():
    return AuditEntry.objects.filter(is_success=False).order_by("pk")


def test_a_page_without_the_right_leaves_an_entry_that_says_who_what_and_from_where(
    client, officer
):
    client.force_login(officer)
    assert client.get("/audit/").status_code == 403
    (entry,) = refusals()
    assert (entry.action, entry.actor_id, entry.object_label) == (
        "access.refused",
        officer.pk,
        "/audit/",
    )
    assert (entry.note, entry.address) == ("GET 403", "127.0.0.1")
    assert entry.body
    assert entry.session
    assert entry.request


def test_an_address_of_somebody_elses_enterprise_leaves_one(client, officer, foreign):
    client.force_login(officer)
    assert client.get(reverse("enterprise", args=[foreign.pk])).status_code == 404
    (entry,) = refusals()
    assert (entry.action, entry.object_id) == ("access.missed", str(foreign.pk))


def test_a_page_that_never_was_leaves_none(client, officer):
    client.force_login(officer)
    assert client.get("/no-such-page/").status_code == 404
    assert not refusals().exists()


def test_what_the_refused_view_wrote_is_gone_and_the_refusal_stays(client, officer, monkeypatch):
    """The note of a view that raises afterwards goes with it; the middleware's does not."""
    from django.core.exceptions import PermissionDenied

    from reports.views import audit as views
    from tenancy import audit

    def refuse(request):
        audit.record("view.note", actor=request.user)
        raise PermissionDenied

    monkeypatch.setattr(views, "_paths", refuse)
    client.force_login(officer)
    assert client.get("/audit/").status_code == 403
    assert not AuditEntry.objects.filter(action="view.note").exists()
    assert [entry.action for entry in refusals()] == ["access.refused"]


@pytest.mark.django_db(transaction=True)
def test_it_survives_the_rollback_of_the_request(client, officer):
    client.force_login(officer)
    assert client.get("/audit/").status_code == 403
    connection.close()
    assert [entry.action for entry in refusals()] == ["access.refused"]


def test_asking_again_and_again_is_one_entry(client, officer, django_capture_on_commit_callbacks):
    client.force_login(officer)
    for __ in range(3):
        with django_capture_on_commit_callbacks(execute=True):
            client.get("/audit/")
    with django_capture_on_commit_callbacks(execute=True):
        client.get("/audit/export/")
    assert [entry.object_label for entry in refusals()] == ["/audit/", "/audit/export/"]


def test_a_wrong_password_a_resting_account_and_an_unknown_name_are_in_it(client, settings):
    user = factories.UserFactory(username="someone")
    for __ in range(settings.AXES_FAILURE_LIMIT):
        client.post(reverse("login"), {"username": "someone", "password": "wrong-Word-1"})
    client.post(reverse("login"), {"username": "nobody", "password": "wrong-Word-1"})
    found = list(refusals().values_list("action", "object_id", "address"))
    assert ("signin.locked", str(user.pk), "127.0.0.1") in found
    assert found.count(("signin.failure", str(user.pk), "127.0.0.1")) >= 3
    assert ("signin.failure", "", "127.0.0.1") in found
    assert "wrong-Word-1" not in str(list(AuditEntry.objects.values()))


def test_a_refused_proof_is_in_it(client, officer):
    client.force_login(officer)
    client.get("/account/")
    client.post(reverse("account_proof"), {"proof-password": "wrong-Word-1"})
    assert [entry.action for entry in refusals()] == ["stepup.failure"]


def test_a_program_is_noted_with_its_token(foreign):
    city = factories.DivisionFactory(code="140800", name="运城市")
    officer = factories.GrantFactory(role=Role.CITY_ADMIN, division=city).user
    now = timezone.now()
    token, text = issue_token(
        officer,
        name="t",
        scopes=["read:enterprises"],
        expires_at=now + timedelta(days=1),
        now=now,
    )
    program = Client(headers={"Authorization": f"Bearer {text}"})
    assert program.get(f"/api/v1/enterprises/{foreign.pk}").status_code == 404
    assert program.get("/api/v1/alerts").status_code == 403
    missed, refused = refusals()
    assert (missed.action, refused.action) == ("access.missed", "access.refused")
    for entry in (missed, refused):
        assert (entry.actor_id, entry.session) == (officer.pk, token.prefix)
        assert text not in str(vars(entry))


def test_a_token_that_opens_nothing_is_noted_once_for_a_machine(
    django_capture_on_commit_callbacks,
):
    program = Client(headers={"Authorization": "Bearer pw_abcdefgh_nothing"})
    for __ in range(3):
        with django_capture_on_commit_callbacks(execute=True):
            assert program.get("/api/v1/me").status_code == 401
    (entry,) = refusals()
    assert (entry.action, entry.actor_id, entry.address) == ("token.refused", None, "127.0.0.1")
    assert "nothing" not in str(vars(entry))
