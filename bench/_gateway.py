"""A gateway process over a scratch database, and collectors that speak to it; for benchmarks."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.db import connection

from meters.builtin_profiles import BUILTIN_PROFILES
from meters.models import Collector, MonitoringPoint, Profile
from meters.protocol import Message, encode, format_datetime
from tests.factories import CollectorFactory, FacilityFactory, SiteFactory
from tests.meters.gateway.conftest import RunningGateway

CIRCUITS = 8  # readings in a frame


@dataclass(frozen=True)
class Station:
    """A collector with CIRCUITS points."""

    mn: str
    points: tuple[int, ...]

    def frame(self, at: datetime, qn: int) -> bytes:
        """Return an upload of family B: each circuit with U, I, P and the energy register."""
        items = ";".join(
            f"{circuit}-Ua=221.{position},{circuit}-Ia=12.{position}4,{circuit}-Pt=7.7{position},"
            f"{circuit}-Ept=80223.86{position},{circuit}-Flag=N"
            for position in range(CIRCUITS)
            for circuit in (f"{100_001 + position}",)
        )
        return encode(
            Message(
                qn=f"20261123{qn:09d}",
                st="80",
                cn="2011",
                pw="123456",
                mn=self.mn,
                flag=5,
                cp=f"DataTime={format_datetime(at)};{items}",
            )
        )


@contextmanager
def scratch_database() -> Iterator[None]:
    """Point Django at a new, migrated database on the same server; drop it in the end."""
    name = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"] = {**connection.settings_dict["TEST"], "NAME": f"bench_{name}"}
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


@contextmanager
def gateway(**environment: str) -> Iterator[RunningGateway]:
    """Run a gateway on a free port."""
    running = RunningGateway({"POWERWATCH_LOG_LEVEL": "WARNING", **environment})
    running.start()
    try:
        yield running
    finally:
        running.close()


def make_stations(count: int) -> list[Station]:
    """Register collectors with their points."""
    for builtin in BUILTIN_PROFILES:
        Profile.objects.get_or_create(
            name=builtin.name, defaults={"title": builtin.title, "spec": builtin.spec}
        )
    profile = Profile.objects.get(name="st80-family-b")
    site = SiteFactory()
    facility = FacilityFactory(site=site)
    stations = []
    for _ in range(count):
        collector: Collector = CollectorFactory(site=site, profile=profile)
        points = MonitoringPoint.objects.bulk_create(
            MonitoringPoint(collector=collector, circuit=f"{100_001 + position}", facility=facility)
            for position in range(CIRCUITS)
        )
        stations.append(Station(collector.mn, tuple(point.pk for point in points)))
    return stations


async def upload_all(port: int, frames_of: list[list[bytes]], window: int) -> None:
    """Send each list over a connection of its own; return when every frame is acknowledged.

    window: frames sent and not answered on one connection; 1 is a closed loop.
    """
    loop = asyncio.get_running_loop()
    lines = []
    for frames in frames_of:
        _, line = await loop.create_connection(
            lambda frames=frames: _UploadLine(frames, window),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
        lines.append(cast(_UploadLine, line))
    for line in lines:
        line.begin()
    await asyncio.gather(*(line.done for line in lines))
    for line in lines:
        line.close()


class _UploadLine(asyncio.Protocol):
    """Sends its frames; does as little as can be, for it shares the processors with the gateway."""

    def __init__(self, frames: list[bytes], window: int) -> None:
        self._frames, self._window = frames, window
        self._sent = self._answered = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def begin(self) -> None:
        self._send(self._window)

    def data_received(self, data: bytes) -> None:
        answers = data.count(b"##")  # neither PW nor MN holds one here; split ones do not occur
        self._answered += answers
        if self._answered >= len(self._frames):
            if not self.done.done():
                self.done.set_result(None)
        else:
            self._send(answers)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the gateway hung up"))

    def close(self) -> None:
        self._transport.close()

    def _send(self, count: int) -> None:
        frames = self._frames[self._sent : self._sent + count]
        self._sent += len(frames)
        if frames:
            self._transport.write(b"".join(frames))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
