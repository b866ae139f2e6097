"""R19: overdue installations, by days."""

from datetime import date, timedelta

import pytest

from alerts.evaluation.parameters import DatedValue, Parameters
from alerts.evaluation.r19 import InstallationFacts, evaluate
from common.localtime import day_start

DUE = date(2026, 11, 30)
DAY = timedelta(days=1)


def at(day, hours=12):
    """Return an instant ``day`` days after the day on which it becomes overdue."""
    return day_start(DUE) + DAY + day * DAY + timedelta(hours=hours)


def judge(day, *, params=None, **facts):
    facts = {"due_on": DUE, "status": "REQUIRED", **facts}
    found = evaluate(
        InstallationFacts(enterprise_id=5, enterprise_name="一家", **facts),
        params=params or Parameters(),
        as_of=at(day),
    )
    return [(str(f.phase), f.level, f.numbers[0].value) for f in found]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (-1, []),
        (0, [("FIRING", 3, 0.0)]),
        (2, [("FIRING", 3, 2.0)]),
        (3, [("FIRING", 2, 3.0)]),
        (6, [("FIRING", 2, 6.0)]),
        (7, [("FIRING", 1, 7.0)]),
        (90, [("FIRING", 1, 90.0)]),
    ],
)
def test_the_level_rises_with_the_days(day, expected):
    assert judge(day) == expected


@pytest.mark.parametrize(
    ("status", "count"),
    [
        ("NOT_REQUIRED", 0),
        ("REQUIRED", 1),
        ("SURVEYED", 1),
        ("INSTALLING", 1),
        ("CONNECTED", 1),
        ("ACCEPTED", 0),
        ("EXEMPT", 0),
        ("DISMANTLED", 0),
    ],
)
def test_only_who_owes_an_installation_is_overdue(status, count):
    assert len(judge(5, status=status)) == count


def test_without_a_due_day_nothing_is_overdue():
    assert judge(5, due_on=None) == []


def test_acceptance_ends_it_at_the_level_that_it_had():
    moves = [(at(4), "CONNECTED", "ACCEPTED")]
    assert judge(20, status="ACCEPTED", moves=moves) == [("ENDED", 2, 4.0)]


def test_an_acceptance_before_the_log_is_taken_from_the_record():
    assert judge(20, status="ACCEPTED", accepted_at=at(1)) == [("ENDED", 3, 1.0)]
    assert judge(20, status="ACCEPTED", accepted_at=at(-9)) == []


def test_exempted_and_required_again_is_overdue_twice():
    moves = [(at(1), "REQUIRED", "EXEMPT"), (at(9), "EXEMPT", "REQUIRED")]
    assert judge(10, moves=moves) == [("ENDED", 3, 1.0), ("FIRING", 1, 10.0)]


def test_moves_inside_the_programme_change_nothing():
    moves = [(at(1), "REQUIRED", "SURVEYED"), (at(2), "SURVEYED", "INSTALLING")]
    assert judge(3, status="INSTALLING", moves=moves) == [("FIRING", 2, 3.0)]


def test_a_move_after_as_of_is_not_looked_at():
    moves = [(at(4), "CONNECTED", "ACCEPTED")]
    assert judge(2, status="CONNECTED", moves=moves) == [("FIRING", 3, 2.0)]


def test_a_bureau_may_be_patient():
    params = Parameters([DatedValue("r19_days_yellow", 2)])
    assert judge(1, params=params) == []
    assert judge(2, params=params) == [("FIRING", 3, 2.0)]
