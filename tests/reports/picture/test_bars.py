"""From segments to bars: holes, the live edge, several points, thin ones. No database."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from reports.picture.bars import combine, complete, join, thin
from reports.picture.model import OFF, ON, POWER_CUT, STANDBY, UNKNOWN, Bar, Window

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
STALE = timedelta(minutes=5)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def bar(state: str, start: float, end: float, **rest) -> Bar:
    return Bar(state, at(start), at(end), **rest)


def said(bars) -> list[tuple[str, float, float]]:
    minute = timedelta(minutes=1)
    return [(b.state, (b.start - START) / minute, (b.end - START) / minute) for b in bars]


WINDOW = Window(at(0), at(60), at(60))


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        pytest.param([], [(UNKNOWN, 0, 60)], id="nothing ever came: unknown, not off"),
        pytest.param(
            [bar(ON, -30, 20), bar(OFF, 20, 58)],
            [(ON, 0, 20), (OFF, 20, 60)],
            id="what began before is cut, what is fresh reaches now",
        ),
        pytest.param(
            [bar(ON, 0, 50)],
            [(ON, 0, 50), (UNKNOWN, 50, 60)],
            id="what is stale ends where its data end, and the hole shows",
        ),
        pytest.param(
            [bar(ON, 0, 20), bar(ON, 30, 60)],
            [(ON, 0, 20), (UNKNOWN, 20, 30), (ON, 30, 60)],
            id="a gap between segments is a hole",
        ),
        pytest.param(
            [bar(ON, 10, 55)],
            [(UNKNOWN, 0, 10), (ON, 10, 60)],
            id="exactly the allowed age is still fresh",
        ),
    ],
)
def test_it_leaves_no_stretch_out(segments, expected):
    assert said(complete(segments, WINDOW, stale_after=STALE)) == expected


def test_after_now_there_is_nothing():
    window = Window(at(0), at(60), at(40))
    assert said(complete([bar(ON, 0, 39)], window, stale_after=STALE)) == [(ON, 0, 40)]


def test_a_window_in_the_past_does_not_reach_now():
    window = Window(at(0), at(60), at(600))
    done = complete([bar(ON, 0, 30)], window, stale_after=STALE)
    assert said(done) == [(ON, 0, 30), (UNKNOWN, 30, 60)]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((ON, OFF), ON),
        ((STANDBY, UNKNOWN), STANDBY),
        ((UNKNOWN, OFF), UNKNOWN),
        ((POWER_CUT, OFF), POWER_CUT),
    ],
)
def test_of_several_points_the_strongest_state_wins(states, expected):
    points = [[bar(state, 0, 60)] for state in states]
    assert said(combine(points)) == [(expected, 0, 60)]


def test_the_loads_of_several_points_add_up_piece_by_piece():
    points = [
        [bar(ON, 0, 30, mean_kw=10.0), bar(OFF, 30, 60, mean_kw=1.0)],
        [bar(ON, 0, 60, mean_kw=20.0)],
    ]
    assert [(b.state, b.mean_kw) for b in combine(points)] == [(ON, 25.5)]


def test_touching_bars_of_one_state_join_with_a_mean_by_time():
    joined = join([bar(ON, 0, 10, mean_kw=10.0), bar(ON, 10, 40, mean_kw=20.0)])
    assert said(joined) == [(ON, 0, 40)]
    assert joined[0].mean_kw == 17.5


def test_back_filled_data_do_not_join_with_what_came_in_time():
    assert len(join([bar(ON, 0, 10), bar(ON, 10, 20, is_backfilled=True)])) == 2


def test_a_short_start_still_shows_on_a_long_picture():
    bars = [bar(OFF, 0, 30), bar(ON, 30, 30.5), bar(OFF, 30.5, 31), bar(OFF, 31, 60)]
    assert said(thin(bars, timedelta(minutes=2))) == [(OFF, 0, 30), (ON, 30, 31), (OFF, 31, 60)]


def test_thinning_covers_what_was_covered():
    bars = [bar(ON if n % 2 else OFF, n / 10, (n + 1) / 10) for n in range(600)]
    thinned = thin(bars, timedelta(minutes=1))
    assert thinned[0].start == at(0)
    assert thinned[-1].end == at(60)
    assert all(a.end == b.start for a, b in pairwise(thinned))
    assert len(thinned) <= 120
