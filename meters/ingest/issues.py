"""Counting what is odd, so that no peer can fill the table by being odd in ever new ways."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from meters.ingest.entries import MAX_SAMPLE, Entry

MAX_NEW_KEYS: Final = 30  # a minute for each peer's address (assumption, configurable)
OVERFLOW_MN: Final = "*"
_MAX_PEERS: Final = 20_000


class IssueKey(NamedTuple):
    """What one row of ``IntakeIssue`` counts; peer: the address without the port."""

    reason: str
    mn: str
    code: str
    peer: str


@dataclass(slots=True)
class IssueCount:
    first_at: datetime
    latest_at: datetime
    count: int
    sample: bytes


class IssueLimiter:
    """Lets each peer open a bounded number of counters a minute; the rest is counted as ``*``."""

    def __init__(self, max_new_keys: int = MAX_NEW_KEYS) -> None:
        self._max_new_keys = max_new_keys
        self._minute: datetime | None = None
        self._keys: dict[str, set[IssueKey]] = {}

    def limit(self, key: IssueKey, at: datetime) -> IssueKey:
        """Return the key to count under."""
        minute = at.replace(second=0, microsecond=0)
        if minute != self._minute or len(self._keys) > _MAX_PEERS:
            self._minute = minute
            self._keys.clear()
        keys = self._keys.setdefault(key.peer, set())
        if key in keys:
            return key
        if len(keys) >= self._max_new_keys:
            return IssueKey(key.reason, OVERFLOW_MN, "", key.peer)
        keys.add(key)
        return key


def count_issues(entries: Iterable[Entry], limiter: IssueLimiter) -> dict[IssueKey, IssueCount]:
    """Return the counters that a batch moves, ordered by key (so that gateways cannot deadlock)."""
    counts: dict[IssueKey, IssueCount] = {}
    for entry in entries:
        if not entry.issues:
            continue
        at, peer = entry.raw.received_at, entry.raw.peer.rpartition(":")[0]
        for issue in entry.issues:
            key = limiter.limit(IssueKey(*issue, peer), at)
            if (found := counts.get(key)) is None:
                counts[key] = IssueCount(at, at, 1, entry.raw.raw[:MAX_SAMPLE])
            else:
                found.count += 1
                found.latest_at = at
    return dict(sorted(counts.items()))
