"""The decoder against a plain statement of its rule that takes no care of time or memory."""

import re

from hypothesis import given, settings

from meters.protocol import crc_text
from meters.protocol.segment import split_segment
from tests.meters.protocol.helpers import decode, frames, streams


def sound_frames(stream: bytes) -> list[bytes]:
    """Of all sound frames that begin at or after the end of the last, the one that ends first."""
    found: list[bytes] = []
    position = 0
    while True:
        candidates = []
        for head in re.finditer(rb"(?=##([0-9]{4}))", stream):
            start, size = head.start(), int(head[1])
            end = start + size + 12
            raw = stream[start:end]
            if start < position or size > 1024 or len(raw) < size + 12:
                continue
            segment, digits, tail = raw[6:-6], raw[-6:-2], raw[-2:]
            if (digits.upper(), tail) == (crc_text(segment), b"\r\n") and split_segment(segment):
                candidates.append((end, start))
        if not candidates:
            return found
        end, start = min(candidates)
        found.append(stream[start:end])
        position = end


@settings(max_examples=300)
@given(streams)
def test_it_delivers_what_the_rule_says(stream: bytes) -> None:
    assert [frame.raw for frame in frames(decode([stream]))] == sound_frames(stream)
