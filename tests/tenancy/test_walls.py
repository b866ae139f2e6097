"""Entering the walls in requests, tasks and streams; afterwards the scope is what it was."""

import json

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from django.utils import timezone, translation

from common.addresses import client_address
from enterprises.models import Contact, Enterprise
from tenancy import walls
from tenancy.middleware import ScopeMiddleware
from tenancy.models import Role
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return make.EnterpriseFactory()


@pytest.fixture
def there():
    return make.EnterpriseFactory()


@pytest.fixture
def officer(here):
    return make.GrantFactory(role=Role.COUNTY_BRANCH, division=here.county).user


def setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s, true)", [f"powerwatch.{name}"])
        return cursor.fetchone()[0] or ""


def through(view, user, rf, **headers):
    """Send a request through the middleware to a view as Django does, errors and all."""
    request = rf.get("/", **headers)
    request.user = user

    def answer(request):
        try:
            return view(request)
        except Http404 as error:
            middleware.process_exception(request, error)
            return HttpResponse(status=404)
        except ValueError as error:
            middleware.process_exception(request, error)
            return HttpResponse(status=500)

    middleware = ScopeMiddleware(answer)
    return middleware(request)


@pytest.fixture
def rf():
    return RequestFactory()


def test_a_task_acts_for_a_person_and_goes_back_to_what_it_was(here, there, officer):
    assert Enterprise.objects.count() == 2  # the tests run as the owner, who sees all
    with walls.acting_for(officer):
        assert list(Enterprise.objects.all()) == [here]
        with walls.as_system("the test looks over the wall"):
            assert Enterprise.objects.count() == 2
        assert list(Enterprise.objects.all()) == [here]
        with walls.acting_for(AnonymousUser()):
            assert not Enterprise.objects.exists()
    assert Enterprise.objects.count() == 2


def test_an_error_inside_leaves_the_scope_as_it_was(here, there, officer):
    with pytest.raises(ValueError), walls.acting_for(officer):
        Contact.objects.create(enterprise=here, name="x")
        raise ValueError
    assert Enterprise.objects.count() == 2
    assert not Contact.objects.exists()


def test_looking_over_the_walls_needs_a_reason():
    with pytest.raises(ValueError, match="reason"), walls.as_system(""):
        raise AssertionError("looked")


@pytest.mark.django_db(transaction=True)
def test_entering_outside_a_transaction_is_refused(officer):
    with pytest.raises(transaction.TransactionManagementError):
        walls.enter(officer)


def test_a_request_sees_its_persons_rows_without_any_filter(here, there, officer, rf):
    seen = []
    through(lambda r: seen.extend(Enterprise.objects.all()) or HttpResponse(), officer, rf)
    through(lambda r: seen.extend(Enterprise.objects.all()) or HttpResponse(), AnonymousUser(), rf)
    assert seen == [here]
    assert setting("scope") == "system"


def test_a_grant_taken_away_is_gone_on_the_next_request(here, officer, rf):
    def count(request):
        return HttpResponse(str(Enterprise.objects.count()))

    assert through(count, officer, rf).content == b"1"
    officer.grants.update(ends_at=timezone.now())
    assert through(count, officer, rf).content == b"0"


@pytest.mark.parametrize(
    ("answer", "kept"),
    [(HttpResponse(), 1), (HttpResponse(status=403), 1), (HttpResponse(status=503), 0),
     (Http404(), 0), (ValueError(), 0)],
)  # fmt: skip
def test_what_a_request_wrote_stays_unless_it_failed(here, officer, rf, answer, kept):
    def view(request):
        Contact.objects.create(enterprise=here, name="x")
        if isinstance(answer, Exception):
            raise answer
        return answer

    through(view, officer, rf)
    assert Contact.objects.count() == kept
    assert setting("scope") == "system"


def test_an_answered_error_can_ask_for_the_rollback(here, officer, rf):
    def view(request):
        Contact.objects.create(enterprise=here, name="x")
        transaction.set_rollback(True)
        return HttpResponse(status=400)

    assert through(view, officer, rf).status_code == 400
    assert not Contact.objects.exists()


def test_a_token_may_enter_later_in_the_request(here, there, officer, rf):
    def view(request):
        assert not Enterprise.objects.exists()
        walls.enter(officer, audit={"address": "1.2.3.4"})
        assert json.loads(setting("audit"))["actor_id"] == officer.pk
        return HttpResponse(str(Enterprise.objects.count()))

    assert through(view, AnonymousUser(), rf).content == b"1"
    assert setting("scope") == "system"


def test_the_audit_is_told_who_acts_for_which_body(here, officer, rf):
    told = []
    through(lambda r: told.append(setting("audit")) or HttpResponse(), officer, rf)
    audit = json.loads(told[0])
    assert audit["actor_id"] == officer.pk
    assert audit["actor_name"] == str(officer)
    with translation.override("zh-hans"):
        assert audit["body"] == f"{here.county.name} · {Role.COUNTY_BRANCH.label}"
    assert audit["address"] == "127.0.0.1"
    assert len(audit["request"]) == 36
    assert setting("audit") == ""


def test_a_stream_reads_as_its_person(here, there, officer):
    names = (one.name for one in Enterprise.objects.order_by("pk").iterator())
    assert list(walls.streamed_for(officer, names)) == [here.name]
    assert setting("scope") == "system"


def test_the_address_is_the_proxys_last_word_where_one_stands_before_us(rf, settings):
    request = rf.get("/", headers={"X-Forwarded-For": "6.6.6.6, 10.0.0.9"})
    assert client_address(request) == "127.0.0.1"
    settings.BEHIND_PROXY = True
    assert client_address(request) == "10.0.0.9"
    assert client_address(rf.get("/", headers={"X-Forwarded-For": "no address"})) == "127.0.0.1"
