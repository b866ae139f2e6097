"""The interval algebra against counting minutes one by one."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.intervals import (
    Span,
    bridge,
    clip,
    covered_by_at_least,
    intersect,
    lasting,
    normalise,
    subtract,
    total,
    union,
)

T0 = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LENGTH = 40


def span(start, end):
    return Span(T0 + start * MINUTE, T0 + end * MINUTE)


RAW = st.lists(
    st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH)).map(lambda pair: span(*pair)),
    max_size=8,
)
SPANS = RAW.map(normalise)


def ticks(spans):
    """Return the minutes that the spans cover."""
    return {n for n in range(LENGTH) for s in spans if s.start <= T0 + n * MINUTE < s.end}


def is_span_list(spans):
    return all(s.start < s.end for s in spans) and all(a.end < b.start for a, b in pairwise(spans))


@given(RAW)
def test_normalise_covers_the_same_and_gives_a_span_list(raw):
    out = normalise(raw)
    assert ticks(out) == ticks([s for s in raw if s.start < s.end])
    assert is_span_list(out)


@given(SPANS, SPANS)
def test_set_algebra(left, right):
    for out, expected in (
        (union(left, right), ticks(left) | ticks(right)),
        (intersect(left, right), ticks(left) & ticks(right)),
        (subtract(left, right), ticks(left) - ticks(right)),
    ):
        assert ticks(out) == expected
        assert is_span_list(out)


@given(st.lists(SPANS, max_size=4), st.integers(1, 4))
def test_covered_by_at_least_counts(lists, count):
    covers = [ticks(spans) for spans in lists]
    expected = {n for n in range(LENGTH) if sum(n in cover for cover in covers) >= count}
    out = covered_by_at_least(lists, count)
    assert ticks(out) == expected
    assert is_span_list(out)


def test_a_count_below_one_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        covered_by_at_least([], 0)


@given(SPANS, st.integers(0, LENGTH), st.integers(0, LENGTH))
def test_clip_is_the_part_inside(spans, start, end):
    window = span(start, end)
    inside = ticks([window]) if start < end else set()
    assert ticks(clip(spans, *window)) == ticks(spans) & inside


@given(SPANS, st.integers(0, 10))
def test_bridge_fills_holes_up_to_the_gap_and_no_wider(spans, gap):
    out = bridge(spans, gap * MINUTE)
    assert ticks(spans) <= ticks(out)
    assert all(b.start - a.end > gap * MINUTE for a, b in pairwise(out))
    assert [s.start for s in out[:1]] == [s.start for s in spans[:1]]
    assert [s.end for s in out[-1:]] == [s.end for s in spans[-1:]]


@given(SPANS, st.integers(0, LENGTH))
def test_lasting_keeps_the_long_ones_whole(spans, least):
    assert lasting(spans, least * MINUTE) == [s for s in spans if s.duration >= least * MINUTE]


@given(SPANS)
def test_total_adds_up(spans):
    assert total(spans) == len(ticks(spans)) * MINUTE
