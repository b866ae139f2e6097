"""A small real HJ 212 host to send to, with switches to misbehave."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from meters.protocol import NEED_DATA, Decoder, Frame, Message, encode, reply


class Host:
    """Listens on a free port of the loopback and keeps what came."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.answers: Callable[[Frame], bool] = lambda frame: True
        self.drop_next = 0  # so many frames are taken as lost
        self.connections = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def ask(self, cn: str, cp: str = "", pw: str = "123456") -> None:
        mn = self.frames[-1].mn
        message = Message(qn="20261123160000000", st="44", cn=cn, pw=pw, mn=mn, flag=9, cp=cp)
        for writer in self._writers:
            writer.write(encode(message))

    def of(self, cn: str) -> list[Frame]:
        return [frame for frame in self.frames if frame.cn == cn]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        decoder = Decoder()
        try:
            while data := await reader.read(4096):
                decoder.feed(data)
                while (event := decoder.next_event()) is not NEED_DATA:
                    assert isinstance(event, Frame), event
                    if self.drop_next:
                        self.drop_next -= 1
                        continue
                    self.frames.append(event)
                    for message in reply(event) if self.answers(event) else []:
                        writer.write(encode(message))
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


@asynccontextmanager
async def running_host() -> AsyncIterator[Host]:
    host = Host()
    await host.start()
    try:
        yield host
    finally:
        await host.stop()
