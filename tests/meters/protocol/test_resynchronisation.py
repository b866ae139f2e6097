"""Finding the next sound frame behind whatever else comes in."""

import pytest

from meters.protocol import Decoder, FrameProfile, Why, wrap
from meters.protocol.decoder import MAX_RUN
from tests.meters.protocol.helpers import GOOD, GOOD_SEGMENT, decode, drain, frames, refusals

LENIENT = FrameProfile(crlf_required=False)


def lying(length: int, frame: bytes = GOOD) -> bytes:
    return frame[:2] + b"%04d" % length + frame[6:]


@pytest.mark.parametrize(
    "noise",
    [
        b"\0\0", b"\r\n\r\n", b"89860117851014783481\r\n", b"#", b"##", b"##1", b"##12", b"##012",
        b"##ABCD", b"####", b"##9999", b"##0005", b"##1024", b"##0128QN=2026;ST=3", b"#\r#",
    ],
)  # fmt: skip
def test_a_good_frame_is_found_behind_noise(noise: bytes) -> None:
    events = decode([noise + GOOD])
    assert [frame.raw for frame in frames(events)] == [GOOD]
    assert b"".join(raw for _, raw in refusals(events)) == noise


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (b"hello", Why.GARBAGE),
        (b"#", Why.GARBAGE),
        (b"##", Why.GARBAGE),
        (b"##ABCD", Why.BAD_LENGTH_FIELD),
        (b"##1", Why.GARBAGE),
        (b"##1#", Why.BAD_LENGTH_FIELD),
        (b"##81QN=", Why.BAD_LENGTH_FIELD),
        (b"##1025QN", Why.OVERLONG),
        (GOOD[:40], Why.TRUNCATED),
        (GOOD[:-1], Why.NO_CRLF),
        (GOOD[:-3], Why.TRUNCATED),
        (lying(20), Why.BAD_LENGTH),
        (lying(888), Why.TRUNCATED),
        (GOOD.replace(b"12.40", b"12.41"), Why.BAD_CRC),
        (GOOD[:-6] + b"12\r\n\r\n", Why.BAD_CRC),
        (wrap(b""), Why.NO_CP),
        (wrap(b"ST=21;MN=1"), Why.NO_CP),
        (wrap(b"ST=21;CP=&&"), Why.NO_CP),
        (wrap(b"ST=21;CP=&&&"), Why.NO_CP),
        (wrap(b"ST=21;CP=&&a=1"), Why.NO_CP),
    ],
)
def test_it_says_why_it_refused(stream: bytes, why: Why) -> None:
    assert refusals(decode([stream])) == [(why, stream)]


def test_a_third_hash_belongs_to_the_garbage() -> None:
    events = decode([b"#" + GOOD])
    assert refusals(events) == [(Why.GARBAGE, b"#")]
    assert frames(events)[0].raw == GOOD


def test_a_lying_length_does_not_hold_up_the_frames_behind_it() -> None:
    decoder = Decoder()
    decoder.feed(lying(888) + GOOD)  # 888 bytes will never come
    first, second = drain(decoder)
    assert (first.why, first.raw) == (Why.BAD_LENGTH, lying(888))
    assert second.raw == GOOD
    assert decoder.is_idle


def test_a_good_frame_swallowed_by_a_wrong_length_is_not_lost() -> None:
    stream = lying(len(GOOD_SEGMENT) + 60) + GOOD + GOOD
    assert [frame.raw for frame in frames(decode([stream]))] == [GOOD, GOOD]


def test_the_sound_frame_that_ends_first_wins_and_the_outer_of_two_that_end_together() -> None:
    assert [f.raw for f in frames(decode([wrap(b"CP=&&" + GOOD + b"&&")]))] == [GOOD]
    inner = wrap(b"CP=&&b=1&&")
    outer_segment = b"MN=1;CP=&&a=" + inner[: -len(b"0000\r\n")]
    outer = wrap(outer_segment)
    inner_crc_forced = outer[:-6] + inner[-6:]
    # with the outer's digits the inner one fails, with the inner's digits the outer one does
    assert [f.raw for f in frames(decode([outer]))] == [outer]
    assert [f.raw for f in frames(decode([inner_crc_forced]))] == [inner]


def test_hashes_inside_log_text_are_text() -> None:
    frame = wrap(b"MN=1;CP=&&i11001-Info=//##0101 ##12 ##9999 ##ab//&&")
    assert [event.raw for event in decode([frame])] == [frame]


def test_idle_timeout_truncates_what_waits_and_the_next_byte_starts_afresh() -> None:
    decoder = Decoder()
    decoder.feed(GOOD[:50])
    assert drain(decoder) == []
    assert not decoder.is_idle
    decoder.idle_timeout()
    (refused,) = drain(decoder)
    assert (refused.why, refused.raw, refused.count) == (Why.TRUNCATED, GOOD[:50], 50)
    assert decoder.is_idle
    decoder.feed(GOOD[50:] + GOOD)
    assert [frame.raw for frame in frames(drain(decoder))] == [GOOD]
    decoder.idle_timeout()
    assert drain(decoder) == []


def test_idle_timeout_first_takes_what_was_not_read_yet() -> None:
    decoder = Decoder()
    decoder.feed(b"x" + GOOD + GOOD + GOOD[:9])
    decoder.idle_timeout()
    assert [getattr(event, "why", "frame") for event in drain(decoder)] == [
        "garbage", "frame", "frame", "truncated",
    ]  # fmt: skip


def test_a_refused_frame_and_the_garbage_behind_it_are_told_apart() -> None:
    broken = GOOD.replace(b"12.40", b"12.41")
    assert refusals(decode([broken + b"RING\r\n" + GOOD])) == [
        (Why.BAD_CRC, broken),
        (Why.GARBAGE, b"RING\r\n"),
    ]
    bare = GOOD[:-2]
    assert refusals(decode([bare + b"RING\r\n"])) == [
        (Why.NO_CRLF, bare),
        (Why.GARBAGE, b"RING\r\n"),
    ]


def test_endless_garbage_is_reported_in_pieces_and_only_its_beginning_kept() -> None:
    events = decode([b"x" * 10_000])
    assert [(event.why, len(event.raw), event.count) for event in events] == [
        (Why.GARBAGE, 1036, MAX_RUN),
        (Why.GARBAGE, 1036, MAX_RUN),
        (Why.GARBAGE, 1036, 10_000 - 2 * MAX_RUN),
    ]


def test_a_refused_frame_of_a_wide_profile_is_kept_whole() -> None:
    broken = wrap(b"CP=&&" + b"x" * 8000 + b"&&", max_segment=9999).replace(b"x", b"y", 1)
    assert refusals(decode([broken], FrameProfile(max_segment=9999))) == [(Why.BAD_CRC, broken)]


class TestWithoutRequiredLineEnd:
    bare = GOOD.removesuffix(b"\r\n")

    @pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n"])
    def test_a_line_end_or_none_follows_a_frame_unremarked(self, tail: bytes) -> None:
        stream = (self.bare + tail) * 3
        assert [event.raw for event in decode([stream], LENIENT)] == [self.bare] * 3

    def test_the_frame_is_there_before_its_line_end(self) -> None:
        decoder = Decoder(LENIENT)
        decoder.feed(self.bare)
        assert [frame.raw for frame in frames(drain(decoder))] == [self.bare]

    def test_other_bytes_after_a_frame_are_garbage(self) -> None:
        events = decode([self.bare + b"\r\n\r\n" + self.bare], LENIENT)
        assert refusals(events) == [(Why.GARBAGE, b"\r\n\r\n")]
        assert refusals(decode([b"\r\n" + self.bare], LENIENT)) == [(Why.GARBAGE, b"\r\n")]

    def test_a_head_right_after_the_line_end_of_a_frame_starts_a_run_of_its_own(self) -> None:
        assert refusals(decode([self.bare + b"\n##zz"], LENIENT)) == [
            (Why.BAD_LENGTH_FIELD, b"##zz")
        ]
        assert refusals(decode([self.bare + b"##zz"], LENIENT)) == [(Why.BAD_LENGTH_FIELD, b"##zz")]

    def test_a_wrong_crc_is_a_wrong_crc(self) -> None:
        broken = self.bare.replace(b"12.40", b"12.41")
        assert refusals(decode([broken], LENIENT)) == [(Why.BAD_CRC, broken)]


class TestShortLength:
    profile = FrameProfile(short_length=True)

    @pytest.mark.parametrize("segment", [b"MN=1;CP=&&a=1&&", b"MN=1;CP=&&" + b"a" * 100 + b"&&"])
    def test_two_and_three_digits_are_read_where_the_profile_says_so(self, segment: bytes) -> None:
        frame = wrap(segment)
        short = b"##%d" % len(segment) + frame[6:]
        assert [event.raw for event in decode([short + frame], self.profile)] == [short, frame]
        assert refusals(decode([short]))[0][0] is Why.BAD_LENGTH_FIELD

    def test_one_digit_is_no_length(self) -> None:
        assert refusals(decode([b"##1MN"], self.profile)) == [(Why.BAD_LENGTH_FIELD, b"##1MN")]

    def test_silence_truncates_a_short_head_too(self) -> None:
        assert refusals(decode([b"##81QN"], self.profile)) == [(Why.TRUNCATED, b"##81QN")]


class TestLengthPlusSix:
    profile = FrameProfile(length_plus_6=True)

    def test_both_readings_are_tried(self) -> None:
        plus = lying(len(GOOD_SEGMENT) + 6)
        assert [event.raw for event in decode([plus + GOOD + plus], self.profile)] == [
            plus, GOOD, plus,
        ]  # fmt: skip

    def test_it_reaches_six_bytes_over_the_cap(self) -> None:
        segment = b"CP=&&" + b"x" * 1017 + b"&&"
        assert len(segment) == 1024
        plus = lying(1030, wrap(segment))
        assert [event.raw for event in decode([plus], self.profile)] == [plus]
        assert refusals(decode([b"##1031QN"], self.profile)) == [(Why.OVERLONG, b"##1031QN")]

    def test_a_frame_wrong_in_both_readings_is_refused_once(self) -> None:
        broken = lying(len(GOOD_SEGMENT) + 6).replace(b"12.40", b"12.41")
        events = decode([broken + GOOD], self.profile)
        assert refusals(events) == [(Why.BAD_LENGTH, broken)]
        assert [frame.raw for frame in frames(events)] == [GOOD]
