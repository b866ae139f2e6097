"""Small helpers for tests with a database."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from django.db import connection

from meters.models import ChangedWindow, MonitoringPoint
from meters.partitions import make_partitions


def store_reading_rows(
    rows: Iterable[tuple[int, datetime, float | None, float | None, bool]],
) -> None:
    """Insert (point id, measured at, kW, volts, is back-filled); the first value of a key wins."""
    rows = list(rows)
    if not rows:
        return
    days = [row[1].astimezone(UTC).date() for row in rows]
    make_partitions(min(days), max(days))
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO meters_reading
              (point_id, measured_at, received_at, p_kw, ua, ub, uc, flag, is_backfill, chunk_id)
            VALUES (%s, %s, %s, %s, %s, %s, %s, 'N', %s, 1) ON CONFLICT DO NOTHING
            """,
            [(id_, at, at, kw, volt, volt, volt, late) for id_, at, kw, volt, late in rows],
        )


def store_readings(
    point: MonitoringPoint,
    start: datetime,
    values: Sequence[float | str | None],
    interval: timedelta = timedelta(minutes=1),
    *,
    is_backfill: bool = False,
) -> None:
    """Insert one reading an interval from ``start`` on and say that the window changed.

    A value is a power in kW, None (a reading without one), "-" (no reading) or "x" (no voltage).
    """
    rows = []
    for n, value in enumerate(values):
        if value == "-":
            continue
        volts = 0.0 if value == "x" else 230.0
        power = 0.0 if value == "x" else value
        rows.append((point.pk, start + n * interval, power, volts, is_backfill))
    store_reading_rows(rows)
    if rows:
        ChangedWindow.objects.create(
            enterprise_id=point.collector.enterprise_id,
            since=rows[0][1],
            until=rows[-1][1],
            received_at=rows[-1][1],
        )
