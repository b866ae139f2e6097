"""Lists are searched, filtered, kept and exported: always within what the reader may see."""

import io
from datetime import UTC, datetime

import openpyxl
import pytest
from django.urls import reverse

from common.sheets import read_tables
from enterprises.models import Enterprise, LineGrade
from tenancy.models import AuditEntry, Role, SavedFilter
from tests import factories
from tests.meters.importing.books import credit_code

pytestmark = pytest.mark.django_db


@pytest.fixture
def see(client, story):
    """Return a function that opens a list as a person and gives the names found."""

    def open_list(who="administrator", name="enterprises", **params):
        client.force_login(getattr(story, who))
        return client.get(reverse(name), params)

    return open_list


def found(response):
    return {row.name for row in response.context["rows"]}


@pytest.fixture
def searched(story):
    """The foundry, with everything that it can be found by."""
    Enterprise.objects.filter(pk=story.foundry.pk).update(credit_code=credit_code(3))
    collector = story.points["main"].collector
    collector.mn = "141023A0000001"
    collector.save()
    return story.foundry


@pytest.mark.parametrize(
    "words",
    [
        "恒源", "恒源铸造", "xfxhy", "XFXHY", "hengyuan", "heng yuan", "xf-0007", "0007",
        credit_code(3), credit_code(3)[:10].lower(), "141023A0000001", "141023A", "落砂机",
    ],
)  # fmt: skip
def test_it_is_found_by_name_pinyin_initials_number_code_mn_and_facility(see, searched, words):
    assert found(see(q=words)) == {searched.name}


@pytest.mark.parametrize("words", ["%", "_", "\\", "'", "不存在", "恒%源"])
def test_signs_are_only_signs(see, searched, words):
    response = see(q=words)
    assert response.status_code == 200
    assert found(response) == set()


def test_a_search_finds_nothing_foreign(see, searched):
    for words in ("恒源", "141023A", "落砂机", "xfxhy"):
        assert found(see("colleague", q=words)) == set()


def test_filters_narrow_by_what_they_say(see, story):
    Enterprise.objects.filter(pk=story.neighbour.pk).update(installation_status="REQUIRED")
    foundry, neighbour = story.foundry.name, story.neighbour.name
    assert found(see(grade="B")) == {foundry}
    assert found(see(key="true")) == {foundry}
    assert found(see(industry="COKING")) == {neighbour}
    assert found(see(status="REQUIRED")) == {neighbour}
    assert found(see(county="141024")) == {neighbour}
    assert found(see(trouble="true")) == {neighbour}
    assert found(see(trouble="false")) == {foundry}
    assert found(see(industry="COKING", key="true")) == set()
    assert see(industry="nonsense", county="'").status_code == 200


def test_the_grade_of_a_line_counts_as_it_stands_now(see, story):
    line = factories.LineFactory(
        site=factories.SiteFactory(enterprise=story.neighbour, name="二厂")
    )
    for grade, year in (("C", 2020), ("A", 2024), ("D", 2099)):
        LineGrade.objects.create(
            line=line, grade=grade, valid_from=datetime(year, 1, 1, tzinfo=UTC)
        )
    assert found(see(grade="A")) == {story.neighbour.name}
    assert found(see(grade="C")) == found(see(grade="D")) == set()


def test_what_was_chosen_is_a_chip_that_takes_it_off(see):
    [chip] = [c for c in see(industry="COKING", key="true").context["chips"] if c["active"]][1:]
    assert chip["url"].endswith("?key=true")


# --- saved filters ---


def save(client, **fields):
    return client.post(reverse("filter_save"), {"page": "enterprises", **fields})


def test_a_filter_is_kept_opened_and_deleted(client, see, story):
    see()
    response = save(client, name="焦化", query="page=3&key=true&industry=COKING&q=")
    assert response.url == "/enterprises/?industry=COKING&key=true"
    kept = SavedFilter.objects.get()
    assert (kept.user, kept.query) == (story.administrator, "industry=COKING&key=true")
    shown = client.get(response.url)
    assert shown.context["saved"]["rows"][0]["active"]
    assert not shown.context["saved"]["may_save"]
    client.post(reverse("filter_delete", args=[kept.pk]))
    assert not SavedFilter.objects.exists()


def test_the_same_name_replaces(client, see):
    see()
    save(client, name="我的", query="key=true")
    save(client, name="我的", query="industry=COKING")
    assert SavedFilter.objects.get().query == "industry=COKING"


def test_saved_filters_are_ones_own(client, see, story):
    see()
    save(client, name="我的", query="key=true")
    kept = SavedFilter.objects.get()
    assert see("colleague").context["saved"]["rows"] == []
    assert client.post(reverse("filter_delete", args=[kept.pk])).status_code == 404
    assert SavedFilter.objects.exists()


@pytest.mark.parametrize("page", ["", "home", "https://evil.test"])
def test_only_filters_of_lists_are_kept(client, see, page):
    see()
    assert save(client, page=page, name="x", query="a=b").status_code == 404


def test_nothing_is_kept_without_a_name_or_filters_or_beyond_thirty(client, see, story):
    see()
    save(client, name=" ", query="key=true")
    save(client, name="x", query="page=2")
    assert not SavedFilter.objects.exists()
    for number in range(31):
        save(client, name=str(number), query="key=true")
    assert SavedFilter.objects.count() == 30


# --- exports ---


def rows_of(response):
    content = response.getvalue()
    return [row.cells for table in read_tables(io.BytesIO(content)) for row in table.rows]


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_a_list_is_exported_as_it_is_filtered(client, see, story, kind):
    see()
    response = client.get(reverse("enterprises_export", args=[kind]), {"industry": "COKING"})
    assert f".{kind}" in response["Content-Disposition"]
    _heading, *rows = rows_of(response)
    assert [row[0] for row in rows] == [story.neighbour.name]
    entry = AuditEntry.objects.get(action="list.export")
    assert (entry.actor_id, entry.object_type) == (story.administrator.pk, "enterprises")
    assert entry.new == {"rows": 1, "format": kind, "filters": "industry=COKING"}


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_alerts_are_exported_with_their_sentences(client, see, story, kind):
    see()
    _heading, *rows = rows_of(client.get(reverse("alerts_export", args=[kind])))
    shown = see(name="alerts").context["rows"]
    assert {row[0] for row in rows} >= {row.alert.number for row in shown}
    assert {row[1] for row in rows} >= {row.sentence for row in shown}


def test_an_export_holds_nothing_foreign(client, see, story):
    see("colleague")
    _heading, *rows = rows_of(client.get(reverse("enterprises_export", args=["csv"])))
    assert [row[0] for row in rows] == [story.neighbour.name]


def test_a_name_that_looks_like_a_formula_stays_a_name(client, see, story):
    Enterprise.objects.filter(pk=story.foundry.pk).update(name='=HYPERLINK("http://evil","x")')
    see()
    content = client.get(reverse("enterprises_export", args=["xlsx"])).getvalue()
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    assert {cell.data_type for cell in sheet["A"]} == {"s"}
    text = client.get(reverse("enterprises_export", args=["csv"])).getvalue().decode("utf-8-sig")
    assert "'=HYPERLINK" in text


@pytest.mark.parametrize("name", ["enterprises_export", "alerts_export"])
def test_who_may_not_export_gets_no_file_and_no_button(client, story, name):
    reviewer = factories.GrantFactory(role=Role.TECHNICAL_REVIEWER, division=story.city).user
    client.force_login(reviewer)
    assert client.get(reverse(name, args=["csv"])).status_code == 403
    page = client.get(reverse(name.removesuffix("_export")))
    assert "export.csv" not in page.content.decode()
    client.force_login(story.administrator)
    assert client.get(reverse(name, args=["exe"])).status_code == 404
