"""Reading stored frames again: after a profile was corrected or a circuit got its point."""

from collections.abc import Iterator
from datetime import timedelta

from meters.archive import ACCEPTED, unpack
from meters.ingest.directory import Directory
from meters.ingest.entries import NewReading
from meters.ingest.interpret import interpret
from meters.protocol import NEED_DATA, Decoder, Frame


def reparse(
    payload: bytes, directory: Directory, *, kept_for: timedelta = timedelta.max
) -> Iterator[NewReading]:
    """Yield the readings that a chunk's frames give by this directory, in order of arrival.

    payload: of a ``RawChunk``. Only frames that were let in are read, whatever their password is
    by now; those of collectors that the directory lacks are passed over. Pure: storing them is
    ``Store.store_batch``'s work, and what is there already stays as it is.
    Raises ArchiveError for a payload that the archive did not write.
    """
    for received_at, _peer, verdict, raw in unpack(payload):
        if verdict != ACCEPTED:
            continue
        decoder = Decoder(directory.frame)
        decoder.feed(raw)
        decoder.end_of_input()
        while (event := decoder.next_event()) is not NEED_DATA:
            if not isinstance(event, Frame):
                continue
            if (collector := directory.collectors.get(event.mn or "")) is not None:
                yield from interpret(
                    event, collector, directory, received_at=received_at, kept_for=kept_for
                ).readings
