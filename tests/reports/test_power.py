"""Thinning the power line: pure."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reports.queries.power import thin_out, with_holes

START = datetime(2026, 11, 23, tzinfo=UTC)


def line(values):
    return [(START + timedelta(minutes=n), value) for n, value in enumerate(values)]


def test_a_spike_of_one_minute_survives_a_month():
    values = [10.0] * 40_000
    values[12_345] = 900.0
    thinned = thin_out(line(values), 1500)
    assert len(thinned) <= 1500
    assert 900.0 in [kw for __, kw in thinned]


def test_a_hole_survives():
    values: list[float | None] = [10.0] * 9_000
    values[4_000:4_100] = [None] * 100
    assert None in [kw for __, kw in thin_out(line(values), 1500)]


def test_silence_longer_than_allowed_is_a_hole():
    samples = [line([1.0])[0], (START + timedelta(minutes=20), 2.0)]
    assert [kw for __, kw in with_holes(samples, timedelta(minutes=5))] == [1.0, None, 2.0]


@given(st.lists(st.none() | st.floats(0, 2000), max_size=400), st.integers(6, 60))
def test_it_keeps_order_extremes_and_the_limit(values, most):
    samples = line(values)
    thinned = thin_out(samples, most)
    assert len(thinned) <= max(most, 0) or len(samples) <= most
    assert thinned == sorted(thinned, key=lambda sample: sample[0])
    known = [kw for kw in values if kw is not None]
    if known:
        shown = [kw for __, kw in thinned if kw is not None]
        assert (min(shown), max(shown)) == (min(known), max(known))
