"""Every vector: exactly the frames a server must deliver, exactly the answers it must send."""

from typing import Any

import pytest

from meters.protocol import CrcKind, Event, Frame, FrameProfile, reply
from meters.protocol.decode import as_json
from tests.meters.protocol.helpers import (
    GOOD,
    VECTORS,
    decode,
    described,
    expected_frames,
    frames,
    vector_bytes,
)

TOLERANCE = {
    "crc_modbus": FrameProfile(crc=(CrcKind.HJ212, CrcKind.MODBUS)),
    "crc_modbus_swapped": FrameProfile(crc=(CrcKind.HJ212, CrcKind.MODBUS_SWAPPED)),
    "crc_modbus_swapped+overlong": FrameProfile(
        crc=(CrcKind.HJ212, CrcKind.MODBUS_SWAPPED), max_segment=4096
    ),
    "overlong": FrameProfile(max_segment=4096),
    "length_plus_6": FrameProfile(length_plus_6=True),
    "no_crlf": FrameProfile(crlf_required=False),
}

each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])


def delivered(events: list[Event]) -> list[dict[str, Any]]:
    return [described(frame) for frame in frames(events)]


def answers(events: list[Event]) -> list[Any]:
    return [answer for frame in frames(events) for answer in as_json(frame)["reply"]]


def test_there_are_92_vectors() -> None:
    assert len(VECTORS) == 92


@each_vector
def test_it_delivers_the_expected_frames_and_answers_fed_whole(vector: dict[str, Any]) -> None:
    events = decode([vector_bytes(vector)])
    assert delivered(events) == expected_frames(vector)
    assert answers(events) == vector.get("reply", [])


@each_vector
def test_it_gives_the_same_events_byte_by_byte_and_in_the_vectors_chunks(
    vector: dict[str, Any],
) -> None:
    data = vector_bytes(vector)
    events = decode([data])
    assert decode(bytes([byte]) for byte in data) == events
    if "chunks" in vector:
        chunks = [chunk.encode() for chunk in vector["chunks"]]
        assert b"".join(chunks) == data
        assert decode(chunks) == events


@each_vector
def test_garbage_after_it_does_not_cost_the_next_good_frame(vector: dict[str, Any]) -> None:
    data = vector_bytes(vector) + b"\0\r\n+++ATH#" + GOOD
    events = decode([data])
    assert delivered(events) == [*expected_frames(vector), *delivered(decode([GOOD]))]
    assert decode(bytes([byte]) for byte in data) == events


@each_vector
def test_valid_means_nothing_is_refused_and_invalid_that_something_is(
    vector: dict[str, Any],
) -> None:
    events = decode([vector_bytes(vector)])
    assert all(isinstance(event, Frame) for event in events) == vector["valid"]


@each_vector
def test_no_byte_is_lost_between_frames_and_refusals(vector: dict[str, Any]) -> None:
    data = vector_bytes(vector)
    events = decode([data])
    assert b"".join(event.raw for event in events) == data[:1036]
    sizes = [len(event.raw) if isinstance(event, Frame) else event.count for event in events]
    assert sum(sizes) == len(data)


@pytest.mark.parametrize(
    "vector",
    [vector for vector in VECTORS if vector.get("tolerate", "none") not in ("none", "sm4")],
    ids=lambda vector: vector["id"],
)
def test_the_named_switch_reads_what_strictness_refuses(vector: dict[str, Any]) -> None:
    profile = TOLERANCE[vector["tolerate"]]
    tolerated = vector["expect"].get("if_tolerated")
    events = decode([vector_bytes(vector)], profile)
    if tolerated is not None:
        assert delivered(events) == [tolerated]
    elif vector["id"] == "syn-no-crlf-next":
        assert [frame.qn for frame in frames(events)] == ["20260304101630003", "20260304101530002"]
    else:
        assert delivered(events) == expected_frames(vector)
    assert all(isinstance(event, Frame) for event in events)
    assert decode((bytes([byte]) for byte in vector_bytes(vector)), profile) == events


@pytest.mark.parametrize("profile", TOLERANCE.values(), ids=TOLERANCE)
@each_vector
def test_no_tolerance_loses_what_strictness_delivers(
    vector: dict[str, Any], profile: FrameProfile
) -> None:
    strict = delivered(decode([vector_bytes(vector)]))
    lenient = delivered(decode([vector_bytes(vector)], profile))
    assert [frame for frame in lenient if frame in strict] == strict


def test_all_vectors_in_one_stream_give_the_frames_of_each() -> None:
    stream = b"".join(vector_bytes(vector) for vector in VECTORS)
    assert delivered(decode([stream])) == [
        frame for vector in VECTORS for frame in expected_frames(vector)
    ]


def test_an_answer_is_itself_a_sound_frame_that_nobody_answers() -> None:
    for vector in VECTORS:
        for frame in frames(decode([vector_bytes(vector)])):
            for message in reply(frame):
                assert message.segment().endswith(b";CP=&&&&")
