"""Listening, limiting, looking after the connections, and stopping without losing a frame."""

import asyncio
import gc
import logging
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace

from meters.doorbell import Doorbell
from meters.gateway.admission import Admission
from meters.gateway.connection import CollectorConnection
from meters.gateway.intake import Counters, Intake
from meters.gateway.limits import Limits
from meters.ingest import Committer, Store

logger = logging.getLogger(__name__)

_BACKLOG = 4096
_LOOK_EVERY_S = 1.0
_SPARE_FILES = 64  # for the database, the broker, the log, and connections to be refused
# The committing thread and the loop share the interpreter; with the default of 5 ms each of the
# thread's returns from the database would wait that long for a busy loop.
_SWITCH_S = 0.0002
_GC_THRESHOLD = 50_000


class Gateway:
    """One process of the HJ 212 server."""

    def __init__(self, stream: str, limits: Limits) -> None:
        self.limits = limits
        self.counters = Counters()
        self.connections: set[CollectorConnection] = set()
        self.is_holding = self._is_stopping = False
        self.admission = Admission(limits.refresh_s, stream)
        self.doorbell = Doorbell()
        self.committer = Committer(Store(stream))
        self.intake = Intake(
            self.committer,
            limits,
            self.counters,
            hold=self._hold,
            go_on=self._go_on,
            on_stored=self.doorbell.press,
        )
        self._server: asyncio.Server | None = None
        self.committing: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_full(self) -> bool:
        return len(self.connections) >= self.limits.max_connections

    @staticmethod
    def now() -> float:
        """Return a clock for waiting: seconds that no correction of the time of day moves."""
        return time.monotonic()

    async def start(self, host: str, port: int, *, reuse_port: bool = False) -> tuple[str, int]:
        """Listen, and return the address; port 0 takes a free one. Raises OSError."""
        await self.admission.start()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: CollectorConnection(self),
            host,
            port,
            backlog=_BACKLOG,
            reuse_port=reuse_port or None,
        )
        self.committing = asyncio.create_task(self.intake.run())
        self._tasks = [
            asyncio.create_task(self._look_after_connections()),
            asyncio.create_task(self._print_metrics()),
        ]
        address: tuple[str, int] = self._server.sockets[0].getsockname()[:2]
        return address

    async def stop(self) -> None:
        """Stop accepting, store what has come, acknowledge it, hang up."""
        if self._server is not None:
            self._server.close()
        self._is_stopping = True
        self._hold()
        self.intake.close()
        asyncio.get_running_loop().call_later(self.limits.stop_s, self.committer.stop_waiting)
        if self.committing is not None:
            await asyncio.wait({self.committing})
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in tuple(self.connections):
            connection.close()
        deadline = self.now() + 1.0
        while self.connections and self.now() < deadline:
            await asyncio.sleep(0.01)
        await self.admission.stop()
        self.intake.shut_down()
        self.doorbell.close()

    def metrics_line(self) -> str:
        """Return the counters since the start, in one line."""
        numbers = {
            "connections": len(self.connections),
            **asdict(self.counters),
            "rings": self.doorbell.rings,
            "rings_failed": self.doorbell.failures,
        }
        return "gateway metrics " + " ".join(f"{name}={n}" for name, n in numbers.items())

    def _hold(self) -> None:
        """Stop reading from all peers: memory is bounded, and TCP tells the collectors."""
        self.is_holding = True
        for connection in self.connections:
            connection.pause("full")

    def _go_on(self) -> None:
        if self._is_stopping:
            return
        self.is_holding = False
        for connection in self.connections:
            connection.resume("full")

    async def _look_after_connections(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for connection in tuple(self.connections):
                connection.look_after()

    async def _print_metrics(self) -> None:
        while True:
            await asyncio.sleep(self.limits.metrics_s)
            _say(self.metrics_line())


def serve(host: str, port: int, limits: Limits, *, reuse_port: bool = False) -> None:
    """Run a gateway until SIGTERM or SIGINT. Raises OSError if the address cannot be had."""
    sys.setswitchinterval(_SWITCH_S)
    # What a batch is made of lives until its commit, and none of it in cycles: looking through it
    # and through all of Django, over and over, finds nothing.
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, 50, 50)
    limits = replace(limits, max_connections=_allowed_connections(limits.max_connections))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(host, port, limits, reuse_port=reuse_port))


async def _serve(host: str, port: int, limits: Limits, *, reuse_port: bool) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    gateway = Gateway(f"{socket.gethostname()[:40]}:{port}", limits)
    starting = asyncio.ensure_future(gateway.start(host, port, reuse_port=reuse_port))
    told = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({starting, told}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():  # told to stop while still waiting for the database
        starting.cancel()
        return
    address, bound_port = starting.result()
    _say(f"gateway listening on {address}:{bound_port}")
    assert gateway.committing is not None  # noqa: S101 - it has started
    await asyncio.wait({told, gateway.committing}, return_when=asyncio.FIRST_COMPLETED)
    await gateway.stop()
    _say(gateway.metrics_line())
    _say("gateway stopped")
    gateway.committing.result()  # raises what broke it, so that the supervisor starts us again


def _allowed_connections(wanted: int) -> int:
    """Return how many connections the limit of open files allows; raises the soft limit first.

    Running out of files would make every accept fail, over and over; so we never do.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY or wanted + _SPARE_FILES <= hard:
        return wanted
    logger.warning("only %d files may be open: at most %d connections", hard, hard - _SPARE_FILES)
    return max(1, hard - _SPARE_FILES)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's where it is installed: it serves three times the frames."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _say(line: str) -> None:
    print(line, flush=True)
