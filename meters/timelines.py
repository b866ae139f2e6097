"""Timelines: the segments of all points of one facility, read as one. Pure, like ``states``."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from common.intervals import (
    Span,
    Spans,
    covered_by_at_least,
    intersect,
    normalise,
    subtract,
    union,
)
from meters.states import State

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Timeline:
    """What one facility is known to do, all its points together. Span lists, ascending.

    ``on``: at least one point ON. ``resting``: known and no point ON; that divides into
    ``standby``, ``off`` and ``cut`` (every point POWER_CUT). What lies between ``known_from`` and
    ``known_until`` and in none of these is unknown, and so is everything outside.
    """

    on: Spans = field(default_factory=list)
    resting: Spans = field(default_factory=list)
    standby: Spans = field(default_factory=list)
    off: Spans = field(default_factory=list)
    cut: Spans = field(default_factory=list)
    known_from: datetime | None = None
    known_until: datetime | None = None

    @property
    def unknown(self) -> Spans:
        """The stretches inside the known extent in which nobody can tell."""
        if self.known_from is None or self.known_until is None:
            return []
        return subtract([Span(self.known_from, self.known_until)], union(self.on, self.resting))

    def state_at(self, at: datetime) -> State:
        """Return the state at an instant; at ``known_until`` the state that led up to it."""
        if at == self.known_until:
            at -= timedelta(microseconds=1)
        for state, spans in (
            (State.ON, self.on),
            (State.STANDBY, self.standby),
            (State.POWER_CUT, self.cut),
            (State.OFF, self.off),
        ):
            n = bisect_right(spans, at, key=lambda span: span.start) - 1
            if n >= 0 and at < spans[n].end:
                return state
        return State.UNKNOWN


class Stateful(Protocol):
    """What ``combine_points`` needs of a segment; rows of the database have it too."""

    @property
    def state(self) -> str: ...
    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...


def combine_points(
    points: Sequence[Sequence[Stateful]], retired: Sequence[datetime | None] = ()
) -> Timeline:
    """Return one facility's timeline from its points' segments (ascending, one list a point).

    ON if any point is ON; resting only where every point is known and none is ON; a facility
    without points, or with one that never sent, is never known to rest. ``retired`` says for each
    point when it was retired, if it was: from then on the others speak alone, and one that took
    its place is not asked about the time before.
    """

    def spans(segments: Sequence[Stateful], *states: State) -> Spans:
        return normalise((s.start, s.end) for s in segments if s.state in states)

    everything = [segment for segments in points for segment in segments]
    if not everything:
        return Timeline()
    on = union(*(spans(segments, State.ON) for segments in points))
    excused = _not_asked(points, retired)

    def all_in(*states: State) -> Spans:
        each = [union(spans(own, *states), excused[n]) for n, own in enumerate(points)]
        return covered_by_at_least(each, len(points))

    resting = all_in(State.OFF, State.STANDBY, State.POWER_CUT)
    cut = all_in(State.POWER_CUT)
    standby = intersect(resting, union(*(spans(segments, State.STANDBY) for segments in points)))
    return Timeline(
        on=on,
        resting=resting,
        standby=standby,
        off=subtract(resting, union(standby, cut)),
        cut=cut,
        known_from=min(segment.start for segment in everything),
        known_until=max(segment.end for segment in everything),
    )


def _not_asked(
    points: Sequence[Sequence[Stateful]], retired: Sequence[datetime | None]
) -> list[Spans]:
    """Return for each point when it is not asked: after its end, or before it took a place."""
    ends = [end for end in retired if end is not None]
    if not ends:
        return [[] for _ in points]
    latest = max(ends)
    is_over = len(ends) == len(points)
    out: list[Spans] = []
    for segments, end in zip(points, retired, strict=True):
        if end is not None:
            out.append(normalise([(end, latest if is_over else _END)]))
        elif segments:
            out.append([Span(_BEGINNING, min(segments[0].start, latest))])
        else:
            out.append([])
    return out
