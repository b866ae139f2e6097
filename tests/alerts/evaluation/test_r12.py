"""R12 on timelines: points of a site without voltage at the same time."""

import pytest

from alerts.evaluation import r12
from alerts.evaluation.findings import Excuse, Suppression
from alerts.evaluation.parameters import Parameters
from alerts.evaluation.r12 import PointCut, SiteFacts
from tests.alerts.evaluation.timelines import minute, shown, span, timeline


def cut(facility_id, words):
    facility = timeline(words)
    return PointCut(facility_id, facility.cut, facility.known_until)


def judge(*points, at=10_000, excuses=()):
    return r12.evaluate(
        SiteFacts(4, "主厂区"),
        [cut(n, words) for n, words in enumerate(points)],
        params=Parameters(),
        as_of=minute(at),
        excuses=excuses,
    )


LONG = "ON 0-20, POWER_CUT 20-40, ON 40-60"


@pytest.mark.parametrize(
    ("what", "points", "expected"),
    [
        ("one point of three", [LONG, "ON 0-60", "ON 0-60"], []),
        ("two points", [LONG, LONG, "ON 0-60"], [("ENDED", 20, 40)]),
        ("the only point of a site", [LONG], [("ENDED", 20, 40)]),
        ("not at the same time", [LONG, "POWER_CUT 0-18, ON 18-60"], []),
        ("four minutes", ["POWER_CUT 0-4, ON 4-9", "POWER_CUT 0-4, ON 4-9"], []),
        ("going on", ["ON 0-20, POWER_CUT 20-40"] * 2, [("FIRING", 20, 40)]),
        (
            "going on, one report behind",
            ["POWER_CUT 20-40", "POWER_CUT 20-39"],
            [("FIRING", 20, 39)],
        ),
        ("pending", ["POWER_CUT 20-23"] * 2, [("PENDING", 20, 23)]),
        ("no data is no power cut", ["UNKNOWN 0-60", "UNKNOWN 0-60"], []),
        ("nobody sent", ["", ""], []),
        (
            "restored for a moment",
            ["POWER_CUT 0-10, ON 10-20, POWER_CUT 20-30, ON 30-60"] * 2,
            [("ENDED", 0, 30)],
        ),
    ],
)
def test_cuts_of_a_site(what, points, expected):
    assert shown(judge(*points)) == expected


def test_it_counts_the_points_it_took():
    (finding,) = judge(LONG, LONG, "ON 0-60")
    assert (finding.facts["points"], finding.facts["points_total"], finding.level) == (2, 3, 3)


def test_an_announced_cut_is_suppressed_and_kept():
    why = Suppression("declaration", "", 4)
    excuse = Excuse(span(15, 45), frozenset({"R12"}), why)
    assert shown(judge(LONG, LONG, excuses=[excuse])) == [("SUPPRESSED declaration", 20, 40)]
    other = Excuse(span(15, 45), frozenset({"R12"}), why, frozenset({99}))
    assert shown(judge(LONG, LONG, excuses=[other])) == [("ENDED", 20, 40)]


def test_a_cut_of_the_control_cabinet_alone_is_no_wider_cut():
    controls = [cut(1, LONG), cut(2, LONG)]
    assert r12.wider_cut([*controls, cut(3, "ON 0-60")], frozenset({1, 2})) == []
    assert r12.wider_cut([*controls, cut(3, LONG)], frozenset({1, 2})) == [span(20, 40)]
