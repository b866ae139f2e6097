"""The API under schemathesis, and its milliseconds with 30,000 enterprises.

``run`` reads BENCH_API_CASES (of each kind, for each operation and role; 40) and
BENCH_API_ENTERPRISES (30000; 0 leaves the timing out). Everything happens in a scratch database,
which is filled by its owner and asked by the web role, behind row-level security.
Goals: no server error (S5), 150 ms for a page of a list and for a detail.
"""

import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

ROLES = ("city_admin", "county_branch", "enterprise_officer", "operator", "province_viewer")
GOAL_MS = 150.0
REQUESTS = 40


def run() -> Iterator[dict[str, object]]:
    """Yield cases, server errors and other findings, then medians of a list and a detail in ms."""
    cases = int(os.environ.get("BENCH_API_CASES", "40"))
    enterprises = int(os.environ.get("BENCH_API_ENTERPRISES", "30000"))
    with scratch_database():
        from django.conf import settings

        from tests.api.conftest import make_world

        settings.API_RATES = dict.fromkeys(settings.API_RATES, 0)
        settings.ALLOWED_HOSTS = ["*"]
        world = make_world()
        tokens = {role: world.token(role) for role in ROLES}
        known = world.own.ids
        with _as_web_role():
            yield from _fuzz(tokens, known, cases)
        if enterprises:
            pk, county = _store(world, enterprises)
            with _as_web_role():
                yield from _time(tokens["city_admin"], pk, county, enterprises)


@contextmanager
def _as_web_role() -> Iterator[None]:
    """Connect as the web processes do until the end of the block."""
    from django.db import connection

    from powerwatch.settings import _database_for

    owner = dict(connection.settings_dict)
    web = _database_for("web")
    connection.close()
    connection.settings_dict.update({key: web[key] for key in ("USER", "PASSWORD", "OPTIONS")})
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, (SELECT count(*) FROM enterprises_enterprise)")
            if cursor.fetchone() != ("powerwatch_web", 0):
                raise RuntimeError("the walls do not stand")
        yield
    finally:
        connection.close()
        connection.settings_dict.update(owner)


def _fuzz(tokens, known, cases: int) -> Iterator[dict[str, object]]:
    from tests.api.fuzz import fuzz

    total, errors, findings = 0, 0, []
    for role in ROLES:
        found = fuzz(tokens[role], cases=cases, seed=len(role), known=known)
        _say(f"{role}: {found.cases} cases, answers {dict(sorted(found.by_status.items()))}")
        total += found.cases
        errors += found.server_errors
        findings += found.failures
    for words in findings[:20]:
        _say(words)
    yield {"name": "api_schemathesis_cases", "value": total, "unit": "cases"}
    yield {
        "name": "api_schemathesis_server_errors",
        "value": errors,
        "unit": "errors",
        "against": "goal S5: 0",
    }
    yield {
        "name": "api_schemathesis_other_findings",
        "value": len(findings),
        "unit": "findings",
        "against": "goal S5: 0 undocumented",
    }


def _store(world, enterprises: int) -> tuple[int, str]:
    """Store the enterprises; return the id of the last and the code of one county."""
    from django.db import connection

    from enterprises.models import Enterprise

    _say(f"storing {enterprises} enterprises")
    counties = [world.own.county, world.neighbour.county]
    Enterprise.objects.bulk_create(
        [
            Enterprise(
                name=f"测试{number}建材有限公司(示例)",
                code=f"BENCH-{number}",
                county=counties[number % 2],
                industry="BRICK",
                name_pinyin=f"ceshi{number}jiancai",
                name_initials=f"cs{number}jc",
            )
            for number in range(enterprises)
        ],
        batch_size=5000,
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return Enterprise.objects.order_by("-pk").values_list("pk", flat=True)[0], counties[1].code


def _time(token: str, pk: int, county: str, enterprises: int) -> Iterator[dict[str, object]]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from rest_framework.test import APIClient

    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    cursor = client.get("/api/v1/enterprises?page_size=200").json()["next"]
    for name, path in [
        ("list", "/api/v1/enterprises"),
        ("list_of_200_next_page", cursor),
        ("search", "/api/v1/enterprises?q=测试29"),
        ("county", f"/api/v1/enterprises?county={county}"),
        ("detail", f"/api/v1/enterprises/{pk}"),
        ("progress", "/api/v1/progress"),
    ]:
        with CaptureQueriesContext(connection) as queries:
            client.get(path)
            count = len(queries)  # read here: the next request empties the log
        took = []
        for _number in range(REQUESTS):
            began = time.perf_counter()
            assert client.get(path).status_code == 200
            took.append((time.perf_counter() - began) * 1000)
        median = statistics.median(took)
        yield {
            "name": f"api_{name}_p50_with_{enterprises}_enterprises",
            "value": round(median, 1),
            "unit": "ms",
            "ratio": round(median / GOAL_MS, 3),
            "against": f"goal: {GOAL_MS:.0f} ms; {count} queries",
        }


@contextmanager
def scratch_database() -> Iterator[None]:
    """Migrate an empty database beside the own one and drop it at the end."""
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"{name}_bench"
    _say("migrating a scratch database")
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
