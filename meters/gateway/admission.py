"""Who may send, in memory: read again every few seconds, and at once for an MN not yet known."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import psycopg
from django.db import Error as DjangoError
from django.db import connection, connections
from django.utils import timezone

from meters.ingest import Directory, KnownCollector, load_directory
from meters.listening import mark_alive

logger = logging.getLogger(__name__)

_MAX_STRANGERS: Final = 10_000
_RETRY_S: Final = 0.5
_MOST_OF_THE_TIME: Final = 20  # reading the directory takes at most a twentieth of the time


class Admission:
    """The gateway's view of the directory. Use it on the event loop only."""

    def __init__(self, refresh_s: float, stream: str) -> None:
        self.directory = Directory()
        self._stream = stream
        self._span_id: int | None = None  # of the time in which we listen
        self._refresh_s = refresh_s
        self._strangers: dict[str, float] = {}  # MN -> until when we need not ask again
        self._wanted: dict[str, list[Callable[[], None]]] = {}
        self._has_wanted = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="directory")
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Read the directory, however long the database takes to be there, and keep it fresh."""
        self.directory = await self._load(None)
        await self._say_alive()
        self._tasks = [
            asyncio.create_task(self._refresh()),
            asyncio.create_task(self._look_up_wanted()),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._thread.submit(connections.close_all)
        self._thread.shutdown(wait=False)

    def find(self, mn: str) -> KnownCollector | None:
        return self.directory.collectors.get(mn)

    def is_stranger(self, mn: str) -> bool:
        """Return whether the MN was looked for in vain a moment ago."""
        return self._strangers.get(mn, 0.0) > time.monotonic()

    def look_up(self, mn: str, then: Callable[[], None]) -> None:
        """Ask the database for an MN; afterwards ``find`` or ``is_stranger`` knows it."""
        self._wanted.setdefault(mn, []).append(then)
        self._has_wanted.set()

    async def _look_up_wanted(self) -> None:
        while True:
            await self._has_wanted.wait()
            self._has_wanted.clear()
            wanted, self._wanted = self._wanted, {}
            found = (await self._load(list(wanted))).collectors
            self.directory.collectors.update(found)
            if len(self._strangers) > _MAX_STRANGERS:
                self._strangers.clear()
            until = time.monotonic() + self._refresh_s
            self._strangers.update((mn, until) for mn in wanted if mn not in found)
            for followers in wanted.values():
                for then in followers:
                    then()

    async def _refresh(self) -> None:
        took_s = 0.0
        while True:
            await asyncio.sleep(max(self._refresh_s, took_s * _MOST_OF_THE_TIME))
            began = time.monotonic()
            self.directory = await self._load(None)
            await self._say_alive()
            took_s = time.monotonic() - began

    async def _say_alive(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._span_id = await loop.run_in_executor(self._thread, self._mark_alive)
        except (psycopg.Error, DjangoError) as error:
            logger.warning("cannot note that we listen: %s", error)  # the next time will

    def _mark_alive(self) -> int:
        try:
            return mark_alive(self._span_id, stream=self._stream, now=timezone.now())
        except (psycopg.Error, DjangoError):
            connection.close()
            raise

    async def _load(self, mns: Collection[str] | None) -> Directory:
        loop = asyncio.get_running_loop()
        has_failed = False
        while True:
            try:
                return await loop.run_in_executor(self._thread, _load, mns, self.directory)
            except (psycopg.Error, DjangoError) as error:
                if not has_failed:
                    logger.warning("cannot read the directory, will keep trying: %s", error)
                has_failed = True
                await asyncio.sleep(_RETRY_S)


def _load(mns: Collection[str] | None, previous: Directory) -> Directory:
    try:
        return load_directory(mns, previous=previous)
    except (psycopg.Error, DjangoError):
        connection.close()
        raise
