"""Readings acknowledged durably over TCP, against plain COPY of the same rows.

Each figure is the median of rounds - ours, then COPY of as many rows into the same partitioned,
keyed table, in commits as large as ours came to be, then again in large ones - so that a busy
machine slows all three. Ours includes the check sums, the duplicate removal, the newest values,
the statuses, the raw archive and its hash chain.

CPU time is that of the gateway and its database sessions; it is the steadier figure.
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
import uvloop
from django.db import connection
from django.db.models import Avg

from bench._gateway import (
    CIRCUITS,
    Station,
    gateway,
    make_stations,
    say,
    scratch_database,
    upload_all,
)
from meters.models import RawChunk, Reading
from meters.partitions import make_partitions
from tests.processes import database_url

ROUNDS = 5
LARGE_COPY = 3000  # rows in a commit; as in the anchors
#: name, connections, frames unanswered on each, frames on each
LOADS = (
    ("closed loop, 100 connections", 100, 1, 100),
    ("closed loop, 300 connections", 300, 1, 40),
    ("pipelined, 100 connections x 16", 100, 16, 160),
)


def run() -> Iterator[dict[str, object]]:
    """Yield readings a second and CPU time a reading for each load."""
    days = count(2)
    with scratch_database(), gateway() as running:
        stations = make_stations(max(load[1] for load in LOADS))
        assert running.process is not None
        process = psutil.Process(running.process.pid)
        for name, connections, window, frames in LOADS:
            used = stations[:connections]
            readings = connections * frames * CIRCUITS
            rates, ratios, large_ratios, costs, sizes = [], [], [], [], []
            for round_number in range(ROUNDS + 1):
                day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
                day -= timedelta(days=3 * next(days))
                make_partitions((day - timedelta(days=2)).date(), day.date())
                newest = RawChunk.objects.order_by("-id").values_list("id", flat=True).first() or 0
                before = cpu_s(process)
                ours = upload(running.port, used, day, frames, window)
                cost = cpu_s(process) - before
                commits = RawChunk.objects.filter(id__gt=newest)
                size = round((commits.aggregate(mean=Avg("frame_count"))["mean"] or 1) * CIRCUITS)
                copied = copy(used, day - timedelta(days=1), frames, size)
                copied_large = copy(used, day - timedelta(days=2), frames, LARGE_COPY)
                if round_number == 0:
                    continue  # warming up
                rates.append(readings / ours)
                ratios.append(copied / ours)
                large_ratios.append(copied_large / ours)
                costs.append(cost / readings * 1e6)
                sizes.append(size)
                say(
                    f"{name}: {rates[-1]:,.0f} readings/s, {ratios[-1]:.2f} of COPY by {size},"
                    f" {large_ratios[-1]:.2f} by {LARGE_COPY}, {costs[-1]:.1f} us CPU,"
                    f" load {os.getloadavg()[0]:.1f}"
                )
            for rows, found in ((round(median(sizes)), ratios), (LARGE_COPY, large_ratios)):
                yield {
                    "name": f"ingest, {name}",
                    "value": round(median(rates)),
                    "unit": "readings/s",
                    "ratio": round(median(found), 3),
                    "against": f"COPY of the same rows, {rows} a commit,"
                    f" {min(found):.2f} to {max(found):.2f}",
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
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(upload_all(port, frames_of, window))
    took = time.perf_counter() - began
    stored = Reading.objects.filter(measured_at__gte=day, measured_at__lt=day + timedelta(days=1))
    assert stored.count() == len(stations) * frames * CIRCUITS
    return took


def copy(stations: list[Station], day: datetime, frames: int, size: int) -> float:
    """COPY the same rows, of another day, by so many a commit; return the seconds."""
    lines = [
        f"{point}\t{at}\t{at}\t7.7{position}\t221.{position}\t\\N\t\\N\t12.{position}4\t\\N\t\\N\t\\N"
        f"\t80223.86{position}\tN\tt\t0\n"
        for number in range(frames)
        for at in (f"{day + timedelta(seconds=number):%Y-%m-%d %H:%M:%S}+00",)
        for station in stations
        for position, point in enumerate(station.points)
    ]
    buffers = [
        io.StringIO("".join(lines[start : start + size])).getvalue().encode()
        for start in range(0, len(lines), size)
    ]
    # As the gateway: COPY is refused to whom row-level security binds, and it binds the owner too.
    with psycopg.connect(database_url("gateway"), autocommit=True) as session:
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
