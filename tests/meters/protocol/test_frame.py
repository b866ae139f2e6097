"""What a frame says of itself, absent and malformed parts included."""

import pytest

from meters.protocol import Frame, Version, wrap
from tests.meters.protocol.helpers import decode


def frame(segment: bytes) -> Frame:
    (event,) = decode([wrap(segment)])
    assert isinstance(event, Frame)
    return event


def test_what_is_absent_is_none() -> None:
    bare = frame(b"CP=&&&&")
    assert [bare.qn, bare.st, bare.cn, bare.pw, bare.mn, bare.rf] == [None] * 6
    assert [bare.flag, bare.version, bare.ack, bare.split, bare.pnum, bare.pno] == [None] * 6
    assert (bare.cp, bare.charset, bare.fields, bare.factors) == ("", "utf-8", {}, {})


@pytest.mark.parametrize(
    ("text", "flag", "version", "ack", "split"),
    [
        (b"0", 0, Version.V2005, False, False),
        (b"3", 3, Version.V2005, True, True),
        (b"06", 6, Version.V2017, False, True),
        (b"9", 9, Version.V2025, True, False),
        (b"13", 13, None, True, False),
        (b"255", 255, None, True, True),
        (b"256", None, None, None, None),
        (b"-1", None, None, None, None),
        (b"5000", None, None, None, None),
        (b"", None, None, None, None),
        (b"\xb9", None, None, None, None),  # a superscript one, in Latin-1
    ],
)
def test_flag_bits(
    text: bytes, flag: int | None, version: Version | None, ack: bool | None, split: bool | None
) -> None:
    found = frame(b"Flag=" + text + b";CP=&&&&")
    assert (found.flag, found.version, found.ack, found.split) == (flag, version, ack, split)


def test_packet_numbers_are_read_with_or_without_a_flag() -> None:
    found = frame(b"PNO=0001;PNUM=0002;CP=&&&&")
    assert (found.pnum, found.pno) == (2, 1)
    assert frame(b"PNUM=12345;PNO=x;Flag=6;CP=&&&&").pnum is None


def test_names_are_case_sensitive_and_the_later_of_two_stays() -> None:
    found = frame(b"PW=1;,MN=2;FLAG=0;nothing;ST=3;ST=4;QN=a=b;CP=&&&&")
    assert found.header == {"PW": "1", ",MN": "2", "FLAG": "0", "ST": "4", "QN": "a=b"}
    assert found.mn is None


def test_cp_may_follow_without_its_semicolon() -> None:
    assert frame(b"MN=1;Flag=5CP=&&a=1&&").flag == 5


@pytest.mark.parametrize(
    ("body", "text", "charset"),
    [
        ("停电".encode(), "停电", "utf-8"),
        ("停电".encode("gbk"), "停电", "gbk"),
        (b"a\xff", "a\ufffd", None),
    ],
)
def test_text_is_utf8_then_gbk_and_never_fails(body: bytes, text: str, charset: str | None) -> None:
    found = frame(b"CP=&&" + body + b"&&")
    assert (found.cp, found.charset, found.body) == (text, charset, body)
