"""Messages into frames, and back."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meters.protocol import Frame, LocalError, Message, Version, encode, uploads, wrap
from meters.protocol.encoder import MAX_CP
from tests.meters.protocol.helpers import BY_ID, decode, vector_bytes

AT = datetime(2026, 3, 4, 2, 15, 30, 999_000, tzinfo=UTC)
WHO: dict[str, Any] = {"at": AT, "st": "80", "cn": "2011", "pw": "123456", "mn": "A1"}


def read(data: bytes) -> Frame:
    (frame,) = decode([data])
    assert isinstance(frame, Frame)
    return frame


@pytest.mark.parametrize("name", ["std2017-a", "std2025-a1", "c50-split1", "syn-rf1", "php-2011"])
def test_it_writes_the_published_frames_byte_for_byte(name: str) -> None:
    data = vector_bytes(BY_ID[name])
    assert encode(Message.from_frame(read(data))) == data


_header = st.none() | st.text(
    alphabet=st.characters(max_codepoint=255, exclude_characters=";"), max_size=12
).filter(lambda text: "CP=&&" not in text)


@given(
    st.builds(
        Message,
        qn=_header,
        st=_header,
        cn=_header,
        pw=_header,
        mn=_header,
        flag=st.none() | st.integers(0, 255),
        pnum=st.none() | st.integers(1, 9999),
        pno=st.none() | st.integers(1, 9999),
        rf=_header,
        cp=st.text(max_size=100).filter(lambda text: "##" not in text),
    )
)
def test_what_is_encoded_decodes_to_the_same_message(message: Message) -> None:
    assert Message.from_frame(read(encode(message))) == message


@pytest.mark.parametrize(
    "message",
    [
        Message(mn="a;b"),
        Message(pw="CP=&&"),
        Message(mn="设备"),
        Message(cp="\ud800"),
        Message(cp="x" * 1020),
    ],
)
def test_what_hj_212_cannot_carry_is_our_mistake(message: Message) -> None:
    with pytest.raises(LocalError):
        encode(message)


def test_the_greatest_length_can_be_set_up_to_four_digits() -> None:
    assert encode(Message(cp="x" * 1020), max_segment=4096).startswith(b"##1027CP=&&")
    with pytest.raises(LocalError):
        wrap(b"x" * 10_000, max_segment=20_000)


def test_an_upload_that_fits_is_one_message() -> None:
    (message,) = uploads(
        **WHO,
        fields={"DataTime": "20260304101530"},
        factors={"100001": {"Ua": "220.1", "Flag": "N"}, "100002": {"Ua": "219.9"}},
    )
    assert message == Message(
        qn="20260304101530999",
        st="80",
        cn="2011",
        pw="123456",
        mn="A1",
        flag=5,
        cp="DataTime=20260304101530;100001-Ua=220.1,100001-Flag=N;100002-Ua=219.9",
    )


@pytest.mark.parametrize(
    ("version", "wants_answer", "is_backfill", "flag", "rf"),
    [
        (Version.V2005, True, False, 1, None),
        (Version.V2017, False, True, 4, None),
        (Version.V2025, True, True, 9, "1"),
        (Version.V2025, False, False, 8, None),
    ],
)
def test_flag_and_rf_follow_the_edition(
    version: Version, wants_answer: bool, is_backfill: bool, flag: int, rf: str | None
) -> None:
    (message,) = uploads(
        **WHO,
        fields={},
        factors={"a": {"Rtd": "1"}},
        version=version,
        wants_answer=wants_answer,
        is_backfill=is_backfill,
    )
    assert (message.flag, message.rf, message.cp) == (flag, rf, "a-Rtd=1")


@pytest.mark.parametrize("fields", [{"DataTime": "20260304101530"}, {}])
def test_an_upload_over_the_limit_is_split_between_items(fields: dict[str, str]) -> None:
    factors = {f"1{number:05}": {"Ua": "220.10", "Flag": "N"} for number in range(100)}
    messages = uploads(**WHO, fields=fields, factors=factors)
    packets = [read(encode(message)) for message in messages]
    assert len(packets) == 4
    assert [packet.pno for packet in packets] == [1, 2, 3, 4]
    assert {packet.pnum for packet in packets} == {4}
    assert {packet.flag for packet in packets} == {7}
    assert [packet.qn for packet in packets][:2] == ["20260304101530999", "20260304101531000"]
    assert all(packet.fields == fields for packet in packets)
    assert all(len(packet.body) <= MAX_CP for packet in packets)
    joined: dict[str, dict[str, str]] = {}
    for packet in packets:
        joined |= packet.factors
    assert joined == factors


def test_an_item_is_not_cut_in_two() -> None:
    small, great = {"Ua": "1"}, {"Info": "x" * MAX_CP}
    with pytest.raises(LocalError):
        uploads(**WHO, fields={}, factors={"a": small, "b": great})
    with pytest.raises(LocalError):
        uploads(**WHO, fields={}, factors={"b": great})


def test_there_are_at_most_9999_packets() -> None:
    factors = {str(number): {"Info": "x" * 900} for number in range(10_000)}
    with pytest.raises(LocalError):
        uploads(**WHO, fields={}, factors=factors)
