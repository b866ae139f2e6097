"""What every test shares."""

from importlib import import_module
from pathlib import Path

import hypothesis
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models.signals import post_migrate

# How long a case takes to draw or to run says how busy the machine is, not whether it is right.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with a word, what reads the ../shared folder where that folder is not there."""
    if SHARED.is_dir():
        return
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(pytest.mark.skip(reason="the folder ../shared is not there"))


def make_as_migrated(**kwargs: object) -> None:
    """Finish the flush after a transactional test.

    Django's leaves the tables that SQL made, and takes the rows that data migrations seeded.
    """
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE meters_reading, meters_rawchunk")
        # The log refuses even its owner; only the owner can switch that off, as here.
        cursor.execute("ALTER TABLE tenancy_auditentry DISABLE TRIGGER tenancy_audit_no_truncate")
        cursor.execute("TRUNCATE tenancy_auditentry")
        cursor.execute("ALTER TABLE tenancy_auditentry ENABLE TRIGGER tenancy_audit_no_truncate")
    import_module("meters.migrations.0003_builtin_profiles").add_builtin_profiles(apps, None)
    for name in ("0003_default_parameters", "0005_calendar_parameters"):
        import_module(f"alerts.migrations.{name}").seed(apps, None)


@pytest.fixture(scope="session", autouse=True)
def _flush_whole() -> None:
    """Django tells ``post_migrate`` after each flush as after each migration."""
    post_migrate.connect(make_as_migrated, sender=apps.get_app_config("powerwatch"))


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def _second_factor_offered() -> None:
    """Let people of tests in by their password; what ``required`` does has tests of its own."""
    settings.SECOND_FACTOR = "offered"
