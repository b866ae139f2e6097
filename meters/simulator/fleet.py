"""All collectors of a city in one process, and a word a minute on how they fare."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping, Sequence

from meters.simulator.collectors import CollectorClient, Counters, Throttle, Timing
from meters.simulator.incidents import Plan
from meters.simulator.machines import Plant
from meters.simulator.plants import Feed

BACKFILLS_PER_S = 50  # measurements of all collectors together, some three frames each
_SPREAD_S = 4.0  # the first connections do not come all at once


class Fleet:
    """The collectors of some plants, against one gateway."""

    def __init__(
        self,
        plants: Sequence[Plant],
        plan: Plan,
        *,
        host: str,
        port: int,
        speed: float = 1.0,
        record_ends: Mapping[str, int] | None = None,
        registers: Mapping[str, Mapping[str, tuple[int, float]]] | None = None,
        timing: Timing | None = None,
    ) -> None:
        """record_ends, registers: by MN, what is stored (see ``inventory``)."""
        self.counters = Counters()
        throttle = Throttle(BACKFILLS_PER_S)
        # What the plan wants to show at once must not queue behind the city's back-fill.
        urgent = {incident.plant for incident in plan.opening}
        self.collectors = [
            CollectorClient(
                Feed(plant, plan, (registers or {}).get(plant.key)),
                host=host,
                port=port,
                speed=speed,
                counters=self.counters,
                throttle=None if plant.key in urgent else throttle,
                record_end=(record_ends or {}).get(plant.key),
                timing=timing,
            )
            for plant in plants
        ]

    async def run(
        self, stop: asyncio.Event, report: Callable[["Fleet"], None], *, every_s: float = 60.0
    ) -> None:
        """Run until ``stop`` is set; call ``report`` every so often."""
        tasks = [asyncio.create_task(self._start(collector)) for collector in self.collectors]
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                await asyncio.wait(
                    [stopped, *tasks], timeout=every_s, return_when=asyncio.FIRST_COMPLETED
                )
                for task in tasks:
                    if task.done():  # only ever by a mistake of ours: say so at once
                        task.result()
                if not stop.is_set():
                    report(self)
        finally:
            stopped.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(stopped, *tasks, return_exceptions=True)

    async def _start(self, collector: CollectorClient) -> None:
        await asyncio.sleep(random.uniform(0, _SPREAD_S))
        await collector.run()

    @property
    def kept_count(self) -> int:
        """How many measurements wait to be back-filled."""
        return sum(collector.kept_count for collector in self.collectors)

    def slowest_answer_s(self) -> float:
        """Return the time that 95 of 100 recent uploads took to be answered, at most."""
        recent = sorted(self.counters.answer_seconds)
        return recent[int(len(recent) * 0.95)] if recent else 0.0


async def run_until_stopped(
    fleet: Fleet,
    report: Callable[[Fleet], None],
    signals: Sequence[int],
    *,
    every_s: float = 60.0,
) -> float:
    """Run a fleet until one of the signals comes; return for how many seconds it ran."""
    begun = time.monotonic()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    with contextlib.suppress(asyncio.CancelledError):
        await fleet.run(stop, report, every_s=every_s)
    return time.monotonic() - begun
