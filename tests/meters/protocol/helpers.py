"""Vectors, reference definitions and stream makers shared by the codec's tests."""

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from meters.protocol import NEED_DATA, Decoder, Event, Frame, FrameProfile, wrap
from meters.protocol.decode import as_json

VECTORS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "vectors.jsonl").read_text("utf-8").splitlines()
]
BY_ID = {vector["id"]: vector for vector in VECTORS}

GOOD_SEGMENT = (
    b"QN=20260304101530002;ST=52;CN=2011;PW=123456;MN=010000A8900016F000169DC0;Flag=5;"
    b"CP=&&DataTime=20260304101530;e30101-Rtd=12.40,e30101-Flag=N&&"
)
GOOD = wrap(GOOD_SEGMENT)


def vector_bytes(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["frame_hex"]) if "frame_hex" in vector else vector["frame"].encode()


def expected_frames(vector: dict[str, Any]) -> list[dict[str, Any]]:
    expect = vector["expect"]
    return expect.get("frames", [expect])


def drain(decoder: Decoder) -> list[Event]:
    events = []
    while (event := decoder.next_event()) is not NEED_DATA:
        events.append(event)
    return events


def decode(chunks: Iterable[bytes], profile: FrameProfile | None = None) -> list[Event]:
    """All events of a stream that arrives in these chunks and then ends."""
    decoder = Decoder(profile)
    events = []
    for chunk in chunks:
        decoder.feed(chunk)
        events += drain(decoder)
    decoder.end_of_input()
    return events + drain(decoder)


def frames(events: Iterable[Event]) -> list[Frame]:
    return [event for event in events if isinstance(event, Frame)]


def described(frame: Frame) -> dict[str, Any]:
    """A frame in the words of a vector's `expect`: what is absent left out."""
    line = as_json(frame)
    return {
        key: value
        for key, value in line.items()
        if key not in ("event", "reply") and value is not None
    }


def refusals(events: Iterable[Event]) -> list[tuple[str, bytes]]:
    return [(event.why, event.raw) for event in events if not isinstance(event, Frame)]


def bitwise_crc(segment: bytes) -> int:
    """HJ 212's CRC as the standard tells it."""
    register = 0xFFFF
    for byte in segment:
        register = (register >> 8) ^ byte
        for _ in range(8):
            odd = register & 1
            register >>= 1
            if odd:
                register ^= 0xA001
    return register


def cut(stream: bytes, places: Iterable[int]) -> list[bytes]:
    """The stream in pieces, cut at these places."""
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


# ---------------------------------------------------------------------------- streams

_good = st.builds(
    lambda text, flag: wrap(
        b"QN=20260304101530002;ST=52;CN=2011;MN=A;Flag=%d;CP=&&%b&&" % (flag, text.encode())
    ),
    st.one_of(
        st.text(alphabet="a1-=;,.#&/", max_size=40),
        st.sampled_from(["", "Info=//##0101 a;b//", "A=##0031", "DataTime=20260304101530"]),
    ),
    st.integers(0, 12),
)


def _lying(frame: bytes, length: int) -> bytes:
    return frame[:2] + b"%04d" % length + frame[6:]


def _flipped(frame: bytes, place: int, value: int) -> bytes:
    place %= len(frame)
    return frame[:place] + bytes([value]) + frame[place + 1 :]


_mutated = st.one_of(
    st.builds(_lying, _good, st.integers(0, 1100)),
    st.builds(_flipped, _good, st.integers(0, 500), st.integers(0, 255)),
    st.builds(lambda frame, size: frame[: size % len(frame)], _good, st.integers(0, 500)),
    _good.map(lambda frame: frame.removesuffix(b"\r\n")),
    _good.map(lambda frame: frame.replace(b"\r\n", b"\n")),
    _good.map(lambda frame: b"##%d" % int(frame[2:6]) + frame[6:]),
    _good.map(lambda frame: _lying(frame, int(frame[2:6]) + 6)),
    st.builds(lambda outer, inner: wrap(outer[6:-6] + inner), _good, _good),
    st.builds(lambda inner: wrap(b"MN=B;CP=&&" + inner + b"&&"), _good),
)
_garbage = st.one_of(
    st.binary(max_size=20),
    st.text(alphabet="#0123456789\r\n&A", max_size=24).map(str.encode),
    st.sampled_from([b"\r\n", b"\n", b"#", b"###", b"##0120", b"##9999", b"##12", b"\0\0"]),
    st.builds(lambda byte, size: bytes([byte]) * size, st.integers(0, 255), st.integers(0, 6000)),
)
streams = st.lists(st.one_of(_good, _good, _mutated, _garbage), max_size=10).map(b"".join)

profiles = st.builds(
    FrameProfile,
    crc=st.sampled_from([("hj212",), ("modbus", "hj212"), ("modbus_swapped",)]),
    max_segment=st.sampled_from([0, 40, 1024, 9999]),
    crlf_required=st.booleans(),
    short_length=st.booleans(),
    length_plus_6=st.booleans(),
)
