"""Signing in: lockout, equal timing, the second step, what is owed first, and the way it ends."""

import itertools
import statistics
import time
from binascii import unhexlify
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.hashers import make_password
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from tenancy import second_factor
from tenancy.models import AuditEntry, Grant, PasswordRecord, Role, User, UserSession
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PASSWORD = "fenhe-River-2026"
HASH = make_password(PASSWORD)
LOGIN, SECOND = "/accounts/login/", "/accounts/login/code/"


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def officer(clock) -> User:
    user = factories.UserFactory(username="officer", password=HASH, password_changed_at=NOW)
    factories.GrantFactory(user=user)
    return user


def sign_in(client: Client, username: str = "officer", password: str = PASSWORD, **extra):
    return client.post(LOGIN, {"username": username, "password": password}, **extra)


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def actions() -> list[str]:
    # What the triggers wrote names a table.
    by_trigger = {"action__regex": r"\.(add|change|delete)$", "object_type__gt": ""}
    told = AuditEntry.objects.exclude(**by_trigger)
    return list(told.order_by("pk").values_list("action", flat=True))


def code_of(user: User, *, steps: int = 0) -> str:
    """Return what the person's phone shows now, or so many steps of 30 s later."""
    device = TOTPDevice.objects.get(user=user)
    totp = TOTP(unhexlify(device.key))
    totp.time = time.time() + 30 * steps
    return f"{totp.token():06d}"


def give_factor(user: User) -> list[str]:
    key = second_factor.new_key()
    totp = TOTP(unhexlify(key))
    totp.time = time.time()
    codes = second_factor.enrol(user, key, f"{totp.token():06d}")
    assert codes is not None
    return codes


# --- password -----------------------------------------------------------------------------------


def test_a_right_password_signs_in_with_a_new_session_key_and_an_entry(client, officer):
    client.get(LOGIN)
    answer = sign_in(client)
    assert answer.status_code == 302
    assert is_in(client)
    session = UserSession.objects.get(user=officer)
    assert session.session_key == client.session.session_key
    assert actions() == ["signin.success"]


def test_a_wrong_password_an_unknown_name_and_a_closed_account_read_alike(client, officer):
    factories.UserFactory(username="closed", password=HASH, is_active=False)
    pages = set()
    for username, password in (("officer", "wrong"), ("nobody", "wrong"), ("closed", PASSWORD)):
        answer = sign_in(client, username, password)
        assert answer.status_code == 200
        pages.add(str(answer.context["form"].non_field_errors()))
    assert len(pages) == 1
    assert actions() == ["signin.failure"] * 3
    assert "nobody" not in str(AuditEntry.objects.values_list("object_label", "note"))


def test_unknown_closed_and_wrong_take_the_same_time(client, officer, settings):
    """Medians of a handful of tries each; the hasher runs once in each case."""
    settings.AXES_ENABLED = False
    factories.UserFactory(username="closed", password=HASH, is_active=False)
    factories.UserFactory(username="unusable", password="!none")
    names = ("officer", "nobody", "closed", "unusable")
    taken: dict[str, list[float]] = {name: [] for name in names}
    sign_in(client, "officer", "warm up")
    for _round in range(9):
        for name in names:
            begun = time.process_time()
            sign_in(client, name, "wrong")
            taken[name].append(time.process_time() - begun)
    medians = [statistics.median(values) for values in taken.values()]
    assert max(medians) / min(medians) < 1.35, medians


# --- lockout ------------------------------------------------------------------------------------


def test_five_failures_rest_the_account_for_fifteen_minutes(client, officer, clock):
    for _try in range(4):
        assert sign_in(client, password="wrong").status_code == 200
    answer = sign_in(client, password="wrong")
    assert answer.status_code == 429
    assert "15" in answer.content.decode()
    assert sign_in(client).status_code == 429  # the right one does not help
    assert sign_in(Client(REMOTE_ADDR="10.9.9.9")).status_code == 429  # nor another address
    clock.shift(timedelta(minutes=14))
    assert sign_in(client).status_code == 429
    clock.shift(timedelta(minutes=1, seconds=1))
    assert sign_in(client).status_code == 302
    assert "signin.locked" in actions()


def test_knocking_on_does_not_lengthen_the_rest(client, officer, clock):
    for _try in range(5):
        sign_in(client, password="wrong")
    clock.shift(timedelta(minutes=10))
    for _try in range(5):
        sign_in(client, password="wrong")
    clock.shift(timedelta(minutes=5, seconds=1))
    assert sign_in(client).status_code == 302


def test_a_name_that_nobody_has_rests_alike(client, officer):
    answers = [sign_in(client, "nobody", "wrong").status_code for _try in range(6)]
    assert answers == [200, 200, 200, 200, 429, 429]


def test_failures_count_from_the_last_success(client, officer):
    for _try in range(4):
        sign_in(client, password="wrong")
    assert sign_in(client).status_code == 302
    client.post("/accounts/logout/")
    assert [sign_in(client, password="wrong").status_code for _try in range(4)] == [200] * 4


# --- second step --------------------------------------------------------------------------------


def test_with_a_second_factor_the_password_alone_is_nobody(client, officer, clock):
    give_factor(officer)
    clock.shift(timedelta(minutes=1))
    answer = sign_in(client)
    assert answer.url == SECOND
    assert not is_in(client)
    assert client.post(SECOND, {"code": code_of(officer)}).status_code == 302
    assert is_in(client)


def test_a_code_is_not_taken_twice(client, officer, clock):
    give_factor(officer)
    clock.shift(timedelta(minutes=1))
    code = code_of(officer)
    sign_in(client)
    assert client.post(SECOND, {"code": code}).status_code == 302
    thief = Client()
    sign_in(thief)
    assert thief.post(SECOND, {"code": code}).status_code == 200
    assert not is_in(thief)


def test_the_code_that_set_it_up_does_not_sign_in(client, officer):
    give_factor(officer)
    sign_in(client)
    assert client.post(SECOND, {"code": code_of(officer)}).status_code == 200


def test_wrong_codes_make_wait_and_five_end_the_attempt(client, officer, clock):
    give_factor(officer)
    clock.shift(timedelta(minutes=1))
    sign_in(client)
    assert client.post(SECOND, {"code": "000000"}).status_code == 200
    # Within the wait the right one is not even looked at.
    assert client.post(SECOND, {"code": code_of(officer)}).status_code == 200
    for _try in range(2):
        client.post(SECOND, {"code": "000000"})
    assert client.post(SECOND, {"code": "000000"}).url == LOGIN
    assert client.get(SECOND).url == LOGIN
    assert actions().count("signin.failure") == 5


def test_the_second_step_waits_five_minutes(client, officer, clock):
    give_factor(officer)
    clock.shift(timedelta(minutes=1))
    sign_in(client)
    clock.shift(timedelta(minutes=5, seconds=1))
    assert client.post(SECOND, {"code": code_of(officer)}).url == LOGIN
    assert not is_in(client)


def test_a_recovery_code_opens_once_and_is_stored_as_a_digest(client, officer):
    codes = give_factor(officer)
    assert len(codes) == 10
    stored = set(StaticToken.objects.values_list("token", flat=True))
    assert not stored & {code.replace("-", "") for code in codes}
    sign_in(client)
    assert client.post(SECOND, {"code": codes[0].upper()}).status_code == 302
    assert is_in(client)
    again = Client()
    sign_in(again)
    assert again.post(SECOND, {"code": codes[0]}).status_code == 200
    assert second_factor.count_recovery_codes(officer) == 9


def test_somebody_elses_code_does_not_fit(client, officer, clock):
    give_factor(officer)
    other = factories.UserFactory(password=HASH)
    theirs = give_factor(other)
    clock.shift(timedelta(minutes=1))
    sign_in(client)
    assert client.post(SECOND, {"code": code_of(other)}).status_code == 200
    clock.shift(timedelta(seconds=30))
    assert client.post(SECOND, {"code": theirs[0]}).status_code == 200
    assert not is_in(client)


# --- what is owed first -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "owed"),
    [(Role.CITY_ENFORCER, True), (Role.SECURITY_ADMIN, True), (Role.OPERATOR, False)],
)
def test_required_leads_staff_to_setting_it_up(client, clock, settings, role, owed):
    settings.SECOND_FACTOR = "required"
    user = factories.UserFactory(username="officer", password=HASH, password_changed_at=NOW)
    factories.GrantFactory(user=user, role=role)
    sign_in(client)
    answer = client.get("/account/")
    assert answer.status_code == (302 if owed else 200)
    if not owed:
        return
    assert answer.url.startswith("/account/second-factor/")
    page = client.get("/account/second-factor/")
    key = client.session["second_factor_key"]
    assert "<svg" in page.content.decode()
    totp = TOTP(unhexlify(key))
    totp.time = time.time()
    assert client.post("/account/second-factor/", {"code": "12"}).status_code == 200
    done = client.post("/account/second-factor/", {"code": f"{totp.token():06d}"})
    assert len(done.context["codes"]) == 10
    assert is_in(client)
    assert "second_factor.enrol" in actions()
    # And who must have one cannot take it off.
    client.post("/account/second-factor/remove/")
    assert second_factor.has_device(user)


def test_a_page_that_renews_itself_and_a_program_are_told_so_too(client, officer):
    officer.must_change_password = True
    officer.save()
    client.force_login(officer)
    live = client.get("/city/live/", headers={"HX-Request": "true"})
    assert (live.status_code, live["HX-Redirect"]) == (403, "/account/password/")
    program = client.get("/city/", headers={"Accept": "application/json"})
    assert program.status_code == 403
    assert program.json()["code"] == "account_password_first"


def test_a_password_of_ninety_one_days_has_to_go(client, officer, clock):
    clock.shift(timedelta(days=90))
    sign_in(client)
    assert is_in(client)
    clock.shift(timedelta(minutes=2))
    client.post("/accounts/logout/")
    clock.shift(timedelta(days=1))
    sign_in(client)
    assert client.get("/account/").url.startswith("/account/password/")
    new = "hukou-Falls-1938"
    form = {"old_password": PASSWORD, "new_password": new, "repeated": new}
    assert client.post("/account/password/", form).status_code == 302
    assert is_in(client)
    assert "password.change" in actions()


@pytest.mark.parametrize(
    "bad",
    ["short-A1", "onlysmallletters", "officer-Officer1", "Password123", PASSWORD],
    ids=["short", "one kind", "like the name", "common", "the present one"],
)
def test_weak_and_known_passwords_are_refused_in_words(client, officer, bad):
    client.force_login(officer)
    form = {"old_password": PASSWORD, "new_password": bad, "repeated": bad}
    answer = client.post("/account/password/", form)
    assert answer.status_code == 200
    assert answer.context["form"].errors["new_password"]
    officer.refresh_from_db()
    assert officer.check_password(PASSWORD)


def test_the_last_five_do_not_come_back_and_the_sixth_does(client, officer):
    client.force_login(officer)
    passwords = [PASSWORD, *(f"hukou-Falls-{n}" for n in range(5))]
    for old, new in itertools.pairwise(passwords):
        form = {"old_password": old, "new_password": new, "repeated": new}
        assert client.post("/account/password/", form).status_code == 302
    assert PasswordRecord.objects.filter(user=officer).count() == 5
    last = passwords[-1]
    refused = {"old_password": last, "new_password": passwords[1], "repeated": passwords[1]}
    assert client.post("/account/password/", refused).status_code == 200
    taken = {"old_password": last, "new_password": PASSWORD, "repeated": PASSWORD}
    assert client.post("/account/password/", taken).status_code == 302


# --- superusers ---------------------------------------------------------------------------------


def test_a_superuser_ends_with_the_first_security_administrator(client, clock):
    User.objects.create_superuser("root", password=PASSWORD)
    assert sign_in(client, "root").status_code == 302
    assert is_in(client)
    factories.GrantFactory(role=Role.SECURITY_ADMIN)
    assert not is_in(client)
    assert sign_in(client, "root").status_code == 200
    Grant.objects.update(ends_at=NOW)
    assert sign_in(client, "root").status_code == 302


def test_the_command_makes_three_people_and_tells_passwords_once(client, clock, capsys):
    factories.DivisionFactory()
    options = {"division": "141000", "system": "sys:系统", "security": "sec", "auditor": "aud"}
    call_command("create_administrators", **options)
    lines = capsys.readouterr().out.strip().splitlines()[1:]
    assert len(lines) == 3
    username, password = lines[1].split()[-2:]
    assert sign_in(client, username, password).status_code == 302
    assert client.get("/people/").url.startswith("/account/password/")
    with pytest.raises(CommandError):
        call_command("create_administrators", division="141000", security="aud")
    with pytest.raises(CommandError):
        call_command("create_administrators", division="141000", security="x", auditor="X")
    with pytest.raises(CommandError):
        call_command("create_administrators", division="nowhere", security="x")


def test_the_administration_has_no_sign_in_of_its_own(client, clock):
    answer = client.get(f"{reverse('admin:login')}?next=/admin/")
    assert answer.url == f"{LOGIN}?next=/admin/"
    User.objects.create_superuser("root", password=PASSWORD)
    client.post(reverse("admin:login"), {"username": "root", "password": PASSWORD})
    assert not is_in(client)


# --- what a refusal gives away ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["unknown name", "closed account"])
def test_a_refusal_costs_the_same_whether_or_not_the_name_exists(officer, kind, monkeypatch):
    """As much hashing and as many queries; ``bench/signin.py`` takes the time."""
    from django.contrib.auth.hashers import get_hasher
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    factories.UserFactory(username="closed", password=HASH, is_active=False)
    factories.UserFactory(username="other", password=HASH)
    hashings = []
    hasher = type(get_hasher())

    def counted(method):
        return lambda *args, **kwargs: hashings.append(1) or method(*args, **kwargs)

    for name in ("encode", "verify"):
        monkeypatch.setattr(hasher, name, counted(getattr(hasher, name)))

    def cost(username: str, password: str) -> tuple[int, int, str]:
        hashings.clear()
        with CaptureQueriesContext(connection) as queries:
            answer = sign_in(Client(), username, password)
        errors = answer.context["form"].non_field_errors().as_text()
        return len(hashings), len(queries), errors

    cost("other", "wrong")  # loads what is loaded once
    names = {"unknown name": ("nobody", "wrong"), "closed account": ("closed", PASSWORD)}
    wrong = cost("officer", "wrong")
    assert cost(*names[kind]) == wrong
    assert wrong[0] == 1
