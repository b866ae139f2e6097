"""Gathers what all connections bring and commits it in batches; replies go out after the commit.

Two batches are alive at a time: one is being committed on a thread while the loop fills the next.
A batch is committed when enough frames are there, when all peers have paused, or when its first
frame has waited long enough. When the next batch is full before the last one is stored - the
database is slow, or away - the gateway stops reading from its sockets: that bounds its memory, and
TCP tells the collectors.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from meters.gateway.limits import Limits
from meters.ingest import Committer, Entry, Stopped, StoreResult

logger = logging.getLogger(__name__)


class Sender(Protocol):
    """The part of a connection that waits for the commit."""

    def committed(self, answers: list[Callable[[], bytes] | None]) -> None:
        """Take the answers to so many of its entries, in order; None where there is none."""


@dataclass(slots=True)
class Counters:
    """What the gateway has seen since it started."""

    frames: int = 0
    rejects: int = 0
    refused: int = 0
    readings: int = 0
    repeated: int = 0
    conflicts: int = 0
    failed: int = 0
    commits: int = 0
    slowest_commit_ms: int = 0


class Intake:
    """The batches under way. Use it on the event loop only."""

    def __init__(
        self,
        committer: Committer,
        limits: Limits,
        counters: Counters,
        *,
        hold: Callable[[], None],
        go_on: Callable[[], None],
        on_stored: Callable[[], None],
    ) -> None:
        self._committer = committer
        self._limits = limits
        self._counters = counters
        self._hold, self._go_on, self._on_stored = hold, go_on, on_stored
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._entries: list[Entry] = []
        self._waiting: list[tuple[Sender, Callable[[], bytes] | None]] = []
        self._began = 0.0  # when the first entry of the open batch came
        self._has_entries = asyncio.Event()
        self._has_enough = asyncio.Event()
        self._is_committing = self._is_holding = self._is_closing = False

    def add(self, sender: Sender, entry: Entry, answer: Callable[[], bytes] | None) -> None:
        """Take an entry; the sender hears of it when it is stored."""
        self._entries.append(entry)
        self._waiting.append((sender, answer))
        size = len(self._entries)
        if size == 1:
            self._began = time.monotonic()
            self._has_entries.set()
        if size >= self._limits.enough_frames:
            self._has_enough.set()
            if size >= self._limits.full_frames and self._is_committing and not self._is_holding:
                self._is_holding = True
                self._hold()

    async def run(self) -> None:
        """Commit batch after batch, until closed and empty."""
        while True:
            await self._has_entries.wait()
            if not self._entries:
                return
            if not self._is_closing:
                await self._gather()
            try:
                await self._commit()
            except Stopped:
                logger.error("stopped with %d frames neither stored nor acknowledged", self.size)
                return

    @property
    def size(self) -> int:
        """Return how many entries wait for a commit to begin."""
        return len(self._entries)

    def close(self) -> None:
        """Let ``run`` end when all is stored."""
        self._is_closing = True
        self._has_entries.set()
        self._has_enough.set()

    def shut_down(self) -> None:
        self._thread.submit(self._committer.close)
        self._thread.shutdown(wait=True)

    async def _gather(self) -> None:
        """Wait for more frames, but not for long."""
        deadline = self._began + self._limits.commit_s
        while (left := deadline - time.monotonic()) > 0 and not self._has_enough.is_set():
            size = len(self._entries)
            try:
                async with asyncio.timeout(min(self._limits.quiet_s, left)):
                    await self._has_enough.wait()
            except TimeoutError:
                if len(self._entries) == size:
                    return

    async def _commit(self) -> None:
        entries, self._entries = self._entries, []
        waiting, self._waiting = self._waiting, []
        if not self._is_closing:
            self._has_entries.clear()
            self._has_enough.clear()
        self._is_committing = True
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        try:
            result = await loop.run_in_executor(self._thread, self._committer.commit, entries)
        finally:
            self._is_committing = False
        self._count(result, time.monotonic() - began)
        for position in result.failed:
            waiting[position] = (waiting[position][0], None)
        _tell(waiting)
        if result.stored:
            self._on_stored()
        if self._is_holding:
            self._is_holding = False
            self._go_on()

    def _count(self, result: StoreResult, took_s: float) -> None:
        counters = self._counters
        counters.commits += 1
        counters.readings += result.stored
        counters.repeated += result.repeated
        counters.conflicts += result.conflicts
        counters.failed += len(result.failed)
        counters.slowest_commit_ms = max(counters.slowest_commit_ms, round(took_s * 1000))


def _tell(waiting: list[tuple[Sender, Callable[[], bytes] | None]]) -> None:
    """Hand each sender its answers at once, in the order in which its frames came."""
    answers_of: dict[Sender, list[Callable[[], bytes] | None]] = {}
    for sender, answer in waiting:
        answers_of.setdefault(sender, []).append(answer)
    for sender, answers in answers_of.items():
        try:
            sender.committed(answers)
        except Exception:  # one peer's trouble must not keep the others from their answers
            logger.exception("cannot answer a peer")
