"""Several points of one facility read as one."""

from datetime import UTC, datetime, timedelta

from meters.states import Segment, State
from meters.timelines import Timeline, combine_points

T0 = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def minute(n):
    return T0 + n * MINUTE


def seg(state, start, end):
    return Segment(State(state), minute(start), minute(end))


def spans(pairs):
    return [((s - T0) / MINUTE, (e - T0) / MINUTE) for s, e in pairs]


def test_a_facility_runs_when_any_of_its_points_runs():
    both = combine_points(
        [
            [seg("ON", 0, 10), seg("OFF", 10, 30)],
            [seg("OFF", 0, 20), seg("UNKNOWN", 20, 25), seg("STANDBY", 25, 30)],
        ]
    )
    assert spans(both.on) == [(0, 10)]
    assert spans(both.resting) == [(10, 20), (25, 30)]
    assert spans(both.off) == [(10, 20)]
    assert spans(both.standby) == [(25, 30)]
    assert spans(both.unknown) == [(20, 25)]
    assert both.known_until == minute(30)


def test_a_facility_is_cut_only_when_all_its_points_are():
    timeline = combine_points(
        [[seg("POWER_CUT", 0, 10)], [seg("OFF", 0, 5), seg("POWER_CUT", 5, 10)]]
    )
    assert spans(timeline.cut) == [(5, 10)]
    assert spans(timeline.off) == [(0, 5)]


def test_a_point_that_never_sent_leaves_the_rest_unknown():
    timeline = combine_points([[seg("OFF", 0, 10)], []])
    assert (timeline.resting, spans(timeline.unknown)) == ([], [(0, 10)])


def test_a_facility_without_data_has_an_empty_timeline():
    assert combine_points([[]]) == Timeline()
    assert Timeline().unknown == []


def test_the_state_at_an_instant():
    timeline = combine_points([[seg("ON", 0, 5), seg("STANDBY", 5, 10), seg("OFF", 12, 14)]])
    assert [timeline.state_at(minute(n)).value for n in (0, 5, 11, 12, 14)] == [
        "ON",
        "STANDBY",
        "UNKNOWN",
        "OFF",
        "OFF",
    ]
