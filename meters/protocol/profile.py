"""What one platform or vendor does otherwise than the standard, as data. All strict by default."""

from dataclasses import dataclass
from enum import StrEnum

from meters.protocol.crc import CrcKind
from meters.protocol.errors import LocalError

MAX_SEGMENT = 1024  # HJ 212-2017: a data segment has 0..1024 bytes
MAX_DECLARABLE = 9999  # four digits of length


@dataclass(frozen=True, slots=True)
class FrameProfile:
    """Which bytes count as a frame.

    crc: the checksums accepted; see ``CrcKind`` for who sends the others.
    max_segment: the longest data segment, in bytes, 0..9999. 1025, 1045 and 1623 were recorded in
        the field (tonyxia2016/HJ212Receiver, rx.log); 4096 takes them in.
    crlf_required: False takes frames that end in nothing, or in LF alone, too.
    short_length: also read lengths of two and three digits (`##81QN`, `##453QN`).
    length_plus_6: also read lengths that count CRC and CRLF (tang0-0/HJ212-Pack).
    Raises LocalError if no checksum is accepted, one is unknown, or max_segment is out of range.
    """

    crc: tuple[CrcKind, ...] = (CrcKind.HJ212,)
    max_segment: int = MAX_SEGMENT
    crlf_required: bool = True
    short_length: bool = False
    length_plus_6: bool = False

    def __post_init__(self) -> None:
        try:  # a stored profile has the kinds as plain text
            object.__setattr__(self, "crc", tuple(CrcKind(kind) for kind in self.crc))
        except ValueError as error:
            raise LocalError(str(error)) from error
        if not self.crc:
            raise LocalError("a frame profile must accept at least one kind of CRC")
        if not 0 <= self.max_segment <= MAX_DECLARABLE:
            raise LocalError(f"max_segment must be 0..{MAX_DECLARABLE}, not {self.max_segment}")


class AnswerUploads(StrEnum):
    """When an upload is answered with 9014."""

    BY_FLAG = "by-flag"  # HJ 212-2017: when bit 0 of Flag asks for it
    ALWAYS = "always"  # platforms whose collectors of 2005 expect an answer without asking
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class AnswerProfile:
    """What the host sends back.

    uploads: see ``AnswerUploads``.
    unknown_commands: answer 9014 to a command that is neither known nor a request, if it asks. The
        standard has no negative answer; this is what stops a device from sending it again.
    login_cn: the vendor's login, answered ``login_answer`` with QnRtn=1 whether it asks or not;
        9021 and 9022 are seen in the field, in no standard. None: logins are not answered.
    notifications: commands answered 9013; 1013 asks for the time, 9015 is 2025's heartbeat.
    """

    uploads: AnswerUploads = AnswerUploads.BY_FLAG
    unknown_commands: bool = False
    login_cn: str | None = None
    login_answer: str = "9022"
    notifications: frozenset[str] = frozenset({"1013", "9015"})
