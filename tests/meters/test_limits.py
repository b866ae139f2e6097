"""Limits that were stored under an old name."""

from datetime import UTC, datetime
from importlib import import_module

import pytest
from django.apps import apps

from meters.limits import load_limits
from meters.models import MeteringLimit
from tests import factories

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 11, 1, tzinfo=UTC)


def migrate():
    import_module("meters.migrations.0009_limits_in_days").to_days(apps, None)


def test_hours_by_the_clock_become_working_days():
    county = factories.CountyFactory()
    limits = MeteringLimit.objects
    limits.create(key="calibration_hours", value=240, division=county, valid_from=START, note="x")
    limits.create(key="inspection_hours", value=100, valid_from=START, valid_to=LATER)
    limits.create(key="fault_repair_hours", value=24, valid_from=START)
    migrate()
    found = load_limits(county.path, at=START)
    assert found["calibration_days"] == 10
    assert found["inspection_days"] == 5  # begun days count whole
    assert found["fault_repair_hours"] == 24
    assert limits.get(key="calibration_days").note == "x"
    assert limits.get(key="inspection_days").valid_to == LATER


def test_a_row_of_the_new_name_wins_over_the_old_one():
    MeteringLimit.objects.create(key="installation_days", value=20, valid_from=START)
    MeteringLimit.objects.create(key="installation_hours", value=240, valid_from=START)
    migrate()
    migrate()
    assert list(MeteringLimit.objects.values_list("key", "value")) == [("installation_days", 20.0)]
