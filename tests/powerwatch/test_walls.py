"""Row-level security, asked as the real web role: the wall stands without any filter of ours."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from alerts.models import Alert, Notification, RuleParameter
from enterprises.models import (
    AcceptanceSheet,
    Attachment,
    Contact,
    Enterprise,
    Installation,
    InstallationLog,
    LineGrade,
    SurveySheet,
)
from meters.models import (
    ChangedWindow,
    CollectorDevice,
    CollectorStatus,
    IntakeIssue,
    LatestReading,
    Meter,
    ReadingConflict,
    StateSegment,
    WorkOrder,
    WorkOrderLog,
)
from meters.partitions import make_partitions
from orders.models import Declaration
from powerwatch import key_map
from powerwatch.checks import check_walls
from powerwatch.database_roles import grant_roles
from powerwatch.walls import OPEN_TABLES, POLICIES, find_gaps, functions
from reports.models import PointTally
from tenancy.access import SEEING_ROLES, get_scope
from tenancy.models import Division, OperatorCompany, Role, SiteAssignment, User
from tests import factories as make
from tests.powerwatch.test_database_roles import connections_settings

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 1, 1, 4, tzinfo=UTC)
#: Seen by every authority, whatever its county.
SHARED_ROWS = {"alerts_ruleparameter": "facility_id IS NOT NULL"}
#: One of the two enterprises has a second site.
OF_SITES = ("enterprises_site", "tenancy_sitekey")
#: Nobody but the machine.
MACHINE_ONLY = {"meters_rawchunk"}


class World:
    """Two counties of one city with one enterprise each, and a row of every walled table for it."""

    def __init__(self) -> None:
        make_partitions(NOON.date(), NOON.date())
        self.writer = make.UserFactory()
        self.city = make.DivisionFactory()
        self.company = OperatorCompany.objects.create(name="示例运维", division=self.city)
        self.here = self.enterprise()
        self.there = self.enterprise()
        self.second_site = make.SiteFactory(enterprise=self.here, name="二厂区")

    def enterprise(self) -> Enterprise:
        one = make.EnterpriseFactory(county=make.CountyFactory(parent=self.city))
        site = make.SiteFactory(enterprise=one)
        line = make.LineFactory(site=site)
        production = make.FacilityFactory(site=site, line=line, production=True)
        control = make.FacilityFactory(site=site, line=line, control=True)
        make.ThresholdFactory(facility=production)
        pairing = make.PairingFactory(site=site, productions=[production], controls=[control])
        point = make.PointFactory(facility=production)
        collector = point.collector
        by = {"enterprise": one}
        LineGrade.objects.create(line=line, grade="A", valid_from=NOON)
        Contact.objects.create(**by, name="张三")
        PointTally.objects.create(
            county=one.county, **filled(PointTally, accepted=1, online=1, kind="CONTROL")
        )
        Attachment.objects.create(
            **by, key=f"00000000-0000-0000-0000-{one.pk:012d}", title="t", file_name="f",
            path=f"p{one.pk}", content_type="image/png", size_bytes=1, sha256="0" * 64,
            uploaded_by=self.writer, uploaded_at=NOON,
        )  # fmt: skip
        Installation.objects.get_or_create(**by)
        InstallationLog.objects.create(
            **by, actor=self.writer, at=NOON, event="REQUIRE", to_status="REQUIRED"
        )
        for model, person in ((SurveySheet, "recorded_by"), (AcceptanceSheet, "signed_by")):
            model.objects.create(**by, **filled(model, **{person: self.writer}))
        CollectorDevice.objects.create(collector=collector, **filled(CollectorDevice))
        CollectorStatus.objects.update_or_create(
            collector=collector, defaults=filled(CollectorStatus)
        )
        Meter.objects.create(point=point, **filled(Meter))
        ReadingConflict.objects.create(
            point=point, measured_at=NOON, received_at=NOON, kept={}, refused={}, chunk_id=1
        )
        LatestReading.objects.create(point=point, measured_at=NOON, received_at=NOON)
        StateSegment.objects.create(
            point=point, state="ON", started_at=NOON, ended_at=NOON + timedelta(hours=1)
        )
        ChangedWindow.objects.create(**by, since=NOON, until=NOON, received_at=NOON)
        order = WorkOrder.objects.create(
            site=site, **filled(WorkOrder, opened_by=self.writer, number=f"W{one.pk}")
        )
        WorkOrderLog.objects.create(work_order=order, **filled(WorkOrderLog, actor=self.writer))
        IntakeIssue.objects.create(
            reason="BAD_CRC", mn=collector.mn, first_at=NOON, latest_at=NOON, count=1
        )
        declaration = Declaration.objects.create(
            **by, kind="STOP", starts_at=NOON, ends_at=NOON + timedelta(hours=1), reason="r"
        )
        declaration.facilities.add(production)
        alert = Alert.objects.create(
            number=f"T-{one.pk}", rule="R10", level=2, **by, county=one.county,
            collector=collector, pairing=pairing, subject_key=f"collector:{collector.pk}",
            first_started_at=NOON, latest_ended_at=NOON, detected_at=NOON,
        )  # fmt: skip
        alert.log.create(at=NOON, event="opened", to_status="OPEN")
        alert.occurrences.create(
            **by, rule="R10", subject_key=alert.subject_key, state="ENDED", level=2,
            started_at=NOON, ended_at=NOON, detected_at=NOON,
        )  # fmt: skip
        Notification.objects.create(
            key=f"n{one.pk}", alert=alert, recipient=self.writer, audience="x", channel="SMS",
            address="1", text="t", created_at=NOON, due_at=NOON,
        )  # fmt: skip
        RuleParameter.objects.create(key="lag_min", value=1, facility=production, valid_from=NOON)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO meters_reading (point_id, measured_at, received_at, flag,"
                " is_backfill, chunk_id) VALUES (%s, %s, now(), 'N', false, 1)",
                [point.pk, NOON],
            )
            cursor.execute(
                "INSERT INTO meters_rawchunk (received_at, stream, frame_count, payload,"
                " previous_sha256, sha256) VALUES (%s, 's', 1, '', '', '')",
                [NOON],
            )
        return one

    def person(self, role: str, **scope: object) -> User:
        scope.setdefault("division", None)
        return make.GrantFactory(role=role, **scope).user


def filled(model: type[Model], **given: object) -> dict[str, object]:
    """Return values for what the model needs and nobody named: words, moments, numbers."""
    out = dict(given)
    for field in model._meta.local_concrete_fields:
        needed = not (field.null or field.has_default() or field.primary_key or field.is_relation)
        if not needed or field.name in out:
            continue
        kind = field.get_internal_type()
        if field.choices:
            out[field.name] = field.choices[0][0]
        elif kind == "DateTimeField":
            out[field.name] = NOON
        elif kind == "DateField":
            out[field.name] = NOON.date()
        elif kind in ("CharField", "TextField"):
            out[field.name] = "" if field.blank else "x"
        else:
            out[field.name] = 1
    return out


@pytest.fixture
def world(transactional_db) -> World:
    assert grant_roles()
    return World()


@pytest.fixture
def web(transactional_db) -> Iterator[psycopg.Connection]:
    """A pooled connection of the web role; each test opens its transactions itself."""
    with psycopg.connect(**connections_settings("web"), autocommit=True) as session:
        yield session


def enter(session: psycopg.Connection, user: User | None) -> None:
    session.execute("SELECT tenancy_enter(%s, '{}')", [user and user.pk])


@pytest.fixture
def counts(web) -> Callable[[User | None], dict[str, int]]:
    """Return a function: a person's number of rows in every walled table, unfiltered."""

    def count(user: User | None = None) -> dict[str, int]:
        with web.transaction():
            if user is not None:
                enter(web, user)
            return {table: rows(web, table) for table in POLICIES}

    return count


def rows(session: psycopg.Connection, table: str) -> int:
    where = SHARED_ROWS.get(table, "true")
    return len(session.execute(f"SELECT * FROM {table} WHERE {where}").fetchall())  # noqa: S608


def leading_to_enterprises() -> set[str]:
    """Return every table from which foreign keys lead to an enterprise, however far."""
    models = list(apps.get_models(include_auto_created=True))
    found = {Enterprise._meta.db_table}
    while True:
        more = {
            model._meta.db_table
            for model in models
            for field in model._meta.local_fields
            if field.is_relation and field.related_model._meta.db_table in found
        }
        if more <= found:
            return found
        found |= more


def test_every_table_that_leads_to_an_enterprise_has_a_wall_or_a_reason():
    assert leading_to_enterprises() - set(POLICIES) - set(OPEN_TABLES) == set()
    assert not set(POLICIES) & set(OPEN_TABLES)
    assert all(OPEN_TABLES.values())


def test_the_walls_stand_in_the_database():
    assert find_gaps() == []


def test_the_function_knows_the_roles_that_see():
    listed = functions().split("g.role = ANY(ARRAY[")[1].split("]")[0]
    assert {role.strip(" '") for role in listed.split(",")} == set(SEEING_ROLES)


def test_each_table_of_the_world_has_rows_to_leak(world):
    with connection.cursor() as cursor:
        for table in POLICIES:
            cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
            assert cursor.fetchone()[0] >= 2, table


def test_who_has_not_entered_sees_no_row_of_any_table(world, counts):
    assert set(counts().values()) == {0}


def test_an_officer_sees_the_own_countys_rows_alone(world, counts):
    here = counts(world.person(Role.COUNTY_BRANCH, division=world.here.county))
    both = counts(world.person(Role.CITY_ENFORCER, division=world.city))
    for table in set(POLICIES) - MACHINE_ONLY:
        twice = 2 * here[table] - (1 if table in OF_SITES else 0)  # here's second site
        assert here[table] > 0, table
        assert both[table] == twice, table
    assert {here[table] for table in MACHINE_ONLY} == {0}


def test_an_enterprise_sees_what_its_county_sees_of_it(world, counts):
    own = counts(world.person(Role.ENTERPRISE_OFFICER, enterprise=world.here))
    county = counts(world.person(Role.COUNTY_BRANCH, division=world.here.county))
    # A tally is of the whole county, so of its neighbours too.
    assert own == county | {"reports_pointtally": 0}


def test_an_operator_sees_the_assigned_site_and_the_enterprise_by_name(world, counts, web):
    site = world.here.sites.order_by("pk").first()
    other = make.SiteFactory(enterprise=world.there, name="别处")
    for company_site, ends in ((site, None), (other, timezone.now())):
        SiteAssignment.objects.create(
            company=world.company, site=company_site, starts_at=make.LONG_AGO, ends_at=ends
        )
    operator = world.person(Role.OPERATOR, company=world.company)
    seen = counts(operator)
    assert seen["enterprises_enterprise"] == seen["enterprises_site"] == 1
    assert {seen[one.table] for one in key_map.MAPS} == {1}
    assert seen["meters_reading"] == seen["alerts_alert"] == seen["alerts_alertlog"] == 1
    assert seen["enterprises_installation"] == seen["enterprises_surveysheet"] == 1
    closed = ("enterprises_contact", "enterprises_attachment", "orders_declaration")
    assert {seen[table] for table in (*closed, "alerts_notification", *MACHINE_ONLY)} == {0}


@pytest.mark.parametrize("role", [Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR])
def test_the_three_administrators_see_no_enterprises_data(world, counts, role):
    assert set(counts(world.person(role, division=world.city)).values()) == {0}


def test_a_superuser_sees_all_and_a_closed_account_nothing(world, counts):
    root = make.UserFactory(is_superuser=True)
    assert min(counts(root).values()) >= 2
    User.objects.filter(pk=root.pk).update(is_active=False)
    assert set(counts(root).values()) == {0}
    officer = world.person(Role.CITY_ENFORCER, division=world.city)
    User.objects.filter(pk=officer.pk).update(is_active=False)
    assert set(counts(officer).values()) == {0}


def test_a_grant_that_ended_or_has_not_begun_opens_nothing(world, counts):
    officer = world.person(Role.CITY_ENFORCER, division=world.city)
    assert counts(officer)["enterprises_enterprise"] == 2
    officer.grants.update(ends_at=timezone.now())
    assert set(counts(officer).values()) == {0}
    officer.grants.update(starts_at=timezone.now() + timedelta(hours=1), ends_at=None)
    assert set(counts(officer).values()) == {0}


def test_the_walls_and_the_door_agree_for_every_role_and_scope(world, web):
    """The scope that Python works out and the one that SQL works out, written twice."""
    SiteAssignment.objects.create(
        company=world.company, site=world.second_site, starts_at=make.LONG_AGO
    )
    scopes = (
        {"division": world.here.county},
        {"division": world.city},
        {"enterprise": world.there},
        {"company": world.company},
    )
    for role in Role.values:
        for scope in scopes:
            user = world.person(role, **scope)
            seen = Enterprise.objects.within(get_scope(user)).values_list("pk", flat=True)
            with web.transaction():
                enter(web, user)
                found = web.execute("SELECT id FROM enterprises_enterprise").fetchall()
            assert {pk for (pk,) in found} == set(seen), (role, scope)


def test_a_foreign_row_can_be_neither_changed_nor_written(world, web):
    officer = world.person(Role.COUNTY_BRANCH, division=world.here.county)
    there = world.there
    with web.transaction():
        enter(web, officer)
        for sql in ("UPDATE {} SET name = 'x' WHERE id = %s", "DELETE FROM {} WHERE id = %s"):
            assert web.execute(sql.format("enterprises_enterprise"), [there.pk]).rowcount == 0
    for sql, args in (
        ("INSERT INTO enterprises_site (enterprise_id, name, address) VALUES (%s, 'x', '')",
         [there.pk]),
        ("UPDATE enterprises_site SET enterprise_id = %s WHERE enterprise_id = %s",
         [there.pk, world.here.pk]),
        ("UPDATE enterprises_enterprise SET county_id = %s WHERE id = %s",
         [there.county_id, world.here.pk]),
        ("INSERT INTO enterprises_pairing_controls (pairing_id, facility_id)"
         " SELECT id, %s FROM enterprises_pairing LIMIT 1",
         [make.FacilityFactory(site=there.sites.get()).pk]),
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.InsufficientPrivilege), web.transaction():
            enter(web, officer)
            web.execute(sql, args)


def test_a_partition_is_no_way_round_the_wall(world, web):
    officer = world.person(Role.CITY_ENFORCER, division=world.city)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), web.transaction():
        enter(web, officer)
        web.execute("SELECT * FROM meters_reading_20260101")


def test_a_pooled_connection_goes_back_without_a_trace(world, web):
    officer = world.person(Role.CITY_ENFORCER, division=world.city)
    with web.transaction():
        enter(web, officer)
        assert rows(web, "enterprises_enterprise") == 2
    assert rows(web, "enterprises_enterprise") == 0
    (left,) = web.execute("SELECT tenancy_scope()").fetchone()
    assert set(left.values()) == {""}


def test_savepoints_and_errors_leave_the_scope_as_it_was(world, web):
    officer = world.person(Role.CITY_ENFORCER, division=world.city)
    branch = world.person(Role.COUNTY_BRANCH, division=world.here.county)
    with web.transaction():
        enter(web, officer)
        with pytest.raises(psycopg.errors.DivisionByZero), web.transaction():
            enter(web, branch)
            assert rows(web, "enterprises_enterprise") == 1
            web.execute("SELECT 1 / 0")
        assert rows(web, "enterprises_enterprise") == 2


def test_a_foreign_collectors_trouble_does_not_pass_for_an_unknown_senders(world, web):
    """To whom a collector is hidden its MN must not look as if it were registered nowhere."""
    IntakeIssue.objects.create(reason="UNKNOWN_MN", mn="NOBODY", first_at=NOON, latest_at=NOON)
    officer = world.person(Role.CITY_ADMIN, division=world.here.county)
    with web.transaction():
        enter(web, officer)
        found = {mn for (mn,) in web.execute("SELECT mn FROM meters_intakeissue").fetchall()}
    assert found == {"NOBODY", world.here.collectors.get().mn}


def test_worker_and_owner_start_with_every_row_and_the_gateway_needs_none(world):
    for role in ("owner", "worker"):
        with psycopg.connect(**connections_settings(role)) as session:
            assert rows(session, "enterprises_enterprise") == 2
    with psycopg.connect(**connections_settings("gateway")) as session:
        assert rows(session, "meters_collector") == 2


def test_new_divisions_below_a_granted_one_are_seen_at_once(world, counts):
    officer = world.person(Role.CITY_ENFORCER, division=world.city)
    county = Division.objects.create(code="141999", name="新区", kind="AREA", parent=world.city)
    make.EnterpriseFactory(county=county)
    assert counts(officer)["enterprises_enterprise"] == 3


def test_a_wall_that_does_not_stand_is_warned_of(world):
    assert check_walls(databases=["default"]) == []
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE alerts_alert NO FORCE ROW LEVEL SECURITY")
        try:
            assert [one.id for one in check_walls(databases=["default"])] == ["powerwatch.W002"]
        finally:
            cursor.execute("ALTER TABLE alerts_alert FORCE ROW LEVEL SECURITY")
