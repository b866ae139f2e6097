"""Records that are never edited: what a row of a sheet means beside those that stand.

A change is a new record from its date on; yesterday's evidence keeps yesterday's values. Pure: the
records go in as they were loaded, a decision comes out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class Dated(Protocol):
    valid_from: Any


class Clash(ValueError):
    """The change would overlap a record that begins later."""

    def __init__(self, since: datetime) -> None:
        super().__init__(since)
        self.since = since


@dataclass(frozen=True, slots=True)
class Change:
    """A new record with these values from an instant on; ``ends`` is the one that it follows."""

    values: dict[str, Any]
    valid_from: datetime
    ends: Any = None


def _in_force(records: Iterable[Any], at: datetime) -> Any | None:
    for record in records:
        ends = getattr(record, "valid_to", None)
        if record.valid_from <= at and (ends is None or ends > at):
            return record
    return None


def _is_same(record: Any, given: Mapping[str, Any]) -> bool:
    return all(_equal(getattr(record, name), value) for name, value in given.items())


def _equal(stands: Any, wanted: Any) -> bool:
    if isinstance(stands, float) and isinstance(wanted, float | int):
        return abs(stands - wanted) <= 1e-9 * max(1.0, abs(stands))
    return bool(stands == wanted)


def decide(
    records: Sequence[Any],
    given: Mapping[str, Any],
    *,
    names: Sequence[str],
    since: datetime | None,
    start: datetime,
    now: datetime,
) -> Change | None:
    """Return the record to be written for a row's values, or None where they hold already.

    records: those that stand, of one thing. given: the values filled in; the other ``names`` are
    taken over from the record in force. since: from when, as the row says; without it the first
    record begins at ``start`` and a change at ``now``. Raises ``Clash`` where a record that begins
    later says something else.
    """
    ordered = sorted(records, key=lambda record: record.valid_from, reverse=True)
    at = since or (now if ordered else start)
    current = _in_force(ordered, at)
    later = [record for record in ordered if record.valid_from > at]
    if current is not None and _is_same(current, given):
        return None
    if current is None and later and _is_same(later[-1], given):
        return None
    if later:
        raise Clash(later[-1].valid_from)
    if current is not None and current.valid_from == at:
        raise Clash(current.valid_from)
    if current is None and ordered and getattr(ordered[0], "valid_to", None):
        current = None  # the last one ended before: nothing to end
    kept = {name: getattr(current, name) for name in names} if current is not None else {}
    return Change({**kept, **given}, at, current)
