"""What a batch says about points, collectors and enterprises, as the columns of its statements."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from meters.ingest.arrays import BigintArray, FloatArray, TextArray, TimeArray
from meters.ingest.entries import Entry, NewReading

_MAX_PEER: Final = 60

Columns = list[BigintArray | FloatArray | TextArray | TimeArray]


def newest_readings(readings: Iterable[NewReading]) -> tuple[int, Columns]:
    """Return how many points there are, and the newest reading of each, by point.

    Of two of one moment it is the first.
    """
    newest: dict[int, NewReading] = {}
    for reading in readings:
        point_id = reading[0]
        if point_id not in newest or newest[point_id][1] < reading[1]:
            newest[point_id] = reading
    point, measured, received, p_kw, ua, _, _, ia, _, _, _, energy, _, _ = zip(
        *[newest[point_id] for point_id in sorted(newest)], strict=True
    )
    return len(newest), [
        BigintArray(point),
        TimeArray(measured),
        TimeArray(received),
        *map(FloatArray, (p_kw, ua, ia, energy)),
    ]


def changed_windows(entries: Iterable[Entry]) -> Columns:
    """Return what stretch of time each enterprise's readings span, and their first arrival."""
    windows: dict[int, tuple[datetime, datetime, datetime]] = {}
    for entry in entries:
        if not entry.readings or entry.enterprise_id is None:
            continue
        times = {reading.measured_at for reading in entry.readings}
        since, until, received_at = min(times), max(times), entry.readings[0].received_at
        if (known := windows.get(entry.enterprise_id)) is not None:
            since, until = min(since, known[0]), max(until, known[1])
            received_at = min(received_at, known[2])
        windows[entry.enterprise_id] = since, until, received_at
    return [BigintArray(list(windows)), *map(TimeArray, zip(*windows.values(), strict=True))]


@dataclass(slots=True)
class _Status:
    first: datetime | None
    latest: datetime | None
    received_at: datetime
    peer: str
    frames: int = 1


def collector_statuses(entries: Iterable[Entry]) -> Columns | None:
    """Return what was heard of each collector, by collector; None if nothing was of any."""
    statuses: dict[int, _Status] = {}
    for entry in entries:
        if entry.collector_id is None:
            continue
        measured_at, received_at, peer = entry.measured_at, entry.raw.received_at, entry.raw.peer
        if (status := statuses.get(entry.collector_id)) is None:
            statuses[entry.collector_id] = _Status(measured_at, measured_at, received_at, peer)
            continue
        status.received_at, status.peer = received_at, peer
        status.frames += 1
        if measured_at is not None:
            status.first = min(status.first or measured_at, measured_at)
            status.latest = max(status.latest or measured_at, measured_at)
    if not statuses:
        return None
    ids = sorted(statuses)
    ordered = [statuses[collector_id] for collector_id in ids]
    return [
        BigintArray(ids),
        TimeArray([status.first for status in ordered]),
        TimeArray([status.latest for status in ordered]),
        TimeArray([status.received_at for status in ordered]),
        TextArray([status.peer[:_MAX_PEER] for status in ordered]),
        BigintArray([status.frames for status in ordered]),
    ]
