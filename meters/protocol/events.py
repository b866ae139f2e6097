"""What the decoder hands out: a frame, a refusal, or the wish for more bytes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cached_property
from typing import Final

from meters.protocol.parameters import Factors, Fields, parse_cp

# HJ 212-2017: Flag is a decimal number, 0..255; bits 7..2 are the version, bit 1 says that PNUM
# and PNO are there, bit 0 that an answer is wanted.
FLAG_ANSWER = 0b01
FLAG_SPLIT = 0b10
_FLAG = re.compile(r"[0-9]{1,3}", re.ASCII)
_PACKET = re.compile(r"[0-9]{1,4}", re.ASCII)  # leniency: `PNO=0001`, as devices of 2005 write it


class Version(StrEnum):
    """The edition of the standard that the Flag claims. Old devices claim wrongly at times."""

    V2005 = "2005"
    V2017 = "2017"
    V2025 = "2025"


_VERSIONS = {0: Version.V2005, 1: Version.V2017, 2: Version.V2025}


class Why(StrEnum):
    """Why bytes were refused."""

    GARBAGE = "garbage"  # no head in them: modem text, blank lines, NUL bytes
    BAD_LENGTH_FIELD = "bad_length_field"  # ## without four digits after it
    OVERLONG = "overlong"  # declares more than the profile allows
    TRUNCATED = "truncated"  # the peer fell silent, or hung up, before the declared end
    BAD_LENGTH = "bad_length"  # another frame, or no tail, where the declared end should be
    NO_CRLF = "no_crlf"  # right, but for the missing tail
    BAD_CRC = "bad_crc"
    NO_CP = "no_cp"  # the CRC is right, but there is no CP=&&..&& to read


class _NeedData(Enum):
    NEED_DATA = "need_data"


NEED_DATA: Final = _NeedData.NEED_DATA
NeedData = _NeedData


@dataclass(frozen=True, slots=True)
class Reject:
    """Bytes that a server must not deliver.

    why: the first thing wrong with them.
    raw: their beginning, for the archive; at most a whole frame of the profile's greatest length.
    count: how many bytes were refused, at least ``len(raw)``.
    """

    why: Why
    raw: bytes
    count: int


@dataclass(frozen=True)
class Frame:
    """One sound frame (通讯包). What is absent on the wire is None; values are the text as sent.

    raw: the frame as it came, from ``##`` on; the evidence.
    segment: the data segment as the CRC covers it: the plain text, were the CP encrypted.
    header: the fields before CP; of a name given twice the later stays.
    body: the bytes between ``CP=&&`` and the last ``&&``.
    Everything else is read from these when first asked for, and never raises.
    """

    raw: bytes
    segment: bytes
    header: Mapping[str, str]
    body: bytes

    @property
    def qn(self) -> str | None:
        """Request number (请求编码); 17 digits by the book, to be echoed whatever it is."""
        return self.header.get("QN")

    @property
    def st(self) -> str | None:
        """System code (系统编码)."""
        return self.header.get("ST")

    @property
    def cn(self) -> str | None:
        """Command code (命令编码)."""
        return self.header.get("CN")

    @property
    def pw(self) -> str | None:
        """Password (访问密码); may be empty."""
        return self.header.get("PW")

    @property
    def mn(self) -> str | None:
        """Number of the collector (设备唯一标识); look up the exact text."""
        return self.header.get("MN")

    @property
    def rf(self) -> str | None:
        """HJ 212-2025: "1" marks data sent again or later (补传)."""
        return self.header.get("RF")

    @property
    def pnum(self) -> int | None:
        """Number of packets, 1..9999, whether or not Flag announces it (2005 devices)."""
        return _number(_PACKET, self.header.get("PNUM"))

    @property
    def pno(self) -> int | None:
        """Number of this packet, from 1."""
        return _number(_PACKET, self.header.get("PNO"))

    @cached_property
    def flag(self) -> int | None:
        """Flag (拆分包及应答标志), 0..255; None when absent, as in 2005, or no such number."""
        flag = _number(_FLAG, self.header.get("Flag"))
        return flag if flag is not None and flag <= 255 else None

    @property
    def version(self) -> Version | None:
        """Edition by the version bits of Flag; None without Flag or with bits of no edition."""
        return None if self.flag is None else _VERSIONS.get(self.flag >> 2)

    @property
    def ack(self) -> bool | None:
        """Whether an answer is wanted; None without Flag."""
        return None if self.flag is None else bool(self.flag & FLAG_ANSWER)

    @property
    def split(self) -> bool | None:
        """Whether Flag announces PNUM and PNO; None without Flag."""
        return None if self.flag is None else bool(self.flag & FLAG_SPLIT)

    @property
    def cp(self) -> str:
        """Command parameters (指令参数) as text."""
        return self._text[0]

    @property
    def charset(self) -> str | None:
        """What the CP is written in: "utf-8", "gbk", or None where some bytes are neither."""
        return self._text[1]

    @property
    def fields(self) -> Fields:
        """Plain items of the CP: ``{"DataTime": ".."}``."""
        return self._parameters[0]

    @property
    def factors(self) -> Factors:
        """Items with a code: ``{"w01018": {"Rtd": "..", "Flag": "N"}}``."""
        return self._parameters[1]

    @cached_property
    def _text(self) -> tuple[str, str | None]:
        # HJ 212-2017: Chinese text is UTF-8. Leniency: collectors on Windows send GBK.
        for charset in ("utf-8", "gbk"):
            try:
                return self.body.decode(charset), charset
            except UnicodeDecodeError:
                continue
        return self.body.decode("utf-8", "replace"), None

    @cached_property
    def _parameters(self) -> tuple[Fields, Factors]:
        return parse_cp(self.cp)


Event = Frame | Reject


def _number(form: re.Pattern[str], text: str | None) -> int | None:
    return int(text) if text is not None and form.fullmatch(text) else None
