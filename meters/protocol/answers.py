"""What the host sends back for a frame of the field (HJ 212-2017: 通讯流程)."""

from meters.protocol.encoder import VERSION_BITS, Message
from meters.protocol.events import FLAG_ANSWER, FLAG_SPLIT, Frame, Version
from meters.protocol.profile import AnswerProfile, AnswerUploads

INTERACTION = "91"  # ST of every answer
REQUEST_ACCEPTED = "9011"
REQUEST_DONE = "9012"
NOTIFICATION_ANSWER = "9013"
DATA_ANSWER = "9014"
MAX_ECHO = (
    400  # characters; the standard's fields need 51, the longest recorded 60. Fits any frame.
)
ANSWERS = frozenset({REQUEST_ACCEPTED, REQUEST_DONE, NOTIFICATION_ANSWER, DATA_ANSWER})

# HJ 212-2017: uploads only a collector sends. 1001, 2052 and 2111 are of HJ 212-2025.
UPLOADS = frozenset({"1001", "2052", "2081", "2111"})
# HJ 212-2017: the same number asks for data from the host and carries it from the field. 2013 and
# 2062 are of HJ 212-2025. A request names a span (BeginTime, EndTime) or nothing at all, an upload
# has a DataTime or values; so a host that hears its own request, or an empty 2011, keeps silent.
UPLOADS_OR_REQUESTS = frozenset(
    {"2011", "2013", "2021", "2031", "2041", "2051", "2061", "2062", "3015", "3019", "3020"}
)
# HJ 212-2017: set-up and control, asked by the host; what the field says to them it says without
# bit 0. 1014, 3022 and 3024 are of HJ 212-2025.
REQUESTS = frozenset(
    {"1000", "1002", "1011", "1012", "1014", "1061", "1062", "1063", "1064", "1072"}
    | {"2012", "2022", "3011", "3012", "3013", "3014", "3016", "3017", "3018", "3021"}
    | {"3022", "3024"}
)


def reply(frame: Frame, profile: AnswerProfile | None = None) -> list[Message]:
    """Return what the host answers, in order; usually one message or none.

    Uploads get 9014 and notifications 9013 if bit 0 of Flag asks for it; answers, requests and
    empty uploads get nothing. QN, PW and MN are echoed as they came, and the version bits of Flag
    too; frames of 2005 get an answer in the form of 2005, with the QN in the CP.
    Store the frame first, then send this: 9014 says that the data are safe. Nothing else than a
    decoded ``Frame`` may be answered. Never raises on what a peer sent.
    """
    answer = _answer(frame, profile or AnswerProfile())
    echoed = sum(len(text or "") for text in (frame.qn, frame.cn, frame.pw, frame.mn))
    return [answer] if answer is not None and echoed <= MAX_ECHO else []


def _answer(frame: Frame, profile: AnswerProfile) -> Message | None:
    cn = frame.cn
    if cn is None or cn in ANSWERS:
        return None
    if profile.login_cn is not None and cn == profile.login_cn:
        return _message(frame, profile.login_answer, "QnRtn=1")
    if cn in profile.notifications:
        return _message(frame, NOTIFICATION_ANSWER) if frame.ack else None
    if _is_upload(frame):
        always = profile.uploads is AnswerUploads.ALWAYS
        wanted = always or (frame.ack and profile.uploads is AnswerUploads.BY_FLAG)
    else:
        wanted = frame.ack and profile.unknown_commands and not _is_known(cn)
    return _message(frame, DATA_ANSWER) if wanted else None


def _is_upload(frame: Frame) -> bool:
    if frame.cn in UPLOADS:
        return True
    return frame.cn in UPLOADS_OR_REQUESTS and ("DataTime" in frame.fields or bool(frame.factors))


def _is_known(cn: str) -> bool:
    return cn in UPLOADS or cn in UPLOADS_OR_REQUESTS or cn in REQUESTS


def _message(frame: Frame, cn: str, result: str = "") -> Message:
    flag = frame.flag or VERSION_BITS[Version.V2005]
    flag &= ~(FLAG_ANSWER | FLAG_SPLIT)
    if flag != VERSION_BITS[Version.V2005]:
        return Message(
            qn=frame.qn, st=INTERACTION, cn=cn, pw=frame.pw, mn=frame.mn, flag=flag, cp=result
        )
    # HJ/T 212-2005: the QN stands in the CP, and 9014 names the command it answers.
    items = [] if frame.qn is None else [f"QN={frame.qn}"]
    if cn == DATA_ANSWER:
        items.append(f"CN={frame.cn}")
    if result:
        items.append(result)
    return Message(st=INTERACTION, cn=cn, pw=frame.pw, mn=frame.mn, flag=flag, cp=";".join(items))
