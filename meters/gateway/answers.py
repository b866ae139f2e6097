"""The bytes that go back to a collector, made at the moment they are sent."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from meters.protocol import (
    AnswerProfile,
    Frame,
    LocalError,
    Message,
    encode,
    format_datetime,
    format_qn,
    reply,
    wrap,
)

TIME_REQUEST: Final = "1013"
SET_TIME: Final = "1012"
_FLAG_ANSWER: Final = 1

_QN: Final = "0" * 17
_MAX_KNOWN: Final = 50_000
# What of an upload's header decides its answer -> by which profile, and what follows the QN there;
# b"" is no answer, None one that must be made from the frame.
_known: dict[tuple[str | None, ...], tuple[AnswerProfile, bytes | None]] = {}


def answer_upload(frame: Frame, profile: AnswerProfile) -> bytes:
    """Return what ``answer`` does for a frame that brought readings.

    Collectors send the same header but for the QN, so the rest of the answer is made once.
    """
    header = frame.header
    qn, cn = header.get("QN", ""), header.get("CN")
    if len(qn) != len(_QN) or not (qn.isascii() and qn.isdigit()) or cn == TIME_REQUEST:
        return answer(frame, profile)
    key = cn, header.get("PW"), header.get("MN"), header.get("Flag")
    by, rest = _known.get(key, (None, None))
    if by is not profile:
        rest = _after_qn(header, profile)
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        _known[key] = profile, rest
    if rest is None:
        return answer(frame, profile)
    return wrap(b"QN=%b;%b" % (qn.encode(), rest)) if rest else b""


def _after_qn(header: Mapping[str, str], profile: AnswerProfile) -> bytes | None:
    messages = reply(Frame(b"", b"", {**header, "QN": _QN}, b"DataTime="), profile)
    if not messages:
        return b""
    if len(messages) > 1 or messages[0].qn != _QN or messages[0].cp:
        return None
    return replace(messages[0], qn=None).segment()


def answer(frame: Frame, profile: AnswerProfile) -> bytes:
    """Return what the host says to a stored frame; empty where it says nothing.

    A time request (HJ 212-2017: 1013) is answered by 9013 where it asks for that, and then by our
    clock in 1012, which is why this must not be called before the bytes can leave.
    """
    answers = b"".join(encode(message) for message in reply(frame, profile))
    return answers + _set_time(frame) if frame.cn == TIME_REQUEST else answers


def _set_time(frame: Frame) -> bytes:
    now = datetime.now(UTC)
    version_bits = (frame.flag or 0) & ~0b11
    message = Message(
        qn=format_qn(now),
        st=frame.st,
        cn=SET_TIME,
        pw=frame.pw,
        mn=frame.mn,
        flag=version_bits | _FLAG_ANSWER,
        cp=f"SystemTime={format_datetime(now)}",
    )
    try:
        return encode(message)
    except LocalError:  # a header so long that its echo fits no frame: nobody's device
        return b""
