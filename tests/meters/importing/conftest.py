"""A city with two counties and its administrator; a second city."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.utils import translation

from enterprises.models import Enterprise, Facility, LineGrade, Pairing, Site, Threshold
from meters.importing.job import run_book
from meters.models import Collector, CollectorDevice, Meter, MonitoringPoint
from tenancy.models import Role
from tests import factories

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TABLES = (
    Enterprise, Site, LineGrade, Facility, Threshold, Pairing, Collector, CollectorDevice,
    MonitoringPoint, Meter,
)  # fmt: skip


@pytest.fixture(autouse=True)
def english(settings, tmp_path):
    settings.STATE_DIR = tmp_path
    with translation.override("en"):
        yield


@pytest.fixture
def city(db):
    city = factories.DivisionFactory()
    county = factories.CountyFactory(code="141023", name="襄汾县", parent=city)
    other = factories.CountyFactory(
        code="140802", name="盐湖区", parent=factories.DivisionFactory(code="140800", name="运城市")
    )
    admin = factories.GrantFactory(role=Role.CITY_ADMIN, division=city).user
    return SimpleNamespace(division=city, county=county, foreign_county=other, admin=admin, now=NOW)


@pytest.fixture
def bring(city):
    """Return a function that imports a book: checks it and, if clean, writes it."""

    def bring(file, *, actor=None, now=NOW, write=True):
        return run_book(file, actor=actor or city.admin, now=now, write=write)

    return bring


@pytest.fixture
def stands():
    """Return a function that counts the rows of every table an import writes to."""
    return lambda: {model.__name__: model.objects.count() for model in TABLES}
