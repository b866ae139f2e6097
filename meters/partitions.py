"""Time partitions of readings and raw chunks, made ahead of need."""

from datetime import date, timedelta

from django.db import connection

#: How many days ahead of today partitions stand ready.
DAYS_AHEAD = 7


def make_partitions(first_day: date, last_day: date) -> int:
    """Make the daily partitions (days of UTC) from first to last that are missing; return how many.

    Safe to run from several processes at once and beside running ingest. Call it outside the
    transaction that writes the rows.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT meters_make_partitions(%s, %s)", [first_day, last_day])
        return int(cursor.fetchone()[0])


def make_partitions_ahead(today: date) -> int:
    """Make yesterday's to next week's partitions; return how many were missing."""
    return make_partitions(today - timedelta(days=1), today + timedelta(days=DAYS_AHEAD))
