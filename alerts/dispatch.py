"""Sending what the outbox holds: claim, commit, send, record.

The row is the truth. A dispatcher takes due rows under ``FOR UPDATE SKIP LOCKED``, marks them in
flight with a lease and commits; only then are they sent, outside any transaction; then what came of
it is recorded. A process killed in between leaves a row in flight whose lease runs out. The sweeper
then frees it: whether an SMS had left is unknown, so the provider is asked for its key before it is
sent again; an email is sent again under the same Message-ID.

    QUEUED, RETRY, UNKNOWN --claim--> IN_FLIGHT --+--> SENT
                                                  +--> RETRY    not taken; later, by backoff
                                                  +--> UNKNOWN  perhaps taken; ask first, later
                                                  +--> FAILED   refused, or MAX_ATTEMPTS used up

A row is claimed only when a thread is free to send it at once, so its lease covers one sending and
no queue, and any number of dispatchers share the work. Each channel has threads of its own: a slow
SMS provider holds up no email. All database work is done in the calling thread.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, Q, Value, When
from django.utils import timezone

from alerts.models import Channel, Notification, NotificationState
from alerts.transports import Message, Receipt, Transport, TransportError, make_transport

logger = logging.getLogger(__name__)

#: Messages of a channel sent at one time by one dispatcher; 8 in all.
THREADS: dict[str, int] = {Channel.SMS: 6, Channel.EMAIL: 2}
MAX_ATTEMPTS = 12
BACKOFF_FIRST_S = 5.0
BACKOFF_LAST_S = 600.0
#: No new row is claimed after this long; the schedule starts the next run.
RUN_S = 20.0
DUE_STATES = (NotificationState.QUEUED, NotificationState.RETRY, NotificationState.UNKNOWN)

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that is ours until ``lease_until``; ``ask_first`` where it may have been taken."""

    pk: int
    channel: str
    message: Message
    attempt: int
    ask_first: bool
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of sending one claim: a receipt or an error."""

    claim: Claim
    receipt: Receipt | None = None
    error: TransportError | None = None


@dataclass(slots=True)
class Tally:
    """How many rows one run left in each state."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, state: str) -> None:
        self.counts[state] = self.counts.get(state, 0) + 1

    def __getitem__(self, state: str) -> int:
        return self.counts.get(state, 0)


def get_lease() -> timedelta:
    """Return how long a claim holds: a look-up and a sending at their slowest, and a margin."""
    return timedelta(seconds=4 * settings.SMS_TIMEOUT_S + 20)


def get_backoff(attempt: int, *, asked_s: float | None = None) -> timedelta:
    """Return the wait after the attempt (from 1): doubling, with jitter, at least what was asked.

    The jitter (half to full length) keeps what failed together from coming back together.
    """
    full = min(BACKOFF_FIRST_S * 2 ** (attempt - 1), BACKOFF_LAST_S)
    seconds = full * random.uniform(0.5, 1.0)
    return timedelta(seconds=max(seconds, min(asked_s or 0.0, BACKOFF_LAST_S)))


# --- the three steps on the database ---


#: One statement and one round trip: a storm is claimed a few rows at a time.
_CLAIM = """
    WITH due AS MATERIALIZED (
        SELECT id, state FROM alerts_notification
        WHERE channel = %(channel)s AND state = ANY(%(due_states)s) AND due_at <= %(now)s
        ORDER BY due_at, id LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    )
    UPDATE alerts_notification AS row
    SET state = 'IN_FLIGHT', attempts = row.attempts + 1,
        in_flight_since = %(now)s, lease_until = %(lease_until)s
    FROM due WHERE row.id = due.id
    RETURNING row.id, row.key, row.address, row.subject, row.text, row.html, row.attempts, due.state
"""


def claim_due(channel: str, *, limit: int, now: datetime) -> list[Claim]:
    """Take up to ``limit`` due rows of a channel, oldest first, and commit.

    Rows that another dispatcher is claiming are passed over. Each claim counts as an attempt.
    Must not run inside a transaction: the claim would not be seen before the sending.
    """
    lease_until = now + get_lease()
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "channel": channel,
                "due_states": [str(state) for state in DUE_STATES],
                "now": now,
                "lease_until": lease_until,
                "limit": limit,
            },
        )
        rows = cursor.fetchall()
    return [
        Claim(
            pk=pk,
            channel=channel,
            message=Message(key=key, address=address, subject=subject, text=text, html=html),
            attempt=attempts,
            ask_first=state == NotificationState.UNKNOWN,
            lease_until=lease_until,
        )
        for pk, key, address, subject, text, html, attempts, state in rows
    ]


def record(outcomes: Iterable[Outcome], *, now: datetime) -> Tally:
    """Write what came of the claims, in one commit.

    A receipt is a fact and is recorded even if the lease ran out meanwhile; a failure only while
    the claim is still ours, because another dispatcher may be sending the row by now.
    """
    tally = Tally()
    with transaction.atomic():
        for outcome in outcomes:
            tally.add(_record_one(outcome, now=now))
    return tally


def _record_one(outcome: Outcome, *, now: datetime) -> str:
    claim = outcome.claim
    row = Notification.objects.filter(pk=claim.pk)
    if outcome.receipt is not None:
        row.exclude(state=NotificationState.SENT).update(
            state=NotificationState.SENT,
            sent_at=now,
            provider_id=outcome.receipt.provider_id,
            error="",
            lease_until=None,
        )
        return NotificationState.SENT
    error = outcome.error or TransportError("no outcome", outcome_unknown=True)
    state = _state_after(claim, error)
    mine = row.filter(state=NotificationState.IN_FLIGHT, lease_until=claim.lease_until)
    changed = mine.update(
        state=state,
        due_at=now + get_backoff(claim.attempt, asked_s=error.retry_after_s),
        error=str(error)[:300],
        lease_until=None,
    )
    if not changed:
        logger.warning("notification.lease_lost id=%s", claim.pk)
    logger.log(
        logging.ERROR if state == NotificationState.FAILED else logging.WARNING,
        "notification.not_sent id=%s state=%s attempt=%s",
        claim.pk,
        state,
        claim.attempt,
    )
    return state


def _state_after(claim: Claim, error: TransportError) -> NotificationState:
    if error.permanent or claim.attempt >= MAX_ATTEMPTS:
        return NotificationState.FAILED
    if error.outcome_unknown and claim.channel == Channel.SMS:
        return NotificationState.UNKNOWN
    return NotificationState.RETRY


def sweep(*, now: datetime) -> int:
    """Free the rows whose lease ran out, due at once, and return how many there were."""
    stuck = Notification.objects.filter(state=NotificationState.IN_FLIGHT, lease_until__lt=now)
    freed = stuck.update(
        state=Case(
            When(Q(channel=Channel.SMS), then=Value(NotificationState.UNKNOWN)),
            default=Value(NotificationState.RETRY),
        ),
        due_at=now,
        lease_until=None,
    )
    if freed:
        logger.warning("notification.freed count=%s", freed)
    return freed


# --- sending ---


class _Sender:
    """The threads of one channel, each with a transport of its own for the length of a run."""

    def __init__(self, channel: str, threads: int) -> None:
        self.channel = channel
        self.threads = threads
        self.running: set[Future[Outcome]] = set()
        self.failures_in_a_row = 0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"send-{channel}")
        self._own = threading.local()
        self._transports: list[Transport] = []

    @property
    def free(self) -> int:
        """Return how many rows may be claimed; none once the provider has failed all round."""
        if self.failures_in_a_row >= self.threads:
            return 0
        return self.threads - len(self.running)

    def start(self, claim: Claim) -> None:
        self.running.add(self._pool.submit(self._deliver, claim))

    def finish(self, done: set[Future[Outcome]]) -> list[Outcome]:
        """Return the outcomes of the finished, keeping count of the provider's failures."""
        outcomes = [future.result() for future in self.running & done]
        self.running -= done
        for outcome in outcomes:
            failed = outcome.error is not None and not outcome.error.permanent
            self.failures_in_a_row = self.failures_in_a_row + 1 if failed else 0
        return outcomes

    def close(self) -> None:
        self._pool.shutdown()
        for transport in self._transports:
            transport.close()

    def _deliver(self, claim: Claim) -> Outcome:
        """Send one claim in a thread; whatever happens becomes an outcome."""
        try:
            return Outcome(claim, receipt=self._hand_over(claim))
        except TransportError as error:
            return Outcome(claim, error=error)
        except Exception as error:
            # Our own mistake must not take the others' outcomes down with it.
            logger.exception("notification.transport_broke id=%s", claim.pk)
            return Outcome(claim, error=TransportError(type(error).__name__, outcome_unknown=True))

    def _hand_over(self, claim: Claim) -> Receipt:
        transport = getattr(self._own, "transport", None)
        if transport is None:
            transport = self._own.transport = make_transport(self.channel)
            self._transports.append(transport)
        if claim.ask_first and transport.can_look_up:
            try:
                receipt = transport.look_up(claim.message.key)
            except TransportError as error:
                # Not to be reached is no answer: it must still be asked before it is sent.
                error.outcome_unknown = True
                raise
            if receipt is not None:
                return receipt
        return transport.send(claim.message)


def dispatch(*, clock: Clock = timezone.now, run_s: float = RUN_S) -> Tally:
    """Send what is due until nothing is, or for ``run_s`` seconds, and return the tally.

    A provider that fails as many times running as it has threads is left alone until the next
    run, so that its timeouts do not hold the worker. Safe to run any number of times at once.
    """
    tally = Tally()
    senders = [_Sender(channel, threads) for channel, threads in THREADS.items()]
    give_up_at = time.monotonic() + run_s
    try:
        while True:
            if time.monotonic() < give_up_at:
                _fill(senders, clock=clock)
            running = set().union(*(sender.running for sender in senders))
            if not running:
                return tally
            # Not for ever: one that hangs must not keep new rows from the free threads.
            done, _pending = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            outcomes = [outcome for sender in senders for outcome in sender.finish(done)]
            for state, count in record(outcomes, now=clock()).counts.items():
                tally.counts[state] = tally[state] + count
    finally:
        for sender in senders:
            sender.close()


def _fill(senders: list[_Sender], *, clock: Clock) -> None:
    for sender in senders:
        if sender.free:
            for claim in claim_due(sender.channel, limit=sender.free, now=clock()):
                sender.start(claim)
