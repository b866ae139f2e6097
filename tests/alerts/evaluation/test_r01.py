"""R01 on timelines: control not running while production is on."""

import pytest

from alerts.evaluation import r01
from alerts.evaluation.findings import Excuse, Suppression, evidence
from alerts.evaluation.parameters import DatedValue, Parameters
from alerts.evaluation.r01 import Facility, PairingFacts
from meters.states import StateRules, Thresholds
from tests.alerts.evaluation.timelines import MINUTE, minute, shown, span, timeline

DECLARED = Suppression("declaration", "repair", 5)


def judge(
    production,
    *controls,
    mode="ANY",
    at_least=1,
    as_of=10_000,
    lead_s=None,
    valid=(-10_000, None),
    params=(),
    excuses=(),
    power_cut=(),
):
    pairing = PairingFacts(
        3,
        "除尘",
        mode,
        at_least,
        minute(valid[0]),
        None if valid[1] is None else minute(valid[1]),
        lead_s,
    )
    return r01.evaluate(
        Facility(1, "炉", timeline(production)),
        [Facility(10 + n, f"风机{n}", timeline(words)) for n, words in enumerate(controls)],
        pairing,
        params=Parameters(DatedValue(key, value, "everyone") for key, value in params),
        as_of=minute(as_of),
        excuses=excuses,
        power_cut=power_cut,
    )


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (0, []),
        (3, [("PENDING", 0, 3)]),
        (9, [("PENDING", 0, 9)]),
        (10, [("FIRING", 0, 10)]),
        (25, [("FIRING", 0, 25)]),
    ],
)
def test_a_control_that_never_starts_is_pending_at_minute_3_and_fires_at_minute_10(at, expected):
    assert shown(judge(f"OFF -60-0, ON 0-{at}", f"OFF -60-{at}")) == expected


@pytest.mark.parametrize(
    ("what", "production", "controls", "expected"),
    [
        ("both run", "ON 0-60", ["ON 0-60"], []),
        ("control off because production is off", "OFF 0-60", ["OFF 0-60"], []),
        ("control off while production idles", "STANDBY 0-60", ["OFF 0-60"], []),
        ("a natural lag of three minutes", "OFF 0-5, ON 5-60", ["OFF 0-8, ON 8-60"], []),
        ("a natural lag of nine minutes", "OFF 0-5, ON 5-60", ["OFF 0-14, ON 14-60"], []),
        ("a late start", "OFF 0-5, ON 5-60", ["OFF 0-30, ON 30-60"], [("ENDED", 5, 30)]),
        (
            "stopped in mid-run and never again",
            "ON 0-60",
            ["ON 0-20, OFF 20-60"],
            [("FIRING", 20, 60)],
        ),
        ("ended by the control", "ON 0-60", ["ON 0-20, OFF 20-40, ON 40-60"], [("ENDED", 20, 40)]),
        (
            "ended by the stop of production",
            "ON 0-40, OFF 40-60",
            ["OFF 0-60"],
            [("ENDED", 0, 40)],
        ),
        ("idling does not serve", "ON 0-60", ["STANDBY 0-60"], [("FIRING", 0, 60)]),
        (
            "nine minutes and then data stop",
            "ON 0-60",
            ["ON 0-20, OFF 20-29, UNKNOWN 29-50, ON 50-60"],
            [],
        ),
        ("unknown is never off", "ON 0-60", ["UNKNOWN 0-60"], []),
        ("a control that never sent", "ON 0-60", [""], []),
        ("production unknown", "UNKNOWN 0-60", ["OFF 0-60"], []),
        ("no data of production", "", ["OFF 0-60"], []),
        ("no control facility", "ON 0-60", [], []),
        (
            "a gap parts a violation and counts for nothing",
            "ON 0-60",
            ["OFF 0-8, UNKNOWN 8-20, OFF 20-28, ON 28-60"],
            [],
        ),
        (
            "the voltage of the control alone is lost",
            "ON 0-60",
            ["ON 0-20, POWER_CUT 20-60"],
            [("FIRING", 20, 60)],
        ),
        (
            "recovered for half an hour: one occurrence",
            "ON 0-120",
            ["OFF 0-20, ON 20-50, OFF 50-70, ON 70-120"],
            [("ENDED", 0, 70)],
        ),
        (
            "recovered for longer: a new occurrence",
            "ON 0-120",
            ["OFF 0-20, ON 20-51, OFF 51-70, ON 70-120"],
            [("ENDED", 0, 20), ("ENDED", 51, 70)],
        ),
        (
            "batches of eight minutes do not add up",
            "ON 0-8, OFF 8-12, ON 12-20, OFF 20-60",
            ["OFF 0-60"],
            [],
        ),
        (
            "the control's report is a minute behind",
            "ON 0-30",
            ["OFF 0-29"],
            [("FIRING", 0, 29)],
        ),
        (
            "the control has been silent for long",
            "ON 0-60",
            ["OFF 0-29"],
            [("ENDED", 0, 29)],
        ),
        (
            "across midnight",
            "ON -30-30",
            ["ON -30--10, OFF -10-10, ON 10-30"],
            [("ENDED", -10, 10)],
        ),
    ],
)
def test_timelines_of_one_production_and_one_control(what, production, controls, expected):
    assert shown(judge(production, *controls)) == expected


@pytest.mark.parametrize(
    ("what", "mode", "at_least", "controls", "expected"),
    [
        (
            "duty and standby change over",
            "ANY",
            1,
            ["ON 0-30, OFF 30-60", "OFF 0-30, ON 30-60"],
            [],
        ),
        (
            "the change-over takes too long",
            "ANY",
            1,
            ["ON 0-30, OFF 30-60", "OFF 0-45, ON 45-60"],
            [("ENDED", 30, 45)],
        ),
        ("one of two unknown", "ANY", 1, ["OFF 0-60", "UNKNOWN 0-60"], []),
        ("all must run and one does not", "ALL", 1, ["ON 0-60", "OFF 0-60"], [("FIRING", 0, 60)]),
        ("all must run, one off, one unknown", "ALL", 1, ["OFF 0-60", ""], [("FIRING", 0, 60)]),
        ("two of three run", "AT_LEAST", 2, ["ON 0-60", "ON 0-60", "OFF 0-60"], []),
        (
            "one of three runs where two must",
            "AT_LEAST",
            2,
            ["ON 0-60", "OFF 0-60", "OFF 0-60"],
            [("FIRING", 0, 60)],
        ),
        ("one runs, one is unknown", "AT_LEAST", 2, ["ON 0-60", "", "OFF 0-60"], []),
        ("more asked than there are is all", "AT_LEAST", 9, ["ON 0-60"], []),
    ],
)
def test_modes_of_a_pairing(what, mode, at_least, controls, expected):
    assert shown(judge("ON 0-60", *controls, mode=mode, at_least=at_least)) == expected


def test_what_lies_after_as_of_is_not_looked_at():
    assert shown(judge("ON 0-60", "OFF 0-60", as_of=5)) == [("PENDING", 0, 5)]
    assert shown(judge("ON 10-60", "OFF 0-60", as_of=5)) == []


def test_a_pairing_counts_only_while_it_is_valid():
    assert shown(judge("ON 0-60", "OFF 0-60", valid=(20, None))) == [("FIRING", 20, 60)]
    assert shown(judge("ON 0-60", "OFF 0-60", valid=(0, 20))) == [("ENDED", 0, 20)]
    assert judge("ON 0-60", "OFF 0-60", valid=(100, 200)) == []


class TestLead:
    """A thermal unit may follow within 30 minutes of a start."""

    def judge(self, production, control):
        return shown(judge(production, control, lead_s=1800))

    def test_it_is_pending_until_the_lead_is_over(self):
        assert self.judge("OFF -9-0, ON 0-20", "OFF -9-20") == [("PENDING", 0, 20)]

    def test_it_is_silent_when_the_control_follows(self):
        assert self.judge("OFF -9-0, ON 0-60", "OFF -9-25, ON 25-60") == []

    def test_it_fires_from_the_start_when_the_lead_is_over(self):
        assert self.judge("OFF -9-0, ON 0-31", "OFF -9-31") == [("FIRING", 0, 31)]

    def test_it_is_told_when_production_stops_without_the_control_having_followed(self):
        assert self.judge("OFF -9-0, ON 0-25, OFF 25-60", "OFF -9-60") == [("ENDED", 0, 25)]

    def test_a_stop_in_mid_run_has_no_lead(self):
        assert self.judge("ON 0-60", "ON 0-20, OFF 20-60") == [("FIRING", 20, 60)]


class TestExcuses:
    def excuse(self, start, end, *facilities):
        return Excuse(span(start, end), frozenset({"R01"}), DECLARED, frozenset(facilities))

    def test_a_declared_repair_suppresses_and_is_kept(self):
        found = judge("ON 0-60", "OFF 0-60", excuses=[self.excuse(0, 60, 10)])
        assert shown(found) == [("SUPPRESSED declaration", 0, 60)]

    def test_what_is_left_of_it_counts_by_itself(self):
        found = judge("ON 0-60", "OFF 0-60", excuses=[self.excuse(0, 40, 10)])
        assert shown(found) == [("SUPPRESSED declaration", 0, 40), ("FIRING", 40, 60)]

    def test_a_short_rest_is_pending_and_then_dropped(self):
        assert shown(judge("ON 0-45", "OFF 0-45", excuses=[self.excuse(0, 40, 10)])) == [
            ("SUPPRESSED declaration", 0, 40),
            ("PENDING", 40, 45),
        ]
        found = judge("ON 0-60", "OFF 0-45, ON 45-60", excuses=[self.excuse(0, 40, 10)])
        assert shown(found) == [("SUPPRESSED declaration", 0, 40)]

    def test_a_repair_of_one_fan_does_not_excuse_the_other(self):
        found = judge(
            "ON 0-60", "OFF 0-60", "OFF 0-60", mode="ALL", excuses=[self.excuse(0, 60, 10)]
        )
        assert shown(found) == [("FIRING", 0, 60)]

    def test_a_test_of_the_production_facility_excuses_it(self):
        found = judge("ON 0-60", "OFF 0-60", excuses=[self.excuse(0, 60, 1)])
        assert shown(found) == [("SUPPRESSED declaration", 0, 60)]

    def test_a_declaration_for_the_whole_enterprise(self):
        found = judge("ON 0-60", "OFF 0-60", excuses=[self.excuse(0, 60)])
        assert shown(found) == [("SUPPRESSED declaration", 0, 60)]

    @pytest.mark.parametrize("rules", [{"R10"}, {"R12"}])
    def test_it_excuses_only_the_rules_it_names(self, rules):
        excuse = Excuse(span(0, 60), frozenset(rules), DECLARED)
        assert shown(judge("ON 0-60", "OFF 0-60", excuses=[excuse])) == [("FIRING", 0, 60)]

    def test_another_facilitys_declaration_changes_nothing(self):
        found = judge("ON 0-60", "OFF 0-60", excuses=[self.excuse(0, 60, 99)])
        assert shown(found) == [("FIRING", 0, 60)]

    def test_a_power_cut_of_the_site_excuses(self):
        found = judge(
            "ON 0-60",
            "OFF 0-60",
            power_cut=[span(10, 60)],
            excuses=[self.excuse(-50, -20, 10)],
        )
        assert shown(found) == [("ENDED", 0, 10), ("SUPPRESSED power_cut", 10, 60)]

    def test_a_pending_stretch_that_is_excused_is_not_shown(self):
        assert shown(judge("ON 0-5", "OFF 0-5", excuses=[self.excuse(0, 60, 10)])) == []


def test_parameters_may_ask_for_longer():
    assert shown(judge("ON 0-15", "OFF 0-15", params=[("r01_minutes", 20)])) == [("PENDING", 0, 15)]


def test_the_evidence_carries_the_numbers_and_what_they_were_held_against():
    rules = StateRules(
        interval=MINUTE,
        thresholds=(Thresholds(1.0, 20.0),),
        must_last=3 * MINUTE,
        stale_after=5 * MINUTE,
        cut_below_v=22.0,
    )
    (finding,) = r01.evaluate(
        Facility(1, "炉", timeline("ON 0-60"), rules),
        [Facility(2, "风机", timeline("ON 0-10, OFF 10-30, UNKNOWN 30-40, OFF 40-55, ON 55-60"))],
        PairingFacts(3, "除尘", "ANY", 1, minute(-99)),
        params=Parameters([DatedValue("r01_minutes", 10.0, "everyone", 1, minute(-99))]),
        as_of=minute(60),
    )
    assert finding.subject.key == "facility:1/pairing:3"
    assert evidence(finding) == {
        "as_of": "2026-11-22T16:55:00+00:00",
        "rule_title": "Control facility not running",
        "production": {"id": 1, "name": "炉"},
        "controls": [{"id": 2, "name": "风机", "state": "OFF"}],
        "pairing": {"id": 3, "stage": "除尘", "mode": "ANY", "at_least": 1},
        "numbers": [
            {
                "key": "violation_minutes",
                "value": 35.0,
                "unit": "min",
                "threshold": 10.0,
                "threshold_key": "r01_minutes",
                "scope": "everyone",
                "valid_from": "2026-11-22T14:21:00+00:00",
            },
            {
                "key": "on_from_kw",
                "value": 20.0,
                "unit": "kW",
                "threshold": 20.0,
                "threshold_key": "on_from_kw",
                "scope": "facility",
            },
        ],
        "spans": [
            ["2026-11-22T16:10:00+00:00", "2026-11-22T16:30:00+00:00"],
            ["2026-11-22T16:40:00+00:00", "2026-11-22T16:55:00+00:00"],
        ],
        "unknown_minutes": 10.0,
        "backfilled": 0,
        "declarations": [],
        "suppressed_by": None,
    }
