"""A declaration excuses only what it says, and only from the status the table asks for."""

from datetime import UTC, datetime, timedelta

import pytest

from meters.models import ChangedWindow
from orders.allowance import EXCUSES, get_declared_stretches, judge_again
from orders.models import Declaration, DeclarationKind, DeclarationStatus
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def enterprise():
    return factories.EnterpriseFactory(county__code="141023")


def declare(enterprise, kind, status, *, start=NOW - 2 * HOUR, submitted=NOW - 3 * HOUR):
    declaration = Declaration.objects.create(
        enterprise=enterprise,
        kind=kind,
        status=status,
        starts_at=start,
        ends_at=NOW + HOUR,
        reason="检修",
    )
    Declaration.objects.filter(pk=declaration.pk).update(submitted_at=submitted)
    return declaration


def get(enterprise):
    return get_declared_stretches(enterprise.pk, NOW - 24 * HOUR, report_within=12 * HOUR)


@pytest.mark.parametrize(
    ("kind", "submitted", "accepted"),
    [
        ("STOP", set(), set()),
        ("REPAIR", set(), {"R01"}),
        ("FAULT", set(), {"R01"}),
        ("TEST", set(), {"R01"}),
        ("POWER_CUT", {"R10", "R12"}, {"R10", "R12"}),
        ("DEVICE_WORK", {"R10"}, {"R01", "R10"}),
    ],
)
def test_what_each_kind_excuses(enterprise, kind, submitted, accepted):
    for status, expected in (
        (DeclarationStatus.SUBMITTED, submitted),
        (DeclarationStatus.ACCEPTED, accepted),
        (DeclarationStatus.REFUSED, set()),
        (DeclarationStatus.WITHDRAWN, set()),
    ):
        Declaration.objects.all().delete()
        declare(enterprise, kind, status)
        assert {rule for stretch in get(enterprise) for rule in stretch.rules} == expected


def test_every_kind_has_its_row_in_the_table():
    assert set(EXCUSES) == set(DeclarationKind)


def test_an_unreviewed_one_reaches_back_no_further_than_the_time_to_report(enterprise):
    declare(enterprise, "POWER_CUT", "SUBMITTED", start=NOW - 20 * HOUR, submitted=NOW)
    assert get(enterprise)[0].span.start == NOW - 12 * HOUR
    Declaration.objects.update(status="ACCEPTED")
    assert get(enterprise)[0].span.start == NOW - 20 * HOUR


def test_one_handed_in_far_too_late_excuses_nothing(enterprise):
    declare(enterprise, "POWER_CUT", "SUBMITTED", submitted=NOW + 14 * HOUR)
    assert get(enterprise) == []


def test_it_names_its_facilities(enterprise):
    declaration = declare(enterprise, "REPAIR", "ACCEPTED")
    assert get(enterprise)[0].facility_ids == frozenset()
    facility = factories.FacilityFactory(site__enterprise=enterprise)
    declaration.facilities.add(facility)
    (stretch,) = get(enterprise)
    assert (stretch.facility_ids, stretch.text) == ({facility.pk}, "检修")


def test_another_enterprises_declaration_is_not_ours(enterprise):
    declare(factories.EnterpriseFactory(county__code="141023"), "REPAIR", "ACCEPTED")
    assert get(enterprise) == []


def test_a_change_has_its_past_judged_again(enterprise):
    judge_again(declare(enterprise, "REPAIR", "ACCEPTED"), now=NOW)
    window = ChangedWindow.objects.get()
    assert (window.since, window.until) == (NOW - 2 * HOUR, NOW)
    judge_again(declare(enterprise, "REPAIR", "ACCEPTED", start=NOW + HOUR / 2), now=NOW)
    assert ChangedWindow.objects.count() == 1
