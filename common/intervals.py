"""Interval algebra: the grammar in which every rule is written.

A ``Span`` is half open, ``[start, end)``. A *span list* is ascending, disjoint and not touching:
``normalise`` makes one of anything, and every function here takes span lists and returns span
lists. The bounds are aware datetimes in the product; anything that orders and subtracts will do.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple


class Span(NamedTuple):
    """A half-open stretch of time ``[start, end)``."""

    start: datetime
    end: datetime

    @property
    def duration(self) -> timedelta:
        return self.end - self.start


Spans = list[Span]


def normalise(spans: Iterable[tuple[datetime, datetime]]) -> Spans:
    """Return the span list that covers what any of ``spans`` covers; empty ones vanish."""
    merged: Spans = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if merged and start <= merged[-1].end:
            if end > merged[-1].end:
                merged[-1] = Span(merged[-1].start, end)
        else:
            merged.append(Span(start, end))
    return merged


def union(*lists: Sequence[Span]) -> Spans:
    """Return what at least one of the lists covers."""
    return normalise(span for spans in lists for span in spans)


def intersect(left: Sequence[Span], right: Sequence[Span]) -> Spans:
    """Return what both cover."""
    out: Spans = []
    i = j = 0
    while i < len(left) and j < len(right):
        start = max(left[i].start, right[j].start)
        end = min(left[i].end, right[j].end)
        if start < end:
            out.append(Span(start, end))
        if left[i].end <= right[j].end:
            i += 1
        else:
            j += 1
    return out


def subtract(left: Sequence[Span], right: Sequence[Span]) -> Spans:
    """Return what ``left`` covers and ``right`` does not."""
    out: Spans = []
    j = 0
    for span in left:
        start = span.start
        while j < len(right) and right[j].end <= start:
            j += 1
        k = j
        while k < len(right) and right[k].start < span.end:
            if right[k].start > start:
                out.append(Span(start, right[k].start))
            start = max(start, right[k].end)
            k += 1
        if start < span.end:
            out.append(Span(start, span.end))
    return out


def clip(spans: Sequence[Span], start: datetime, end: datetime) -> Spans:
    """Return the part of the list inside ``[start, end)``."""
    return intersect(spans, [Span(start, end)]) if start < end else []


def covered_by_at_least(lists: Sequence[Sequence[Span]], count: int) -> Spans:
    """Return where at least ``count`` of the lists cover; count 1 is union, len(lists) is all.

    Raises ``ValueError`` for a count below 1.
    """
    if count < 1:
        raise ValueError("count must be at least 1")
    edges: list[tuple[datetime, int]] = []
    for spans in lists:
        for start, end in spans:
            edges += [(start, 1), (end, -1)]
    edges.sort(key=lambda edge: edge[0])
    out: list[Span] = []
    depth = 0
    for (at, step), (following, _) in pairwise(edges):
        depth += step
        if depth >= count and at < following:
            out.append(Span(at, following))
    return normalise(out)


def bridge(spans: Sequence[Span], gap: timedelta) -> Spans:
    """Return the list with holes of at most ``gap`` filled."""
    out: Spans = []
    for span in spans:
        if out and span.start - out[-1].end <= gap:
            out[-1] = Span(out[-1].start, span.end)
        else:
            out.append(span)
    return out


def lasting(spans: Sequence[Span], at_least: timedelta) -> Spans:
    """Return the spans that last ``at_least`` that long."""
    return [span for span in spans if span.end - span.start >= at_least]


def total(spans: Iterable[Span]) -> timedelta:
    """Return how long the list lasts altogether."""
    return sum((span.end - span.start for span in spans), timedelta())
