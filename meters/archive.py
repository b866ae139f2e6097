"""The raw archive 原始报文: what came in, packed, and chained so that tampering shows.

Pure functions; ``meters.ingest.store`` writes the chunks and ``meters.models.RawChunk`` holds them.
A payload is zlib over records; a record is received_at (microseconds since 1970 UTC, 8 bytes),
three lengths (peer 1 byte, verdict 1 byte, raw 4 bytes), then these. All integers big-endian.
The hash of a chunk covers the hash before it in its stream, the chunk's id, time and frame count,
and the payload, so a chunk cannot be altered, moved, left out or put in without breaking a link.
(The newest chunks could be cut off; quoting a later hash in evidence is what shows that.)
"""

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

#: What the first chunk of a stream names as the hash before it.
GENESIS: Final = bytes(32)
#: Verdict of a frame that was taken in; else an ``IntakeReason``.
ACCEPTED: Final = "OK"

_RECORD = struct.Struct(">qBBI")
_HEADER = struct.Struct(">qqi")
# 1 is a third of the time of 6 for a tenth more bytes; frames repeat themselves a lot.
_LEVEL = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class ArchiveError(ValueError):
    """A payload that is not what ``pack`` wrote."""


class RawFrame(NamedTuple):
    """Bytes as they came. received_at: aware; peer: host:port; verdict: ACCEPTED or a reason."""

    received_at: datetime
    peer: str
    verdict: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """One stored chunk of a stream, as far as the chain is concerned."""

    id: int
    received_at: datetime
    frame_count: int
    payload: bytes
    previous_sha256: bytes
    sha256: bytes


def pack(frames: Iterable[RawFrame]) -> bytes:
    """Return the frames as a compressed payload; ``unpack`` gives them back bit for bit."""
    parts: list[bytes] = []
    for received_at, peer, verdict, raw in frames:
        name, word = peer.encode()[:255], verdict.encode()[:255]
        parts += (
            _RECORD.pack(to_microseconds(received_at), len(name), len(word), len(raw)),
            name,
            word,
            raw,
        )
    return zlib.compress(b"".join(parts), _LEVEL)


def unpack(payload: bytes) -> list[RawFrame]:
    """Return the frames of a payload in the order of arrival. Raises ArchiveError."""
    try:
        data = zlib.decompress(payload)
        out: list[RawFrame] = []
        at = 0
        while at < len(data):
            micros, peer_size, verdict_size, raw_size = _RECORD.unpack_from(data, at)
            peer_at = at + _RECORD.size
            verdict_at = peer_at + peer_size
            raw_at = verdict_at + verdict_size
            at = raw_at + raw_size
            if at > len(data):
                raise ArchiveError("the last record is cut short")
            out.append(
                RawFrame(
                    _EPOCH + micros * _MICROSECOND,
                    data[peer_at:verdict_at].decode(),
                    data[verdict_at:raw_at].decode(),
                    data[raw_at:at],
                )
            )
    except (zlib.error, struct.error, UnicodeDecodeError, OverflowError) as error:
        raise ArchiveError(f"not a payload of the archive: {error}") from error
    return out


def chain_hash(
    *,
    previous_sha256: bytes,
    chunk_id: int,
    received_at: datetime,
    frame_count: int,
    payload: bytes,
) -> bytes:
    """Return the SHA-256 that ties a chunk to the one before it."""
    header = _HEADER.pack(chunk_id, to_microseconds(received_at), frame_count)
    return hashlib.sha256(previous_sha256 + header + payload).digest()


def find_broken(chunks: Sequence[Chunk], *, previous_sha256: bytes = GENESIS) -> int | None:
    """Return the id of the first chunk that does not fit the chain, None if the chain is whole.

    chunks: of one stream, in the order of their ids, without holes.
    previous_sha256: the hash before the first of them; GENESIS at the beginning of the stream.
    """
    for chunk in chunks:
        expected = chain_hash(
            previous_sha256=previous_sha256,
            chunk_id=chunk.id,
            received_at=chunk.received_at,
            frame_count=chunk.frame_count,
            payload=chunk.payload,
        )
        if chunk.previous_sha256 != previous_sha256 or chunk.sha256 != expected:
            return chunk.id
        previous_sha256 = chunk.sha256
    return None


def to_microseconds(at: datetime) -> int:
    """Return an aware instant as whole microseconds since 1970 UTC."""
    return (at - _EPOCH) // _MICROSECOND
