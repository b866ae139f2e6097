"""Each resource, read by each role, at its own plant, in the next county and in another city."""

from datetime import timedelta

import pytest

from tenancy.access import ROLE_PERMISSIONS, Permission
from tenancy.models import Grant, Role
from tests.api.conftest import NOW

RESOURCES = [
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
WIDE = {"province_viewer", "city_admin", "city_air_office", "city_enforcer"}
#: An operator sees devices and what stands on the own sites; R01 and declarations are not devices'.
HIDDEN_FROM_OPERATORS = {"alerts", "declarations"}
NESTED = [
    ("points", "readings", True),
    ("facilities", "segments", True),
    ("alerts", "occurrences", False),
    ("alerts", "log", False),
]
SPAN = {
    "since": NOW.isoformat(),
    "until": (NOW + timedelta(days=1)).isoformat(),
}


def sees(role: str, resource: str) -> tuple[bool, bool, bool]:
    own = not (role == "operator" and resource in HIDDEN_FROM_OPERATORS)
    return own, role in WIDE, False


@pytest.mark.parametrize("role", Role.values)
def test_every_role_reads_its_own_and_nothing_else(world, role):
    client = world.client(role) if may_use(role) else None
    for resource in RESOURCES:
        if client is None:
            continue
        plants = (world.own, world.neighbour, world.stranger)
        ids = [plant.objects[resource].pk for plant in plants]
        listed = client.get(f"/api/v1/{resource}")
        assert listed.status_code == 200, listed.content
        found = {row["id"] for row in listed.json()["results"]}
        for pk, is_seen in zip(ids, sees(role, resource), strict=True):
            assert (pk in found) is is_seen, (resource, pk)
            answer = client.get(f"/api/v1/{resource}/{pk}")
            assert answer.status_code == (200 if is_seen else 404), (resource, answer.content)


@pytest.mark.parametrize(
    "role", [r for r in Role.values if Permission.USE_API in ROLE_PERMISSIONS[r]]
)
def test_what_lies_under_an_object_is_seen_with_it(world, role):
    client = world.client(role)
    for resource, below, has_span in NESTED:
        expected = sees(role, resource)
        for plant, is_seen in zip(
            (world.own, world.neighbour, world.stranger), expected, strict=True
        ):
            pk = plant.objects[resource].pk
            answer = client.get(f"/api/v1/{resource}/{pk}/{below}", SPAN if has_span else {})
            assert answer.status_code == (200 if is_seen else 404), answer.content
            if is_seen:
                assert len(answer.json()["results"]) == 1


def may_use(role: str) -> bool:
    return Permission.USE_API in ROLE_PERMISSIONS[role]


@pytest.mark.parametrize("role", [role for role in Role.values if not may_use(role)])
def test_without_the_right_to_the_api_everything_is_refused(world, role, client):
    client.force_login(world.people[role])
    for resource in [*RESOURCES, "me", "progress"]:
        assert client.get(f"/api/v1/{resource}").status_code == 403


def test_nobody_is_asked_to_say_who_they_are(world, client):
    answer = client.get("/api/v1/enterprises")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Content-Type"] == "application/problem+json"


def test_a_grant_taken_away_is_gone_by_the_next_request(world):
    client = world.client("county_branch")
    assert client.get("/api/v1/enterprises").json()["results"]
    Grant.objects.filter(user=world.people["county_branch"]).update(ends_at=NOW)
    assert client.get("/api/v1/enterprises").status_code == 403


def test_the_programme_is_counted_over_what_is_seen(world):
    counties = {
        row["county"]
        for row in world.client("city_admin").get("/api/v1/progress").json()["results"]
    }
    assert counties == {"141023", "141024"}
    assert world.client("enterprise_officer").get("/api/v1/progress").status_code == 403


def test_a_filter_on_a_foreign_id_finds_nothing_and_tells_nothing(world):
    client = world.client("county_branch")
    foreign = client.get("/api/v1/sites", {"enterprise": world.stranger.enterprise.pk})
    missing = client.get("/api/v1/sites", {"enterprise": 2**62})
    assert foreign.json() == missing.json() == {"next": None, "results": []}


def test_a_collectors_password_is_nowhere(world):
    answer = world.client("city_admin").get("/api/v1/collectors")
    assert "password" not in answer.content.decode()
    assert "123456" not in answer.content.decode()


def test_dated_records_are_asked_for_an_instant(world):
    client = world.client("city_admin")
    for resource in ("pairings", "meters", "thresholds"):
        pk = world.own.objects[resource].pk
        ids = lambda at: {  # noqa: E731
            row["id"]
            for row in client.get(f"/api/v1/{resource}", {"at": at}).json()["results"]  # noqa: B023
        }
        assert pk in ids("2026-11-23T00:00:00+08:00")
        assert pk not in ids("2018-01-01T00:00:00+08:00")
