"""What the pages say."""

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import translation

from alerts.models import AlertStatus
from enterprises.models import Facility
from meters.models import IntakeIssue, MonitoringPoint, ReadingConflict, StateSegment
from reports.picture.model import UNKNOWN
from reports.views.alert import focus
from tests import factories
from tests.reports.story import make_alert, minutes

pytestmark = pytest.mark.django_db


@pytest.fixture
def see(client, story):
    client.force_login(story.administrator)

    def open_page(name: str, *args: object, **params: str):
        return client.get(reverse(name, args=args), params)

    return open_page


# --- the city ---


def test_the_overview_counts_both_numbers(see):
    total = see("city").context["view"].total
    assert (total.installed, total.required) == (2, 2)
    assert (total.online, total.collectors) == (1, 2)
    assert (total.suspected, total.red) == (3, 1)


def test_alerts_of_today_are_held_against_yesterday_until_the_same_hour(see, story):
    # 02:20: 00:05 to 02:20 is today, 26 hours ago is yesterday before the same hour.
    make_alert(story, "OLD-1", rule="R12", level=3, began=25 * 60, ended=24 * 60 + 30)
    total = see("city").context["view"].total
    assert (total.today, total.yesterday) == (2, 1)


def test_every_county_has_a_row_and_a_place_on_the_map(see):
    context = see("city").context
    assert len(context["rows"]) == len(context["map_counties"]) == 17


def test_an_enterprise_that_need_not_install_counts_nowhere(see, story):
    factories.EnterpriseFactory(county=story.foundry.county, installation_status="EXEMPT")
    assert see("city").context["view"].total.required == 2


def test_a_county_narrows_figures_and_lists(see, story):
    view = see("city", county="141024").context["view"]
    assert view.total.suspected == 1
    assert [row.alert.enterprise for row in view.now_list] == [story.neighbour]


def test_the_now_list_puts_first_what_nobody_has_taken(see, story):
    numbers = [row.alert.number for row in see("city").context["view"].now_list]
    assert numbers[0] == story.alerts["red"].number
    story.alerts["red"].status = AlertStatus.ACKNOWLEDGED
    story.alerts["red"].save()
    numbers = [row.alert.number for row in see("city").context["view"].now_list]
    assert numbers[0] != story.alerts["red"].number


def test_a_county_officer_has_no_map_of_others(client, story):
    client.force_login(story.colleague)
    context = client.get(reverse("city")).context
    assert context["map_counties"] == []
    assert [row.code for row in context["rows"]] == ["141024"]


# --- the enterprise ---


def lanes(response) -> dict[str, list]:
    return {lane.name: list(lane.bars) for lane in response.context["picture"].lanes}


def test_the_picture_has_production_over_control_and_the_meter_last(see, story):
    names = list(lanes(see("enterprise", story.foundry.pk)))
    assert names == [
        "1号中频炉",
        "2号中频炉",
        "布袋除尘风机A",
        "布袋除尘风机B（备）",
        "混砂机",
        "落砂机",
        "砂处理除尘风机",
        "喷淋水泵",
        "企业总表",
    ]


def test_every_lane_covers_the_whole_window_to_now(see, story, night):
    for bars in lanes(see("enterprise", story.foundry.pk)).values():
        assert bars[0].start == night - timedelta(hours=12)
        assert bars[-1].end == night
        assert all(a.end == b.start for a, b in pairwise(bars))


def test_stale_data_leave_a_hole_at_the_live_edge(see, story, night):
    point = story.points["fan_a"]
    StateSegment.objects.filter(point=point, ended_at__gt=night - minutes(20)).update(
        ended_at=night - minutes(20)
    )
    last = lanes(see("enterprise", story.foundry.pk))["布袋除尘风机A"][-1]
    assert (last.state, last.start) == (UNKNOWN, night - minutes(20))


def test_without_fresh_data_a_facility_is_unknown_and_has_no_load(see, story, night):
    latest = story.points["furnace1"].latest
    latest.measured_at = night - minutes(6)
    latest.save()
    rows = see("enterprise", story.foundry.pk).context["view"].facilities
    row = next(row for row in rows if row.facility.name == "1号中频炉")
    assert (row.state, row.load_kw) == (UNKNOWN, None)


def test_a_past_window_does_not_change_what_the_facilities_do_now(see, story):
    params = {"from": "2026-11-23T16:00", "to": "2026-11-23T17:00"}
    response = see("enterprise", story.foundry.pk, **params)
    rows = {row.facility.name: row.state for row in response.context["view"].facilities}
    then = {name: bars[-1].state for name, bars in lanes(response).items()}
    assert (then["1号中频炉"], then["布袋除尘风机A"]) == ("OFF", "ON")
    assert (rows["1号中频炉"], rows["布袋除尘风机A"]) == ("ON", "OFF")
    assert {lane.note for lane in response.context["picture"].lanes} == {""}


def test_a_long_segment_from_before_the_window_still_shows(see, story):
    response = see("enterprise", story.foundry.pk, range="1h")
    assert [bar.state for bar in lanes(response)["企业总表"]] == ["ON"]


def test_a_shared_control_stands_under_each_production_it_serves(see, story):
    site = story.facilities["furnace1"].site
    press = factories.FacilityFactory(site=site, production=True, name="抛丸机", position=50)
    factories.PointFactory(facility=press, collector=story.points["main"].collector, circuit="90")
    factories.PairingFactory(
        site=site, stage="抛丸除尘", productions=[press], controls=[story.facilities["fan_a"]]
    )
    groups = see("enterprise", story.foundry.pk).context["picture"].groups
    holding = [
        cluster
        for group in groups
        for cluster in group.clusters
        if "布袋除尘风机A" in [lane.name for lane in cluster.lanes]
    ]
    assert [cluster.lanes[0].name for cluster in holding] == ["1号中频炉", "抛丸机"]


def test_an_enterprise_without_meters_says_why_its_picture_is_empty(see, story):
    content = see("enterprise", story.neighbour.pk).content.decode()
    assert '<svg class="pic ' not in content


def test_the_table_holds_the_same_spans_as_the_picture(see, story):
    assert see("enterprise", story.foundry.pk).context["spans"] == []
    response = see("enterprise", story.foundry.pk, table="1")
    shown = sum(len(bars) for bars in lanes(response).values())
    assert len(response.context["spans"]) == shown


def test_the_width_in_the_cookie_decides_the_drawing(client, see, story):
    client.cookies["pw_width"] = "366"
    assert see("enterprise", story.foundry.pk).context["drawing"].width == 366
    client.cookies["pw_width"] = "9999999"
    assert see("enterprise", story.foundry.pk).context["drawing"].width == 1800
    client.cookies["pw_width"] = "<script>"
    assert see("enterprise", story.foundry.pk).context["drawing"].width == 1256


# --- the alert ---


def test_the_alerts_picture_holds_only_what_it_is_about(see, story):
    response = see("alert", story.alerts["red"].number)
    assert list(lanes(response)) == [
        "1号中频炉",
        "2号中频炉",
        "布袋除尘风机A",
        "布袋除尘风机B（备）",
    ]
    window = response.context["picture"].window
    assert window.start == story.alerts["red"].first_started_at - timedelta(minutes=30)


def test_an_alert_of_the_site_shows_every_lane(see, story):
    response = see("alert", story.alerts["power_cut"].number)
    assert len(lanes(response)) == 9
    assert focus(response.context["picture"], frozenset()) == response.context["picture"]


def test_a_declaration_for_other_facilities_does_not_speak_for_this_one(see, story):
    assert see("alert", story.alerts["red"].number).context["declarations"] == []
    declaration = story.foundry.declarations.get()
    declaration.facilities.add(story.facilities["fan_a"])
    found = see("alert", story.alerts["red"].number).context["declarations"]
    assert found == [declaration]


def test_an_unreviewed_alert_is_called_suspected_and_never_a_violation(see, story):
    with translation.override("en"):
        content = see("alert", story.alerts["red"].number).content.decode()
    assert "uspected" in content or "疑似" in content
    assert "violation" not in content.lower()
    assert "违法" not in content


# --- lists and intake ---


@pytest.mark.parametrize(
    ("params", "numbers"),
    [
        ({"status": "unreviewed"}, {"LF20261124-0007", "LF20261124-0003", "LF20261123-0033"}),
        ({"level": "1"}, {"LF20261124-0007", "LF20261123-0031"}),
        ({"rule": "R12"}, {"LF20261123-0033"}),
        ({"ongoing": "true"}, {"LF20261124-0007", "LF20261124-0003"}),
        ({"county": "141024"}, {"LF20261124-0003"}),
        ({"level": "1", "ongoing": "true"}, {"LF20261124-0007"}),
        ({"rule": "R12", "county": "141024"}, set()),
    ],
)
def test_chips_filter_the_alerts(see, params, numbers):
    response = see("alerts", **params)
    assert {row.alert.number for row in response.context["rows"]} == numbers
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("恒源", {"XF-0007"}),
        ("XF-0007", {"XF-0007"}),
        ("布袋", {"XF-0007"}),
        ("1410230700AA00000000C001", {"XF-0007"}),
        ("没有这家", set()),
        ("%", set()),
    ],
)
def test_the_search_finds_by_name_number_facility_and_collector(see, words, found):
    rows = see("enterprises", q=words).context["rows"]
    assert {row.code for row in rows} == found


def test_the_list_of_enterprises_counts_collectors_and_suspicions(see, story):
    rows = {row.code: row for row in see("enterprises").context["rows"]}
    row = rows["XF-0007"]
    assert (row.online_count, row.collector_count, row.suspected_count) == (1, 1, 2)


def test_what_came_in_is_shown_escaped(see):
    content = see("intake").content.decode()
    assert "<script>alert" not in content
    assert "&lt;script&gt;alert" in content


def test_a_senders_password_is_masked_in_what_it_sent(see, story):
    IntakeIssue.objects.create(
        reason="BAD_VALUE",
        mn="",
        first_at=story.now,
        latest_at=story.now,
        count=1,
        sample=b"##0001ST=80;CN=2011;PW=s3cret;MN=1;CP=&&100001-Pt=NaN&&0000",
    )
    content = see("intake").content.decode()
    assert "PW=******" in content
    assert "s3cret" not in content
    assert b"s3cret".hex(" ") not in content


def test_of_conflicting_readings_only_the_difference_is_shown(see, story):
    ReadingConflict.objects.create(
        point=MonitoringPoint.objects.filter(collector__enterprise__code="XF-0007").first(),
        measured_at=story.now,
        received_at=story.now,
        kept={"p_kw": 12.5, "ua": 220.0, "ia": None},
        refused={"p_kw": 99.25, "ua": 220.0, "ia": None},
        chunk_id=1,
    )
    newest = see("intake").context["conflicts"][0]
    assert newest["differences"] == [("p_kw", 12.5, 99.25)]


def test_an_unknown_collector_can_be_registered_from_where_it_is_seen(see, client, story):
    story.administrator.is_staff = True
    story.administrator.save()
    rows = see("intake").context["rows"]
    row = next(row for row in rows if row["issue"].reason == "UNKNOWN_MN")
    register = "/admin/meters/collector/add/?mn=1410240200AA00000000C009"
    assert row["url"] == (register if "meters.collector" in registered() else "")


def registered() -> set[str]:
    return {model._meta.label_lower for model in admin.site._registry}


def test_the_trouble_of_another_citys_collector_is_not_shown(see, story):
    issue = {"first_at": story.now, "latest_at": story.now, "count": 1}
    mn = story.elsewhere.collectors.get().mn
    IntakeIssue.objects.create(reason="BAD_CRC", mn=mn, **issue)
    assert mn not in see("intake").content.decode()


# --- the power line ---


def test_the_power_has_its_thresholds_and_unknown_where_nothing_came(see, story):
    facility: Facility = story.facilities["furnace1"]
    content = json.loads(see("facility_power", facility.pk, range="1h").content)
    assert content["on_from_kw"] == pytest.approx(500.0)
    assert content["at"] == []
