"""One transaction that stores a batch: raw frames, readings, newest values, statuses, problems.

Theory of operation
-------------------
Readings are nearly always new, so they go by COPY straight into the partitioned table. If the
database finds a key there, or twice in the batch, that transaction is given up, and another takes
the long way: into a temporary table and from there, the first value of a key winning, into the
partitioned one. So do the batches after it, until one is all new again.

Everything that tells of the batch commits with it, so an acknowledgement sent
after the commit is true, whatever is killed when.

The raw frames of a commit are a chunk of a *stream*, the chain of one gateway. A stream belongs to
the database session that holds its advisory lock; a second gateway of the same name takes the next
free number. A chunk's id is fixed before the first attempt to store it: if the connection breaks
during COMMIT, the second attempt collides with the first one's chunk if that did commit, and so
learns that nothing is left to do.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, Final, NamedTuple

import psycopg
from django.db import connection as django_connection
from psycopg.pq import TransactionStatus

from meters import archive
from meters.ingest import statements as sql
from meters.ingest.arrays import register
from meters.ingest.copyform import reading_form, staging_form
from meters.ingest.entries import Entry, NewReading
from meters.ingest.issues import IssueCount, IssueKey, IssueLimiter, count_issues
from meters.ingest.summaries import changed_windows, collector_statuses, newest_readings
from meters.models import IntakeReason
from meters.partitions import make_partitions

_DAY: Final = timedelta(days=1)

Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]


@dataclass(frozen=True, slots=True)
class StoreResult:
    """What became of a batch. failed: entries that only the archive took, by our own fault."""

    stored: int = 0  # readings that are new
    repeated: int = 0  # readings that were there already, equal or not
    conflicts: int = 0  # of these, different ones that were not known yet
    failed: frozenset[int] = frozenset()  # positions in the batch

    @property
    def readings(self) -> int:
        return self.stored + self.repeated


class _ChunkRow(NamedTuple):
    """The parameters of INSERT_CHUNK."""

    id: int
    received_at: datetime
    stream: str
    frame_count: int
    payload: bytes
    previous_sha256: bytes
    sha256: bytes


@dataclass(slots=True)
class Batch:
    """Entries to be stored together, in order of arrival. The chunk is fixed when first tried."""

    entries: Sequence[Entry]
    chunk_id: int | None = None
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class Store:
    """Writes batches over this thread's database connection. Not for two threads at once.

    stream: the name of the chain that its raw chunks continue; a number is added to it.
    """

    def __init__(self, stream: str, *, limiter: IssueLimiter | None = None) -> None:
        self._name = stream
        self._limiter = limiter or IssueLimiter()
        self._days: set[date] = set()  # days whose partitions are known to exist
        self._session: Connection | None = None
        self._stream = ""
        self._expects_repeats = False  # the last batch had some
        self._sha256 = archive.GENESIS
        self._newest_chunk_id = self._next_chunk_id = 0

    def store_batch(self, batch: Batch) -> StoreResult:
        """Store all of the batch in one transaction and return what became of it.

        Safe to call again with the same batch after any error: what is stored stays stored once.
        Raises ``psycopg.Error`` or ``django.db.Error`` with nothing stored, or, if the connection
        broke during COMMIT, with all of it stored.
        """
        if not batch.entries:
            return StoreResult()
        session = self._claim_session()
        is_retry = batch.chunk_id is not None
        if batch.chunk_id is None or batch.chunk_id < self._newest_chunk_id:
            # Ids rise along a stream, so another stream than at the first attempt may need another.
            if is_retry and self._is_stored(session, batch):
                return StoreResult()
            batch.chunk_id = self._next_chunk_id
        self._make_partitions(batch)
        try:
            return self._store(session, batch, batch.chunk_id)
        except psycopg.errors.UniqueViolation:
            if is_retry and self._is_stored(session, batch):
                return StoreResult()  # counted by nobody, for its result was lost on the way
            raise
        except psycopg.errors.CheckViolation:  # "no partition found": one was dropped meanwhile
            self._days.clear()
            raise

    def disconnect(self) -> None:
        """Drop the connection; the next batch opens a new one and takes up a chain."""
        self._session = None
        django_connection.close()

    def release(self) -> None:
        """Give up the stream but not the connection."""
        if self._session is not None and not self._session.closed:
            self._session.execute(sql.RELEASE_STREAM, [self._stream])
        self._session = None

    # ------------------------------------------------------------------------ the session

    def _claim_session(self) -> Connection:
        """Return the connection, with the staging table and a stream of its own."""
        django_connection.ensure_connection()
        session: Connection = django_connection.connection
        is_nested = session.info.transaction_status != TransactionStatus.IDLE
        if session is not self._session:
            self._session = None
            session.prepare_threshold = 2
            register(session)
            self._claim_stream(session)
        elif not is_nested:
            return session
        session.execute(sql.CREATE_INCOMING, prepare=False)
        if is_nested:  # a caller's transaction: no commit empties the table, rollback drops it
            session.execute("DELETE FROM pg_temp.incoming", prepare=False)
        self._session = session
        return session

    def _claim_stream(self, session: Connection) -> None:
        for number in count():
            self._stream = f"{self._name}/{number}"
            if session.execute(sql.CLAIM_STREAM, [self._stream]).fetchone() == (True,):
                break
        newest = session.execute(sql.NEWEST_CHUNK, [self._stream]).fetchone()
        self._newest_chunk_id, self._sha256 = newest or (0, archive.GENESIS)
        self._next_chunk_id = _one(session.execute(sql.NEXT_CHUNK_ID))

    def _make_partitions(self, batch: Batch) -> None:
        """Make the missing days' partitions before the transaction, which they would lock."""
        days = {entry.measured_at.date() for entry in batch.entries if entry.measured_at}
        days.add(batch.received_at.date())
        for first, last in _runs(days - self._days):
            make_partitions(first, last)
        self._days |= days

    @staticmethod
    def _is_stored(session: Connection, batch: Batch) -> bool:
        found = session.execute(sql.HAS_CHUNK, [batch.chunk_id, batch.received_at])
        return found.fetchone() is not None

    # -------------------------------------------------------------------- the transaction

    def _store(self, session: Connection, batch: Batch, chunk_id: int) -> StoreResult:
        chunk = self._make_chunk(batch, chunk_id)
        rows = [
            (entry.enterprise_id, reading)
            for entry in batch.entries
            for reading in entry.readings
            if entry.enterprise_id is not None
        ]
        readings = [reading for _, reading in rows]
        point_count, newest = newest_readings(readings) if readings else (0, [])
        issues = count_issues(batch.entries, self._limiter)

        def write(put: Callable[[Cursor], StoreResult]) -> StoreResult:
            # Not Django's cursor: that binds on the client, and knows neither COPY nor pipelines.
            with session.transaction(), psycopg.Cursor(session) as cursor:
                result = put(cursor)
                with session.pipeline():
                    if newest:
                        updated = psycopg.Cursor(session).execute(sql.UPDATE_NEWEST, newest)
                    if result.stored and not result.repeated:
                        cursor.execute(sql.MARK_ALL_CHANGED, changed_windows(batch.entries))
                    if (statuses := collector_statuses(batch.entries)) is not None:
                        cursor.execute(sql.UPSERT_STATUS, statuses)
                    _upsert_issues(cursor, issues)
                    cursor.execute(sql.INSERT_CHUNK, chunk)
                    next_chunk_id = _one(cursor)
                if newest and updated.rowcount < point_count:
                    cursor.execute(sql.UPSERT_NEWEST, newest)
            self._newest_chunk_id, self._sha256 = chunk_id, chunk.sha256
            self._next_chunk_id = next_chunk_id
            self._expects_repeats = result.repeated > 0
            return result

        if not self._expects_repeats:
            with suppress(psycopg.errors.UniqueViolation):
                return write(lambda cursor: _put_new(cursor, readings, chunk_id))
        return write(lambda cursor: _put_any(cursor, batch, rows, chunk_id, issues))

    def _make_chunk(self, batch: Batch, chunk_id: int) -> _ChunkRow:
        payload = archive.pack(entry.raw for entry in batch.entries)
        sha256 = archive.chain_hash(
            previous_sha256=self._sha256,
            chunk_id=chunk_id,
            received_at=batch.received_at,
            frame_count=len(batch.entries),
            payload=payload,
        )
        return _ChunkRow(
            chunk_id,
            batch.received_at,
            self._stream,
            len(batch.entries),
            payload,
            self._sha256,
            sha256,
        )


def _put_new(cursor: Cursor, readings: Sequence[NewReading], chunk_id: int) -> StoreResult:
    """Store readings that are all new. Raises UniqueViolation if one of them is not."""
    if readings:
        with cursor.copy(sql.COPY_READINGS) as copy:
            copy.write(reading_form(readings, chunk_id))
    return StoreResult(len(readings))


def _put_any(
    cursor: Cursor,
    batch: Batch,
    rows: Sequence[tuple[int, NewReading]],
    chunk_id: int,
    issues: dict[IssueKey, IssueCount],
) -> StoreResult:
    """Store the readings that are new, the first of a key, and account for the others."""
    if not rows:
        return StoreResult()
    with cursor.copy(sql.COPY_INCOMING) as copy:
        copy.write(staging_form(rows))
    stored = cursor.execute(sql.STORE_INCOMING, [chunk_id]).rowcount
    conflicts = _sort_out(cursor, batch, chunk_id, issues) if stored < len(rows) else 0
    return StoreResult(stored, len(rows) - stored, conflicts)


def _upsert_issues(cursor: Cursor, issues: dict[IssueKey, IssueCount]) -> None:
    if issues:
        keys, counts = list(issues), list(issues.values())
        cursor.execute(
            sql.UPSERT_ISSUES,
            [
                *([key[place] for key in keys] for place in range(4)),
                [each.first_at for each in counts],
                [each.latest_at for each in counts],
                [each.count for each in counts],
                [each.sample for each in counts],
            ],
        )


def _sort_out(
    cursor: Cursor, batch: Batch, chunk_id: int, issues: dict[IssueKey, IssueCount]
) -> int:
    """Mark what is new among what is not, and log what differs; return how many do."""
    points: list[int] = []
    days = {entry.measured_at.date() for entry in batch.entries if entry.measured_at}
    for day in sorted(days):
        since = datetime(day.year, day.month, day.day, tzinfo=UTC)
        bounds = {"chunk_id": chunk_id, "since": since, "until": since + _DAY}
        # prepare=False: so that the planner sees the day.
        cursor.execute(sql.MARK_CHANGED, bounds, prepare=False)
        cursor.execute(sql.LOG_CONFLICTS, bounds, prepare=False)
        points += (row[0] for row in cursor)
    if points:
        cursor.execute(sql.NAME_CIRCUITS, [sorted(set(points))])
        for point_id, mn, circuit in cursor:
            key = IssueKey(IntakeReason.CONFLICT, mn, circuit, "")
            at = batch.received_at
            issues[key] = IssueCount(at, at, points.count(point_id), b"")
    return len(points)


def _one(cursor: Cursor) -> Any:
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 - each of these statements gives one row
    return row[0]


def _runs(days: Iterable[date]) -> list[tuple[date, date]]:
    """Return the days as runs of first and last."""
    runs: list[tuple[date, date]] = []
    for day in sorted(days):
        if runs and day - runs[-1][1] == _DAY:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs
