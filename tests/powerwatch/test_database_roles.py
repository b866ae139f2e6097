"""Each process can do its own work in the database and nothing else."""

import datetime

import psycopg
import pytest
from django.db import connection

from meters.partitions import make_partitions
from powerwatch.database_roles import ROLES, _statements, grant_roles
from powerwatch.settings import _database_for


@pytest.fixture
def role_connection(transactional_db):
    """Return a maker of connections to the test database as one of the process roles."""
    assert grant_roles(), "the process roles do not exist on this server"
    opened = []

    def connect(role: str) -> psycopg.Connection:
        own = connections_settings(role)
        opened.append(psycopg.connect(**own, autocommit=True))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


def connections_settings(role: str) -> dict[str, object]:
    settings = _database_for(role)
    return {
        "dbname": connection.settings_dict["NAME"],  # the test database
        "user": settings["USER"],
        "password": settings["PASSWORD"],
        "host": settings["HOST"],
        "port": settings["PORT"],
        "options": settings["OPTIONS"].get("options", ""),
    }


def test_rights_cover_every_role():
    text = "\n".join(_statements())
    assert all(role in text for role in ROLES)


@pytest.mark.django_db(transaction=True)
def test_the_gateway_may_add_readings_and_not_change_them(role_connection):
    make_partitions(datetime.date(2026, 1, 1), datetime.date(2026, 1, 1))
    gateway = role_connection("gateway")
    gateway.execute(
        "INSERT INTO meters_reading (point_id, measured_at, received_at, flag, is_backfill,"
        " chunk_id) VALUES (1, '2026-01-01T08:00Z', now(), 'N', false, 1)"
    )
    for forbidden in ("UPDATE meters_reading SET p_kw = 0", "DELETE FROM meters_reading"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            gateway.execute(forbidden)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ["web", "worker"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE alerts_alertlog SET event = 'x'",
        "DELETE FROM alerts_alertlog",
        "DELETE FROM meters_reading",
        "UPDATE meters_rawchunk SET stream = 'x'",
        "DROP TABLE alerts_alertlog",
        "DELETE FROM django_migrations",
    ],
)
def test_what_happened_cannot_be_edited(role_connection, role, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        role_connection(role).execute(statement)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM tenancy_user",
        "SELECT * FROM alerts_alert",
        "SELECT * FROM django_session",
        "INSERT INTO alerts_alertlog (event) VALUES ('x')",
    ],
)
def test_the_gateway_sees_no_person_and_no_alert(role_connection, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        role_connection("gateway").execute(statement)
