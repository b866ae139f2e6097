"""One peer: feeds the codec, hands frames to the intake, writes answers after the commit."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from meters.archive import ACCEPTED, RawFrame
from meters.gateway.answers import answer, answer_upload
from meters.ingest import Entry, Issue, KnownCollector, admit, interpret
from meters.ingest.entries import storable
from meters.models import IntakeReason
from meters.protocol import NEED_DATA, Decoder, Frame, Reject, Why

if TYPE_CHECKING:
    from meters.gateway.server import Gateway

# So much is decoded before the junk in it is weighed: hostile bytes cost little more than sound
# ones, but 256 KiB of them at once would be felt by the other peers.
_SLICE: Final = 16 * 1024

REASONS: Final = {
    Why.GARBAGE: IntakeReason.GARBAGE,
    Why.BAD_LENGTH_FIELD: IntakeReason.BAD_LENGTH,
    Why.OVERLONG: IntakeReason.OVERLONG,
    Why.TRUNCATED: IntakeReason.TRUNCATED,
    Why.BAD_LENGTH: IntakeReason.BAD_LENGTH,
    Why.NO_CRLF: IntakeReason.BAD_LENGTH,
    Why.BAD_CRC: IntakeReason.BAD_CRC,
    Why.NO_CP: IntakeReason.BAD_SEGMENT,
}


class CollectorConnection(asyncio.Protocol):
    """A connection. The MN is taken from each frame: forwarders send for many collectors."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._decoder = Decoder(gateway.admission.directory.frame)
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._received_at = datetime.now(UTC)
        self._junk = 0  # refused bytes since the last frame that was let in
        self._pending = 0  # entries handed to the intake and not stored yet
        self._held: Frame | None = None  # waits for its MN to be looked up
        self._pauses: set[str] = set()
        self._has_ended = False
        self._heard_at = self._framed_at = gateway.now()
        self._unread_since: float | None = None

    # ------------------------------------------------------------------- called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._transport = transport
        name = transport.get_extra_info("peername")
        self._peer = f"{name[0]}:{name[1]}" if name else ""
        if self._gateway.is_full:
            self._add_issue(IntakeReason.TOO_MANY_CONNECTIONS, b"")
            transport.close()
            return
        transport.set_write_buffer_limits(high=self._gateway.limits.unread_replies)
        self._gateway.connections.add(self)
        if self._gateway.is_holding:
            self.pause("full")

    def connection_lost(self, _error: Exception | None) -> None:
        self._gateway.connections.discard(self)
        if not self._has_ended and not self._is_put_off:
            self._decoder.end_of_input()
            self._drain()
        self._has_ended = True
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._received_at = datetime.now(UTC)
        self._heard_at = self._gateway.now()
        for start in range(0, len(data), _SLICE):
            if self._is_put_off:
                return
            self._decoder.feed(data[start : start + _SLICE])
            self._drain()

    def eof_received(self) -> bool:
        """Go on until what came is stored and answered: a peer may close its half and wait."""
        self._has_ended = True
        self._decoder.end_of_input()
        self._drain()
        self._close_if_done()
        return True

    def pause_writing(self) -> None:
        self._unread_since = self._gateway.now()
        self.pause("unread")

    def resume_writing(self) -> None:
        self._unread_since = None
        self.resume("unread")

    # ------------------------------------------------------------------ called by the intake

    def committed(self, answers: list[Callable[[], bytes] | None]) -> None:
        """Write the answers to entries that are stored now."""
        self._pending -= len(answers)
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if data := b"".join(make() for make in answers if make is not None):
            transport.write(data)
        self._close_if_done()

    # ------------------------------------------------------------------ called by the gateway

    def pause(self, reason: str) -> None:
        """Stop reading for a reason."""
        self._pauses.add(reason)
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self, reason: str) -> None:
        """Read again, unless there are other reasons not to."""
        if reason not in self._pauses:
            return
        self._pauses.remove(reason)
        if not self._pauses:
            self._heard_at = self._framed_at = self._gateway.now()
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()

    def look_after(self) -> None:
        """Give up a frame that does not go on, and a peer that is silent, or deaf, for long."""
        now, limits = self._gateway.now(), self._gateway.limits
        if self._unread_since is not None and now - self._unread_since > limits.unread_s:
            self.abort()
        elif self._pauses:
            return
        elif now - self._framed_at > limits.idle_s:
            self.close()
        elif not self._decoder.is_idle and now - self._heard_at > limits.partial_frame_s:
            self._decoder.idle_timeout()
            self._drain()

    def close(self) -> None:
        """Hang up when what is written has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------------------------ frames

    @property
    def _is_put_off(self) -> bool:
        return self._junk > self._gateway.limits.junk

    def _drain(self) -> None:
        """Take what the codec has, up to a frame that must wait for its MN."""
        while self._held is None and not self._is_put_off:
            event = self._decoder.next_event()
            if event is NEED_DATA:
                return
            if isinstance(event, Reject):
                self._take_reject(event)
            else:
                self._take_frame(event)

    def _take_reject(self, reject: Reject) -> None:
        self._gateway.counters.rejects += 1
        self._add_issue(REASONS[reject.why], reject.raw)
        self._add_junk(reject.count)

    def _take_frame(self, frame: Frame) -> None:
        mn = frame.mn or ""
        admission = self._gateway.admission
        collector = admission.find(mn)
        if collector is None and mn and not admission.is_stranger(mn):
            self._held = frame
            self.pause("unknown")
            admission.look_up(mn, self._looked_up)
            return
        self._take_known(frame, collector)

    def _looked_up(self) -> None:
        frame, self._held = self._held, None
        if frame is not None:
            self._take_known(frame, self._gateway.admission.find(frame.mn or ""))
        self._drain()
        if self._held is None:
            self.resume("unknown")
            self._close_if_done()

    def _take_known(self, frame: Frame, collector: KnownCollector | None) -> None:
        gateway = self._gateway
        gateway.counters.frames += 1
        self._framed_at = gateway.now()
        refusal = admit(frame, collector)
        if refusal is not None or collector is None:
            reason = refusal or IntakeReason.UNKNOWN_MN
            gateway.counters.refused += 1
            self._add_issue(reason, frame.raw, mn=storable(frame.mn))
            self._add_junk(len(frame.raw))
            return
        self._junk = 0
        meaning = interpret(
            frame,
            collector,
            gateway.admission.directory,
            received_at=self._received_at,
            kept_for=gateway.limits.kept_for,
        )
        entry = Entry(
            RawFrame(self._received_at, self._peer, ACCEPTED, frame.raw),
            collector.id,
            collector.enterprise_id,
            meaning.measured_at,
            meaning.readings,
            meaning.issues,
        )
        make_answer = answer_upload if meaning.readings else answer
        self._add(entry, partial(make_answer, frame, meaning.answer))

    def _add_issue(self, reason: IntakeReason, raw: bytes, mn: str = "") -> None:
        entry = Entry(
            RawFrame(self._received_at, self._peer, reason.value, raw),
            issues=(Issue(reason.value, mn, ""),),
        )
        self._add(entry, None)

    def _add(self, entry: Entry, make_answer: Callable[[], bytes] | None) -> None:
        self._pending += 1
        self._gateway.intake.add(self, entry, make_answer)

    def _add_junk(self, count: int) -> None:
        self._junk += count
        if self._is_put_off:
            self.close()

    def _close_if_done(self) -> None:
        if self._has_ended and not self._pending and self._held is None:
            self.close()
