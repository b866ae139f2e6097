"""The machine's checks, each failing alone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import translation

from meters.acceptance.checks import (
    Code,
    CollectorFacts,
    FacilityFacts,
    Figures,
    Material,
    MeterFacts,
    PointFacts,
    find_factor,
    from_json,
    is_passed,
    run,
)
from meters.acceptance.words import say
from meters.limits import CATALOGUE, Limits

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
HOURS = 3600.0
GOOD = Figures(
    valid_s=72 * HOURS,
    reading_count=4320,
    skew_s=3.0,
    mean_kw=70.0,
    max_kw=80.0,
    running_kw=70.0,
    running_count=4320,
    formula_ratio=1.0,
    phases_count=4320,
)
METER = MeterFacts("S1", "0.5S", 40.0, "Z-1", date(2027, 1, 1), "F-1")


def point(id_=1, *, figures=GOOD, meter=METER, kind="PRODUCTION", latest=1, group="", rated=100.0):
    at = None if latest is None else NOW - timedelta(minutes=latest)
    return PointFacts(id_, f"设施{id_}", f"0{id_}", "MN", 1, kind, rated, group, at, meter, figures)


def material(*points, **changes):
    facts = {
        "points": points or (point(), point(2, kind="CONTROL")),
        "facilities": [FacilityFacts(1, "1号炉", "PRODUCTION", True, True, True, True)],
        "collectors": [CollectorFacts("MN", "own-secret", True)],
        "points_required": 2,
        "as_of": NOW,
        "today": date(2026, 11, 23),
        **changes,
    }
    return Material(**facts)


def failing(*points, limits=None, **changes):
    """Return {code: [reasons]} of the checks that fail."""
    checks = run(material(*points, **changes), limits or Limits())
    return {str(c.code): [f.reason for f in c.faults] for c in checks if not c.is_passed}


def second(**changes):
    return point(2, kind="CONTROL", figures=replace(GOOD, **changes))


def test_a_sound_installation_passes_every_check():
    checks = run(material(), Limits())
    assert [check.code for check in checks] == list(Code)
    assert is_passed(checks)
    assert failing() == {}


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([point(), point(2, latest=16)], {"reporting": ["silent"]}),
        ([point(), point(2, latest=None)], {"reporting": ["never"]}),
        ([point()], {"reporting": ["points_missing"]}),
        ([point(), second(valid_s=68.3 * HOURS)], {"valid_data": ["gaps"]}),
        ([point(), second(valid_s=0.0)], {"valid_data": ["gaps"]}),
        ([point(), second(excused_s=60 * HOURS)], {"valid_data": ["too_little_time"]}),
        ([point(), second(skew_s=61.0)], {"clock": ["slow"]}),
        ([point(), second(skew_s=-75.0)], {"clock": ["fast"]}),
        ([point(), second(skew_s=None)], {"clock": ["no_live"]}),
        ([point(), second(running_kw=140.0)], {"ratio": ["too_high"]}),
        ([point(), second(running_kw=15.0)], {"ratio": ["too_low"]}),
        ([point(), second(running_kw=1.75)], {"ratio": ["factor"]}),
        ([point(), second(running_kw=None, max_kw=1.2)], {"ratio": ["factor"]}),
        ([point(), second(formula_ratio=1.16)], {"formula": ["formula"]}),
        ([point(), second(negative_count=50)], {"wiring": ["reversed"]}),
        ([point(), second(lost_count=900)], {"wiring": ["phase_lost"]}),
        ([point(), point(2, meter=None)], {"meters": ["no_meter"]}),
    ],
)
def test_each_check_fails_alone(points, expected):
    assert failing(*points) == expected


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"certificate_number": ""}, "no_certificate"),
        ({"certificate_expires_on": None}, "no_certificate"),
        ({"certificate_expires_on": date(2026, 11, 22)}, "certificate_expired"),
        ({"accuracy_class": ""}, "no_class"),
        ({"ct_ratio": 0.0}, "no_ratio"),
        ({"seal_numbers": ""}, "no_seal"),
    ],
)
def test_each_gap_in_a_meter_record_is_named(change, reason):
    assert failing(point(meter=replace(METER, **change)), point(2)) == {"meters": [reason]}


def test_a_certificate_holds_on_its_last_day():
    last = replace(METER, certificate_expires_on=date(2026, 11, 23))
    assert failing(point(meter=last), point(2)) == {}


def test_what_is_excused_is_taken_off_the_time_that_must_hold_data():
    excused = {"excused_s": 24 * HOURS, "valid_s": 46 * HOURS}
    assert failing(point(), second(**excused)) == {}
    assert failing(point(), second(**{**excused, "valid_s": 45 * HOURS})) == {
        "valid_data": ["gaps"]
    }


def test_a_facility_that_never_ran_is_noted_and_by_a_limit_refused():
    idle = second(running_kw=None, max_kw=0.0)
    checks = {check.code: check for check in run(material(point(), idle), Limits())}
    assert [note.reason for note in checks[Code.RATIO].notes] == ["never_ran"]
    assert checks[Code.RATIO].is_passed
    assert failing(point(), idle, limits=Limits({"ct_must_run": 1})) == {"ratio": ["never_ran"]}


def test_the_standby_of_a_pair_need_not_have_run():
    idle = point(2, group="风机", figures=replace(GOOD, running_kw=None, max_kw=0.0))
    checks = {c.code: c for c in run(material(point(group="风机"), idle), Limits())}
    assert checks[Code.RATIO].notes == ()


@pytest.mark.parametrize(
    ("main", "reason"), [(160.0, []), (119.0, ["subs_above"]), (170.0, ["subs_below"])]
)
def test_the_sub_meters_are_held_against_the_main_meter(main, reason):
    meter = point(3, kind="MAIN", figures=replace(GOOD, mean_kw=main), rated=400.0)
    found = failing(point(), point(2), meter)
    assert found == ({"balance": reason} if reason else {})


def balance(*figures, limits=None):
    """Return the balance of two sub-meters of 100 kW and their main meter at mean powers."""
    kinds = ("PRODUCTION", "CONTROL", "MAIN")
    points = [
        point(n, kind=kind, figures=replace(GOOD, mean_kw=kw))
        for n, (kind, kw) in enumerate(zip(kinds, figures, strict=True), 1)
    ]
    checks = run(material(*points), limits or Limits())
    return next(check for check in checks if check.code == Code.BALANCE)


@pytest.mark.parametrize(
    ("powers", "is_passed", "faults", "notes"),
    [
        ((0.02, 0.02, 4.0), True, [], ["low_load"]),  # at rest: lights, -99 %
        ((0.0, 0.0, 0.0), True, [], ["low_load"]),
        ((-0.1, 0.0, -0.1), True, [], ["low_load"]),
        ((5.0, 4.9, 9.9), True, [], ["low_load"]),  # 4.95 % of 200 kW
        ((5.0, 5.0, 10.0), True, [], []),
        ((0.02, 0.02, 10.0), False, ["subs_below"], []),  # loaded, and the sub-meters see nothing
        ((70.0, 70.0, 0.2), False, ["subs_above"], []),
        ((70.0, 70.0, 0.0), False, ["main_dead"], []),
    ],
)
def test_a_plant_at_rest_is_not_judged_by_its_balance(powers, is_passed, faults, notes):
    check = balance(*powers)
    assert check.is_passed is is_passed
    assert [fault.reason for fault in check.faults] == faults
    assert [note.reason for note in check.notes] == notes


def test_the_sheet_says_that_the_load_was_not_enough_to_judge():
    check = balance(0.02, 0.02, 4.0)
    assert (check.value, check.done, check.total) == (None, 0, 1)
    with translation.override("en"):
        said = next(each for each in say([check]))
    assert (said.measured, said.tone) == ("not enough load to judge", "warn")
    assert said.notes == [
        "设施3 · 03: not enough load to judge, 2% of the rated power on average and 5% are needed;"
        " check the balance again when the plant runs"
    ]
    assert list(from_json([check.as_json()])) == [check]


def test_the_least_load_is_a_limit_and_by_another_limit_acceptance_waits_for_it():
    assert balance(0.02, 0.02, 4.0, limits=Limits({"balance_load_pct": 1})).faults
    waits = balance(0.02, 0.02, 4.0, limits=Limits({"balance_must_load": 1}))
    assert not waits.is_passed
    assert [fault.reason for fault in waits.faults] == ["low_load"]


def test_a_balance_with_data_missing_is_unknown_and_not_zero():
    meter = point(3, kind="MAIN", figures=replace(GOOD, mean_kw=140.0))
    found = failing(point(), second(mean_kw=None), meter)
    assert found == {"balance": ["unknown"]}


@pytest.mark.parametrize(
    ("has", "approved", "kind", "expected"),
    [
        (True, True, "PRODUCTION", {}),
        (True, False, "PRODUCTION", {"pairings": ["pairing_not_approved"]}),
        (False, False, "PRODUCTION", {"pairings": ["no_pairing"]}),
        (False, False, "COMBINED", {}),
        (False, False, "CONTROL", {}),
    ],
)
def test_every_production_facility_needs_an_approved_pairing(has, approved, kind, expected):
    facility = FacilityFacts(1, "炉", kind, has, approved, False, False)
    assert failing(facilities=[facility]) == expected


def test_a_threshold_that_stands_must_be_approved():
    facility = FacilityFacts(1, "炉", "PRODUCTION", True, True, True, False)
    assert failing(facilities=[facility]) == {"thresholds": ["threshold_not_approved"]}


def test_the_factorys_password_is_a_warning_and_no_failure():
    checks = run(material(collectors=[CollectorFacts("MN", "123456", True)]), Limits())
    assert [(c.code, c.is_warning) for c in checks if not c.is_passed] == [("collectors", True)]
    assert is_passed(checks)


def test_nothing_at_all_passes_nothing():
    checks = run(material(points=[], points_required=0, collectors=[]), Limits())
    assert not is_passed(checks)


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        (7.0, "x10"),
        (1.75, "x40"),
        (1.1, "x60"),
        (0.07, "x1000"),
        (70_000.0, "/1000"),
        (15.0, "x10"),
    ],
)
def test_the_usual_mistake_is_named(power, expected):
    found = find_factor(power, 100.0, 20, 130)
    assert found == (None if power == 15.0 else expected)


def test_a_limit_of_the_bureau_decides():
    assert failing(point(), second(skew_s=61.0), limits=Limits({"clock_skew_s": 90})) == {}


def test_a_sheet_keeps_the_checks_and_says_them_again():
    checks = run(material(point(), second(running_kw=1.75)), Limits())
    again = from_json([check.as_json() for check in checks])
    assert again == checks
    with translation.override("en"):
        ratio = next(said for said in say(again) if said.check.code == Code.RATIO)
    assert ratio.faults == [
        "设施2 · 02: 1.8% of the rated power; 40 times as much would fit,"
        " so the ratio or the unit seems wrong."
    ]


def test_every_limit_says_what_it_means_and_where_it_is_from():
    assert all(spec.meaning and spec.source for spec in CATALOGUE.values())
