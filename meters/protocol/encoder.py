"""Messages into frames: the inverse of the decoder."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from meters.protocol.crc import CrcKind, crc_text
from meters.protocol.errors import LocalError
from meters.protocol.events import FLAG_ANSWER, FLAG_SPLIT, Frame, Version
from meters.protocol.parameters import format_factor
from meters.protocol.profile import MAX_DECLARABLE, MAX_SEGMENT
from meters.protocol.segment import CP_CLOSE, CP_OPEN
from meters.protocol.values import format_qn

MAX_CP = 950  # HJ 212-2017: bytes of the CP body; more must be split over several frames
MAX_PACKETS = 9999  # HJ 212-2017: PNUM and PNO

# HJ 212-2017: the version bits of Flag.
VERSION_BITS = {Version.V2005: 0, Version.V2017: 4, Version.V2025: 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a frame says. None leaves the field out; an empty text writes ``PW=;``."""

    qn: str | None = None
    st: str | None = None
    cn: str | None = None
    pw: str | None = None
    mn: str | None = None
    flag: int | None = None
    pnum: int | None = None
    pno: int | None = None
    rf: str | None = None
    cp: str = ""

    @classmethod
    def from_frame(cls, frame: Frame) -> "Message":
        """Return what a decoded frame says, so that it can be sent on or altered."""
        return cls(
            qn=frame.qn,
            st=frame.st,
            cn=frame.cn,
            pw=frame.pw,
            mn=frame.mn,
            flag=frame.flag,
            pnum=frame.pnum,
            pno=frame.pno,
            rf=frame.rf,
            cp=frame.cp,
        )

    def segment(self) -> bytes:
        """Return the data segment: header in Latin-1, CP in UTF-8.

        Raises LocalError if a header value would break the header, or text cannot be encoded.
        """
        # HJ 212-2017 gives this order; HJ 212-2025 puts RF after PNO, before CP.
        named = {
            "QN": self.qn,
            "ST": self.st,
            "CN": self.cn,
            "PW": self.pw,
            "MN": self.mn,
            "Flag": self.flag,
            "PNUM": self.pnum,
            "PNO": self.pno,
            "RF": self.rf,
        }
        header = "".join(f"{name}={value};" for name, value in named.items() if value is not None)
        if header.count(";") != sum(value is not None for value in named.values()):
            raise LocalError(f"a header value contains a semicolon: {header!r}")
        try:
            head, body = header.encode("latin-1"), self.cp.encode()
        except UnicodeEncodeError as error:
            raise LocalError(f"text that HJ 212 cannot carry: {error}") from error
        if CP_OPEN in head:
            raise LocalError(f"a header value contains the opening of CP: {header!r}")
        return head + CP_OPEN + body + CP_CLOSE


def encode(message: Message, *, max_segment: int = MAX_SEGMENT) -> bytes:
    """Return the frame, ready to send: ``##``, length, segment, CRC in upper case, CR LF.

    max_segment: bytes; HJ 212-2017 allows 1024. Raises LocalError if the segment is longer (see
    ``uploads``) or its values cannot be written.
    """
    return wrap(message.segment(), max_segment=max_segment)


def wrap(segment: bytes, *, max_segment: int = MAX_SEGMENT, crc: CrcKind = CrcKind.HJ212) -> bytes:
    """Return a frame around a data segment as it is. Raises LocalError if that is too long."""
    if len(segment) > min(max_segment, MAX_DECLARABLE):
        raise LocalError(f"a data segment of {len(segment)} bytes: more than {max_segment}")
    return b"##%04d%b%b\r\n" % (len(segment), segment, crc_text(segment, crc))


def uploads(
    *,
    at: datetime,
    st: str,
    cn: str,
    pw: str,
    mn: str,
    fields: Mapping[str, str],
    factors: Mapping[str, Mapping[str, str]],
    version: Version = Version.V2017,
    wants_answer: bool = True,
    is_backfill: bool = False,
) -> list[Message]:
    """Return the messages a collector sends for one set of readings: one, or several packets.

    at: aware time of sending; it becomes the QN, one millisecond later for each further packet.
    fields: plain items, DataTime among them; repeated in every packet.
    factors: items by code; none is cut in two.
    is_backfill: sets RF=1, which only HJ 212-2025 knows.
    Raises LocalError for a naive time, or if one item alone is over 950 bytes.
    Source: HJ 212-2017 on splitting (拆分包), and its example C.50.
    """
    bodies = list(_packets(fields, factors))
    if len(bodies) > MAX_PACKETS:
        raise LocalError(f"{len(bodies)} packets: more than PNUM can count")
    is_split = len(bodies) > 1
    flag = VERSION_BITS[version] | wants_answer * FLAG_ANSWER | is_split * FLAG_SPLIT
    return [
        Message(
            qn=format_qn(at + timedelta(milliseconds=number)),
            st=st,
            cn=cn,
            pw=pw,
            mn=mn,
            flag=flag,
            pnum=len(bodies) if is_split else None,
            pno=number + 1 if is_split else None,
            rf="1" if is_backfill and version is Version.V2025 else None,
            cp=body,
        )
        for number, body in enumerate(bodies)
    ]


def _packets(fields: Mapping[str, str], factors: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    common = ";".join(f"{name}={value}" for name, value in fields.items())
    body = common
    for code, values in factors.items():
        item = format_factor(code, values)
        longer = f"{body};{item}" if body else item
        if len(longer.encode()) <= MAX_CP:
            body = longer
            continue
        if body != common:
            yield body
        body = f"{common};{item}" if common else item
        if len(body.encode()) > MAX_CP:
            raise LocalError(f"the item {code} alone is over {MAX_CP} bytes")
    yield body
