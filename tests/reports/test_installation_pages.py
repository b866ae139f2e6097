"""The pages of the programme: who may open and act, what they say, what they cost."""

from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import openpyxl
import pytest
import time_machine
from django.urls import reverse

from enterprises.models import Enterprise, InstallationBatch, InstallationLog, SurveySheet
from enterprises.programme import Event, move
from enterprises.surveys import SurveyRow, record_survey
from tenancy.models import Role, SiteAssignment
from tests import factories
from tests.reports.counting import MOST, counted

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class World:
    """A city with an enterprise on the way, another county, another city, and their people."""

    def __init__(self):
        self.city = factories.DivisionFactory()
        self.county, self.next_county = (
            factories.CountyFactory(parent=self.city) for _one in range(2)
        )
        other_city = factories.DivisionFactory(code="140800", name="运城市")
        foreign_county = factories.CountyFactory(parent=other_city)
        self.batch = factories.BatchFactory(division=self.city)
        self.foreign_batch = factories.BatchFactory(division=other_city)
        self.ours = self.enterprise(self.county, name="襄汾甲(示例)")
        self.neighbour = self.enterprise(self.next_county, name="洪洞乙(示例)")
        self.foreign = self.enterprise(foreign_county, self.foreign_batch, name="盐湖丙(示例)")
        self.company = factories.CompanyFactory(division=self.city)
        SiteAssignment.objects.create(
            company=self.company, site=self.ours.sites.get(), starts_at=factories.LONG_AGO
        )
        grants = {
            "city": {"role": Role.CITY_ADMIN, "division": self.city},
            "air_office": {"role": Role.CITY_AIR_OFFICE, "division": self.city},
            "branch": {"role": Role.COUNTY_BRANCH, "division": self.county},
            "county_air": {"role": Role.COUNTY_AIR_OFFICE, "division": self.county},
            "colleague": {"role": Role.COUNTY_BRANCH, "division": self.next_county},
            "reviewer": {"role": Role.TECHNICAL_REVIEWER, "division": self.city},
            "stranger": {"role": Role.CITY_ADMIN, "division": other_city},
            "officer": {"role": Role.ENTERPRISE_OFFICER, "enterprise": self.ours},
            "operator": {"role": Role.OPERATOR, "company": self.company},
        }
        self.people = {
            name: factories.GrantFactory(**{"division": None, **grant}).user
            for name, grant in grants.items()
        }

    def enterprise(self, county, batch=None, status="REQUIRED", **facts):
        made = factories.EnterpriseFactory(county=county, installation_status=status, **facts)
        factories.SiteFactory(enterprise=made)
        factories.InstallationFactory(enterprise=made, batch=batch or self.batch)
        return made


@pytest.fixture
def world():
    with time_machine.travel(NOW, tick=False):
        yield World()


@pytest.fixture
def go(client, world):
    """Return a function that asks as a person of the world."""

    def ask(who, name, *args, data=None, query=""):
        client.force_login(world.people[who])
        url = reverse(name, args=args) + query
        return client.post(url, data) if data is not None else client.get(url)

    return ask


SEES_PROGRAMME = {"city", "air_office", "branch", "county_air", "colleague", "stranger"}
EVERYBODY = SEES_PROGRAMME | {"reviewer", "officer", "operator"}


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_the_programme_is_for_authorities_that_follow_it(go, who):
    expected = 200 if who in SEES_PROGRAMME else 403
    for name in ("installation", "installation_list", "installation_batches"):
        assert go(who, name).status_code == expected
    assert go(who, "installation_export").status_code == expected
    may_manage = who in ("city", "air_office", "stranger")
    assert go(who, "installation_batch_new").status_code == (200 if may_manage else 403)


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("city", 200),
        ("air_office", 200),
        ("branch", 200),
        ("county_air", 200),
        ("officer", 200),
        ("operator", 200),
        ("reviewer", 403),
        ("colleague", 404),
        ("stranger", 404),
    ],
)
def test_an_enterprises_steps_are_seen_by_who_has_to_do_with_them(go, world, who, status):
    assert go(who, "enterprise_installation", world.ours.pk).status_code == status


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("city", 200),
        ("branch", 200),
        ("operator", 200),
        ("air_office", 403),
        ("officer", 403),
        ("county_air", 403),
        ("reviewer", 403),
        ("colleague", 404),
        ("stranger", 404),
    ],
)
def test_surveys_are_recorded_by_who_surveys(go, world, who, status):
    assert go(who, "enterprise_survey", world.ours.pk).status_code == status


@pytest.mark.parametrize("who", ["branch", "county_air"])
def test_lists_and_numbers_hold_the_own_county_alone(go, world, who):
    for query in ("", "?by=industry", "?by=batch"):
        response = go(who, "installation", query=query)
        assert response.context["total"].required == 1
        assert world.neighbour.name not in response.content.decode()
    content = go(who, "installation_list").content.decode()
    assert world.ours.name in content
    assert world.neighbour.name not in content
    batch = go(who, "installation_batch", world.batch.pk)
    assert world.neighbour.name not in batch.content.decode()
    assert batch.context["counts"]["all"] == 1
    assert go(who, "installation_batch", world.foreign_batch.pk).status_code == 404
    rows = go(who, "installation_batches").context["rows"]
    assert [(one, counts.required, counts.overdue) for one, counts in rows] == [(world.batch, 1, 1)]


def test_the_workbook_holds_what_the_list_holds(go, world):
    response = go("city", "installation_export", query="?state=overdue")
    rows = list(openpyxl.load_workbook(BytesIO(response.content)).active.values)
    assert {row[0] for row in rows[1:]} == {world.ours.name, world.neighbour.name}
    assert rows[1][7] == 23


ACT = "enterprise_installation_act"


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("city", 302),
        ("air_office", 302),
        ("branch", 403),
        ("officer", 403),
        ("operator", 403),
        ("county_air", 403),
        ("reviewer", 403),
        ("colleague", 404),
        ("stranger", 404),
    ],
)
def test_only_who_manages_the_programme_exempts(go, world, who, status):
    data = {"act": Event.EXEMPT, "reason": "no process", "seen": "REQUIRED"}
    assert go(who, ACT, world.ours.pk, data=data).status_code == status
    world.ours.refresh_from_db()
    expected = "EXEMPT" if status == 302 else "REQUIRED"
    assert world.ours.installation_status == expected
    assert InstallationLog.objects.count() == (1 if status == 302 else 0)


def test_the_log_says_who_acted_for_which_body(go, world):
    go("air_office", ACT, world.ours.pk, data={"act": Event.EXEMPT, "reason": "no process"})
    row = InstallationLog.objects.get()
    assert row.actor == world.people["air_office"]
    assert row.body.startswith("临汾市")
    content = go("officer", "enterprise_installation", world.ours.pk).content.decode()
    assert "no process" in content


@pytest.mark.parametrize("event", [Event.ACCEPT, Event.REJECT, Event.SURVEY, "nonsense"])
def test_the_page_makes_no_move_that_needs_a_sheet(go, world, event):
    Enterprise.objects.update(installation_status="CONNECTED")
    data = {"act": event, "reason": "x"}
    assert go("city", ACT, world.ours.pk, data=data).status_code == 400
    assert not InstallationLog.objects.exists()


def test_who_acts_on_an_older_page_is_told_and_changes_nothing(go, world):
    Enterprise.objects.update(installation_status="SURVEYED")
    world.ours.refresh_from_db()
    move(world.ours, Event.BEGIN, actor=None, now=NOW)
    data = {"act": Event.RETURN, "reason": "wrong", "seen": "SURVEYED"}
    go("city", ACT, world.ours.pk, data=data)
    assert InstallationLog.objects.count() == 1
    # A status that was never shown is no way round.
    go("city", ACT, world.ours.pk, data={**data, "seen": "nonsense"})
    assert InstallationLog.objects.count() == 1


def test_the_operator_installs_and_connects(go, world):
    Enterprise.objects.filter(pk=world.ours.pk).update(installation_status="SURVEYED")
    for event in (Event.BEGIN, Event.CONNECT):
        go("operator", ACT, world.ours.pk, data={"act": event})
    world.ours.refresh_from_db()
    assert world.ours.installation_status == "CONNECTED"


def survey_data(**changes):
    row = {"name": "布袋除尘风机", "kind": "CONTROL", "rated_kw": "110", "ct": "300/5", "place": ""}
    data = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "0", "surveyed_on": "2026-11-22"}
    return data | {f"form-0-{key}": value for key, value in row.items()} | changes


def test_a_survey_is_recorded_from_the_form(go, world):
    assert go("operator", "enterprise_survey", world.ours.pk, data=survey_data()).status_code == 302
    sheet = SurveySheet.objects.get()
    assert [row["name"] for row in sheet.rows] == ["布袋除尘风机"]
    world.ours.refresh_from_db()
    assert world.ours.installation_status == "SURVEYED"
    page = go("officer", "enterprise_installation", world.ours.pk).content.decode()
    assert "布袋除尘风机" in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"surveyed_on": "2026-11-24"},
        {"form-0-ct": "=1+1"},
        {"form-0-rated_kw": "-1"},
        {"form-0-kind": ""},
        {"form-0-name": "", "form-0-kind": "", "form-0-rated_kw": "", "form-0-ct": ""},
    ],
)
def test_a_wrong_sheet_comes_back_with_what_was_typed(go, world, wrong):
    response = go("branch", "enterprise_survey", world.ours.pk, data=survey_data(**wrong))
    assert response.status_code == 200
    assert not SurveySheet.objects.exists()


def test_more_rows_keep_what_was_typed(go, world):
    data = survey_data(more="1", finding="the cabinet is full")
    response = go("branch", "enterprise_survey", world.ours.pk, data=data)
    content = response.content.decode()
    assert "布袋除尘风机" in content
    assert "the cabinet is full" in content
    assert len(response.context["rows"].forms) == 5
    assert not SurveySheet.objects.exists()


def test_a_batch_is_registered_for_the_own_division_alone(go, world):
    data = {"name": "新通知", "issued_on": "2026-11-23", "due_on": "2026-12-31"}
    foreign = data | {"division": world.foreign_batch.division_id}
    assert go("city", "installation_batch_new", data=foreign).status_code == 200
    early = data | {"division": world.city.pk, "due_on": "2026-11-22"}
    assert go("city", "installation_batch_new", data=early).status_code == 200
    assert not InstallationBatch.objects.filter(name="新通知").exists()
    go("city", "installation_batch_new", data=data | {"division": world.city.pk})
    made = InstallationBatch.objects.get(name="新通知")
    assert (made.division, made.created_by) == (world.city, world.people["city"])


BATCH_ACT = "installation_batch_act"


def test_an_act_on_many_says_to_how_many_before_it_is_done(go, world):
    fresh = factories.EnterpriseFactory(county=world.county, installation_status="NOT_REQUIRED")
    data = {"act": "add", "add-county": "", "add-industry": ""}
    shown = go("city", BATCH_ACT, world.batch.pk, data=data)
    assert shown.context["plan"].count == 1
    fresh.refresh_from_db()
    assert fresh.installation_status == "NOT_REQUIRED"
    # Another number than was shown: shown again.
    again = go("city", BATCH_ACT, world.batch.pk, data=data | {"expected": "7"})
    assert again.status_code == 200
    done = go("city", BATCH_ACT, world.batch.pk, data=data | {"expected": "1"})
    assert done.status_code == 302
    fresh.refresh_from_db()
    assert fresh.installation_status == "REQUIRED"
    assert fresh.installation.batch == world.batch


@pytest.mark.parametrize(
    ("data", "check"),
    [
        (
            {"act": "due", "due-due_on": "2026-12-31", "due-reason": "parts", "whom": "overdue"},
            lambda one: one.installation.due_on == date(2026, 12, 31),
        ),
        (
            {"act": "exempt", "reason-reason": "no process", "whom": "open"},
            lambda one: one.installation_status == "EXEMPT",
        ),
        (
            {"act": "release", "reason-reason": "closed", "whom": "open"},
            lambda one: one.installation_status == "NOT_REQUIRED",
        ),
    ],
    ids=["due", "exempt", "release"],
)
def test_acts_on_members_reach_the_members_that_are_named(go, world, data, check):
    shown = go("air_office", BATCH_ACT, world.batch.pk, data=data)
    assert shown.context["plan"].count == 2
    go("air_office", BATCH_ACT, world.batch.pk, data=data | {"expected": "2"})
    for one in Enterprise.objects.select_related("installation"):
        assert check(one) == (one.pk != world.foreign.pk)


def test_only_ticked_members_get_the_company(go, world):
    data = {"act": "company", "company-company": world.company.pk, "whom": "chosen"}
    data |= {"enterprise": [world.ours.pk, world.foreign.pk]}
    go("city", BATCH_ACT, world.batch.pk, data=data | {"expected": "1"})
    world.ours.installation.refresh_from_db()
    world.foreign.installation.refresh_from_db()
    assert world.ours.installation.company == world.company
    assert world.foreign.installation.company is None


@pytest.mark.parametrize(
    ("who", "status"), [("branch", 403), ("county_air", 403), ("officer", 403), ("stranger", 404)]
)
def test_nobody_else_acts_on_a_batch(go, world, who, status):
    data = {"act": "exempt", "reason-reason": "x", "whom": "open", "expected": "1"}
    assert go(who, BATCH_ACT, world.batch.pk, data=data).status_code == status
    assert not InstallationLog.objects.exists()


@pytest.mark.parametrize("more", [0, 3])
@pytest.mark.parametrize(
    ("name", "query", "cost"),
    [
        ("installation", "", 11),
        ("installation", "?by=industry", 11),
        ("installation", "?by=batch", 12),
        ("installation_list", "?state=overdue", 8),
        ("installation_batches", "", 7),
        ("installation_batch", "", 12),
        ("enterprise_installation", "", 12),
    ],
)
def test_a_page_costs_what_it_costs(client, world, name, query, cost, more):
    row = SurveyRow("风机", "CONTROL", 110.0)
    for _one in range(more + 1):
        one = world.enterprise(factories.CountyFactory(parent=world.city))
        move(one, Event.EXEMPT, actor=world.people["city"], now=NOW, reason="x")
        record_survey(
            world.ours,
            rows=[row],
            surveyed_on=date(2026, 11, 23),
            actor=world.people["city"],
            now=NOW - timedelta(hours=1),
        )
    args = {"installation_batch": [world.batch.pk], "enterprise_installation": [world.ours.pk]}
    client.force_login(world.people["city"])
    url = reverse(name, args=args.get(name, [])) + query
    client.get(url)
    with counted() as statements:
        assert client.get(url).status_code == 200
    assert len(statements) == cost <= MOST, "\n".join(statements)
