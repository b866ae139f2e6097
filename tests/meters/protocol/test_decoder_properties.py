"""What holds for every stream, however hostile and however cut."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meters.protocol import Decoder, Frame, FrameProfile, LocalError, Reject, encode, reply, wrap
from meters.protocol.decode import as_json
from meters.protocol.decoder import MAX_UNREAD
from tests.meters.protocol.helpers import GOOD, cut, decode, drain, frames, profiles, streams

cuts = st.lists(st.integers(0, 1 << 16), max_size=12)


@settings(max_examples=300)
@given(streams, cuts, profiles)
def test_events_do_not_depend_on_how_the_stream_is_cut(
    stream: bytes, places: list[int], profile: FrameProfile
) -> None:
    events = decode([stream], profile)
    assert decode(cut(stream, places), profile) == events


@given(streams.filter(lambda stream: len(stream) < 1000), profiles)
def test_byte_by_byte_gives_the_same_events(stream: bytes, profile: FrameProfile) -> None:
    assert decode((bytes([byte]) for byte in stream), profile) == decode([stream], profile)


@given(streams, cuts, cuts)
def test_silence_means_the_same_wherever_the_stream_was_cut(
    stream: bytes, places: list[int], other_places: list[int]
) -> None:
    half = len(stream) // 2

    def events(before: list[bytes], after: list[bytes]) -> list[Frame | Reject]:
        decoder = Decoder()
        found = []
        for chunk in before:
            decoder.feed(chunk)
            found += drain(decoder)
        decoder.idle_timeout()
        found += drain(decoder)
        assert decoder.is_idle
        for chunk in after:
            decoder.feed(chunk)
            found += drain(decoder)
        decoder.end_of_input()
        return found + drain(decoder)

    whole = events([stream[:half]], [stream[half:]])
    assert events(cut(stream[:half], places), cut(stream[half:], other_places)) == whole


@settings(max_examples=200)
@given(st.one_of(streams, st.binary(max_size=3000)), cuts, profiles)
def test_any_bytes_give_frames_and_refusals_and_a_bounded_buffer(
    stream: bytes, places: list[int], profile: FrameProfile
) -> None:
    decoder = Decoder(profile)
    longest = profile.max_segment + 12 + 6 * profile.length_plus_6
    seen = 0
    events = []
    for chunk in [*cut(stream, places), None]:
        if chunk is None:
            decoder.end_of_input()
        else:
            decoder.feed(chunk)
        events += drain(decoder)
        assert len(decoder._buffer) < longest
        assert len(decoder._run.raw) <= longest
        assert len(decoder._marks) <= longest
    for event in events:
        if isinstance(event, Frame):
            as_json(event)
            for answer in reply(event):
                encode(answer)
            seen += len(event.raw)
        else:
            assert 0 < len(event.raw) <= min(longest, event.count)
            seen += event.count
    silent = 0 if profile.crlf_required else 2 * len(frames(events))  # unremarked line ends
    assert len(stream) - silent <= seen <= len(stream)


@given(streams)
def test_a_good_frame_behind_any_stream_is_delivered_once_silence_or_it_ends(stream: bytes) -> None:
    decoder = Decoder()
    decoder.feed(stream)
    decoder.idle_timeout()
    drain(decoder)
    decoder.feed(GOOD)
    assert [frame.raw for frame in frames(drain(decoder))] == [GOOD]


def test_empty_chunks_change_nothing() -> None:
    assert decode([b"", GOOD[:9], b"", GOOD[9:], b""]) == decode([GOOD])
    assert decode([]) == []


def test_misuse_is_ours_to_mend() -> None:
    decoder = Decoder()
    with pytest.raises(LocalError):
        decoder.feed(b"x" * (MAX_UNREAD + 1))
    decoder.end_of_input()
    with pytest.raises(LocalError):
        decoder.feed(b"x")
    with pytest.raises(LocalError):
        FrameProfile(crc=())
    with pytest.raises(LocalError):
        FrameProfile(crc=("crc32",))
    with pytest.raises(LocalError):
        FrameProfile(max_segment=10_000)


def _nested(count: int) -> bytes:
    """Heads that all declare the same end, where there is a tail and a CRC to be summed."""
    heads = b"".join(b"##%04d" % (1024 - 6 * place) for place in range(count))
    return heads + b"x" * (6 + 1024 - len(heads) - 2) + b"&&0000\r\n"


@pytest.mark.parametrize(
    "pattern",
    [b"##1024", b"##", b"#", b"##a", b"##0000", b"##0000FFFF\r\n", _nested(160), b"##1024##0012"],
    ids=["heads", "hashes", "hash", "no lengths", "empty", "empty frames", "one end", "in turn"],
)
@pytest.mark.parametrize(
    "profile",
    [FrameProfile(), FrameProfile(crc=("hj212", "modbus", "modbus_swapped"), crlf_required=False)],
    ids=["strict", "lenient"],
)
def test_a_hostile_stream_costs_time_in_proportion_to_its_length(
    pattern: bytes, profile: FrameProfile
) -> None:
    def cost(size: int) -> float:
        stream = pattern * (size // len(pattern)) + GOOD
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            events = decode([stream], profile)
            best = min(best, time.process_time() - start)
        assert frames(events)[-1].raw in (GOOD, GOOD[:-2])
        return best

    small, large = cost(1 << 12), cost(1 << 15)
    assert large < 8 * 3 * small + 0.05, (small, large)  # a square would be 64 times as much


def test_a_hostile_byte_costs_at_most_some_hundred_honest_ones() -> None:
    def cost(stream: bytes) -> float:
        start = time.process_time()
        decode([stream])
        return (time.process_time() - start) / len(stream)

    honest = min(cost(GOOD * 400) for _ in range(3))
    for pattern in (b"##1024", _nested(160), b"##a", b"##0000FFFF\r\n"):
        assert cost(pattern * (30_000 // len(pattern))) < 300 * honest


def test_modbus_is_not_summed_over_nested_heads() -> None:
    profile = FrameProfile(crc=("modbus",))
    inner = b"CP=&&i=//##0101//&&"
    assert frames(decode([wrap(inner, crc="modbus")], profile)) == []
    assert len(frames(decode([wrap(inner.replace(b"##", b"#"), crc="modbus")], profile))) == 1
