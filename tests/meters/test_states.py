"""Readings become segments: tables of cases, then the properties on which late data rest."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meters import states
from meters.states import (
    CommissioningRow,
    Prior,
    Sample,
    State,
    Tuning,
    find_restart,
    find_segments,
    state_rules,
)

T0 = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def fan(**changes):
    """A fixed-speed fan of 100 kW: reference 70, off below 3.5, ON from 21, hysteresis 3.5 kW."""
    return state_rules(
        **{
            "load_class": "FIXED",
            "rated_kw": 100.0,
            "nominal_voltage_v": 220.0,
            "interval": MINUTE,
            **changes,
        }
    )


def minute(n):
    return T0 + n * MINUTE


def samples(powers, *, step=MINUTE, voltage=230.0):
    """One sample a step; ``None`` is a reading without a value, "-" no reading, "x" a power cut."""
    out = []
    for n, power in enumerate(powers):
        if power == "-":
            continue
        if power == "x":
            out.append(Sample(T0 + n * step, 0.0, 0.0))
        else:
            out.append(Sample(T0 + n * step, power, voltage))
    return out


def shown(segments, step=MINUTE):
    return [(s.state.value, (s.start - T0) / step, (s.end - T0) / step) for s in segments]


@pytest.mark.parametrize(
    ("what", "powers", "expected"),
    [
        ("nothing at all", [], []),
        ("one reading claims no time", [50], [("ON", 0, 0)]),
        ("the newest reading's state is not claimed", [50, 50], [("ON", 0, 1)]),
        (
            "a change is dated back to where it began",
            [50] * 5 + [0] * 5,
            [("ON", 0, 5), ("OFF", 5, 9)],
        ),
        ("a change is pending until it lasted", [50] * 5 + [0] * 3, [("ON", 0, 7)]),
        ("and then accepted at once", [50] * 5 + [0] * 4, [("ON", 0, 5), ("OFF", 5, 8)]),
        ("a flicker of two minutes is absorbed", [50] * 5 + [0] * 2 + [50] * 5, [("ON", 0, 11)]),
        ("a single absurd value is absorbed", [0] * 5 + [900] + [0] * 5, [("OFF", 0, 10)]),
        ("exactly the threshold is ON", [21] * 5, [("ON", 0, 4)]),
        ("ON is left only below the band", [21] * 5 + [18] * 9, [("ON", 0, 13)]),
        ("just below the threshold is STANDBY", [20.9] * 5, [("STANDBY", 0, 4)]),
        ("OFF is left only above the band", [0] * 5 + [6.9] * 9, [("OFF", 0, 13)]),
        (
            "and then it is STANDBY",
            [0] * 5 + [7.1] * 5,
            [("OFF", 0, 5), ("STANDBY", 5, 9)],
        ),
        (
            "flapping between OFF and STANDBY does not hide that it stopped",
            [50] * 5 + [0, 0, 10, 10, 0, 0, 10, 10],
            [("ON", 0, 5), ("OFF", 5, 12)],
        ),
        (
            "running down through STANDBY is OFF from the stop on",
            [50] * 5 + [12] + [0] * 6,
            [("ON", 0, 5), ("OFF", 5, 11)],
        ),
        ("a short silence is held over", [50, 50, "-", "-", "-", "-", 50, 50], [("ON", 0, 7)]),
        (
            "a longer one is UNKNOWN after one interval",
            [50, 50, "-", "-", "-", "-", "-", 50, 50],
            [("ON", 0, 2), ("UNKNOWN", 2, 7), ("ON", 7, 8)],
        ),
        (
            "readings without a value are a silence",
            [50, 50, None, None, None, None, None, 0, 0],
            [("ON", 0, 2), ("UNKNOWN", 2, 7), ("OFF", 7, 8)],
        ),
        (
            "what is open when the silence begins is absorbed",
            [50, 50, 50, 0, "-", "-", "-", "-", "-", 0, 0],
            [("ON", 0, 4), ("UNKNOWN", 4, 9), ("OFF", 9, 10)],
        ),
        (
            "no voltage is a power cut, not OFF",
            [50] * 5 + ["x"] * 5 + [50] * 5,
            [("ON", 0, 5), ("POWER_CUT", 5, 10), ("ON", 10, 14)],
        ),
        (
            "OFF, then the power fails",
            [0] * 5 + ["x"] * 5,
            [("OFF", 0, 5), ("POWER_CUT", 5, 9)],
        ),
        ("a reversed CT does not stop the machine", [-50] * 5, [("ON", 0, 4)]),
        (
            "a start attempt of two minutes keeps it from OFF no longer than it lasts",
            [0] * 5 + [50, 50] + [0] * 5,
            [("OFF", 0, 11)],
        ),
        (
            "standby that ends in a start",
            [0] * 4 + [10] * 4 + [50] * 4,
            [("OFF", 0, 4), ("STANDBY", 4, 8), ("ON", 8, 11)],
        ),
    ],
)
def test_states_of_a_fixed_speed_fan(what, powers, expected):
    assert shown(find_segments(samples(powers), fan())) == expected


def test_a_power_without_voltage_is_believed_over_the_voltage():
    assert shown(find_segments([Sample(minute(n), 50.0, 0.0) for n in range(4)], fan())) == [
        ("ON", 0, 3)
    ]


def test_a_power_cut_is_seen_without_a_power_value():
    segments = find_segments([Sample(minute(n), None, 1.0) for n in range(4)], fan())
    assert shown(segments) == [("POWER_CUT", 0, 3)]
    assert (segments[0].mean_kw, segments[0].reading_count) == (None, 0)


def test_at_a_quarter_hour_a_state_must_last_two_intervals():
    rules = fan(interval=15 * MINUTE)
    quarter = 15 * MINUTE
    one = find_segments(samples([50] * 3 + [0] + [50] * 3, step=quarter), rules)
    two = find_segments(samples([50] * 3 + [0] * 2 + [50] * 3, step=quarter), rules)
    assert shown(one, quarter) == [("ON", 0, 6)]
    assert shown(two, quarter) == [("ON", 0, 3), ("OFF", 3, 5), ("ON", 5, 7)]


def test_a_dated_threshold_holds_from_its_date_on():
    rules = fan(rows=[CommissioningRow(minute(5), 1.0, 60.0)])
    assert shown(find_segments(samples([50] * 10), rules)) == [("ON", 0, 5), ("STANDBY", 5, 9)]
    assert states.thresholds_at(rules, minute(4)).on_from_kw == 21.0
    assert states.thresholds_at(rules, minute(5)).on_from_kw == 60.0
    assert states.thresholds_at(rules, minute(5)).leave_on_kw == 57.0


def test_the_two_bands_never_meet():
    rules = fan(rows=[CommissioningRow(T0, 7.5, 7.7)])
    limits = rules.thresholds[-1]
    assert limits.leave_off_kw == limits.leave_on_kw == 7.6


def test_a_trickle_load_has_absolute_thresholds():
    rules = fan(load_class="TRICKLE", rated_kw=2.0)
    assert shown(find_segments(samples([0.02] * 4 + [0.2] * 4), rules)) == [
        ("OFF", 0, 4),
        ("ON", 4, 7),
    ]


def test_a_cyclic_machine_that_pauses_between_strokes_is_running():
    rules = fan(load_class="CYCLIC")  # ON from a 10-minute mean of 7 kW or a peak of 21
    segments = find_segments(samples([0, 0, 0, 30] * 10), rules)
    assert shown(segments) == [("OFF", 0, 3), ("ON", 3, 39)]
    stopped = find_segments(samples([30] * 5 + [0] * 20), rules)
    assert shown(stopped) == [("ON", 0, 14), ("OFF", 14, 24)]


def test_a_gap_empties_the_rolling_window():
    rules = fan(load_class="CYCLIC")
    segments = find_segments(samples([30, 30, 30] + ["-"] * 6 + [0] * 4), rules)
    assert shown(segments) == [("ON", 0, 3), ("UNKNOWN", 3, 9), ("OFF", 9, 12)]


def test_figures_count_what_lies_inside_and_the_newest_reading():
    readings = [
        Sample(minute(n), power, 230.0, n >= 6) for n, power in enumerate([50.0] * 5 + [0.0] * 5)
    ]
    first, second = find_segments(readings, fan())
    assert (first.mean_kw, first.max_kw, first.reading_count, first.backfill_count) == (
        50.0,
        50.0,
        5,
        0,
    )
    assert (second.mean_kw, second.reading_count, second.backfill_count) == (0.0, 5, 4)


def test_tuning_replaces_the_defaults():
    rules = fan(tuning=Tuning(min_duration=MINUTE, min_intervals=1.0))
    assert shown(find_segments(samples([50] * 3 + [0] + [50] * 3), rules)) == [
        ("ON", 0, 3),
        ("OFF", 3, 4),
        ("ON", 4, 6),
    ]


# --- properties ---

POWERS = st.sampled_from([0.0, 2.0, 5.0, 12.0, 19.0, 25.0, 50.0, "x", None])
STEPS = st.sampled_from([20, 60, 60, 60, 60, 61, 90, 180, 299, 301, 400])


@st.composite
def histories(draw):
    """Readings in bursts, so that states are long enough to be accepted, with gaps and flickers."""
    at, out = T0, []
    for _ in range(draw(st.integers(1, 12))):
        power = draw(POWERS)
        for _ in range(draw(st.integers(1, 7))):
            voltage = 0.0 if power == "x" else 230.0
            out.append(Sample(at, 0.0 if power == "x" else power, voltage))
            at += timedelta(seconds=draw(STEPS))
    return out


RULES = st.sampled_from(
    [
        fan(),
        fan(load_class="CYCLIC"),
        fan(load_class="VFD", rows=[CommissioningRow(minute(15), 4.0, 20.0)]),
        fan(interval=3 * MINUTE),
    ]
)


@settings(max_examples=150, deadline=None)
@given(histories(), RULES)
def test_segments_have_no_holes_no_overlap_and_no_equal_neighbours(history, rules):
    segments = find_segments(history, rules)
    for before, after in pairwise(segments):
        assert before.end == after.start
        assert before.start < before.end
        assert before.state is not after.state


@settings(max_examples=150, deadline=None)
@given(histories(), RULES)
def test_beginning_again_at_any_segment_gives_the_same(history, rules):
    segments = find_segments(history, rules)
    for n, segment in enumerate(segments):
        if segment.state is not State.UNKNOWN:
            again = find_segments(history, rules, Prior(segment.state, segment.start))
            assert again == segments[n:]


@settings(max_examples=50, deadline=None)
@given(histories(), RULES, st.randoms(use_true_random=False))
def test_the_order_in_which_readings_are_handed_over_does_not_matter(history, rules, random):
    shuffled = list(history)
    random.shuffle(shuffled)
    assert find_segments(shuffled, rules) == find_segments(history, rules)


@settings(max_examples=300, deadline=None)
@given(histories(), RULES, st.data())
def test_late_readings_taken_up_from_a_restart_give_what_a_full_run_gives(history, rules, data):
    late = data.draw(st.sets(st.integers(0, len(history) - 1), min_size=1, max_size=8))
    since = min(history[n].at for n in late)
    before = find_segments([s for n, s in enumerate(history) if n not in late], rules)
    prior = find_restart(history, rules, before, since)
    if prior is None:
        return
    assert prior.at < since
    n = max(i for i, segment in enumerate(before) if segment.start <= prior.at)
    resumed = find_segments(history, rules, prior)
    joined = [*before[:n], resumed[0]._replace(start=before[n].start), *resumed[1:]]
    assert [s[:3] for s in joined] == [s[:3] for s in find_segments(history, rules)]


def test_a_restart_is_found_in_the_steady_state_and_refused_where_it_would_not_be_safe():
    readings = samples([50] * 30)
    segments = find_segments(readings[:-1], fan())
    prior = find_restart(readings[10:], fan(), segments, since=minute(29))
    assert prior == Prior(State.ON, minute(28))
    assert find_restart([], fan(), segments, since=minute(29)) is None
    young = find_segments(readings[:3], fan())
    assert find_restart(readings[:3], fan(), young, since=minute(2)) is None
    later = [segments[0]._replace(start=minute(29))]
    assert find_restart(readings, fan(), later, since=minute(29)) is None
