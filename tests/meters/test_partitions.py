"""Partitions of readings and raw chunks stand ready ahead of need."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from django.db import connection

from meters.partitions import DAYS_AHEAD, make_partitions, make_partitions_ahead
from tests.processes import database_url

pytestmark = pytest.mark.django_db(transaction=True)

DAY = date(2031, 2, 28)


@pytest.fixture(autouse=True)
def _drop_made(request):
    yield
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname ~ '^meters_(reading|rawchunk)_203[0-9]'"
            " AND relkind = 'r'"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {name}")


def insert(at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO meters_reading (point_id, measured_at, received_at, flag, is_backfill,"
            " chunk_id) VALUES (1, %s, now(), 'N', false, 1)",
            [at],
        )


def test_both_tables_get_each_day_once():
    assert make_partitions(DAY, DAY + timedelta(days=1)) == 4
    assert make_partitions(DAY, DAY + timedelta(days=1)) == 0


def test_a_partition_takes_its_day_of_utc_and_no_more():
    make_partitions(DAY, DAY)
    insert(datetime(2031, 2, 28, tzinfo=UTC))
    insert(datetime(2031, 2, 28, 23, 59, 59, 999999, tzinfo=UTC))
    with pytest.raises(Exception, match="no partition"):
        insert(datetime(2031, 3, 1, tzinfo=UTC))


def test_a_week_ahead_stands_ready():
    make_partitions_ahead(DAY)
    insert(datetime(2031, 2, 28, tzinfo=UTC) + timedelta(days=DAYS_AHEAD, hours=23))


def test_two_processes_at_once_do_not_collide():
    def make(_: int) -> int:
        with psycopg.connect(database_url("gateway"), autocommit=True) as own:
            return own.execute(
                "SELECT meters_make_partitions(%s, %s)", [DAY, DAY + timedelta(days=5)]
            ).fetchone()[0]

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(make, range(4))) == [0, 0, 0, 12]


def test_a_running_ingest_is_not_blocked_and_blocks_nothing():
    make_partitions(DAY, DAY)
    with psycopg.connect(database_url("gateway")) as busy:
        busy.execute(
            "INSERT INTO meters_reading (point_id, measured_at, received_at, flag, is_backfill,"
            " chunk_id) VALUES (2, '2031-02-28T01:00Z', now(), 'N', false, 1)"
        )  # its transaction stays open
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
            try:
                assert make_partitions(DAY + timedelta(days=1), DAY + timedelta(days=1)) == 2
            finally:
                cursor.execute("SET lock_timeout = 0")


def test_a_silly_span_is_refused():
    with pytest.raises(Exception, match="at most 800 days"):
        make_partitions(date(2030, 1, 1), date(2039, 1, 1))
