"""Timelines: the segments of all points of one facility, read as one. Pure, like ``states``."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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


def combine_points(points: Sequence[Sequence[Stateful]]) -> Timeline:
    """Return one facility's timeline from its points' segments (ascending, one list a point).

    ON if any point is ON; resting only where every point is known and none is ON; a facility
    without points, or with one that never sent, is never known to rest.
    """

    def spans(segments: Sequence[Stateful], *states: State) -> Spans:
        return normalise((s.start, s.end) for s in segments if s.state in states)

    everything = [segment for segments in points for segment in segments]
    if not everything:
        return Timeline()
    on = union(*(spans(segments, State.ON) for segments in points))
    rests = [spans(segments, State.OFF, State.STANDBY, State.POWER_CUT) for segments in points]
    resting = covered_by_at_least(rests, len(points))
    cut = covered_by_at_least(
        [spans(segments, State.POWER_CUT) for segments in points], len(points)
    )
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
