"""Every main page and the acts of issue 3, with the database's own rights and policies in force.

Other tests run as the owner of the database, for whom a missing grant or policy cannot show. Here
the requests run on a connection that ``powerwatch_web`` opened, tasks on one of
``powerwatch_worker``; what is set up before and looked at afterwards is the owner's.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import ProgrammingError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts.calendar import evaluate_calendar
from alerts.models import Alert
from enterprises.models import (
    AcceptanceSheet,
    Attachment,
    Enterprise,
    Facility,
    ImportJob,
    Installation,
    Pairing,
    SurveySheet,
    Threshold,
)
from enterprises.programme import Event
from meters.importing import job as jobs
from meters.models import CollectorStatus, Meter, WorkOrder
from powerwatch.database_roles import APPEND_ONLY, grant_roles
from powerwatch.settings import _database_for
from tenancy.models import ApiToken, AuditEntry, Grant, Role, SiteAssignment, User
from tenancy.tokens import SCOPES
from tests import factories
from tests.enterprises.pictures import jpeg
from tests.meters.acceptance.test_acceptance import add_point, fill
from tests.meters.importing.books import foundry, workbook

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "A-Long-Enough-Secret-42"
ROLES = {
    "city": (Role.CITY_ADMIN, "city"),
    "air": (Role.CITY_AIR_OFFICE, "city"),
    "branch": (Role.COUNTY_BRANCH, "county"),
    "officer": (Role.ENTERPRISE_OFFICER, "enterprise"),
    "operator": (Role.OPERATOR, "company"),
    "security": (Role.SECURITY_ADMIN, "city"),
    "auditor": (Role.AUDITOR, "city"),
}


@contextmanager
def connected_as(role: str) -> Iterator[None]:
    """Let everything run on a connection of a process role, with that process's settings."""
    own, kept = _database_for(role), dict(connection.settings_dict)
    connection.close()
    connection.settings_dict.update({key: own[key] for key in ("USER", "PASSWORD", "OPTIONS")})
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, current_setting('powerwatch.scope', true)")
            user, scope = cursor.fetchone()
            assert user == f"powerwatch_{role}"
            assert (scope == "system") == (role != "web")
        yield
    finally:
        connection.close()
        connection.settings_dict.update(kept)


class World:
    """An enterprise that must install, with devices that send, and a person of each role."""

    def __init__(self) -> None:
        now = timezone.now()
        self.city = factories.DivisionFactory()
        self.county = factories.CountyFactory(code="141023", name="襄汾县", parent=self.city)
        self.enterprise = factories.EnterpriseFactory(
            county=self.county, installation_status="REQUIRED"
        )
        self.site = factories.SiteFactory(enterprise=self.enterprise)
        self.collector = factories.CollectorFactory(site=self.site, password="own-secret")
        CollectorStatus.objects.create(collector=self.collector, latest_received_at=now)
        self.point = add_point(self.site, self.collector, kind="PRODUCTION", name="炉")
        fan = add_point(self.site, self.collector, kind="CONTROL", name="风机")
        self.fan = fan.facility
        for point in (self.point, fan):
            fill(point, start=now - timedelta(hours=73), end=now)
        factories.PairingFactory(
            site=self.site, productions=[self.point.facility], controls=[self.fan]
        )
        self.company = factories.CompanyFactory(division=self.city)
        SiteAssignment.objects.create(
            company=self.company, site=self.site, starts_at=factories.LONG_AGO
        )
        self.batch = factories.BatchFactory(division=self.city)
        Installation.objects.create(
            enterprise=self.enterprise,
            batch=self.batch,
            due_on=date(2026, 10, 31),
            company=self.company,
        )
        elsewhere = factories.DivisionFactory(code="140800", name="运城市")
        self.foreign = factories.EnterpriseFactory(county=factories.CountyFactory(parent=elsewhere))
        self.people = {}
        for name, (role, scope) in ROLES.items():
            grant = {"division": None, scope if scope not in ("city", "county") else "division": (
                getattr(self, scope)
            )}  # fmt: skip
            user = factories.GrantFactory(role=role, **grant).user
            user.username, user.password_changed_at = name, now
            user.set_password(PASSWORD)
            user.save()
            self.people[name] = user
        Pairing.objects.update(approved_by=self.people["branch"], approved_at=now)


@pytest.fixture
def world(settings, tmp_path, monkeypatch) -> World:
    settings.STATE_DIR = tmp_path
    settings.PROOF_MINUTES = 0  # each step-up is asked for
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # not the matter
    # The broker's end of the wire; the worker's part is run below.
    monkeypatch.setattr(jobs.current_app, "send_task", lambda *args, **options: None)
    assert grant_roles()
    return World()


class Person:
    """Somebody at a browser who has signed in."""

    def __init__(self, name: str, user: User) -> None:
        self.name, self.user, self.client = name, user, Client()
        typed = {"username": name, "password": PASSWORD}
        assert self.client.post(reverse("login"), typed).status_code == 302, name

    def get(self, name: str, /, *args, query: str = "", **kwargs):
        answer = self.client.get(reverse(name, args=args) + query, **kwargs)
        if answer.streaming:  # a file is fetched whole
            assert b"".join(answer.streaming_content)
            answer.close()
        return answer

    def post(self, name: str, /, *args, query: str = "", **data):
        return self.client.post(reverse(name, args=args) + query, data)

    def prove(self, name: str, /, *args, **data):
        """Post what asks for the password first, with the password."""
        asked = self.post(name, *args, **data)
        assert "proof-password" in asked.content.decode()
        return self.post(name, *args, **data, **{"proof-password": PASSWORD})

    def fill_in(self, name: str, /, *args, **changes):
        """Open a form, change some fields of what stands in it, and send it."""
        form = self.get(name, *args).context["form"]
        typed = {field.html_name: field.value() for field in form}
        typed = {key: value for key, value in typed.items() if value not in (None, "")}
        answer = self.post(name, *args, **{**typed, **changes})
        why = getattr(answer.context and answer.context.get("form"), "errors", "")
        assert answer.status_code == 302, f"{name} {args}: {answer.status_code} {why}"
        return answer


class People(dict[str, Person]):
    """Whoever is asked for signs in."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def __missing__(self, name: str) -> Person:
        self[name] = Person(name, self._world.people[name])
        return self[name]


@pytest.fixture
def people(world):
    with connected_as("web"):
        yield People(world)


MAIN_PAGES = (
    *(
        "home",
        "city",
        "enterprises",
        "alerts",
        "work",
        "work_orders",
        "intake",
        "audit",
        "messages",
    ),
    *("installation", "installation_list", "installation_batches", "installation_batch_new"),
    *("people", "person_new", "companies", "company_new", "imports", "enterprise_new"),
    *("account", "account_sessions", "account_password", "account_second_factor", "api_tokens"),
    *("admin:index", "installation_export", "import_template", "audit_export"),
)
OF_ENTERPRISE = (
    *("enterprise", "enterprise_file", "enterprise_installation", "enterprise_survey"),
    *("acceptance", "enterprise_looks", "enterprise_live"),
)


def test_every_main_page_opens_for_every_role(world, people, settings):
    settings.PROOF_MINUTES = 5
    opened = set()
    for one in [people[name] for name in ROLES]:
        for name in MAIN_PAGES:
            status = one.get(name).status_code
            assert status in (200, 302, 403), f"{one.name} {name}: {status}"
            opened |= {name} if status == 200 else set()
        for name in OF_ENTERPRISE:
            status = one.get(name, world.enterprise.pk).status_code
            assert status in (200, 403, 404), f"{one.name} {name}: {status}"
            opened |= {name} if status == 200 else set()
        assert one.get("enterprise_file", world.foreign.pk).status_code == 404, one.name
        assert one.get("enterprise_installation", world.foreign.pk).status_code == 404, one.name
        one.get("installation_batch", world.batch.pk)
        one.get("enterprises_export", "xlsx")
    assert opened >= {*MAIN_PAGES, *OF_ENTERPRISE} - {"home"}
    for name in ("city", "branch", "officer"):
        page = people[name].get("enterprise_file", world.enterprise.pk).content.decode()
        assert "风机" in page, name


def test_an_installation_from_the_survey_to_the_signature(world, people):
    city, branch, operator = people["city"], people["branch"], people["operator"]
    pk = world.enterprise.pk
    now = timezone.localtime().strftime("%Y-%m-%dT%H:%M")
    # the file
    city.fill_in("file_act", pk, "edit-enterprise", address="新址")
    city.fill_in("file_act", pk, "add-contact", kind="OFFICER", name="孙某", phone="13900000001")
    contact = {"code": "F-NEW", "name": "新风机", "kind": "CONTROL", "rated_kw": "75"}
    city.fill_in("file_act_on", pk, "add-facility", world.site.pk, **contact)
    values = {"off_below_kw": "5", "on_from_kw": "20", "source": "COMMISSIONING", "reason": "试车"}
    city.fill_in("file_act_on", pk, "set-threshold", world.fan.pk, **values, valid_from=now)
    with connected_as("owner"):
        threshold = Threshold.objects.get(facility=world.fan)
    branch.fill_in("file_act_on", pk, "approve-threshold", threshold.pk)
    record = {"serial": "NEW-1", "seal_numbers": "F-9", "reason": "换表", "valid_from": now}
    operator.fill_in("file_act_on", pk, "replace-meter", world.point.pk, **record)
    # the steps
    row = {"name": "炉", "kind": "PRODUCTION", "rated_kw": "100", "ct": "", "place": ""}
    sheet = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "0", "surveyed_on": "2026-11-20"}
    sheet |= {f"form-0-{key}": value for key, value in row.items()}
    assert operator.post("enterprise_survey", pk, **sheet).status_code == 302
    city.post("enterprise_installation_act", pk, act="due", **{
        "due-due_on": "2027-01-31", "due-reason": "等设备",
    })  # fmt: skip
    for act in (Event.BEGIN, Event.CONNECT):
        assert operator.post("enterprise_installation_act", pk, act=act).status_code == 302
    page = branch.get("acceptance", pk)
    assert page.context["is_passed"], page.context["rows"]
    name = world.people["branch"].full_name
    assert branch.post("acceptance_sign", pk, act="accept", signed_name=name).status_code == 302
    # a photo of the survey, by the operator, seen by the officer and withdrawn by the city
    with connected_as("owner"):
        survey = SurveySheet.objects.get()
    photo = SimpleUploadedFile("p.jpg", jpeg(), "image/jpeg")
    of = {"subject_type": "survey", "subject_id": survey.pk}
    assert operator.post("attach", pk, file=photo, **of).status_code == 302
    with connected_as("owner"):
        key = Attachment.objects.get().key
    assert people["officer"].get("attachment", key).status_code == 200
    assert city.post("attachment_withdraw", key, reason="拍错了").status_code == 302
    with connected_as("owner"):
        found = Enterprise.objects.get(pk=pk)
        assert (found.installation_status, found.address) == ("ACCEPTED", "新址")
        assert Installation.objects.get(enterprise=pk).accepted_at is not None
        assert AcceptanceSheet.objects.get().is_passed
        assert all(point.is_accepted for point in world.collector.points.all())
        assert Facility.objects.filter(code="F-NEW").exists()
        assert AuditEntry.objects.filter(actor_id=world.people["city"].pk).exists()
        assert AuditEntry.objects.filter(action="installation.look").exists()


def test_a_work_order_from_opening_to_confirming(world, people):
    branch, operator = people["branch"], people["operator"]
    opened = branch.post(
        "work_order_new",
        query=f"?site={world.site.pk}",
        kind="CALIBRATION",
        device=f"point:{world.point.pk}",
        text="证书将到期",
    )
    assert opened.status_code == 302
    number = opened.url.rstrip("/").rsplit("/", 1)[-1]
    assert number in operator.get("work").content.decode()
    meter = {"serial": "S9", "accuracy_class": "0.5S", "ct_ratio": "40", "seal_numbers": "F9"}
    meter |= {"certificate_number": "Z9", "certified_on": "2026-11-01"}
    meter |= {"certificate_expires_on": "2028-11-01"}
    moves = (
        (operator, {"act": "accept"}),
        (operator, {"act": "finish", "note": "已检定", **meter}),
        (branch, {"act": "confirm"}),
    )
    for who, data in moves:
        assert who.post("work_order_act", number, **data).status_code == 302, data
        assert who.get("work_order", number).status_code == 200
    with connected_as("owner"):
        assert WorkOrder.objects.get().status == "CONFIRMED"
        assert Meter.objects.get(serial="S9").work_order.number == number


def test_an_import_is_checked_and_written_by_the_worker(world, people):
    city = people["city"]
    book = SimpleUploadedFile("临汾.xlsx", workbook(foundry()).getvalue())
    where = city.post("imports", file=book).url
    pk = int(re.search(r"(\d+)/$", where).group(1))
    for expected in ("CHECKED", "DONE"):
        with connected_as("worker"):
            assert jobs.run(pk, now=timezone.now(), clock=timezone.now) == expected, (
                ImportJob.objects.get(pk=pk).errors
            )
        with connected_as("web"):
            assert city.client.get(where).status_code == 200
            assert city.get("import_live", pk).status_code in (200, 204, 286)
            if expected == "CHECKED":
                assert city.post("import_write", pk).status_code == 302


def test_people_grants_and_tokens_with_the_password_again(world, people):
    security, branch = people["security"], people["branch"]
    form = {"full_name": "张某", "username": "zhang", "role": Role.COUNTY_BRANCH}
    form |= {"division": world.county.pk, "first_day": timezone.localdate().isoformat()}
    made = security.prove("person_new", **form)
    assert made.context["password"], made.context["form"].errors
    with connected_as("owner"):
        grant = Grant.objects.get(user__username="zhang")
    given = form | {"role": Role.COUNTY_AIR_OFFICE}
    assert security.prove("grant_give", grant.user_id, **given).status_code == 302
    assert security.prove("grant_end", grant.pk).status_code == 302
    assert security.prove("person_act", grant.user_id, act="deactivate").status_code == 302
    scope = {"scopes": sorted(SCOPES), "name": "报表", "days": "30"}
    token = branch.prove("api_tokens", **scope)
    secret = token.context["secret"]
    assert secret, token.context["form"].errors
    with connected_as("owner"):
        pk = ApiToken.objects.get().pk
    asked = {"headers": {"Authorization": f"Bearer {secret}"}}
    program = Client()
    for path in ("me", "enterprises", "points", "installations", "work-orders", "progress"):
        assert program.get(f"/api/v1/{path}", **asked).status_code == 200, path
    assert branch.post("api_token_revoke", pk).status_code == 302
    assert program.get("/api/v1/me", **asked).status_code == 401
    kept = {"page": "alerts", "name": "红", "query": "level=1"}
    assert branch.client.post(reverse("filter_save"), kept).status_code == 302
    assert branch.client.post(reverse("logout")).status_code == 302
    with connected_as("owner"):
        assert not User.objects.get(username="zhang").is_active
        actions = set(AuditEntry.objects.values_list("action", flat=True))
        assert {"stepup.success", "signin.success"} <= actions, actions


def test_the_worker_tells_what_the_calendar_says(world):
    with connected_as("worker"):
        assert evaluate_calendar(now=timezone.now()).failed == 0
    assert Alert.objects.filter(rule="R19").exists()


def test_what_was_signed_or_logged_is_changed_by_no_process():
    assert grant_roles()
    assert {
        "enterprises_installationlog",
        "enterprises_surveysheet",
        "enterprises_acceptancesheet",
        "meters_workorderlog",
    } <= set(APPEND_ONLY)
    asked = """
        SELECT name FROM unnest(%s::text[]) AS name, unnest(%s::text[]) AS role
        WHERE has_table_privilege(role, name, 'UPDATE, DELETE, TRUNCATE')
    """
    roles = ["powerwatch_web", "powerwatch_worker"]
    with connection.cursor() as cursor:
        cursor.execute(asked, [list(APPEND_ONLY), roles])
        assert cursor.fetchall() == []
    for role in ("web", "worker"):
        with (
            connected_as(role),
            connection.cursor() as cursor,
            pytest.raises(ProgrammingError, match="permission denied"),
        ):
            cursor.execute("UPDATE enterprises_acceptancesheet SET is_passed = true")
