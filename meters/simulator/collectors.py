"""A collector as a TCP client: measures, uploads, waits to be answered, keeps what was not.

A measurement leaves the collector's memory only when the host has answered every frame of it
(9014). Without an answer a frame is sent again, as the standard has it: after 10 s, three times.
Then the link is taken for dead, the measurement is kept, and comes later as back-fill (RF=1 in
the edition of 2025, which alone knows the mark). Live measurements always go before kept ones.
"""

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from meters.protocol import NEED_DATA, Decoder, Frame, Message, Version, encode, format_qn
from meters.simulator.answers import NOTED, STORED, Identity, answer_request
from meters.simulator.electrical import Sample
from meters.simulator.machines import Machine
from meters.simulator.plants import Feed
from meters.simulator.wire import DIALECTS, upload_bodies

_EDITION = {Version.V2017: 4, Version.V2025: 8}  # version bits of Flag
_WANTS_ANSWER = 1
_HEARTBEAT = "9015"
_READ_SIZE = 4096


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, and a count; the first two are the standard's (HJ 212-2017, 通讯流程)."""

    answer_s: float = 10.0
    resends: int = 3
    connect_s: float = 10.0
    heartbeat_s: float = 300.0  # not laid down by the standard (assumption)
    first_backoff_s: float = 1.0
    longest_backoff_s: float = 60.0
    look_s: float = 2.0  # how often an idle collector looks whether its link is still planned
    kept_s: int = 7200  # how far back it remembers


@dataclass(slots=True)
class Counters:
    """What all collectors of a fleet did together."""

    connected: int = 0
    uploaded: int = 0
    answered: int = 0
    resent: int = 0
    backfilled: int = 0
    answer_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=2000))


@dataclass(frozen=True, slots=True)
class Measurement:
    """What all meters behind a collector showed at one second; late once it could not be sent."""

    at: int
    readings: list[tuple[Machine, Sample]]
    is_late: bool = False


class Throttle:
    """Hands out turns at a bounded rate, in order of asking."""

    def __init__(self, per_second: float) -> None:
        self._gap_s = 1.0 / per_second
        self._next = 0.0

    async def turn(self) -> None:
        now = time.monotonic()
        self._next = max(self._next, now) + self._gap_s
        await asyncio.sleep(self._next - now - self._gap_s)


class _LinkDownError(Exception):
    """The connection is of no use any more."""


class CollectorClient:
    """One collector and its one connection."""

    def __init__(
        self,
        feed: Feed,
        *,
        host: str,
        port: int,
        counters: Counters | None = None,
        throttle: Throttle | None = None,
        timing: Timing | None = None,
        speed: float = 1.0,
        record_end: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """record_end: second of the newest stored reading; what came after it is back-filled.

        throttle: bounds back-fill, not live data. speed: measures and sends so many times as
        often. clock: seconds since the epoch.
        """
        self.feed = feed
        self.plant = feed.plant
        self._address = (host, port)
        self._counters = counters or Counters()
        self._throttle = throttle
        self._timing = timing or Timing()
        self._speed = speed
        self._clock = clock
        self._dialect = DIALECTS[self.plant.profile]
        self._identity = Identity(
            mn=self.plant.key,
            password=self.plant.password,
            st=self._dialect.st,
            flag=_EDITION[self._dialect.version],
        )
        self._interval_s = max(1, round(self.plant.interval_s / speed))
        self._live: deque[Measurement] = deque()
        self._kept: deque[Measurement] = deque()
        self._record_end = record_end
        self._gap: Iterator[Measurement] = iter(())
        self._work = asyncio.Event()
        self._answers: dict[str, asyncio.Future[None]] = {}
        self._is_connected = False
        self._latest_qn = datetime.fromtimestamp(0, UTC)

    @property
    def kept_count(self) -> int:
        """How many measurements wait to be back-filled, those of the gap at the start aside."""
        return len(self._kept)

    async def run(self) -> None:
        """Measure and send until cancelled; no trouble of the network ends it."""
        self._gap = self._open_gap()
        measuring = asyncio.create_task(self._measure())
        try:
            await self._stay_connected()
        finally:
            measuring.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await measuring

    # --- measuring

    async def _measure(self) -> None:
        while True:
            now = self._clock()
            phase = self.plant.phase_s % self._interval_s
            at = int(now) - (int(now) - phase) % self._interval_s + self._interval_s
            await asyncio.sleep(at - now)
            measurement = Measurement(at, self.feed.measure(at))
            if self._is_connected:
                self._live.append(measurement)
                self._work.set()
            else:
                self._keep(measurement)

    def _open_gap(self) -> Iterator[Measurement]:
        """Return what was measured, and not stored, before this run began; oldest first.

        The registers of live data move past the gap at once; the gap has registers of its own,
        and is worked out only as it is sent.
        """
        if self._record_end is None:
            return iter(())
        now = int(self._clock())
        first = max(self._record_end + 1, now - self._timing.kept_s)
        past = self.feed.copy()
        self.feed.catch_up(first, now + 1)
        return (
            Measurement(at, past.measure(at), is_late=True)
            for at in self.plant.grid(first, now + 1)
        )

    def _keep(self, measurement: Measurement) -> None:
        self._kept.append(replace(measurement, is_late=True))
        oldest = self._clock() - self._timing.kept_s
        while self._kept[0].at < oldest:
            self._kept.popleft()

    def _has_link(self) -> bool:
        """Tell whether the incident plan leaves the collector its connection at this second."""
        now = int(self._clock())
        return not any(start <= now < end for start, end in self.feed.timeline(now).disconnected)

    # --- the connection

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            if not self._has_link():
                await asyncio.sleep(self._timing.look_s)
                continue
            answered = self._counters.answered
            with contextlib.suppress(OSError, TimeoutError, _LinkDownError):
                async with asyncio.timeout(self._timing.connect_s):
                    reader, writer = await asyncio.open_connection(*self._address)
                await self._hold(reader, writer)
            failures = 0 if self._counters.answered > answered else failures + 1
            await asyncio.sleep(self._backoff_s(failures))

    def _backoff_s(self, failures: int) -> float:
        longest = self._timing.first_backoff_s * 2.0 ** min(failures, 10)
        return min(longest, self._timing.longest_backoff_s) * random.uniform(0.5, 1.0)

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use a connection until it fails; what is then unsent is kept."""
        self._is_connected = True
        self._counters.connected += 1
        tasks = [
            asyncio.create_task(self._listen(reader, writer)),
            asyncio.create_task(self._speak(writer)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._is_connected = False
            self._counters.connected -= 1
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._answers.clear()
            while self._live:
                self._keep(self._live.popleft())
            writer.close()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = Decoder()
        while data := await reader.read(_READ_SIZE):
            decoder.feed(data)
            while (event := decoder.next_event()) is not NEED_DATA:
                if isinstance(event, Frame):
                    self._heard(event, writer)
        raise _LinkDownError

    def _heard(self, frame: Frame, writer: asyncio.StreamWriter) -> None:
        if frame.cn in (STORED, NOTED):
            future = self._answers.get(frame.qn or "")
            if future and not future.done():
                future.set_result(None)
            return
        now = datetime.fromtimestamp(self._clock(), UTC)
        answer = answer_request(frame, self._identity, interval_s=self._interval_s, now=now)
        for message in answer.messages:
            writer.write(encode(message))
        self._interval_s = answer.interval_s or self._interval_s

    async def _speak(self, writer: asyncio.StreamWriter) -> None:
        timing = self._timing
        heartbeat_due = self._clock() + timing.heartbeat_s * random.uniform(0.5, 1.0)
        while True:
            if not self._has_link():
                raise _LinkDownError
            if measurement := await self._next_measurement():
                await self._upload(writer, measurement)
            elif self._dialect.has_heartbeat and self._clock() >= heartbeat_due:
                await self._exchange(writer, [self._message(_HEARTBEAT)])
                heartbeat_due = self._clock() + timing.heartbeat_s
            else:
                self._work.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(timing.look_s):
                        await self._work.wait()

    async def _next_measurement(self) -> Measurement | None:
        if self._live:
            return self._live.popleft()
        late = self._kept.popleft() if self._kept else next(self._gap, None)
        if late is not None and self._throttle:
            try:
                await self._throttle.turn()
            except asyncio.CancelledError:
                self._kept.appendleft(late)
                raise
        return late

    async def _upload(self, writer: asyncio.StreamWriter, measurement: Measurement) -> None:
        messages = [
            self._message("2011", body, is_late=measurement.is_late)
            for body in upload_bodies(self._dialect, measurement.at, measurement.readings)
        ]
        try:
            await self._exchange(writer, messages)
        except BaseException:  # cancelled too: whatever was not answered is not lost
            self._kept.appendleft(replace(measurement, is_late=True))
            raise
        self._counters.uploaded += len(messages)
        self._counters.backfilled += measurement.is_late

    async def _exchange(self, writer: asyncio.StreamWriter, messages: list[Message]) -> None:
        """Send until each message is answered; raise when the last resend was in vain."""
        loop = asyncio.get_running_loop()
        waiting = {message.qn or "": encode(message) for message in messages}
        futures = {qn: loop.create_future() for qn in waiting}
        self._answers.update(futures)
        begun = time.monotonic()
        try:
            for attempt in range(1 + self._timing.resends):
                writer.writelines(waiting.values())
                await writer.drain()
                self._counters.resent += len(waiting) if attempt else 0
                await asyncio.wait(futures.values(), timeout=self._timing.answer_s)
                waiting = {qn: raw for qn, raw in waiting.items() if not futures[qn].done()}
                if not waiting:
                    self._counters.answered += len(messages)
                    self._counters.answer_seconds.append(time.monotonic() - begun)
                    return
            raise _LinkDownError
        finally:
            for qn in futures:
                self._answers.pop(qn, None)

    def _message(self, cn: str, cp: str = "", *, is_late: bool = False) -> Message:
        """Return a message that wants an answer, with a QN of its own."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        self._latest_qn = max(now, self._latest_qn + timedelta(milliseconds=1))
        return Message(
            qn=format_qn(self._latest_qn),
            st=self._dialect.st,
            cn=cn,
            pw=self._identity.password,
            mn=self._identity.mn,
            flag=self._identity.flag | _WANTS_ANSWER,
            rf="1" if is_late and self._dialect.version is Version.V2025 else None,
            cp=cp,
        )
