"""The bytes that go back to a collector, made at the moment they are sent."""

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
)

TIME_REQUEST: Final = "1013"
SET_TIME: Final = "1012"
_FLAG_ANSWER: Final = 1


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
