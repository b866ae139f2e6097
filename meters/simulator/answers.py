"""What a collector answers to its host (HJ 212-2017, 通讯流程). Pure."""

from dataclasses import dataclass
from datetime import datetime

from meters.protocol import Frame, Message, format_datetime

INTERACTION = "91"
ACCEPTED, DONE, NOTED, STORED = "9011", "9012", "9013", "9014"
READ_CLOCK, SET_CLOCK, READ_INTERVAL, SET_INTERVAL = "1011", "1012", "1061", "1062"
_NOTIFICATIONS = frozenset({"2012", "2022"})
_OK, _WRONG_PASSWORD, _WRONG_COMMAND = 1, 3, 8  # QnRtn
_DONE, _BAD_CONDITIONS = 1, 3  # ExeRtn
_INTERVALS = range(30, 3601)  # seconds, HJ 212-2017 RtdInterval


@dataclass(frozen=True, slots=True)
class Identity:
    """How a collector names itself on the wire; ``flag`` has the bits of its edition."""

    mn: str
    password: str
    st: str
    flag: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back, in order, and the interval in seconds if the host has set a new one."""

    messages: tuple[Message, ...] = ()
    interval_s: int | None = None


def answer_request(frame: Frame, own: Identity, *, interval_s: int, now: datetime) -> Answer:
    """Return a collector's answer to a frame of the host.

    Answers to our own uploads get nothing. Clock and interval can be read and set; our clock is
    right, so setting it is done by doing nothing. Any other request is refused (QnRtn=8).
    """
    if frame.cn is None or frame.cn in (ACCEPTED, DONE, NOTED, STORED):
        return Answer()

    def say(cn: str, cp: str = "", st: str = INTERACTION) -> Message:
        return Message(qn=frame.qn, st=st, cn=cn, pw=own.password, mn=own.mn, flag=own.flag, cp=cp)

    def done(*data: Message, result: int = _DONE) -> tuple[Message, ...]:
        return (say(ACCEPTED, f"QnRtn={_OK}"), *data, say(DONE, f"ExeRtn={result}"))

    if frame.cn in _NOTIFICATIONS:
        return Answer((say(NOTED),))
    if frame.pw != own.password:
        return Answer((say(ACCEPTED, f"QnRtn={_WRONG_PASSWORD}"),))
    if frame.cn == READ_CLOCK:
        return Answer(done(say(READ_CLOCK, f"SystemTime={format_datetime(now)}", own.st)))
    if frame.cn == SET_CLOCK:
        return Answer(done())
    if frame.cn == READ_INTERVAL:
        return Answer(done(say(READ_INTERVAL, f"RtdInterval={interval_s}", own.st)))
    if frame.cn == SET_INTERVAL:
        wanted = frame.fields.get("RtdInterval", "")
        if wanted.isdecimal() and int(wanted) in _INTERVALS:
            return Answer(done(), interval_s=int(wanted))
        return Answer(done(result=_BAD_CONDITIONS))
    return Answer((say(ACCEPTED, f"QnRtn={_WRONG_COMMAND}"),))
