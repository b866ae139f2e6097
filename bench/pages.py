"""Pages behind row-level security with 300 and with 30,000 enterprises: queries and milliseconds.

The pages are asked through Django's whole stack, as a city's administrator whose city holds half of
all enterprises, on a connection of the web role, so that every wall stands. Enterprises have one
site, ten facilities with a point and a meter each, one collector, a line with a grade and a row of
the programme; every tenth has an alert. Queries are all statements of a request but BEGIN and
COMMIT: session, person and entering the walls are among them.

Goals: as many queries with 30,000 as with 300, at most 12 for lists, the enterprise file and the
programme's page, and 150 ms on a quiet machine.

``BENCH_PAGES_ENTERPRISES`` (30000) sets the larger size; the smaller is a hundredth of it.
"""

import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

GOAL_MS = 150.0
GOAL_QUERIES = 12
REQUESTS = 15
POINTS = 10  # of each enterprise, one facility and meter each
COUNTIES = 17  # of each of the two cities

#: name: path; ``{pk}`` is an enterprise of the city, ``{county}`` a county's code.
PAGES = {
    "list": "/enterprises/",
    "list, by name": "/enterprises/?q=测试企业000012",
    "list, by initials": "/enterprises/?q=csqy12",
    "list, by MN": "/enterprises/?q=MN00000012",
    "list, by facility": "/enterprises/?q=布袋除尘器12号",
    "list, by county and grade": "/enterprises/?county={county}&grade=B",
    "file": "/enterprises/{pk}/file/",
    "installation by county": "/installation/",
    "installation by industry": "/installation/?by=industry",
    "installation by batch": "/installation/?by=batch",
    "installation names": "/installation/list/?state=missing",
    "overview": "/city/",
    "alerts": "/alerts/",
    "enterprise": "/enterprises/{pk}/",
}
#: Pages for which the number of queries is bounded.
BOUNDED = ("list", "file", "installation")

_PLACES = """
INSERT INTO tenancy_division (id, code, name, name_en, kind, parent_id, path)
SELECT 990000 + c, '99' || lpad(c::text, 2, '0') || '00', '测试市' || c, '', 'CITY', NULL,
    '/t' || c || '/'
FROM generate_series(1, 2) c;
INSERT INTO tenancy_division (id, code, name, name_en, kind, parent_id, path)
SELECT 991000 + c * 100 + n, '99' || lpad(c::text, 2, '0') || lpad(n::text, 2, '0'),
    '测试县' || c || '-' || n, '', 'COUNTY', 990000 + c, '/t' || c || '/' || n || '/'
FROM generate_series(1, 2) c, generate_series(1, {counties}) n;
INSERT INTO enterprises_installationbatch
    (id, division_id, name, document_number, issued_on, due_on, note)
SELECT 9900 + n, 990001, '第' || n || '批', '', current_date - 90, current_date + 30 - 20 * n, ''
FROM generate_series(1, 3) n
"""
_ROWS = """
INSERT INTO enterprises_enterprise (id, name, code, credit_code, permit_number, management_class,
    county_id, industry, industry_code, address, legal_representative, is_key, performance_grade,
    installation_status, name_pinyin, name_initials)
SELECT n, '测试企业' || lpad(n::text, 6, '0') || '铸造有限公司', 'E' || lpad(n::text, 6, '0'), '',
    '', '', 991100 + (n % 2) * 100 + 1 + (n / 2) % {counties},
    (ARRAY['FOUNDRY','BRICK','CEMENT','COKING','LIME'])[1 + n % 5], '', '', '', n % 20 = 0,
    (ARRAY['A','B','C','D'])[1 + n % 4],
    (ARRAY['REQUIRED','SURVEYED','INSTALLING','CONNECTED','ACCEPTED','ACCEPTED','EXEMPT',
        'NOT_REQUIRED'])[1 + (n / 2) % 8],
    'ceshiqiye' || lpad(n::text, 6, '0') || 'zhuzaoyouxiangongsi',
    'csqy' || lpad(n::text, 6, '0') || 'zzyxgs'
FROM generate_series({first}, {count}) n;
INSERT INTO enterprises_site (id, enterprise_id, name, address)
SELECT n, n, '厂区', '' FROM generate_series({first}, {count}) n;
INSERT INTO enterprises_productionline (id, site_id, name, position)
SELECT n, n, '1号线', 0 FROM generate_series({first}, {count}) n;
INSERT INTO enterprises_linegrade (line_id, grade, basis, valid_from)
SELECT n, (ARRAY['A','B','C','D'])[1 + n % 4], '', now() - interval '90 days'
FROM generate_series({first}, {count}) n;
INSERT INTO enterprises_facility (id, site_id, line_id, code, name, kind, process_step, load_class,
    rated_kw, drive, nominal_voltage_v, duty_group, is_safety_critical, position)
SELECT n * {points} + p, n, n, 'F' || p,
    CASE WHEN p < {half} THEN '中频电炉' ELSE '布袋除尘器' END || n || '号' || p,
    CASE WHEN p < {half} THEN 'PRODUCTION' ELSE 'CONTROL' END, '', 'FIXED', 100, '', 220, '',
    false, p
FROM generate_series({first}, {count}) n, generate_series(0, {points} - 1) p;
INSERT INTO meters_collector (id, mn, enterprise_id, site_id, password, expected_interval_s,
    is_enabled)
SELECT n, 'MN' || lpad(n::text, 8, '0') || '0000', n, n, '123456', 60, true
FROM generate_series({first}, {count}) n;
INSERT INTO meters_collectorstatus (collector_id, latest_received_at, latest_peer, frame_count)
SELECT n, now() + CASE WHEN n % 9 = 0 THEN interval '-2 hours' ELSE interval '2 hours' END, '', 1
FROM generate_series({first}, {count}) n WHERE n % 10 <> 0;
INSERT INTO meters_monitoringpoint (id, collector_id, circuit, facility_id, is_accepted)
SELECT n * {points} + p, n, lpad(p::text, 2, '0'), n * {points} + p, true
FROM generate_series({first}, {count}) n, generate_series(0, {points} - 1) p;
INSERT INTO meters_meter (point_id, serial, model, accuracy_class, ct_ratio, pt_ratio, ct_class,
    certificate_number, seal_numbers, valid_from, reason)
SELECT n * {points} + p, 'DB' || n || '-' || p, '', '0.5S', 80, 1, '', '', '',
    now() - interval '90 days', ''
FROM generate_series({first}, {count}) n, generate_series(0, {points} - 1) p;
INSERT INTO enterprises_installation (enterprise_id, batch_id, due_on, extension_reason,
    points_required)
SELECT n, CASE WHEN n % 4 > 0 THEN 9900 + n % 4 END, current_date - 30 + n % 90, '', {points}
FROM generate_series({first}, {count}) n;
INSERT INTO enterprises_installationlog (enterprise_id, from_status, to_status, event, at, body,
    reason)
SELECT n, 'CONNECTED', 'ACCEPTED', 'ACCEPT', now() - (n % 60) * interval '1 day', '', ''
FROM generate_series({first}, {count}) n WHERE (n / 2) % 8 IN (4, 5);
INSERT INTO alerts_alert (id, number, rule, level, status, enterprise_id, county_id, collector_id,
    site_id, subject_key, first_started_at, latest_ended_at, is_ongoing, detected_at,
    occurrence_count)
SELECT n, 'AT' || lpad(n::text, 8, '0'), 'R10', 1 + n % 3,
    CASE WHEN n % 3 = 0 THEN 'OPEN' ELSE 'CLOSED' END, n,
    (SELECT county_id FROM enterprises_enterprise e WHERE e.id = n), n, n, 'collector:' || n,
    now() - (n % 60) * interval '1 day' - interval '1 hour', now() - (n % 60) * interval '1 day',
    n % 30 = 0, now() - (n % 60) * interval '1 day', 1
FROM generate_series({first}, {count}) n WHERE n % 10 = 0;
INSERT INTO alerts_occurrence (alert_id, enterprise_id, rule, subject_key, state, level, started_at,
    ended_at, detected_at, evidence)
SELECT a.id, a.enterprise_id, a.rule, a.subject_key, 'ENDED', a.level, a.first_started_at,
    a.latest_ended_at, a.detected_at, '{{}}'
FROM alerts_alert a WHERE a.id >= {first}
"""


def run() -> Iterator[dict[str, object]]:
    """Yield for each page: p50 in ms at both sizes, their ratio, and the queries.

    Raises RuntimeError for a page that does not answer 200.
    """
    large = int(os.environ.get("BENCH_PAGES_ENTERPRISES", "30000"))
    small = large // 100
    with _scratch_database():
        found = {small: _measure(1, small), large: _measure(small + 1, large)}
    for name in PAGES:
        (small_ms, small_queries), (large_ms, large_queries) = (
            found[small][name],
            found[large][name],
        )
        yield {
            "name": f"page {name}, {large} enterprises against {small}",
            "value": round(large_ms, 1),
            "unit": "ms p50",
            "ratio": round(large_ms / small_ms, 2),
            "against": f"{small} enterprises: {small_ms:.1f} ms; goal {GOAL_MS:.0f} ms",
        }
        bound = f"; goal {GOAL_QUERIES}" if name.startswith(BOUNDED) else ""
        yield {
            "name": f"page {name}, queries",
            "value": large_queries,
            "unit": "queries",
            "ratio": round(large_queries / small_queries, 2),
            "against": f"{small} enterprises: {small_queries}{bound}",
        }


def _measure(first: int, count: int) -> dict[str, tuple[float, int]]:
    """Return p50 in ms and the queries of each page, in the open scratch database."""
    from django.db import connection

    _say(f"storing up to {count} enterprises with {count * POINTS} points")
    began = time.perf_counter()
    _store(first, count)
    _say(f"stored in {time.perf_counter() - began:.0f} s")
    client = _sign_in()
    with _as_web():
        found = {}
        for name, template in PAGES.items():
            path = template.format(pk=count // 2 * 2, county="990103")
            found[name] = _ask(client, path)
            _say(f"{name}: {found[name][0]:.1f} ms, {found[name][1]} queries")
            if os.environ.get("BENCH_PAGES_SQL") == name:
                _explain(client, path)
        connection.close()
    return found


def _store(first: int, count: int) -> None:
    """Write everything; audit triggers rest, the maps are filled at once."""
    from django.db import connection, transaction
    from django.utils import timezone

    from powerwatch.audited_tables import AUDITED
    from powerwatch.key_map import fill
    from reports.tallies import count_points

    rows = (_PLACES + ";\n" if first == 1 else "") + _ROWS
    rows = rows.format(first=first, count=count, points=POINTS, half=POINTS // 2, counties=COUNTIES)
    with transaction.atomic(), connection.cursor() as cursor:
        for table in AUDITED:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in rows.split(";\n"):
            cursor.execute(statement)
        fill(cursor)
    with connection.cursor() as cursor:
        for table in AUDITED:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("VACUUM ANALYZE")
    count_points(now=timezone.now())


def _sign_in() -> Any:
    """Return a client in which the city's administrator is signed in."""
    from django.conf import settings
    from django.test import Client
    from django.utils import timezone

    from tenancy.models import Grant, Role, User

    settings.ALLOWED_HOSTS = ["*"]
    settings.SECOND_FACTOR = "offered"
    user, is_new = User.objects.get_or_create(
        username="bench", defaults={"password_changed_at": timezone.now()}
    )
    if is_new:
        Grant.objects.create(
            user=user, role=Role.CITY_ADMIN, division_id=990001, starts_at=timezone.now()
        )
    client = Client()
    client.force_login(user)
    return client


@contextmanager
def _as_web() -> Iterator[None]:
    """Let the process connect as the web role, as a web process does."""
    from django.conf import settings
    from django.db import connection

    from powerwatch.settings import _database_for

    web = _database_for("web")
    kept = dict(connection.settings_dict)
    settings.DEBUG = False
    connection.close()
    for key in ("USER", "PASSWORD", "HOST", "PORT", "OPTIONS"):
        connection.settings_dict[key] = web.get(key, "")
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(kept)


def _ask(client: Any, path: str) -> tuple[float, int]:
    """Return the median of the milliseconds and the number of queries of a page."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def ask() -> float:
        began = time.perf_counter()
        response = client.get(path)
        took = (time.perf_counter() - began) * 1000
        if response.status_code != 200:
            raise RuntimeError(f"{path} answers {response.status_code}")
        return took

    ask()
    with CaptureQueriesContext(connection) as captured:
        ask()
    queries = [q["sql"] for q in captured.captured_queries if q["sql"] not in ("BEGIN", "COMMIT")]
    return statistics.median(ask() for _number in range(REQUESTS)), len(queries)


def _explain(client: Any, path: str) -> None:
    """Show each query of a page with its milliseconds."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        client.get(path)
    for query in captured.captured_queries:
        _say(f"{query['time']} {query['sql']}")


@contextmanager
def _scratch_database() -> Iterator[None]:
    """Migrate a database of our own beside the one given, and drop it afterwards."""
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"{name}_bench_pages"
    _say("migrating a scratch database")
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def _say(words: str) -> None:
    print(f"  {words}", file=sys.stderr, flush=True)
