"""Writing the enterprise file over the API: the same operations, rights and dated records."""

from datetime import timedelta

import pytest
from django.utils import timezone

from enterprises.models import Facility, Pairing, Threshold
from meters.models import Meter
from tenancy.models import AuditEntry
from tests import factories as make
from tests.api.test_behaviour import V1, problem

ADMIN = "city_admin"


def change(client, path, body, **headers):
    """PATCH with the entity tag of the object as it stands."""
    headers.setdefault("HTTP_IF_MATCH", client.get(path)["ETag"])
    return client.patch(path, body, format="json", **headers)


@pytest.fixture
def client(world):
    return world.client(ADMIN)


# --- the enterprise ---


def test_only_what_is_sent_of_an_enterprise_is_changed(world, client):
    path = f"{V1}/enterprises/{world.own.enterprise.pk}"
    before = client.get(path).json()
    answer = change(client, path, {"name": "襄汾新名铸造(示例)", "is_key": True})
    assert answer.status_code == 200, answer.content
    assert answer.json() == {**before, "name": "襄汾新名铸造(示例)", "is_key": True}
    world.own.enterprise.refresh_from_db()
    assert world.own.enterprise.name_initials.startswith("xfxmzz")


def test_a_change_owes_the_tag_of_what_was_read(world, client):
    path = f"{V1}/enterprises/{world.own.enterprise.pk}"
    problem(client.patch(path, {"address": "新址"}, format="json"), "precondition-required")
    old = client.get(path)["ETag"]
    assert change(client, path, {"address": "新址"}).status_code == 200
    stale = change(client, path, {"address": "旧址"}, HTTP_IF_MATCH=old)
    problem(stale, "precondition-failed")
    world.own.enterprise.refresh_from_db()
    assert world.own.enterprise.address == "新址"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"county": "140802"}, "#/county"),
        ({"adress": "x"}, "#/adress"),
        ({"name": " "}, "#/name"),
        ({"is_key": "true"}, "#/is_key"),
        ({"credit_code": "91141023MA0000000X"}, "#/credit_code"),
        ({"industry_code": "zz"}, "#/industry_code"),
    ],
)
def test_a_wrong_field_of_an_enterprise_is_named(world, client, body, pointer):
    path = f"{V1}/enterprises/{world.own.enterprise.pk}"
    told = problem(change(client, path, body), "invalid")
    assert [entry["pointer"] for entry in told["errors"]] == [pointer]


def test_a_number_of_another_enterprise_is_refused_whether_it_is_seen_or_not(world):
    county = world.client("county_branch")
    path = f"{V1}/enterprises/{world.own.enterprise.pk}"
    seen = make.EnterpriseFactory(county=world.own.county).code
    # Nothing in the answer tells one from the other: behind the walls the check sees nothing.
    codes = (seen, world.stranger.enterprise.code)
    first, second = (problem(change(county, path, {"code": code}), "conflict") for code in codes)
    assert (first["title"], first.get("detail")) == (second["title"], second.get("detail"))


# --- who may ---


def writes(plant):
    """Return each write to the plant: method, path, body, and the scope that it needs."""
    ids = plant.ids
    soon = (timezone.now() + timedelta(hours=1)).isoformat()
    threshold = {"facility": ids["facilities"], "off_below_kw": 5, "on_from_kw": 200}
    pairing = {"stage": "脱硫", "productions": [ids["facilities"]], "controls": [ids["controls"]]}
    return {
        "enterprise": ("patch", f"enterprises/{ids['enterprises']}", {}, "write:file"),
        "facility": ("patch", f"facilities/{ids['facilities']}", {}, "write:file"),
        "new facility": (
            "post",
            "facilities",
            {"site": ids["sites"], "code": "N1", "name": "新", "kind": "CONTROL", "rated_kw": 9},
            "write:file",
        ),
        "threshold": ("post", "thresholds", {**threshold, "valid_from": soon}, "write:file"),
        "pairing": (
            "post",
            "pairings",
            {"site": ids["sites"], **pairing, "valid_from": soon},
            "write:file",
        ),
        "meter": (
            "post",
            "meters",
            {"point": ids["points"], "serial": "D9", "valid_from": soon, "reason": "更换"},
            "write:devices",
        ),
    }


KINDS = ["enterprise", "facility", "new facility", "threshold", "pairing", "meter"]


def send(client, write):
    method, path, body, _scope = write
    headers = {"HTTP_IF_MATCH": "*"} if method == "patch" else {}
    return getattr(client, method)(f"{V1}/{path}", body, format="json", **headers)


@pytest.mark.parametrize("kind", KINDS)
def test_a_write_needs_sight_then_the_right_then_the_scope(world, client, kind):
    problem(send(world.client("county_branch"), writes(world.stranger)[kind]), "not-found")
    problem(send(world.client("county_branch"), writes(world.neighbour)[kind]), "not-found")
    problem(send(world.client("enterprise_officer"), writes(world.own)[kind]), "forbidden")
    problem(send(world.client("province_viewer"), writes(world.own)[kind]), "forbidden")
    write = writes(world.own)[kind]
    reader = world.client(ADMIN, scopes=["read:enterprises", "read:devices"])
    problem(send(reader, write), "insufficient-scope")
    writer = world.client(ADMIN, scopes=[write[3]])
    answer = send(writer, write)
    assert answer.status_code == (200 if write[0] == "patch" else 201), answer.content
    if write[0] == "post":
        assert client.get(answer["Location"]).json() == answer.json()


def test_the_operator_records_meters_of_its_sites_alone(world):
    operator = world.client("operator")
    assert send(operator, writes(world.own)["meter"]).status_code == 201
    problem(send(operator, writes(world.neighbour)["meter"]), "not-found")
    problem(send(operator, writes(world.own)["threshold"]), "forbidden")


def test_what_was_written_stands_in_the_audit_log_under_the_actors_name(world, client):
    assert send(client, writes(world.own)["threshold"]).status_code == 201
    entry = AuditEntry.objects.filter(object_type="enterprises_threshold").latest("pk")
    assert entry.actor_id == world.people[ADMIN].pk


# --- facilities and dated records ---


def test_a_facility_is_entered_and_edited(world, client):
    _method, path, body, _scope = writes(world.own)["new facility"]
    made = client.post(f"{V1}/{path}", {**body, "line": world.own.ids["lines"]}, format="json")
    assert made.status_code == 201, made.content
    assert made.json()["line"] == world.own.ids["lines"]
    edited = change(client, made["Location"], {"line": None, "rated_kw": 12.5})
    assert (edited.json()["line"], edited.json()["rated_kw"]) == (None, 12.5)
    again = problem(client.post(f"{V1}/{path}", body, format="json"), "invalid")
    assert again["errors"]
    other = {"line": world.stranger.ids["lines"]}
    county = world.client("county_branch")
    told = problem(change(county, made["Location"], other), "invalid")
    assert told["errors"][0]["pointer"] == "#/line"
    assert Facility.objects.filter(site=world.own.ids["sites"]).count() == 3


def test_a_threshold_of_the_past_needs_a_reason(world, client):
    _method, path, body, _scope = writes(world.own)["threshold"]
    past = {**body, "valid_from": (timezone.now() - timedelta(days=2)).isoformat()}
    told = problem(client.post(f"{V1}/{path}", past, format="json"), "invalid")
    assert told["errors"][0]["pointer"] == "#/reason"
    made = client.post(f"{V1}/{path}", {**past, "reason": "铭牌录错"}, format="json")
    assert made.status_code == 201, made.content
    assert made.json()["approved_at"] is None


def test_who_writes_second_is_told_that_another_record_came_first(world, client):
    _method, path, body, _scope = writes(world.own)["threshold"]
    seen = client.get(f"{V1}/thresholds/{world.own.ids['thresholds']}")["ETag"]
    first = client.post(f"{V1}/{path}", body, format="json", HTTP_IF_MATCH=seen)
    assert first.status_code == 201, first.content
    later = {**body, "valid_from": (timezone.now() + timedelta(hours=2)).isoformat()}
    second = client.post(f"{V1}/{path}", later, format="json", HTTP_IF_MATCH=seen)
    problem(second, "precondition-failed")
    assert Threshold.objects.filter(facility=world.own.ids["facilities"]).count() == 2


def test_a_pairing_replaces_another_from_its_date(world, client):
    ids = world.own.ids
    pairing = world.own.objects["pairings"]
    begins = timezone.now().replace(microsecond=0) + timedelta(hours=1)
    body = {
        "site": ids["sites"],
        "replaces": ids["pairings"],
        "stage": pairing.stage,
        "productions": [ids["facilities"]],
        "controls": [ids["controls"]],
        "lag_s": 60,
        "valid_from": begins.isoformat(),
    }
    seen = client.get(f"{V1}/pairings/{ids['pairings']}")["ETag"]
    made = client.post(f"{V1}/pairings", body, format="json", HTTP_IF_MATCH=seen)
    assert made.status_code == 201, made.content
    pairing.refresh_from_db()
    assert pairing.valid_to == begins
    foreign = {**body, "replaces": world.neighbour.ids["pairings"]}
    problem(client.post(f"{V1}/pairings", foreign, format="json"), "not-found")
    sides = {**body, "replaces": None, "controls": [world.neighbour.ids["controls"]]}
    told = problem(client.post(f"{V1}/pairings", sides, format="json"), "invalid")
    assert told["errors"][0]["pointer"] == "#/controls"
    assert Pairing.objects.filter(site=ids["sites"]).count() == 2


def test_a_meter_record_ends_the_one_before_once_however_often_it_is_sent(world, client):
    _method, path, body, _scope = writes(world.own)["meter"]
    key = {"HTTP_IDEMPOTENCY_KEY": "meter-1"}
    made = client.post(f"{V1}/{path}", body, format="json", **key)
    assert made.status_code == 201, made.content
    again = client.post(f"{V1}/{path}", body, format="json", **key)
    assert (again["Idempotency-Replayed"], again.json()) == ("true", made.json())
    rows = Meter.objects.filter(point=world.own.ids["points"]).order_by("valid_from")
    assert [row.valid_to for row in rows] == [rows[1].valid_from, None]
    foreign = {**body, "work_order": world.neighbour.ids["work-orders"]}
    told = problem(client.post(f"{V1}/{path}", foreign, format="json"), "invalid")
    assert told["errors"][0]["pointer"] == "#/work_order"


def test_a_retired_point_takes_no_meter(world, client):
    point = world.own.objects["points"]
    point.retired_at = timezone.now()
    point.save()
    problem(send(client, writes(world.own)["meter"]), "conflict")
