"""Killing a gateway again and again while collectors upload, and asking what became of it all."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from meters.gateway.replay.sender import Sender, Tally
from tests.meters.gateway.conftest import RunningGateway

#: Makes the frame of a moment, with this QN: one for each collector.
MakeFrame = Callable[[datetime, str], bytes]


@dataclass
class Outcome:
    """acknowledged: for each collector the moments whose frame was answered with 9014."""

    acknowledged: list[set[datetime]]
    sent: list[set[datetime]]
    tally: Tally = field(default_factory=Tally)


async def upload_through_kills(
    gateway: RunningGateway,
    make_frames: list[MakeFrame],
    *,
    kills: int,
    first: datetime,
    seed: int,
    on_kill: Callable[[int], None] = lambda _number: None,
) -> Outcome:
    """Upload without pause from all collectors while the gateway is killed so many times.

    Ends when the last kill is over and everything sent has been acknowledged.
    """
    outcome = Outcome([set() for _ in make_frames], [set() for _ in make_frames])
    chance = random.Random(seed)
    is_over = asyncio.Event()

    async def upload(number: int, make_frame: MakeFrame) -> None:
        moments: dict[str, datetime] = {}
        acknowledged = outcome.acknowledged[number]
        sender = Sender(
            "127.0.0.1",
            gateway.port,
            outcome.tally,
            window=8,
            on_acknowledged=lambda qn: acknowledged.add(moments[qn]),
        )
        at = first
        while not is_over.is_set():
            qn = f"20261123{len(moments):09d}"
            moments[qn] = at
            outcome.sent[number].add(at)
            await sender.send(qn, make_frame(at, qn))
            at += timedelta(seconds=1)
            await asyncio.sleep(0.002)
        await sender.finish()

    uploading = [asyncio.create_task(upload(*each)) for each in enumerate(make_frames)]
    for number in range(kills):
        await asyncio.sleep(chance.uniform(0.05, 0.6))
        await asyncio.to_thread(gateway.kill)
        await asyncio.to_thread(gateway.start)
        on_kill(number + 1)
    is_over.set()
    await asyncio.gather(*uploading)
    return outcome
