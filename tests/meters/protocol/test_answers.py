"""What the host sends back, beyond what the vectors say."""

import pytest

from meters.protocol import AnswerProfile, AnswerUploads, Frame, Message, encode, reply, wrap
from tests.meters.protocol.helpers import decode

ALWAYS = AnswerProfile(uploads=AnswerUploads.ALWAYS)
NEVER = AnswerProfile(uploads=AnswerUploads.NEVER)
DATA = "CP=&&DataTime=20260304101530&&"


def frame(segment: str) -> Frame:
    (event,) = decode([wrap(segment.encode("latin-1"))])
    assert isinstance(event, Frame)
    return event


def answered(segment: str, profile: AnswerProfile | None = None) -> list[str]:
    return [message.segment().decode("latin-1") for message in reply(frame(segment), profile)]


def test_qn_pw_and_mn_are_echoed_as_they_came() -> None:
    assert answered(f"QN=77;ST=32;CN=2011;PW=é ;MN=x y;Flag=5;{DATA}") == [
        "QN=77;ST=91;CN=9014;PW=é ;MN=x y;Flag=4;CP=&&&&"
    ]
    assert answered("ST=91;CN=1001;MN=;Flag=9;CP=&&&&") == ["ST=91;CN=9014;MN=;Flag=8;CP=&&&&"]


def test_version_bits_of_no_edition_are_echoed_too() -> None:
    assert answered(f"CN=2011;Flag=15;{DATA}") == ["ST=91;CN=9014;Flag=12;CP=&&&&"]


def test_2005_gets_its_answer_in_the_cp() -> None:
    assert answered(f"QN=1;ST=32;CN=2051;PW=2;MN=3;Flag=3;{DATA}") == [
        "ST=91;CN=9014;PW=2;MN=3;Flag=0;CP=&&QN=1;CN=2051&&"
    ]
    assert answered("QN=1;ST=32;CN=1013;PW=2;MN=3;Flag=1;CP=&&&&") == [
        "ST=91;CN=9013;PW=2;MN=3;Flag=0;CP=&&QN=1&&"
    ]


def test_without_a_flag_nothing_is_answered_unless_the_profile_answers_always() -> None:
    segment = f"ST=32;CN=2011;PW=2;MN=3;{DATA}"
    assert answered(segment) == []
    assert answered(segment, ALWAYS) == ["ST=91;CN=9014;PW=2;MN=3;Flag=0;CP=&&CN=2011&&"]
    assert answered("ST=32;CN=1013;PW=2;MN=3;CP=&&&&", ALWAYS) == []


def test_never_means_never_for_uploads_alone() -> None:
    assert answered(f"CN=2011;Flag=5;{DATA}", NEVER) == []
    assert answered("CN=9015;Flag=5;CP=&&&&", NEVER) == ["ST=91;CN=9013;Flag=4;CP=&&&&"]


@pytest.mark.parametrize("cn", ["9011", "9012", "9013", "9014"])
def test_an_answer_is_never_answered(cn: str) -> None:
    profile = AnswerProfile(uploads=AnswerUploads.ALWAYS, unknown_commands=True)
    assert answered(f"ST=32;CN={cn};Flag=5;{DATA}", profile) == []


@pytest.mark.parametrize("cn", ["2011", "2013", "2021", "2031", "2051", "2061", "3019", "3020"])
def test_data_are_answered_and_a_request_for_them_is_not(cn: str) -> None:
    assert len(answered(f"CN={cn};Flag=5;{DATA}")) == 1
    assert len(answered(f"CN={cn};Flag=5;CP=&&PolId=a;a-SN=1&&")) == 1
    assert answered(f"CN={cn};Flag=5;CP=&&PolId=a&&") == []
    assert answered(f"CN={cn};Flag=5;CP=&&BeginTime=1,EndTime=2&&") == []
    assert answered(f"CN={cn};Flag=4;{DATA}") == []


def test_unknown_commands_are_answered_only_where_the_profile_says_so() -> None:
    profile = AnswerProfile(unknown_commands=True)
    assert answered(f"CN=2999;Flag=5;{DATA}") == []
    assert answered(f"CN=2999;Flag=5;{DATA}", profile) == ["ST=91;CN=9014;Flag=4;CP=&&&&"]
    assert answered(f"CN=2999;Flag=4;{DATA}", profile) == []
    assert answered("CN=1062;Flag=5;CP=&&RtdInterval=30&&", profile) == []
    assert answered("CN=2011;Flag=5;CP=&&&&", profile) == []


def test_a_vendors_login_is_a_matter_of_profile() -> None:
    login = "QN=1;ST=91;CN=9021;PW=2;MN=3;Flag=4;CP=&&&&"
    assert answered(login) == []
    assert answered(login, AnswerProfile(login_cn="9021")) == [
        "QN=1;ST=91;CN=9022;PW=2;MN=3;Flag=4;CP=&&QnRtn=1&&"
    ]
    assert answered("QN=1;CN=9021;CP=&&&&", AnswerProfile(login_cn="9021")) == [
        "ST=91;CN=9022;Flag=0;CP=&&QN=1;QnRtn=1&&"
    ]


def test_without_a_command_there_is_nothing_to_answer() -> None:
    assert answered(f"MN=1;Flag=5;{DATA}") == []


def test_an_echo_far_longer_than_any_device_sends_is_not_sent() -> None:
    for flag in (1, 5, 9):
        fits, too_long = "é" * 396, "é" * 397
        (message,) = reply(frame(f"CN=2081;QN={fits};Flag={flag};CP=&&&&"))
        assert len(encode(message)) <= 1036
        assert answered(f"CN=2081;QN={too_long};Flag={flag};CP=&&&&") == []


def test_an_answer_decodes_to_itself() -> None:
    (message,) = reply(frame(f"QN=1;ST=32;CN=2011;PW=2;MN=3;Flag=7;PNUM=2;PNO=1;{DATA}"))
    (event,) = decode([encode(message)])
    assert isinstance(event, Frame)
    assert Message.from_frame(event) == message
    assert event.split is False
