"""Bytes in, frames and refusals out (HJ 212, collector to host or host to collector).

Theory of operation
-------------------
TCP cuts the stream anywhere, modems talk into it, lengths lie. So nothing here depends on how
the bytes were cut; the events follow from the bytes alone (and from where the peer fell silent).

1. Every ``##`` with four digits opens a *head*; it declares where its frame would end. Heads may
   lie inside one another's span: in log text, after a cut frame, inside a lying length.
2. **The sound frame that ends first wins**, the outer one if two end at the same byte. A head is
   judged once, when its declared end has come: sound if tail, CRC and CP are right. If it is not,
   nothing is consumed: the heads from one byte after it on are judged in their turn, so a good
   frame swallowed by a wrong length is not lost. If it is, it is delivered, and with it go all
   heads that began before its end.
3. Hence a head that waits for bytes never come is overtaken by the next complete frame, and
   ``##0101`` in log text does no harm: there is no sound frame behind it. Cipher text may contain
   any bytes; that a whole sound frame appears in it by chance is beyond belief.
4. Refused bytes form *runs*. A run begins where a failed head stands, or with bytes that belong
   to none, and is reported once its end is known. A run never keeps more than its beginning.
5. Silence ends whatever is under way: waiting heads are truncated.

Bounds: what is kept after ``next_event`` said NEED_DATA is less than one frame of the profile's
greatest length; each head is judged once, so hostile streams cost a constant factor, not a square.
"""

import heapq
import re
from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from meters.protocol.crc import CrcKind, crc_text
from meters.protocol.errors import LocalError
from meters.protocol.events import NEED_DATA, Event, Frame, NeedData, Reject, Why
from meters.protocol.profile import FrameProfile
from meters.protocol.segment import CP_CLOSE, split_segment

MAX_UNREAD: Final = 1 << 20  # bytes that may be fed before next_event() has to be asked
MAX_RUN: Final = 4096  # longer runs of refused bytes are reported in pieces of at least this size

# HJ 212-2017: `##`, then the length of the data segment as four decimal digits. A third `#` before
# them belongs to the garbage. The other two forms are heads no profile, or only one with
# short_length, can read; the look-ahead settles them, and never needs a seventh byte.
_HEAD = re.compile(rb"##(?:([0-9]{4})|([0-9]{2,3})(?=[^0-9])|[0-9]?(?=[^0-9#])|[0-9](?=#))")
_HEAD_SIZE = 6
_CRC_SIZE = 4
_CRLF = b"\r\n"
_LINE_ENDS = (b"\r\n", b"\n")


@dataclass(slots=True)
class _Mark:
    """A place where refused bytes may have to be told apart: a head, or what looks like one."""

    start: int
    why: Why | None = None  # None while a head waits for its end
    is_head: bool = True
    readings: int = 0  # ways to read the head that are still to be judged
    until: int | None = None  # where the refused frame ends, if its own tail shows it


class _Reading(NamedTuple):
    """One way to read a head, in the order of judgement: by end, then by start."""

    end: int
    start: int
    segment: int
    crc: int
    mark: _Mark


@dataclass(slots=True)
class _Run:
    """Refused bytes that are not reported yet."""

    why: Why = Why.GARBAGE
    raw: bytearray = field(default_factory=bytearray)
    count: int = 0
    until: int | None = None
    after_frame: bool = False


class Decoder:
    """Cuts one direction of one connection into frames.

    Feed it what the socket gives; ask ``next_event()`` until it says NEED_DATA::

        decoder.feed(data)
        while (event := decoder.next_event()) is not NEED_DATA:
            ...

    Bytes from the peer raise nothing, whatever they are. A connection may carry several MN
    (forwarders do): take the MN from each frame.
    """

    def __init__(self, profile: FrameProfile | None = None) -> None:
        self._profile = profile or FrameProfile()
        self._buffer = bytearray()
        self._offset = 0  # position in the stream of the buffer's first byte
        self._scanned = 0  # all heads that begin before this position have a mark
        self._marks: deque[_Mark] = deque()  # from the offset on, by start
        self._readings: list[_Reading] = []  # a heap
        self._run = _Run()
        self._events: deque[Event] = deque()
        self._ended = False
        # Other heads may mean a frame that ends earlier.
        self._has_one_reading = self._profile.crlf_required and not self._profile.length_plus_6
        self._max_raw = self._profile.max_segment + _HEAD_SIZE + _CRC_SIZE + len(_CRLF)
        self._max_run = max(MAX_RUN, self._max_raw)

    @property
    def is_idle(self) -> bool:
        """True when no frame is under way: silence is no fault now, and needs no timer."""
        return not self._buffer and not self._run.count and not self._events

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes from the peer; empty ones change nothing.

        Raises LocalError after ``end_of_input()``, and if over 1 MiB lies unread.
        """
        if self._ended:
            raise LocalError("feed() after end_of_input()")
        if len(self._buffer) + len(data) > MAX_UNREAD:
            raise LocalError(f"over {MAX_UNREAD} bytes unread: ask next_event() until NEED_DATA")
        self._buffer += data

    def next_event(self) -> Frame | Reject | NeedData:
        """Return the next frame or refusal in the order of the stream, else NEED_DATA."""
        if not self._events and self._buffer:
            if (frame := self._take_plain_frame()) is not None:
                return frame
            self._advance()
        return self._events.popleft() if self._events else NEED_DATA

    def idle_timeout(self) -> None:
        """Tell that the peer fell silent: heads still waiting for bytes are refused as truncated.

        What they swallowed has been judged by then, and the next byte starts afresh. Ask
        ``next_event()`` for what follows from it. Harmless when nothing is under way.
        """
        self._judge_all()
        self._scan()
        for mark in self._marks:
            if mark.why is None:
                mark.why = self._why_unfinished(mark.start)
        self._readings.clear()
        self._refuse_until(self._received)
        self._cut(Why.GARBAGE)

    def end_of_input(self) -> None:
        """Tell that the peer closed: as ``idle_timeout()``, and nothing may be fed any more."""
        self.idle_timeout()
        self._ended = True

    # ------------------------------------------------------------------------ judging heads

    @property
    def _received(self) -> int:
        return self._offset + len(self._buffer)

    def _take_plain_frame(self) -> Frame | None:
        """Take the frame at the beginning of the buffer if no rule could give anything else.

        That is: nothing is under way, the frame is there to its end and sound, and no second
        ``##`` in it could be a head. Else None, and nothing has changed.
        """
        buffer, profile = self._buffer, self._profile
        digits = bytes(buffer[2:_HEAD_SIZE])
        if (
            self._marks
            or self._run.count
            or not self._has_one_reading
            or buffer[:2] != b"##"
            or not (len(digits) == _HEAD_SIZE - 2 and digits.isdigit())
        ):
            return None
        crc = _HEAD_SIZE + int(digits)
        end = crc + _CRC_SIZE + len(_CRLF)
        if len(buffer) < end or crc > profile.max_segment + _HEAD_SIZE:
            return None
        raw = bytes(buffer[:end])
        segment = raw[_HEAD_SIZE:crc]
        if (
            not raw.endswith(_CRLF)
            or raw.find(b"##", 2) >= 0
            or not self._crc_is_right(segment, raw[crc : crc + _CRC_SIZE])
            or (parts := split_segment(segment)) is None
        ):
            return None
        self._cut(Why.GARBAGE)
        self._consume(end)
        return Frame(raw, segment, *parts)

    def _judge_all(self) -> None:
        before = len(self._events)
        while True:
            self._advance()
            if len(self._events) == before:
                return
            before = len(self._events)

    def _advance(self) -> None:
        """Go on until there is one event more, or nothing is left that the bytes can decide."""
        received = self._offset + len(self._buffer)
        if received - self._scanned >= _HEAD_SIZE:
            self._scan()
        before = len(self._events)
        while self._readings and self._readings[0].end <= received:
            self._judge(heapq.heappop(self._readings))
            if len(self._events) > before:
                return
        # Five bytes may be the beginning of a head; all else that no head waits for is refused.
        settled = received - (_HEAD_SIZE - 1)
        for mark in self._marks:
            if mark.why is None:
                settled = min(settled, mark.start)
                break
        self._refuse_until(settled)

    def _scan(self) -> None:
        received, offset = self._received, self._offset
        searched = max(self._scanned, received - (_HEAD_SIZE - 1))
        for match in _HEAD.finditer(self._buffer, self._scanned - offset):
            start = offset + match.start()
            self._mark(start, offset + match.end(), match[1], match[2])
            searched = max(searched, start + 1)
        self._scanned = searched

    def _mark(self, start: int, after: int, four: bytes | None, short: bytes | None) -> None:
        profile = self._profile
        digits = four or (short if profile.short_length else None)
        if digits is None:
            self._marks.append(_Mark(start, Why.BAD_LENGTH_FIELD, is_head=False))
            return
        declared = int(digits)
        mark = _Mark(start)
        if declared <= profile.max_segment:
            # HJ 212-2017: the segment, four digits of CRC, CR LF. Where CRLF is not required the
            # frame ends with its CRC; a line end that follows all the same is passed over.
            crc = after + declared
            tail = len(_CRLF) if profile.crlf_required else 0
            self._expect(_Reading(crc + _CRC_SIZE + tail, start, after, crc, mark))
        if profile.length_plus_6 and 0 <= declared - 6 <= profile.max_segment:
            # Leniency: tang0-0/HJ212-Pack counts CRC and CRLF into the length.
            crc = after + declared - 6
            self._expect(_Reading(after + declared, start, after, crc, mark))
        if not mark.readings:
            mark.why, mark.is_head = Why.OVERLONG, False
        self._marks.append(mark)

    def _expect(self, reading: _Reading) -> None:
        reading.mark.readings += 1
        heapq.heappush(self._readings, reading)

    def _judge(self, reading: _Reading) -> None:
        if reading.start < self._offset:
            return  # inside a frame that was delivered
        verdict = self._verdict(reading)
        if isinstance(verdict, Frame):
            self._deliver(verdict, reading)
            return
        mark = reading.mark
        mark.readings -= 1
        if not mark.readings:
            mark.why = verdict
            if verdict is Why.NO_CRLF:
                mark.until = reading.crc + _CRC_SIZE
            elif verdict is not Why.BAD_LENGTH:
                mark.until = reading.end

    def _verdict(self, reading: _Reading) -> Frame | Why:
        start = reading.start
        raw = bytes(self._buffer[start - self._offset : reading.end - self._offset])
        crc = reading.crc - start
        has_tail = raw[crc + _CRC_SIZE :] in (_CRLF, b"")
        segment = raw[reading.segment - start : crc]
        if not has_tail and not segment.endswith(CP_CLOSE):
            return Why.BAD_LENGTH  # spares hostile streams the CRC
        # Encrypted frames (HJ 212-2025) would be opened here: cut by length as they are, with the
        # CRC over the plain text.
        if not self._crc_is_right(segment, raw[crc : crc + _CRC_SIZE]):
            return Why.BAD_CRC if has_tail else Why.BAD_LENGTH
        if not has_tail:
            return Why.NO_CRLF
        parts = split_segment(segment)
        return Why.NO_CP if parts is None else Frame(raw, segment, *parts)

    def _crc_is_right(self, segment: bytes, digits: bytes) -> bool:
        # The standard shows upper case; lower case is common in the field.
        digits = digits.upper()
        for kind in self._profile.crc:
            # Only plain uploads were seen with Modbus. Not asking for it where `##` stands in the
            # segment keeps nested heads from having the same bytes summed, slowly, many times.
            if kind is not CrcKind.HJ212 and b"##" in segment:
                continue
            if digits == crc_text(segment, kind):
                return True
        return False

    def _why_unfinished(self, start: int) -> Why:
        """Truncated, unless all is there but the tail."""
        head = _HEAD.match(self._buffer, start - self._offset)
        assert head is not None  # noqa: S101 - a mark stands on a head
        digits = head[1] or head[2]
        crc = head.end() + int(digits)
        if len(self._buffer) < crc + _CRC_SIZE:
            return Why.TRUNCATED
        segment = bytes(self._buffer[head.end() : crc])
        found = bytes(self._buffer[crc : crc + _CRC_SIZE])
        return Why.NO_CRLF if self._crc_is_right(segment, found) else Why.TRUNCATED

    def _deliver(self, frame: Frame, reading: _Reading) -> None:
        self._refuse_until(reading.start)
        self._cut(Why.GARBAGE)
        self._events.append(frame)
        while self._marks and self._marks[0].start < reading.end:
            self._marks.popleft()
        self._consume(reading.end - self._offset)

    def _consume(self, size: int) -> None:
        """Pass over a delivered frame at the beginning of the buffer."""
        del self._buffer[:size]
        self._offset += size
        self._scanned = max(self._scanned, self._offset)
        self._run.after_frame = True

    # -------------------------------------------------------------------- refused bytes

    def _refuse_until(self, position: int) -> None:
        """Move all bytes before a position into runs; heads among them have failed or lost."""
        while self._marks and self._marks[0].start < position:
            mark = self._marks.popleft()
            self._absorb(mark.start)
            if mark.is_head or self._run.why is Why.GARBAGE:
                self._cut(mark.why or Why.BAD_LENGTH)  # overtaken: its length was wrong
                self._run.until = mark.until
        self._absorb(position)

    def _absorb(self, position: int) -> None:
        """Move the bytes before a position into the run at hand, none of which begins another."""
        while self._offset < position:
            stop = min(position, self._offset + self._max_run - self._run.count)
            if self._run.until is not None:
                stop = min(stop, self._run.until)
            taken = stop - self._offset
            room = min(taken, self._max_raw - len(self._run.raw))
            self._run.raw += self._buffer[:room]
            self._run.count += taken
            del self._buffer[:taken]
            self._offset = stop
            if stop == self._run.until or self._run.count == self._max_run:
                self._cut(Why.GARBAGE)
        self._scanned = max(self._scanned, self._offset)

    def _cut(self, why: Why) -> None:
        """Report the run at hand, if there is any, and begin one for this reason."""
        run = self._run
        if not run.count:
            run.why, run.until = why, None
            run.after_frame = run.after_frame and why is Why.GARBAGE
            return
        self._run = _Run(why)
        if (
            run.after_frame
            and not self._profile.crlf_required
            and run.why is Why.GARBAGE
            and run.raw in _LINE_ENDS
        ):
            return  # the tail of a frame whose profile does not wait for one
        self._events.append(Reject(run.why, bytes(run.raw), run.count))
