"""Sessions end by time, from afar, and with the password; acts that weigh ask for it again."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.hashers import make_password
from django.test import Client

from tenancy.models import ApiToken, AuditEntry, Grant, Role, UserSession
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PASSWORD = "fenhe-River-2026"
HASH = make_password(PASSWORD)


@pytest.fixture
def clock(settings):
    settings.IDLE_MINUTES, settings.IDLE_MINUTES_OTHERS, settings.SESSION_HOURS = 15, 60, 12
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def officer(clock):
    user = factories.UserFactory(username="officer", password=HASH, password_changed_at=NOW)
    factories.GrantFactory(user=user)
    return user


@pytest.fixture
def manager(clock):
    user = factories.UserFactory(username="keeper", password=HASH, password_changed_at=NOW)
    factories.GrantFactory(user=user, role=Role.SECURITY_ADMIN)
    return user


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def test_fifteen_idle_minutes_end_it_with_a_word(client, officer, clock):
    client.force_login(officer)
    clock.shift(timedelta(minutes=14))
    assert is_in(client)
    clock.shift(timedelta(minutes=15, seconds=1))
    answer = client.get("/account/")
    assert answer.url == "/accounts/login/?ended=idle&next=%2Faccount%2F"
    assert client.get(answer.url).context["ended"] == "idle"
    assert UserSession.objects.get(user=officer).end_reason == "idle"
    assert AuditEntry.objects.filter(action="session.end", note="idle").exists()


def test_who_is_not_at_an_authority_has_an_hour(client, clock):
    user = factories.UserFactory(password=HASH, password_changed_at=NOW)
    site = factories.SiteFactory()
    factories.GrantFactory(
        user=user, role=Role.ENTERPRISE_OFFICER, division=None, enterprise=site.enterprise
    )
    client.force_login(user)
    clock.shift(timedelta(minutes=59))
    assert is_in(client)


def test_a_page_left_open_does_not_keep_the_session(client, officer, clock):
    client.force_login(officer)
    for _minute in range(15):
        clock.shift(timedelta(minutes=1))
        client.get("/city/live/", headers={"HX-Request": "true"})
        client.get("/messages/", headers={"HX-Request": "true", "X-Poll": "1"})
    clock.shift(timedelta(seconds=1))
    answer = client.get("/city/live/", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer["HX-Redirect"].startswith("/accounts/login/?ended=idle")


def test_twelve_hours_end_it_whatever_is_done(client, officer, clock):
    client.force_login(officer)
    for _quarter in range(4 * 12):
        assert is_in(client)
        clock.shift(timedelta(minutes=14, seconds=59))
    clock.shift(timedelta(minutes=1))
    assert client.get("/account/").url.startswith("/accounts/login/?ended=absolute")


def test_devices_are_listed_and_one_or_all_others_can_be_ended(officer):
    here, there, elsewhere = Client(), Client(HTTP_USER_AGENT="Mozilla/5.0 (iPhone)"), Client()
    for client in (here, there, elsewhere):
        client.force_login(officer)
    rows = here.get("/account/sessions/").context["rows"]
    assert [row["is_this"] for row in rows] == [True, False, False]
    key = there.session.session_key
    one = UserSession.objects.get(session_key=key)
    assert here.post("/account/sessions/end/", {"session": one.pk}).status_code == 302
    assert [is_in(client) for client in (here, there, elsewhere)] == [True, False, True]
    here.post("/account/sessions/end/", {"others": "1"})
    assert [is_in(client) for client in (here, elsewhere)] == [True, False]


def test_nobody_ends_the_session_of_somebody_else(client, officer, manager):
    other = Client()
    other.force_login(manager)
    theirs = UserSession.objects.get(user=manager)
    client.force_login(officer)
    assert client.post("/account/sessions/end/", {"session": theirs.pk}).status_code == 404
    assert is_in(other)


def test_a_new_password_ends_the_other_sessions_and_changes_the_key(officer):
    here, there = Client(), Client()
    for client in (here, there):
        client.force_login(officer)
    old = here.session.session_key
    new = "hukou-Falls-1938"
    here.post(
        "/account/password/", {"old_password": PASSWORD, "new_password": new, "repeated": new}
    )
    assert here.session.session_key != old
    assert is_in(here)
    assert not is_in(there)
    assert UserSession.objects.get(session_key=here.session.session_key).ended_at is None


def test_a_closed_account_is_out_at_once(client, officer):
    client.force_login(officer)
    officer.is_active = False
    officer.save()
    assert not is_in(client)


# --- step-up ------------------------------------------------------------------------------------

PERSON = {
    "full_name": "新人",
    "username": "newcomer",
    "role": Role.CITY_ENFORCER,
    "first_day": "2026-11-23",
}


@pytest.fixture
def late(client, manager, clock):
    """The security administrator, eleven minutes after signing in."""
    client.force_login(manager)
    clock.shift(timedelta(minutes=11))
    return client


def test_a_page_comes_after_the_proof(late):
    answer = late.get("/people/new/")
    assert answer.url == "/account/proof/?next=%2Fpeople%2Fnew%2F"
    old = late.session.session_key
    form = {"proof-password": PASSWORD, "next": "/people/new/"}
    assert late.post("/account/proof/", form).url == "/people/new/"
    assert late.session.session_key != old
    assert late.get("/people/new/").status_code == 200


def test_what_was_typed_survives_the_question(late, manager):
    form = {**PERSON, "division": manager.grants.get().division_id}
    question = late.post("/people/new/", form)
    assert ("username", "newcomer") in question.context["kept"]
    wrong = late.post("/people/new/", {**form, "proof-password": "wrong"})
    assert wrong.context["form"].errors
    done = late.post("/people/new/", {**form, "proof-password": PASSWORD})
    assert done.context["password"]
    assert AuditEntry.objects.filter(action="stepup.failure").count() == 1
    assert AuditEntry.objects.filter(action="stepup.success").count() == 1


def test_the_proof_leads_to_our_own_pages_only(late):
    form = {"proof-password": PASSWORD, "next": "https://evil.example/"}
    assert late.post("/account/proof/", form).url == "/account/"


def test_above_a_page_of_htmx_the_question_opens_and_closes(late):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/people/new/"}
    question = late.post("/people/new/", PERSON, headers=headers)
    assert (question["HX-Retarget"], question["HX-Reswap"]) == ("body", "beforeend")
    again = late.post("/account/proof/", {"proof-password": "wrong"}, headers=headers)
    assert again.context["form"].errors
    given = late.post("/account/proof/", {"proof-password": PASSWORD}, headers=headers)
    assert "proof__given" in given.content.decode()
    assert "HX-Retarget" not in late.post("/people/new/", PERSON, headers=headers)


def test_a_program_gets_a_clean_error(late):
    answer = late.post("/people/new/", PERSON, headers={"Accept": "application/json"})
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "proof_required"


def test_five_wrong_proofs_end_the_session(late):
    for _try in range(4):
        assert late.post("/account/proof/", {"proof-password": "wrong"}).status_code == 200
    assert late.post("/account/proof/", {"proof-password": "wrong"}).url.endswith("ended=stepup")
    assert not is_in(late)


# --- a stale proof stops what weighs ---


def test_a_stale_proof_gives_no_grant_and_ends_none(late, manager):
    officer = factories.GrantFactory(division=manager.grants.get().division)
    form = {"role": "county_branch", "division": officer.division_id, "first_day": "2026-11-23"}
    for path in (f"/people/{officer.user_id}/grants/new/", f"/grants/{officer.pk}/end/"):
        before = list(Grant.objects.order_by("pk").values())
        answer = late.post(path, form)
        assert "proof-password" in answer.content.decode()
        assert list(Grant.objects.order_by("pk").values()) == before


def test_a_stale_proof_makes_no_token_and_a_fresh_one_does(client, officer, clock):
    client.force_login(officer)
    clock.shift(timedelta(minutes=11))
    form = {"name": "sync", "days": "30", "scopes": ["read:alerts"]}
    question = client.post("/account/tokens/", form)
    assert ("name", "sync") in question.context["kept"]
    assert not ApiToken.objects.exists()
    made = client.post("/account/tokens/", {**form, "proof-password": PASSWORD})
    secret = made.context["secret"]
    assert ApiToken.objects.get().name == "sync"
    told = str(list(AuditEntry.objects.values()))
    assert PASSWORD not in told
    assert secret not in told
    assert secret.rsplit("_", 1)[1] not in told
    clock.shift(timedelta(minutes=11))
    assert client.post("/account/tokens/", form).context["kept"]
    assert ApiToken.objects.count() == 1
