"""A book goes in whole or not at all, and the same book twice changes nothing."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from common.localtime import day_start
from enterprises.importing import nodes
from enterprises.importing.plan import FilePlan
from enterprises.models import Contact, Enterprise, Facility, LineGrade, Pairing, Threshold
from meters.importing import plan as device_plan
from meters.importing.job import run_book
from meters.models import Collector, CollectorDevice, Meter, MonitoringPoint
from tenancy.models import AuditEntry, Role
from tests import factories
from tests.meters.importing.books import ONE, credit_code, foundry, workbook
from tests.meters.importing.conftest import NOW

pytestmark = pytest.mark.django_db
SINCE = day_start(date(2026, 1, 1))


def changes(outcome):
    return {
        sheet: {what: n for what, n in counts.items() if n}
        for sheet, counts in outcome.counts.items()
    }


def said(outcome):
    return [(p.sheet, p.row, p.column, p.value, p.text) for p in outcome.problems]


def many(count):
    """Return the book of so many enterprises with everything."""
    book = {sheet: [] for sheet in foundry()}
    for number in range(count):
        one = foundry(credit_code(number + 10))
        for mn in (*one["collectors"], *one["points"]):
            mn["mn"] = f"MN{number}"
        for sheet, rows in one.items():
            book[sheet] += rows
    return book


def test_checking_writes_nothing(bring, stands):
    outcome = bring(workbook(foundry()), write=False)
    assert said(outcome) == []
    assert changes(outcome)["points"] == {"new": 2}
    assert set(stands().values()) == {0}


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_clean_book_is_written_whole(bring, stands, language):
    outcome = bring(workbook(foundry(), language=language))
    assert said(outcome) == []
    assert stands() == {
        "Enterprise": 1, "Site": 1, "LineGrade": 1, "Facility": 2, "Threshold": 1, "Pairing": 1,
        "Collector": 1, "CollectorDevice": 1, "MonitoringPoint": 2, "Meter": 2,
    }  # fmt: skip
    enterprise = Enterprise.objects.get()
    assert (enterprise.credit_code, enterprise.code, enterprise.is_key) == (ONE, ONE, True)
    assert enterprise.name_initials.startswith("xfxxxzz")
    assert enterprise.installation_status == "REQUIRED"
    assert Contact.objects.get().phone == "13900000001"
    furnace = Facility.objects.get(code="F01")
    assert (furnace.line.name, furnace.rated_kw, furnace.load_class) == ("熔炼线", 1250, "FURNACE")
    pairing = Pairing.objects.get()
    assert [f.code for f in pairing.productions.all()] == ["F01"]
    assert [f.code for f in pairing.controls.all()] == ["F11"]
    assert (pairing.min_ratio, pairing.valid_from, pairing.approved_at) == (0.3, SINCE, None)
    meter = Meter.objects.get(serial="DB1")
    assert (meter.ct_ratio, meter.valid_from, meter.valid_to) == (80.0, SINCE, None)
    assert meter.point.facility == furnace
    assert LineGrade.objects.get().grade == "B"


def test_the_same_book_twice_changes_nothing(bring, stands):
    bring(workbook(foundry()))
    before = stands()
    again = bring(workbook(foundry()), now=NOW + timedelta(days=3))
    assert said(again) == []
    assert {what for counts in changes(again).values() for what in counts} == {"same"}
    assert stands() == before


def test_a_changed_ratio_is_a_new_dated_record_and_the_old_one_stays(bring):
    bring(workbook(foundry()))
    book = foundry()
    book["points"][0] |= {"ct_ratio": "600/5", "since": "2026-11-01", "reason": "更换互感器"}
    outcome = bring(workbook(book))
    assert changes(outcome)["points"] == {"changed": 1, "same": 1}
    first, second = Meter.objects.filter(point__circuit="01").order_by("valid_from")
    assert (first.ct_ratio, first.valid_to) == (80.0, day_start(date(2026, 11, 1)))
    assert (second.ct_ratio, second.valid_from, second.valid_to) == (
        120.0, day_start(date(2026, 11, 1)), None,
    )  # fmt: skip
    assert (second.serial, second.reason) == ("DB1", "更换互感器")
    assert changes(bring(workbook(book)))["points"] == {"same": 2}


def test_without_a_date_a_change_counts_from_now(bring):
    bring(workbook(foundry()))
    book = foundry()
    del book["collectors"][0]["since"], book["facilities"][0]["since"], book["pairings"][0]["since"]
    book["collectors"][0]["serial"] = "SN2"
    book["facilities"][0]["on_from_kw"] = 600
    book["pairings"][0]["lag_s"] = 300
    outcome = bring(workbook(book))
    assert said(outcome) == []
    assert CollectorDevice.objects.get(serial="SN1").valid_to == NOW
    assert CollectorDevice.objects.get(serial="SN2").valid_from == NOW
    old, new = Threshold.objects.order_by("valid_from")
    assert (old.on_from_kw, new.on_from_kw, new.off_below_kw, new.valid_from) == (
        500, 600, 25, NOW,
    )  # fmt: skip
    ended, begun = Pairing.objects.order_by("valid_from")
    assert (ended.valid_to, begun.valid_from, begun.lag_s, begun.min_ratio) == (NOW, NOW, 300, 0.3)
    assert begun.controls.count() == 1


def test_other_controls_for_a_stage_end_the_pairing_that_stood(bring):
    book = foundry()
    book["facilities"].append(
        {"enterprise": ONE, "code": "F12", "name": "备用风机", "kind": "CONTROL", "rated_kw": 132}
    )
    bring(workbook(book))
    book["pairings"][0] |= {"controls": "F11、F12", "since": "2026-06-01"}
    assert changes(bring(workbook(book)))["pairings"] == {"changed": 1}
    assert Pairing.objects.filter(valid_to__isnull=True).get().controls.count() == 2


def test_what_is_not_filled_in_stays(bring):
    bring(workbook(foundry()))
    only = {"enterprises": [{"credit_code": ONE, "name": "新名字铸造有限公司", "county": "141023",
                             "industry": "FOUNDRY"}]}  # fmt: skip
    assert changes(bring(workbook(only))) == {"enterprises": {"changed": 1}}
    enterprise = Enterprise.objects.get()
    assert (enterprise.industry_code, enterprise.is_key) == ("C3391", True)
    assert enterprise.name_initials.startswith("xmz")


def test_what_stands_is_changed_in_place_field_by_field(bring):
    """Also by a line that comes with the same book, and for one row and not its neighbour."""
    bring(workbook(foundry()))
    book = foundry()
    book["lines"].append({"enterprise": ONE, "name": "造型线"})
    book["facilities"][0] |= {"line": "造型线", "name": "2号'炉\\", "drive": "VFD"}
    book["facilities"][1] |= {"kind": "AUXILIARY", "is_safety_critical": "是", "keep_warm_kw": 7.5}
    book["enterprises"][0] |= {"county": "141023", "is_key": "否", "contact_phone": "13900000002"}
    book["collectors"][0]["expected_interval_s"] = 90
    del book["pairings"]
    outcome = bring(workbook(book))
    assert said(outcome) == []
    assert changes(outcome)["facilities"] == {"changed": 2}
    furnace, fan = Facility.objects.order_by("code")
    assert (furnace.line.name, furnace.name, furnace.drive) == ("造型线", "2号'炉\\", "VFD")
    assert (furnace.kind, furnace.is_safety_critical, furnace.keep_warm_kw) == (
        "PRODUCTION", False, None,
    )  # fmt: skip
    assert (fan.line, fan.kind, fan.is_safety_critical, fan.keep_warm_kw) == (
        None, "AUXILIARY", True, 7.5,
    )  # fmt: skip
    assert Enterprise.objects.get().is_key is False
    assert Contact.objects.get().phone == "13900000002"
    assert Collector.objects.get().expected_interval_s == 90
    changed = AuditEntry.objects.filter(action="facility.change").order_by("object_id")
    assert changed.last().new == {
        "kind": "AUXILIARY", "is_safety_critical": True, "keep_warm_kw": 7.5,
    }  # fmt: skip
    assert changed.count() == 2
    assert changes(bring(workbook(book)))["facilities"] == {"same": 2}


def test_a_row_that_went_away_meanwhile_ends_the_writing(bring, monkeypatch):
    bring(workbook(foundry()))
    book = foundry()
    book["enterprises"][0] |= {"name": "新名字铸造有限公司", "contact_phone": "13900000002"}
    load = FilePlan.resolve

    def resolve_late(self, progress):
        load(self, progress)
        Contact.objects.all().delete()

    monkeypatch.setattr(FilePlan, "resolve", resolve_late)
    with pytest.raises(IntegrityError, match="gone"):
        bring(workbook(book))
    assert Enterprise.objects.get().name != "新名字铸造有限公司"


@pytest.mark.parametrize("count", [1, 4])
def test_writing_changes_costs_the_same_queries_whatever_the_rows(bring, count):
    bring(workbook(many(count)))
    book = many(count)
    for number, row in enumerate(book["facilities"]):
        row["name"] = f"设施{number}"
    for row in book["points"]:
        row |= {"ct_ratio": "600/5", "since": "2026-06-01"}
    with CaptureQueriesContext(connection) as queries:
        outcome = bring(workbook(book))
    assert said(outcome) == []
    assert changes(outcome)["facilities"] == {"changed": 2 * count}
    assert len(queries) == 34


def test_progress_ends_with_the_last_row_written_and_not_before(city, monkeypatch):
    monkeypatch.setattr(nodes, "BATCH", 1)
    heard, at_meters = [], []
    create_all = device_plan.create_all

    def watch(model, rows, progress):
        if model is Meter:
            at_meters.append(heard[-1][0])
        create_all(model, rows, progress)

    monkeypatch.setattr(device_plan, "create_all", watch)

    def bring(book):
        heard.clear()
        tell = lambda done, total: heard.append((done, total))  # noqa: E731
        outcome = run_book(workbook(book), actor=city.admin, now=NOW, write=True, progress=tell)
        assert said(outcome) == []
        assert [done for done, _total in heard] == sorted(done for done, _total in heard)
        assert heard[0] == (0, 16)
        return heard[-1]

    book = foundry()
    assert bring(book) == (16, 16)
    for row in book["points"]:
        row |= {"ct_ratio": "600/5", "since": "2026-06-01"}
    assert bring(book) == (16, 16)
    assert at_meters[0] < 16
    assert at_meters[1] < 16


def test_devices_alone_refer_to_what_stands(bring):
    bring(workbook(foundry()))
    more = {"points": [{"mn": "141023000000001", "circuit": "03", "facility": "F11"}]}
    assert changes(bring(workbook(more))) == {"points": {"new": 1}}
    assert MonitoringPoint.objects.count() == 3


def test_a_csv_is_one_sheet(bring):
    from io import BytesIO

    text = f"内部编号,企业名称,区县,行业\nXF-9,测试砖厂,襄汾县,砖瓦\n{ONE[:0]}"
    outcome = bring(BytesIO(text.encode("gb18030")))
    assert said(outcome) == []
    assert Enterprise.objects.get().industry == "BRICK"


def with_change(sheet, row=0, **values):
    book = foundry()
    book[sheet][row] |= values
    return book


WRONG_CODE = ONE[:17] + ("1" if ONE[17] == "0" else "0")


@pytest.mark.parametrize(
    ("sheet", "row", "values", "column", "words"),
    [
        ("enterprises", 0, {"credit_code": WRONG_CODE}, "credit code", "last character"),
        ("enterprises", 0, {"county": "盐湖区"}, "County", "No county of your area"),
        ("enterprises", 0, {"county": "没有县"}, "County", "No county of your area"),
        ("enterprises", 0, {"industry": "造船"}, "Industry", "choose one of"),
        ("enterprises", 0, {"name": None}, "Name", "must be filled in"),
        ("enterprises", 0, {"name": "长" * 121}, "Name", "Too long"),
        ("enterprises", 0, {"is_key": "也许"}, "Key enterprise", "yes or no"),
        ("enterprises", 0, {"name": '=HYPERLINK("http://x")'}, "Name", "formula"),
        ("facilities", 0, {"rated_kw": "很大"}, "Rated power", "no number"),
        ("facilities", 0, {"rated_kw": -1}, "Rated power", "At least 0"),
        ("facilities", 0, {"rated_kw": None}, "Rated power", "for a new facility"),
        ("facilities", 0, {"line": "没有线"}, "Production line", "no production line"),
        ("facilities", 0, {"on_from_kw": 20}, "On from", "above the one"),
        ("facilities", 0, {"on_from_kw": None}, "On from", "Both thresholds"),
        ("facilities", 0, {"site": "二厂"}, "Site", "no site of this name"),
        ("facilities", 1, {"code": "F01"}, "Facility code", "stands in row 2"),
        ("facilities", 0, {"enterprise": "XX"}, "Enterprise", "No enterprise of your area"),
        ("pairings", 0, {"productions": "F11"}, "Production facilities", "Control facility"),
        ("pairings", 0, {"controls": "F01"}, "Control facilities", "Production facility"),
        ("pairings", 0, {"controls": "F99"}, "Control facilities", "no facility with the code F99"),
        ("pairings", 0, {"at_least": 3}, "At least", "More than"),
        ("pairings", 0, {"min_ratio": 1.5}, "Least share", "from 0 to 1"),
        ("pairings", 0, {"since": "2026-02-30"}, "Valid from", "no date"),
        ("collectors", 0, {"mn": "MN 1"}, "Collector MN", "letters and digits"),
        ("collectors", 0, {"profile": "none"}, "Protocol profile", "no such profile"),
        ("collectors", 0, {"expected_interval_s": 5}, "Expected interval", "from 30 to 3600"),
        ("points", 0, {"mn": "999"}, "Collector MN", "No collector of your area"),
        ("points", 1, {"circuit": "01"}, "Circuit", "stands in row 2"),
        ("points", 0, {"facility": "F99"}, "Facility code", "no facility"),
        ("points", 0, {"ct_ratio": "x"}, "CT ratio", "no number"),
        ("points", 0, {"serial": None}, "Meter serial", "serial number"),
        ("points", 0, {"certified_on": "2026-05-01", "certificate_expires_on": "2026-01-01"},
         "Certificate expires", "expire before"),
    ],
)  # fmt: skip
def test_an_error_names_sheet_row_and_column_and_nothing_is_written(
    bring, stands, sheet, row, values, column, words
):
    outcome = bring(workbook(with_change(sheet, row, **values)))
    mine = [p for p in outcome.problems if column in p.column and words in p.text]
    assert [p.row for p in mine] == [row + 2], said(outcome)
    assert set(stands().values()) == {0}


def test_a_text_that_is_wrong_or_right_twice_is_so_in_each_row(bring):
    """The same words in other columns or rows are judged by themselves, and so is a formula."""
    book = many(3)
    for row in book["facilities"][:4]:
        row["rated_kw"] = "很大"
    book["facilities"][4]["name"] = "FURNACE"  # a load class elsewhere
    book["facilities"][5]["name"] = "=1+1"
    outcome = bring(workbook(book), write=False)
    assert [(p.row, p.value) for p in outcome.problems if "Rated power" in p.column] == [
        (row, "很大") for row in (2, 3, 4, 5)
    ]
    [formula] = [p for p in outcome.problems if "formula" in p.text]
    assert (formula.row, formula.value) == (7, "=1+1")
    assert len(outcome.problems) == 5, said(outcome)


def test_all_errors_come_at_once(bring):
    book = foundry()
    book["enterprises"][0]["industry"] = "造船"
    book["facilities"][0]["rated_kw"] = "x"
    book["facilities"][1]["kind"] = "x"
    book["points"][0]["ct_ratio"] = "x"
    assert [(p.sheet, p.row) for p in bring(workbook(book)).problems] == [
        ("企业", 2), ("设施", 2), ("设施", 3), ("监测点与电表", 2),
    ]  # fmt: skip


def test_the_same_mn_twice_is_an_error(bring, stands):
    book = foundry()
    book["collectors"].append(dict(book["collectors"][0]))
    [problem] = bring(workbook(book)).problems
    assert (problem.row, problem.text[:31]) == (3, "This MN stands in row 2 already")
    assert set(stands().values()) == {0}


def test_the_same_enterprise_twice_is_an_error(bring):
    book = foundry()
    book["enterprises"].append(dict(book["enterprises"][0]))
    [problem] = bring(workbook(book)).problems
    assert "stands in row 2 already" in problem.text


def test_a_record_that_would_overlap_a_later_one_is_an_error(bring):
    bring(workbook(foundry()))
    book = with_change("points", ct_ratio=120, since="2025-06-01")
    [problem] = bring(workbook(book)).problems
    assert problem.column.endswith("Valid from")
    assert "1 Jan 2026" in problem.text
    book = with_change("points", ct_ratio=120)  # the same day, another ratio
    [problem] = bring(workbook(book)).problems
    assert "1 Jan 2026" in problem.text


def test_a_point_is_never_moved(bring):
    bring(workbook(foundry()))
    [problem] = bring(workbook(with_change("points", facility="F11"))).problems
    assert "A point is never moved" in problem.text


def foreign(city, name="盐湖秘密化工有限公司"):
    enterprise = factories.EnterpriseFactory(
        county=city.foreign_county, name=name, code="YH-1", credit_code=credit_code(7)
    )
    site = factories.SiteFactory(enterprise=enterprise)
    factories.CollectorFactory(site=site, mn="FOREIGN1")
    factories.FacilityFactory(site=site, code="F01")
    return enterprise


@pytest.mark.parametrize(
    "book",
    [
        with_change("enterprises", credit_code=credit_code(7)),
        with_change("enterprises", code="YH-1"),
        with_change("collectors", mn="FOREIGN1"),
        with_change("collectors", enterprise="YH-1"),
        with_change("facilities", enterprise=credit_code(7)),
        with_change("points", mn="FOREIGN1"),
    ],
)
def test_what_is_outside_is_an_error_that_tells_no_name(city, bring, book):
    enterprise = foreign(city)
    outcome = bring(workbook(book))
    assert outcome.problems
    told = str(said(outcome))
    for secret in (enterprise.name, "盐湖", "YH-1" if "YH-1" not in str(book) else "盐湖"):
        assert secret not in told
    assert Enterprise.objects.count() == 1
    enterprise.refresh_from_db()
    assert enterprise.name == "盐湖秘密化工有限公司"


def test_who_may_not_import_writes_nothing(city, stands):
    from django.core.exceptions import PermissionDenied

    branch = factories.GrantFactory(role=Role.COUNTY_BRANCH, division=city.county).user
    with pytest.raises(PermissionDenied):
        run_book(workbook(foundry()), actor=branch, now=NOW, write=True)
    assert set(stands().values()) == {0}


def test_a_county_that_one_may_only_look_at_is_refused(city, bring):
    """A person can hold two grants; the one that imports must cover the enterprise."""
    factories.GrantFactory(user=city.admin, role=Role.PROVINCE_VIEWER, division=city.foreign_county)
    foreign(city)
    book = {"facilities": [{"enterprise": "YH-1", "code": "F01", "name": "改名"}]}
    [problem] = bring(workbook(book)).problems
    assert "may not import" in problem.text
    book = {"points": [{"mn": "FOREIGN1", "circuit": "01", "facility": "F01"}]}
    [problem] = bring(workbook(book)).problems
    assert "may not import" in problem.text


@pytest.mark.parametrize("count", [1, 4])
def test_checking_costs_the_same_queries_whatever_the_rows(bring, count):
    book = many(count)
    bring(workbook(book))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        outcome = bring(workbook(book), write=False)
    assert said(outcome) == []
    assert len(queries) == 31


def test_headings_nobody_knows_and_missing_ones_are_told(bring):
    import io

    csv = "企业名称,区县,颜色\n甲,襄汾县,红\n"
    told = said(bring(io.BytesIO(csv.encode())))
    assert told[0][:4] == ("企业", 1, "", "颜色")
    assert "行业" in told[1][4]


def test_future_dates_count_from_their_day(bring):
    bring(workbook(foundry()))
    book = with_change("points", ct_ratio=120, since="2027-01-01")
    bring(workbook(book))
    meter = Meter.objects.get(ct_ratio=120)
    assert meter.valid_from == datetime(2026, 12, 31, 16, tzinfo=UTC)
    assert changes(bring(workbook(book)))["points"] == {"same": 2}
    assert Collector.objects.count() == 1
