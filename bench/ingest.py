"""Readings acknowledged durably over TCP, against plain COPY of the same rows.

Each figure is the median of pairs run in turn - ours, then COPY of as many rows into the same
partitioned, keyed table - so that a busy machine slows both. Ours includes the check sums, the
duplicate removal, the newest values, the statuses, the raw archive and its hash chain.
"""

import asyncio
import io
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from statistics import median

import psutil
import psycopg
from django.db import connection

from bench._gateway import (
    CIRCUITS,
    Station,
    gateway,
    make_stations,
    say,
    scratch_database,
    upload_all,
)
from meters.models import Reading
from meters.partitions import make_partitions

PAIRS = 5
ROWS_A_COPY = 3000  # a commit; as in the anchors
#: name, connections, frames unanswered on each, frames on each
LOADS = (
    ("closed loop, 100 connections", 100, 1, 40),
    ("closed loop, 300 connections", 300, 1, 15),
    ("pipelined, 100 connections x 16", 100, 16, 60),
)


def run() -> Iterator[dict[str, object]]:
    """Yield readings a second and CPU time a reading for each load."""
    days = count(2)
    with scratch_database(), gateway() as running:
        stations = make_stations(max(load[1] for load in LOADS))
        assert running.process is not None
        process = psutil.Process(running.process.pid)
        for name, connections, window, frames in LOADS:
            rates, ratios, costs = [], [], []
            for pair in range(PAIRS + 1):
                day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
                day -= timedelta(days=2 * next(days))
                make_partitions((day - timedelta(days=1)).date(), day.date())
                before = cpu_s(process)
                ours = upload(running.port, stations[:connections], day, frames, window)
                cost = cpu_s(process) - before
                copied = copy(stations[:connections], day - timedelta(days=1), frames)
                if pair == 0:
                    continue  # warming up
                readings = connections * frames * CIRCUITS
                rates.append(readings / ours)
                ratios.append(copied / ours)
                costs.append(cost / readings * 1e6)
                say(
                    f"{name}: {rates[-1]:,.0f} readings/s, {ratios[-1]:.2f} of COPY,"
                    f" {costs[-1]:.1f} us CPU, load {os.getloadavg()[0]:.1f}"
                )
            yield {
                "name": f"ingest, {name}",
                "value": round(median(rates)),
                "unit": "readings/s",
                "ratio": round(median(ratios), 3),
                "against": f"COPY of the same rows, {ROWS_A_COPY} a commit,"
                f" {min(ratios):.2f} to {max(ratios):.2f}",
            }
            yield {
                "name": f"ingest CPU, {name}, gateway and its database sessions",
                "value": round(median(costs), 1),
                "unit": "us/reading",
            }


def upload(port: int, stations: list[Station], day: datetime, frames: int, window: int) -> float:
    """Upload so many frames from each station; return the seconds; check that all is stored."""
    frames_of = [
        [station.frame(day + timedelta(seconds=number), number) for number in range(frames)]
        for station in stations
    ]
    began = time.perf_counter()
    asyncio.run(upload_all(port, frames_of, window))
    took = time.perf_counter() - began
    stored = Reading.objects.filter(measured_at__gte=day, measured_at__lt=day + timedelta(days=1))
    assert stored.count() == len(stations) * frames * CIRCUITS
    return took


def copy(stations: list[Station], day: datetime, frames: int) -> float:
    """COPY the same rows of another day into the same table; return the seconds."""
    lines = [
        f"{point}\t{at}\t{at}\t7.7{position}\t221.{position}\t\\N\t\\N\t12.{position}4\t\\N\t\\N\t\\N"
        f"\t80223.86{position}\tN\tt\t0\n"
        for number in range(frames)
        for at in (f"{day + timedelta(seconds=number):%Y-%m-%d %H:%M:%S}+00",)
        for station in stations
        for position, point in enumerate(station.points)
    ]
    buffers = [
        io.StringIO("".join(lines[start : start + ROWS_A_COPY])).getvalue().encode()
        for start in range(0, len(lines), ROWS_A_COPY)
    ]
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as session:
        began = time.perf_counter()
        for buffer in buffers:
            with session.cursor().copy("COPY meters_reading FROM STDIN") as into:
                into.write(buffer)
        return time.perf_counter() - began


def cpu_s(process: psutil.Process) -> float:
    """Return the CPU seconds of the gateway and, where they run here, its database sessions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
        pids = [row[0] for row in cursor.fetchall()]
    total = sum(process.cpu_times()[:2])
    for pid in pids:
        try:
            session = psutil.Process(pid)
            if session.name().startswith("postgres"):
                total += sum(session.cpu_times()[:2])
        except psutil.Error:  # the server is on another machine, or the session has ended
            continue
    return total
