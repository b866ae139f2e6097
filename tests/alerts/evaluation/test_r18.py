"""R18: certificates of meters, by days."""

from datetime import UTC, date, datetime, timedelta

import pytest

from alerts.evaluation.parameters import DatedValue, Parameters
from alerts.evaluation.r18 import Certificate, evaluate
from common.localtime import day_start

DUE = date(2026, 12, 31)
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def certificate(serial="A1", *, collector=7, expires_on=DUE, since=LONG_AGO, until=None):
    return Certificate(
        collector, "MN7", 4, "主厂区", "除尘风机", serial, "Z-1", expires_on, since, until
    )


def judge(*certificates, day, params=None):
    """Return (phase, level, days) of the findings at noon of a day relative to the last day."""
    as_of = day_start(DUE) + day * DAY + timedelta(hours=12)
    found = evaluate(certificates, params=params or Parameters(), as_of=as_of)
    return [(str(f.phase), f.level, f.numbers[0].key, f.numbers[0].value) for f in found]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (-31, []),
        (-30, [("FIRING", 3, "certificate_days_left", 30.0)]),
        (-1, [("FIRING", 3, "certificate_days_left", 1.0)]),
        (0, [("FIRING", 3, "certificate_days_over", 0.0)]),
        (5, [("FIRING", 3, "certificate_days_over", 5.0)]),
    ],
)
def test_it_is_told_30_days_before_and_goes_on_past_the_day(day, expected):
    assert judge(certificate(), day=day) == expected


def test_the_notice_begins_at_local_midnight():
    begins = day_start(DUE) - 30 * DAY
    assert evaluate([certificate()], params=Parameters(), as_of=begins) == []
    (found,) = evaluate([certificate()], params=Parameters(), as_of=begins + timedelta(seconds=1))
    assert found.span.start == begins


def test_a_bureau_may_raise_the_level_on_the_day_and_change_the_notice():
    params = Parameters([DatedValue("r18_level_expired", 2), DatedValue("r18_notice_days", 7)])
    assert judge(certificate(), day=-8, params=params) == []
    assert [level for _, level, *_ in judge(certificate(), day=-7, params=params)] == [3]
    assert [level for _, level, *_ in judge(certificate(), day=0, params=params)] == [2]


def test_meters_verified_together_are_one_matter_and_others_another():
    later = DUE + 10 * DAY
    as_of = day_start(DUE)
    found = evaluate(
        [
            certificate("A1"),
            certificate("A2"),
            certificate("B1", expires_on=later),
            certificate("C1", collector=8),
        ],
        params=Parameters(),
        as_of=as_of,
    )
    assert [(f.subject.key, len(f.facts["meters"])) for f in found] == [
        ("collector:7/expires:2026-12-31", 2),
        ("collector:8/expires:2026-12-31", 1),
        ("collector:7/expires:2027-01-10", 1),
    ]


def test_a_new_certificate_ends_it_when_the_last_of_its_meters_has_one():
    renewed = day_start(DUE) - 10 * DAY
    old = certificate("A1", until=renewed)
    new = certificate("A1", since=renewed, expires_on=date(2028, 12, 31))
    assert judge(old, new, certificate("A2"), day=-5) == [
        ("FIRING", 3, "certificate_days_left", 5.0)
    ]
    (ended,) = evaluate([old, new], params=Parameters(), as_of=day_start(DUE))
    assert (str(ended.phase), ended.span.end) == ("ENDED", renewed)


def test_a_changed_ratio_with_the_same_certificate_goes_on():
    changed = day_start(DUE) - 10 * DAY
    found = evaluate(
        [certificate(until=changed), certificate(since=changed)],
        params=Parameters(),
        as_of=day_start(DUE),
    )
    assert [(str(f.phase), len(f.spans), len(f.facts["meters"])) for f in found] == [
        ("FIRING", 1, 1)
    ]


def test_a_meter_replaced_before_the_notice_was_never_a_matter():
    assert judge(certificate(until=day_start(DUE) - 40 * DAY), day=0) == []


def test_what_is_recorded_later_is_not_looked_at():
    as_of = day_start(DUE) - 5 * DAY
    renewed = day_start(DUE) - 2 * DAY
    (found,) = evaluate([certificate(until=renewed)], params=Parameters(), as_of=as_of)
    assert str(found.phase) == "FIRING"
