"""The archive gives back what it took, and shows every tampering."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meters.archive import (
    GENESIS,
    ArchiveError,
    Chunk,
    RawFrame,
    chain_hash,
    find_broken,
    pack,
    unpack,
)

AT = datetime(2026, 11, 23, 4, 0, 0, 123456, tzinfo=UTC)
frames = st.lists(
    st.builds(
        RawFrame,
        st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
        st.text(st.characters(codec="ascii"), max_size=60),
        st.sampled_from(["OK", "BAD_CRC", "UNKNOWN_MN"]),
        st.binary(max_size=1100),
    ),
    max_size=8,
)


@given(frames)
def test_what_goes_in_comes_out_bit_for_bit(given_frames: list[RawFrame]) -> None:
    assert unpack(pack(given_frames)) == given_frames


@pytest.mark.parametrize("payload", [b"", b"junk", pack([RawFrame(AT, "a:1", "OK", b"x")])[:-3]])
def test_what_the_archive_did_not_write_is_refused(payload: bytes) -> None:
    with pytest.raises(ArchiveError):
        unpack(payload)


def chain(length: int) -> list[Chunk]:
    chunks = []
    previous = GENESIS
    for number in range(length):
        received_at = AT + timedelta(seconds=number)
        payload = pack([RawFrame(received_at, "a:1", "OK", b"frame %d" % number)])
        sha256 = chain_hash(
            previous_sha256=previous,
            chunk_id=10 + number,
            received_at=received_at,
            frame_count=1,
            payload=payload,
        )
        chunks.append(Chunk(10 + number, received_at, 1, payload, previous, sha256))
        previous = sha256
    return chunks


def test_a_whole_chain_is_whole() -> None:
    assert find_broken(chain(5)) is None
    assert find_broken(chain(5)[2:], previous_sha256=chain(5)[1].sha256) is None


@pytest.mark.parametrize(
    "change",
    [
        {"payload": pack([])},
        {"received_at": AT},
        {"frame_count": 2},
        {"id": 99},
        {"sha256": bytes(32)},
        {"previous_sha256": bytes(32)},
    ],
)
def test_the_first_altered_chunk_is_named(change: dict[str, object]) -> None:
    chunks = chain(5)
    chunks[2] = replace(chunks[2], **change)  # type: ignore[arg-type]

    assert find_broken(chunks) == chunks[2].id


def test_a_chunk_left_out_or_rebuilt_breaks_the_next_link() -> None:
    chunks = chain(5)
    assert find_broken(chunks[:2] + chunks[3:]) == 13

    rebuilt = replace(chunks[2], payload=pack([]))
    rebuilt = replace(
        rebuilt,
        sha256=chain_hash(
            previous_sha256=rebuilt.previous_sha256,
            chunk_id=rebuilt.id,
            received_at=rebuilt.received_at,
            frame_count=rebuilt.frame_count,
            payload=rebuilt.payload,
        ),
    )
    assert find_broken([*chunks[:2], rebuilt, *chunks[3:]]) == 13
