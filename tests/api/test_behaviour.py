"""Errors, entity tags, pages, repeated writes, throttles and the number of queries."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.models import AlertLog
from enterprises.models import Enterprise
from meters.models import Collector, Meter
from orders.models import Declaration
from reports.filters import EnterpriseFilter
from tenancy.idempotency import sweep_answers
from tenancy.models import IdempotentAnswer
from tests import factories as make
from tests.api.conftest import NOW, make_world

V1 = "/api/v1"


def problem(answer, code):
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == f"urn:powerwatch:problem:{code}"
    assert body["status"] == answer.status_code
    return body


# --- problems ---


def test_a_problem_is_told_in_chinese_or_english(world):
    client = world.client("city_admin")
    chinese = problem(client.get(f"{V1}/enterprises/999999999"), "not-found")
    english = problem(
        client.get(f"{V1}/enterprises/999999999", HTTP_ACCEPT_LANGUAGE="en-GB"), "not-found"
    )
    assert english["title"] == "Not found"
    assert chinese["title"] == "没有找到"
    assert english["instance"] == chinese["instance"] == f"{V1}/enterprises/999999999"


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/", "/api/v2/x", "/api/v1/enterprises/0", "/api/v1/a%00b%0Ac"]
)
def test_an_unknown_address_is_a_problem_too(world, client, path):
    problem(client.get(path), "not-found")
    problem(client.post(path), "not-found")


def test_wrong_method_form_and_type_are_told(world):
    client = world.client("city_admin")
    problem(client.delete(f"{V1}/enterprises"), "method-not-allowed")
    problem(client.options(f"{V1}/enterprises"), "method-not-allowed")
    problem(client.get(f"{V1}/enterprises", HTTP_ACCEPT="application/xml"), "not-acceptable")
    pk = world.own.objects["alerts"].pk
    sent = client.post(f"{V1}/alerts/{pk}/confirm", data="a=1", content_type="text/plain")
    problem(sent, "unsupported-media-type")


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        "[" * 100_000,
        '{"text": NaN}',
        '"x"',
        "1" * 5000,
        '{"text": 1e999}',
        '{"text": 5}',
        "\xff",
    ],
)
def test_a_body_that_is_no_json_object_is_refused(world, body):
    pk = world.own.objects["alerts"].pk
    answer = world.client("city_admin").post(
        f"{V1}/alerts/{pk}/confirm", data=body, content_type="application/json"
    )
    problem(answer, "invalid")


def test_a_body_that_is_too_large_is_refused(world, settings):
    settings.API_BODY_BYTES = 1000
    pk = world.own.objects["alerts"].pk
    answer = world.client("city_admin").post(
        f"{V1}/alerts/{pk}/confirm", {"text": "x" * 1000}, format="json"
    )
    problem(answer, "too-large")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("countie=1", "countie"),
        ("county=1&county=2", "county"),
        ("industry=NONE", "industry"),
        ("q=%00", "q"),
        ("page_size=201", "page_size"),
        ("page_size=-1", "page_size"),
        ("is_key=1", "is_key"),
        ("industry=", "industry"),
    ],
)
def test_a_wrong_parameter_is_named(world, query, parameter):
    answer = world.client("city_admin").get(f"{V1}/enterprises?{query}")
    body = problem(answer, "invalid-query")
    assert {entry["parameter"] for entry in body["errors"]} == {parameter}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "since=2026-11-23T00:00:00%2B08:00",
        "since=2026-11-23T00:00:00&until=2026-11-24T00:00:00",
        "since=2026-11-01T00:00:00Z&until=2026-12-03T00:00:00Z",
        "since=0001-01-01T00:00:00%2B14:00&until=0001-01-02T00:00:00Z",
        "since=2026-11-24T00:00:00Z&until=2026-11-23T00:00:00Z",
    ],
)
def test_readings_want_a_span_of_at_most_31_days(world, query):
    pk = world.own.objects["points"].pk
    answer = world.client("city_admin").get(f"{V1}/points/{pk}/readings?{query}")
    problem(answer, "invalid-query")


def test_a_fault_of_ours_says_nothing_of_its_cause(world, monkeypatch):
    from enterprises.api import EnterpriseViewSet

    def broken(*args, **kwargs):
        raise RuntimeError("the secret cause")

    monkeypatch.setattr(EnterpriseViewSet, "optimise", broken)
    client = world.client("city_admin")
    client.raise_request_exception = False
    answer = client.get(f"{V1}/enterprises")
    problem(answer, "server-error")
    assert "secret" not in answer.content.decode()


def test_a_session_writes_with_the_csrf_token_only(world):
    from rest_framework.test import APIClient

    client = APIClient(enforce_csrf_checks=True)
    client.force_login(world.people["city_enforcer"])
    assert client.get(f"{V1}/enterprises").status_code == 200
    pk = world.own.objects["alerts"].pk
    problem(client.post(f"{V1}/alerts/{pk}/acknowledge"), "forbidden")


# --- pages ---


def test_pages_follow_each_other_without_gap_or_overlap(world):
    for _number in range(5):
        make.EnterpriseFactory(county=world.own.county)
    client = world.client("city_admin")
    address, seen = f"{V1}/enterprises?page_size=3", []
    while address:
        body = client.get(address).json()
        assert len(body["results"]) <= 3
        seen += [row["id"] for row in body["results"]]
        address = body["next"]
    assert seen == sorted(set(seen))
    assert len(seen) == 7


def test_alerts_of_one_moment_are_paged_by_their_key(world):
    from tests.api.conftest import make_alert

    for _number in range(3):
        facility = make.FacilityFactory(site=world.own.objects["sites"])
        make_alert(world.own.enterprise, facility)
    client = world.client("city_admin")
    address, seen = f"{V1}/alerts?page_size=1", []
    while address:
        body = client.get(address).json()
        seen += [row["id"] for row in body["results"]]
        address = body["next"]
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 5


@pytest.mark.parametrize(
    "cursor", ["x", "W10", "WyJ4Il0", "é", "WyI5OTk5OTk5OTk5OTk5OTk5OTk5OTkiXQ"]
)
def test_a_made_up_cursor_is_refused(world, cursor):
    answer = world.client("city_admin").get(f"{V1}/enterprises", {"cursor": cursor})
    problem(answer, "invalid-cursor")


# --- entity tags ---


def test_a_detail_that_is_known_already_is_not_sent_again(world):
    client = world.client("city_admin")
    path = f"{V1}/enterprises/{world.own.enterprise.pk}"
    first = client.get(path)
    again = client.get(path, HTTP_IF_NONE_MATCH=first["ETag"])
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    world.own.enterprise.address = "新址"
    world.own.enterprise.save()
    changed = client.get(path, HTTP_IF_NONE_MATCH=first["ETag"])
    assert changed.status_code == 200
    assert changed["ETag"] != first["ETag"]


def test_an_act_on_what_has_changed_meanwhile_is_refused(world):
    client = world.client("city_enforcer")
    path = f"{V1}/alerts/{world.own.objects['alerts'].pk}"
    etag = client.get(path)["ETag"]
    taken = client.post(f"{path}/acknowledge", HTTP_IF_MATCH=etag)
    assert taken.status_code == 200
    assert taken.json()["status"] == "ACKNOWLEDGED"
    stale = client.post(f"{path}/verify", HTTP_IF_MATCH=etag)
    problem(stale, "precondition-failed")
    assert client.post(f"{path}/verify", HTTP_IF_MATCH=taken["ETag"]).status_code == 200


# --- writes ---


def test_acts_need_the_right_and_the_state(world):
    path = f"{V1}/alerts/{world.own.objects['alerts'].pk}"
    officer, enforcer = world.client("enterprise_officer"), world.client("city_enforcer")
    problem(officer.post(f"{path}/acknowledge"), "forbidden")
    problem(enforcer.post(f"{path}/close"), "conflict")
    body = problem(officer.post(f"{path}/explain", {"text": " "}), "invalid")
    assert body["errors"][0]["pointer"] == "#/text"
    explained = officer.post(f"{path}/explain", {"text": "检修"})
    assert explained.json()["status"] == "EXPLAINED"
    foreign = f"{V1}/alerts/{world.stranger.objects['alerts'].pk}"
    problem(enforcer.post(f"{foreign}/acknowledge"), "not-found")


def new_declaration(world, **changed):
    start = timezone.now() + timedelta(hours=1)
    return {
        "enterprise": world.own.enterprise.pk,
        "facilities": [world.own.objects["facilities"].pk],
        "kind": "REPAIR",
        "starts_at": start.isoformat(),
        "ends_at": (start + timedelta(hours=8)).isoformat(),
        "reason": "更换布袋",
        **changed,
    }


def test_an_enterprise_declares_for_itself(world):
    client = world.client("enterprise_officer")
    made = client.post(f"{V1}/declarations", new_declaration(world))
    assert made.status_code == 201, made.content
    assert client.get(made["Location"]).json() == made.json()
    assert made.json()["status"] == "SUBMITTED"
    foreign = new_declaration(world, enterprise=world.neighbour.enterprise.pk)
    problem(client.post(f"{V1}/declarations", foreign), "not-found")
    other = new_declaration(world, facilities=[world.neighbour.objects["facilities"].pk])
    body = problem(client.post(f"{V1}/declarations", other), "invalid")
    assert body["errors"][0]["pointer"] == "#/facilities"
    late = new_declaration(world, ends_at="2020-01-01T00:00:00Z")
    problem(client.post(f"{V1}/declarations", late), "invalid")
    officer = world.client("city_admin")
    problem(officer.post(f"{V1}/declarations", new_declaration(world)), "forbidden")


def test_a_repeated_write_is_carried_out_once(world):
    client = world.client("enterprise_officer")
    body, key = new_declaration(world), {"HTTP_IDEMPOTENCY_KEY": "k-1"}
    before = Declaration.objects.count()
    first = client.post(f"{V1}/declarations", body, **key)
    again = client.post(f"{V1}/declarations", body, **key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotency-Replayed"] == "true"
    assert again["Location"] == first["Location"]
    assert Declaration.objects.count() == before + 1
    other = client.post(f"{V1}/declarations", {**body, "reason": "另一"}, **key)
    problem(other, "idempotency-key-reused")
    problem(client.post(f"{V1}/declarations", body, HTTP_IDEMPOTENCY_KEY="a b"), "invalid-header")


def test_a_refused_write_leaves_its_key_free_and_old_answers_go(world):
    client, key = world.client("enterprise_officer"), {"HTTP_IDEMPOTENCY_KEY": "k-2"}
    wrong = new_declaration(world, reason="")
    assert client.post(f"{V1}/declarations", wrong, **key).status_code == 400
    assert client.post(f"{V1}/declarations", new_declaration(world), **key).status_code == 201
    assert sweep_answers(now=timezone.now()) == 0
    assert sweep_answers(now=timezone.now() + timedelta(hours=25)) == 1
    assert not IdempotentAnswer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_with_one_key_at_once_one_is_carried_out(settings, monkeypatch):
    from alerts import operations

    settings.API_RATES = dict.fromkeys(settings.API_RATES, 0)
    world = make_world()
    alert = world.own.objects["alerts"]
    token = world.client("city_enforcer")
    begun, go_on = threading.Event(), threading.Event()
    real = operations.acknowledge_alert

    def slow(*args, **kwargs):
        begun.set()
        assert go_on.wait(20)
        return real(*args, **kwargs)

    monkeypatch.setattr(operations, "acknowledge_alert", slow)
    answers = []

    def send() -> None:
        answers.append(post())
        connections.close_all()

    def post():
        path = f"{V1}/alerts/{alert.pk}/acknowledge"
        return token.post(path, HTTP_IDEMPOTENCY_KEY="at-once")

    thread = threading.Thread(target=send)
    thread.start()
    assert begun.wait(20)
    problem(post(), "in-progress")
    go_on.set()
    thread.join(20)
    assert [answer.status_code for answer in answers] == [200]
    assert post()["Idempotency-Replayed"] == "true"
    assert AlertLog.objects.filter(alert=alert, event="acknowledged").count() == 1


# --- how often ---


@pytest.mark.parametrize(
    ("name", "is_known"), [("person", True), ("address", True), ("stranger", False)]
)
def test_too_many_requests_are_told_to_wait(world, settings, client, name, is_known):
    from django.core.cache import cache

    cache.clear()
    settings.API_RATES = {**dict.fromkeys(settings.API_RATES, 0), name: 3}
    asking = world.client("city_admin") if is_known else client
    answers = [asking.get(f"{V1}/me") for _number in range(4)]
    assert [a.status_code for a in answers] == [200 if is_known else 401] * 3 + [429]
    problem(answers[-1], "too-many-requests")
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    cache.clear()


# --- cost ---

LISTS = [
    "enterprises",
    "sites",
    "lines",
    "facilities",
    "pairings",
    "thresholds",
    "attachments",
    "installations",
    "collectors",
    "points",
    "meters",
    "work-orders",
    "alerts",
    "declarations",
]
QUERIES = {"lines": 10, "pairings": 11, "declarations": 10}


def test_a_list_costs_the_same_for_one_row_and_for_three(world):
    from tests.api.conftest import make_plant

    client = world.client("county_branch")
    client.get(f"{V1}/me")  # notes the use of the token

    def cost() -> dict[str, int]:
        out = {}
        for resource in LISTS:
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert client.get(f"{V1}/{resource}").status_code == 200
            out[resource] = len(queries)
        return out

    one = cost()
    for _number in range(2):
        make_plant(world.own.county, make.UserFactory())
    assert cost() == one
    assert one == {resource: QUERIES.get(resource, 9) for resource in LISTS}


def test_a_span_of_readings_is_paged_in_order_of_time(world):
    from tests.api.conftest import make_reading

    point = world.own.objects["points"]
    for minutes in (1, 2, 3):
        make_reading(point, NOW + timedelta(minutes=minutes))
    client = world.client("county_branch")
    query = "since=2026-11-23T12:00:00Z&until=2026-11-23T12:03:00Z&page_size=2"
    address, seen = f"{V1}/points/{point.pk}/readings?{query}", []
    while address:
        body = client.get(address).json()
        seen += [row["measured_at"] for row in body["results"]]
        address = body["next"]
    assert seen == [f"2026-11-23T20:0{minute}:00+08:00" for minute in range(3)]


@pytest.mark.parametrize("words", ["jnzz", "jinnan", "晋南", "JN-0", "mn-77-01", "MN-77", "DB-9"])
def test_the_api_finds_what_the_list_of_the_pages_finds(world, client, words):
    own = world.own.objects
    Enterprise.objects.filter(pk=own["enterprises"].pk).update(
        name="晋南铸造", code="JN-0001", name_pinyin="jinnanzhuzao", name_initials="jnzz"
    )
    Collector.objects.filter(pk=own["collectors"].pk).update(mn="MN-77-01")
    Meter.objects.create(
        point=make.PointFactory(
            collector=Collector.objects.get(pk=own["collectors"].pk), facility=own["facilities"]
        ),
        serial="DB-9",
        valid_from=make.LONG_AGO,
    )
    person = world.people["city_admin"]
    listed = EnterpriseFilter({"q": words}, Enterprise.objects.visible_to(person)).qs
    answer = world.client("city_admin").get(f"{V1}/enterprises", {"q": words})
    assert answer.status_code == 200
    found = [row["id"] for row in answer.json()["results"]]
    assert found == [row.pk for row in listed] == [own["enterprises"].pk]


def test_the_api_does_not_find_a_foreign_enterprise_by_its_number(world):
    mn = world.stranger.objects["collectors"].mn
    answer = world.client("city_admin").get(f"{V1}/enterprises", {"q": mn})
    assert answer.json()["results"] == []


@pytest.mark.parametrize("owner", ["neighbour", "stranger"])
def test_a_number_that_another_enterprise_has_is_a_conflict_in_the_same_words(world, owner):
    other = getattr(world, owner).enterprise
    Enterprise.objects.filter(pk=other.pk).update(code="WHO-7")
    client = world.client("city_admin")
    url = f"{V1}/enterprises/{world.own.enterprise.pk}"
    tag = client.get(url)["ETag"]
    answer = client.patch(
        url,
        {"code": "WHO-7"},
        format="json",
        HTTP_IF_MATCH=tag,
        HTTP_IDEMPOTENCY_KEY="k-1",
        HTTP_ACCEPT_LANGUAGE="en",
    )
    body = problem(answer, "conflict")
    assert answer.status_code == 409
    assert body["detail"].startswith("This internal number is in use already.")
    assert other.name not in answer.content.decode()
