"""Stores batches whatever happens: waits for a lost database, sets a poisoned entry aside."""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Final

import psycopg
from django.db import Error as DjangoError
from django.db import connections

from meters.archive import RawFrame
from meters.ingest.entries import Entry
from meters.ingest.store import Batch, Store, StoreResult

logger = logging.getLogger(__name__)

#: Verdict of a frame whose readings the database refused; only a fault of ours can be the cause.
FAILED: Final = "FAILED"
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 2.0
_SAY_AGAIN_S: Final = 10.0


class Stopped(Exception):
    """Asked to stop while the database was away: nothing of the batch is promised."""


class Committer:
    """Commits one batch at a time on the thread that calls it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stop = threading.Event()

    def stop_waiting(self) -> None:
        """Let a commit that waits for the database give up (from any thread)."""
        self._stop.set()

    def close(self) -> None:
        """Close the database connection of the calling thread."""
        self._store.disconnect()
        connections.close_all()

    def commit(self, entries: Sequence[Entry]) -> StoreResult:
        """Return when all entries are stored. Raises Stopped if told to wait no longer.

        While the database is away this waits and tries again. A batch that cannot be stored for
        its content is halved until the entry at fault is alone; of that one the raw frame is
        stored, and its position is in ``failed``: it must not be acknowledged. Raises what went
        wrong if not even that can be done.
        """
        try:
            return self._keep_trying(Batch(entries))
        except Stopped:
            raise
        except Exception:  # the database's refusal, or a fault of ours that a peer has found
            logger.exception("the content of a batch of %d cannot be stored", len(entries))
        if len(entries) == 1:
            self._keep_trying(Batch([_raw_only(entries[0])]))
            return StoreResult(failed=frozenset({0}))
        middle = len(entries) // 2
        left, right = self.commit(entries[:middle]), self.commit(entries[middle:])
        return StoreResult(
            left.stored + right.stored,
            left.repeated + right.repeated,
            left.conflicts + right.conflicts,
            left.failed | {middle + position for position in right.failed},
        )

    def _keep_trying(self, batch: Batch) -> StoreResult:
        wait_s = _FIRST_WAIT_S
        said_at = -_SAY_AGAIN_S
        attempts = 0
        while True:
            attempts += 1
            try:
                result = self._store.store_batch(batch)
            except (psycopg.DataError, psycopg.IntegrityError):
                if attempts > 1:
                    raise
                # once more: a partition or a row may have gone meanwhile
            except (psycopg.Error, DjangoError) as error:
                if time.monotonic() - said_at >= _SAY_AGAIN_S:
                    said_at = time.monotonic()
                    logger.warning("cannot store, will keep trying: %s", str(error).strip())
                self._store.disconnect()
                if self._stop.wait(wait_s):
                    raise Stopped from error
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            else:
                if attempts > 1:
                    logger.warning("stored again after %d attempts", attempts)
                return result


def _raw_only(entry: Entry) -> Entry:
    received_at, peer, _verdict, raw = entry.raw
    return Entry(RawFrame(received_at, peer, FAILED, raw))
