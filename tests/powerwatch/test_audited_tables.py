"""The audit log: what changed is in it, nobody edits it, no configuration table is forgotten."""

import json

import psycopg
import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from enterprises.models import Facility, Pairing
from powerwatch.audited_tables import AUDITED, NOT_AUDITED, install_audit_triggers
from tenancy.models import AuditEntry, User
from tests import factories
from tests.powerwatch.test_database_roles import role_connection  # noqa: F401  a fixture


def entries(table: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(object_type=table).order_by("pk"))


def test_every_table_is_audited_or_its_exception_is_explained():
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    listed = set(AUDITED) | set(NOT_AUDITED)
    assert tables - listed == set(), "say in audited_tables.py whether the log watches these"
    assert listed - tables == {"django_migrations"}
    assert set(AUDITED) & set(NOT_AUDITED) == set()
    assert all(NOT_AUDITED.values())


@pytest.mark.django_db
def test_every_audited_table_has_its_three_triggers():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, count(*) FROM pg_trigger"
            " WHERE tgname IN ('tenancy_audit_insert', 'tenancy_audit_update',"
            " 'tenancy_audit_delete') GROUP BY 1"
        )
        assert dict(cursor.fetchall()) == dict.fromkeys(AUDITED, 3)
    assert install_audit_triggers() == 0  # nothing to do: they stand


@pytest.mark.django_db
def test_every_named_column_exists():
    columns = {
        model._meta.db_table: {field.column for field in model._meta.concrete_fields}
        for model in apps.get_models(include_auto_created=True)
    }
    for table, one in AUDITED.items():
        named = {column for _, column in one.reach} | {*one.hidden, *one.ignored}
        named |= {one.label} if one.label else set()
        assert named <= columns[table], table


@pytest.mark.django_db
def test_a_row_added_changed_and_deleted_leaves_three_entries():
    facility = factories.FacilityFactory(rated_kw=100.0, name="1号炉")
    facility.rated_kw = 120.0
    facility.save()
    pk, enterprise = facility.pk, facility.site.enterprise
    facility.delete()
    added, changed, deleted = entries("enterprises_facility")
    assert (added.action, changed.action, deleted.action) == (
        "facility.add",
        "facility.change",
        "facility.delete",
    )
    assert (added.old, added.new["rated_kw"]) == (None, 100.0)
    assert (changed.old, changed.new) == ({"rated_kw": 100.0}, {"rated_kw": 120.0})
    assert (deleted.old["rated_kw"], deleted.new) == (120.0, None)
    for entry in (added, changed, deleted):
        assert entry.object_id == str(pk)
        assert entry.object_label == "1号炉"
        assert entry.enterprise_id == enterprise.pk
        assert entry.division_path == enterprise.county.path
        assert (entry.actor_id, entry.actor_name) == (None, "system")


@pytest.mark.django_db
def test_an_update_that_changes_nothing_is_no_entry():
    facility = factories.FacilityFactory()
    facility.save()
    assert [entry.action for entry in entries("enterprises_facility")] == ["facility.add"]


@pytest.mark.django_db
def test_one_statement_over_many_rows_gives_an_entry_for_each():
    facilities = [factories.FacilityFactory() for _ in range(3)]
    Facility.objects.update(name="改名")
    changes = [e for e in entries("enterprises_facility") if e.action == "facility.change"]
    assert {entry.object_id for entry in changes} == {str(f.pk) for f in facilities}


@pytest.mark.django_db
def test_who_acted_comes_from_the_transaction():
    who = {
        "actor_id": 7,
        "actor_name": "王工(示例)",
        "body": "临汾市 · 城市局管理员",
        "address": "10.3.2.1",
        "session": "ab12",
        "request": "r-1",
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('powerwatch.audit', %s, true)", [json.dumps(who)])
    factories.EnterpriseFactory()
    (entry,) = entries("enterprises_enterprise")
    for name, value in who.items():
        assert str(getattr(entry, name)) == str(value)


@pytest.mark.django_db
def test_secrets_are_not_in_it_and_their_change_is():
    user = factories.UserFactory()
    user.set_password("xiangfen-river-2211")
    user.save()
    collector = factories.CollectorFactory(password="654321")
    added, changed = entries("tenancy_user")
    assert changed.new == {"password": "***"}
    assert added.new["password"] == "***"
    (device,) = entries("meters_collector")
    assert device.new["password"] == "***"
    everything = json.dumps(list(AuditEntry.objects.values("old", "new")))
    assert user.password not in everything
    assert collector.password not in everything


@pytest.mark.django_db
def test_signing_in_alone_changes_no_account():
    user = factories.UserFactory()
    User.objects.filter(pk=user.pk).update(last_login="2026-11-23T00:00Z")
    assert [entry.action for entry in entries("tenancy_user")] == ["user.add"]


@pytest.mark.django_db
def test_who_is_paired_with_what_is_in_it():
    site = factories.SiteFactory()
    production, control = (factories.FacilityFactory(site=site) for _ in range(2))
    pairing = factories.PairingFactory(site=site, productions=[production], controls=[control])
    (entry,) = entries("enterprises_pairing_controls")
    assert (entry.action, entry.enterprise_id) == ("pairing_controls.add", site.enterprise_id)
    assert entry.new["facility_id"] == control.pk
    Pairing.objects.get(pk=pairing.pk).controls.clear()
    assert entries("enterprises_pairing_controls")[-1].action == "pairing_controls.delete"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenancy_auditentry SET note = 'x'",
        "DELETE FROM tenancy_auditentry",
        "TRUNCATE tenancy_auditentry",
    ],
)
def test_not_even_the_owner_edits_the_log(statement):
    factories.EnterpriseFactory()
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ["web", "worker"])
def test_a_process_appends_and_reads_and_does_nothing_else(role_connection, role):  # noqa: F811
    process = role_connection(role)
    process.execute("INSERT INTO tenancy_auditentry (action) VALUES ('list.export')")
    assert process.execute("SELECT count(*) FROM tenancy_auditentry").fetchone()[0] >= 1
    for forbidden in (
        "UPDATE tenancy_auditentry SET note = 'x'",
        "DELETE FROM tenancy_auditentry",
        "TRUNCATE tenancy_auditentry",
        "ALTER TABLE tenancy_auditentry DISABLE TRIGGER ALL",
        "DROP TRIGGER tenancy_audit_no_edit ON tenancy_auditentry",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            process.execute(forbidden)
