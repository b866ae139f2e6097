"""R10 on timelines: nothing from a collector."""

import pytest

from alerts.evaluation import r10
from alerts.evaluation.findings import Excuse, Suppression, evidence
from alerts.evaluation.parameters import Parameters
from alerts.evaluation.r10 import CollectorFacts
from tests.alerts.evaluation.timelines import MINUTE, minute, segments, shown, span


def judge(*points, at, received=None, interval=1, enabled=True, excuses=(), deaf=()):
    collector = CollectorFacts(
        id=7,
        mn="A1",
        site_id=4,
        site_name="主厂区",
        interval=interval * MINUTE,
        stale_after=max(3 * interval, 5) * MINUTE,
        facility_ids=frozenset({1}),
        points_total=len(points),
        received_at=None if received is None else minute(received),
        is_enabled=enabled,
    )
    return r10.evaluate(
        collector,
        [segments(words) for words in points],
        params=Parameters(),
        as_of=minute(at),
        excuses=excuses,
        deaf=[span(*each) for each in deaf],
    )


@pytest.mark.parametrize(
    ("at", "expected", "levels"),
    [
        (14, [], []),
        (15, [("FIRING", 0, 15)], [3]),
        (59, [("FIRING", 0, 59)], [3]),
        (60, [("FIRING", 0, 60)], [2]),
        (240, [("FIRING", 0, 240)], [1]),
    ],
)
def test_a_silence_rises_from_yellow_over_orange_to_red(at, expected, levels):
    found = judge("ON -60-0", "OFF -60-0", at=at)
    assert shown(found) == expected
    assert [finding.level for finding in found] == levels


@pytest.mark.parametrize(
    ("what", "points", "expected"),
    [
        (
            "a gap that ended, from the last reading on",
            ["ON 0-10, UNKNOWN 10-40, ON 40-50"],
            [("ENDED", 9, 40)],
        ),
        ("a short gap", ["ON 0-10, UNKNOWN 10-22, ON 22-50"], []),
        ("one point of two silent", ["ON 0-10, UNKNOWN 10-40, ON 40-50", "ON 0-50"], []),
        (
            "both silent, not at the same minute",
            ["ON 0-10, UNKNOWN 10-40, ON 40-50", "ON 0-12, UNKNOWN 12-41, ON 41-50"],
            [("ENDED", 11, 40)],
        ),
        (
            "a single reading after the gap ends it",
            ["ON 0-10, UNKNOWN 10-40, ON 40-40"],
            [("ENDED", 9, 40)],
        ),
        (
            "the data begin inside the gap",
            ["UNKNOWN 10-40, ON 40-50", "UNKNOWN 12-41, ON 41-50", "ON 0-5"],
            [("ENDED", 11, 40)],
        ),
        ("back-filled: no gap is left", ["ON 0-50"], []),
        ("never sent", [""], []),
    ],
)
def test_gaps(what, points, expected):
    assert shown(judge(*points, at=50)) == expected


def test_a_slow_collector_is_not_late_before_its_own_time():
    assert shown(judge("ON -60-0", at=44, interval=15)) == []
    assert shown(judge("ON -60-0", at=45, interval=15)) == [("FIRING", 0, 45)]


def test_a_collector_that_talks_with_a_slow_clock_is_not_offline():
    assert judge("ON -60-0", at=60, received=59) == []


def test_a_clock_ahead_of_ours_makes_no_silence():
    assert judge("ON -60-60", at=30, received=0) == []


def test_a_collector_that_was_taken_out_of_service_is_not_offline():
    assert judge("ON -60-0", at=60, enabled=False) == []


@pytest.mark.parametrize(
    ("what", "at", "deaf", "expected"),
    [
        ("we were down all the time", 40, [(0, 40)], []),
        ("we are up again for 14 minutes", 54, [(0, 40)], []),
        ("and for 15", 55, [(0, 40)], [("FIRING", 0, 55)]),
        ("silent before and after add up", 26, [(5, 16)], [("FIRING", 0, 26)]),
        ("an outage before the silence is no matter", 15, [(-20, 0)], [("FIRING", 0, 15)]),
    ],
)
def test_our_own_silence_is_not_the_collectors(what, at, deaf, expected):
    assert shown(judge("ON -60-0", at=at, deaf=deaf)) == expected


def test_a_gap_of_our_own_raises_nothing_when_it_has_ended():
    points = ["ON 0-10, UNKNOWN 10-40, ON 40-50"]
    assert judge(*points, at=50, deaf=[(10, 39)]) == []


def test_the_level_counts_only_what_we_listened_to():
    (found,) = judge("ON -60-0", at=100, deaf=[(20, 70)])
    assert found.level == 3


def test_declared_device_work_suppresses_its_time():
    why = Suppression("declaration", "", 4)
    work = Excuse(span(0, 60), frozenset({"R10"}), why, frozenset({1}))
    assert shown(judge("ON -60-0", at=50, excuses=[work])) == [("SUPPRESSED declaration", 0, 50)]
    assert shown(judge("ON -60-0", at=70, excuses=[work])) == [("SUPPRESSED declaration", 0, 60)]
    assert shown(judge("ON -60-0", at=80, excuses=[work])) == [
        ("SUPPRESSED declaration", 0, 60),
        ("FIRING", 60, 80),
    ]
    elsewhere = Excuse(span(0, 60), frozenset({"R10"}), why, frozenset({99}))
    assert shown(judge("ON -60-0", at=50, excuses=[elsewhere])) == [("FIRING", 0, 50)]


def test_the_evidence_names_the_collector_and_the_step_it_met():
    (finding,) = judge("ON -60-0", at=60)
    found = evidence(finding)
    assert found["collector"] == {"id": 7, "mn": "A1"}
    assert found["site"] == {"id": 4, "name": "主厂区"}
    assert found["numbers"] == [
        {
            "key": "silent_minutes",
            "value": 60.0,
            "unit": "min",
            "threshold": 60.0,
            "threshold_key": "offline_minutes_orange",
            "scope": "default",
        }
    ]
    assert r10.level_of(MINUTE, Parameters(), minute(0)) == ("offline_minutes_yellow", 3)
