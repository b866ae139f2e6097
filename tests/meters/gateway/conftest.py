"""A real gateway process on a free port, over the test database, and collectors to speak to it."""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from meters.models import Collector, MonitoringPoint
from meters.protocol import NEED_DATA, Decoder, Frame
from tests.factories import CollectorFactory, FacilityFactory, PointFactory
from tests.meters.ingest.conftest import frame_of

ROOT = Path(__file__).resolve().parents[3]
PROMPTLY = 2.0  # seconds; on a loaded machine, so far above what is meant
START_S = 30.0


def database_url(role: str) -> str:
    """Return the URL by which a process of this role reaches the database of this test."""
    it = connection.settings_dict
    own = os.environ.get("DATABASE_URL_GATEWAY", "")
    login = own.partition("://")[2].rpartition("@")[0] if own else quote(it["USER"])
    if not own and it["PASSWORD"]:
        login += f":{quote(it['PASSWORD'])}"
    return f"postgresql://{login}@{it['HOST']}:{it['PORT']}/{it['NAME']}"


@dataclass
class RunningGateway:
    """The process. ``start`` again after ``kill`` takes the same port."""

    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[str] | None = None
    lines: "queue.Queue[str]" = field(default_factory=queue.Queue)
    readers: list[threading.Thread] = field(default_factory=list)
    dialled: list["Line"] = field(default_factory=list)

    def start(self) -> None:
        environment = {
            **os.environ,
            "DATABASE_URL_GATEWAY": database_url("gateway"),
            "POWERWATCH_DB_ROLE": "gateway",
            **self.environment,
        }
        command = [sys.executable, "manage.py", "gateway", "--port", str(self.port)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        self.readers.append(threading.Thread(target=self._read, args=(self.process,)))
        self.readers[-1].start()
        line = self.wait_for_line("gateway listening on ", START_S)
        self.port = int(line.rpartition(":")[2])

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.put(line.strip())
        process.stdout.close()

    def wait_for_line(self, start: str, timeout: float) -> str:
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            line = self.lines.get(timeout=left)
            if line.startswith(start):
                return line
        raise AssertionError(f"no line {start!r}")

    def dial(self) -> "Line":
        """Return a new connection to it."""
        line = Line(self.port)
        self.dialled.append(line)
        return line

    def close(self) -> None:
        """Leave nothing behind: no connection, no process."""
        for line in self.dialled:
            line.close()
        if self.process is not None and self.process.poll() is None:
            self.kill()
        for thread in self.readers:
            thread.join()

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_S)


class Line:
    """A collector's end of a connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=START_S)
        self._decoder = Decoder()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, count: int = 1, timeout: float = 10.0) -> list[Frame]:
        """Return the next frames; fewer when the time is up or the gateway hangs up."""
        frames: list[Frame] = []
        deadline = time.monotonic() + timeout
        while True:
            while len(frames) < count and (event := self._decoder.next_event()) is not NEED_DATA:
                assert isinstance(event, Frame), event
                frames.append(event)
            left = deadline - time.monotonic()
            if len(frames) == count or left <= 0:
                return frames
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except (TimeoutError, ConnectionError):
                return frames
            if not data:
                return frames
            self._decoder.feed(data)

    def is_closed(self, timeout: float = 10.0) -> bool:
        """Return whether the gateway hangs up within the time."""
        self.socket.settimeout(timeout)
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True

    def close(self) -> None:
        self.socket.close()


@dataclass
class Station:
    """A registered collector with the circuits 100001 and 100002."""

    collector: Collector
    points: list[MonitoringPoint]

    def frame(self, at: object, cp: str, **header: object) -> bytes:
        return frame_of(self.collector.mn, at, cp, **header)  # type: ignore[arg-type]


@pytest.fixture
def station(transactional_db: None) -> Iterator[Callable[[], Station]]:
    """Return a maker of registered collectors."""

    def make() -> Station:
        collector = CollectorFactory()
        facility = FacilityFactory(site=collector.site)
        points = [
            PointFactory(collector=collector, circuit=circuit, facility=facility)
            for circuit in ("100001", "100002")
        ]
        return Station(collector, points)

    yield make
    with connection.cursor() as cursor:  # not Django's to empty: they are made by SQL
        cursor.execute("TRUNCATE meters_reading, meters_rawchunk")


@pytest.fixture
def make_gateway(station: object) -> Iterator[Callable[..., RunningGateway]]:
    """Return a starter of gateways; keyword arguments are their environment."""
    assert settings.DB_ROLE == "owner"
    started: list[RunningGateway] = []

    def make(**environment: str) -> RunningGateway:
        gateway = RunningGateway(environment)
        started.append(gateway)
        gateway.start()
        return gateway

    yield make
    for gateway in started:
        gateway.close()


@pytest.fixture
def running_gateway(make_gateway: Callable[..., RunningGateway]) -> RunningGateway:
    """A gateway that listens, connected as the role powerwatch_gateway where that role exists."""
    return make_gateway(POWERWATCH_GATEWAY_PARTIAL_FRAME_S="1")
