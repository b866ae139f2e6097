"""A collector's side of a connection that gives nothing up for lost before it is acknowledged."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from meters.protocol import NEED_DATA, Decoder, Frame

DATA_ANSWER: Final = "9014"
# HJ 212-2017: 10 s until a resend over mobile networks.
_ANSWER_S: Final = 10.0
_RECONNECT_S: Final = 0.2


@dataclass(slots=True)
class Tally:
    """What all senders did."""

    sent: int = 0
    acknowledged: int = 0
    resent: int = 0


class Sender:
    """Sends frames over one connection, up to ``window`` of them before the first is answered.

    What was not acknowledged when the connection broke, or for 10 seconds, is sent again over a
    new one, in the same order and with the same QN. The QNs have to differ.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tally: Tally,
        *,
        window: int = 64,
        on_acknowledged: Callable[[str], None] | None = None,
    ) -> None:
        self._address = (host, port)
        self._tally = tally
        self._window = window
        self._on_acknowledged = on_acknowledged
        self._unacknowledged: OrderedDict[str, bytes] = OrderedDict()
        self._transport: asyncio.Transport | None = None
        self._has_room = asyncio.Event()
        self._is_empty = asyncio.Event()
        self._is_lost = asyncio.Event()
        self._was_connected = False
        self._progressed_at = 0.0
        self._keeper = asyncio.create_task(self._keep_connected())

    async def send(self, qn: str, data: bytes) -> None:
        """Send a frame as soon as the window has room for it."""
        while len(self._unacknowledged) >= self._window:
            self._has_room.clear()
            await self._has_room.wait()
        if not self._unacknowledged:
            self._progressed_at = asyncio.get_running_loop().time()
        self._unacknowledged[qn] = data
        self._tally.sent += 1
        if self._transport is not None:
            self._transport.write(data)

    async def finish(self) -> None:
        """Return when all is acknowledged, and hang up."""
        while self._unacknowledged:
            self._is_empty.clear()
            await self._is_empty.wait()
        await self.stop()

    async def stop(self) -> None:
        """Hang up, whatever is not acknowledged."""
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._is_lost.clear()
            try:
                await loop.create_connection(lambda: _Line(self), *self._address)
            except OSError:
                await asyncio.sleep(_RECONNECT_S)
                continue
            while not self._is_lost.is_set():
                try:
                    async with asyncio.timeout(1.0):
                        await self._is_lost.wait()
                except TimeoutError:
                    is_late = loop.time() - self._progressed_at > _ANSWER_S
                    if self._unacknowledged and is_late and self._transport is not None:
                        self._transport.abort()

    def connected(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._progressed_at = asyncio.get_running_loop().time()
        if self._was_connected:
            self._tally.resent += len(self._unacknowledged)
        self._was_connected = True
        for data in self._unacknowledged.values():
            transport.write(data)

    def lost(self) -> None:
        self._transport = None
        self._is_lost.set()

    def answered(self, frame: Frame) -> None:
        if frame.cn != DATA_ANSWER or self._unacknowledged.pop(frame.qn or "", None) is None:
            return
        self._progressed_at = asyncio.get_running_loop().time()
        self._tally.acknowledged += 1
        if self._on_acknowledged is not None:
            self._on_acknowledged(frame.qn or "")
        self._has_room.set()
        if not self._unacknowledged:
            self._is_empty.set()


class _Line(asyncio.Protocol):
    """One connection of a sender."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._decoder = Decoder()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._sender.connected(cast(asyncio.Transport, transport))

    def connection_lost(self, _error: Exception | None) -> None:
        self._sender.lost()

    def data_received(self, data: bytes) -> None:
        self._decoder.feed(data)
        while (event := self._decoder.next_event()) is not NEED_DATA:
            if isinstance(event, Frame):
                self._sender.answered(event)
