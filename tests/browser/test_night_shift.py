"""An officer is woken at night: overview, enterprise, alert, decision. In a real browser.

The policy ``default-src 'self'`` is in force, so anything inline would be a complaint on the
console, and complaints fail the test (see ``visitor``).
"""

import re

import pytest

from alerts.models import AlertStatus
from tenancy.models import User

pytestmark = pytest.mark.browser


def test_the_officer_sees_the_city_opens_the_enterprise_and_takes_the_alert(visitor, story):
    page, red = visitor.page, story.alerts["red"]
    visitor.sign_in("enforcer")

    visitor.settle()
    assert "1号中频炉" in page.inner_text("#city-live")
    assert visitor.overflow() <= 0
    visitor.shoot("city")

    visitor.open(f"/enterprises/{story.foundry.pk}/")
    assert page.locator(".pic-lane").count() == 9
    assert page.locator("a.pic-finding:has(.pic-suspected)").count() == 1
    assert visitor.overflow() <= 0
    visitor.shoot("enterprise")

    page.click("[data-table-toggle]")
    visitor.settle()
    assert "布袋除尘风机A" in page.inner_text("#spans table")
    assert visitor.overflow() <= 0

    visitor.open(f"/a/{red.number}")
    assert page.url.endswith(f"/alerts/{red.number}/")
    assert visitor.overflow() <= 0
    visitor.shoot("alert")
    page.click(".thumb-bar button.button--primary")
    page.wait_for_load_state("load")
    visitor.settle()
    red.refresh_from_db()
    assert red.status == AlertStatus.ACKNOWLEDGED
    assert "王建国" in page.inner_text(".timeline")
    visitor.shoot("alert-taken")


def test_a_lane_shows_its_power_as_a_line(visitor, story):
    page = visitor.page
    visitor.sign_in("enforcer")
    visitor.open(f"/enterprises/{story.foundry.pk}/")
    page.locator(".pic-lane .pic-lane-name").first.click()
    page.wait_for_selector("[data-power] .uplot canvas")
    assert "1号中频炉" in page.inner_text("[data-power-name]")
    assert visitor.overflow() <= 0
    visitor.shoot("power")


def test_keys_move_the_window_and_the_page_renews_itself(visitor, story):
    page = visitor.page
    visitor.sign_in("enforcer")
    visitor.open(f"/enterprises/{story.foundry.pk}/")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(re.compile("from="))
    visitor.settle()
    moved = page.url
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: url != moved)
    visitor.settle()
    assert visitor.overflow() <= 0


def test_an_enterprise_officer_explains(visitor, story):
    page, red = visitor.page, story.alerts["red"]
    visitor.sign_in("officer")
    visitor.settle()
    assert page.url.endswith(f"/enterprises/{story.foundry.pk}/")
    visitor.open(f"/alerts/{red.number}/")
    page.click("#act-explain > summary")
    page.fill("#note-explain", "风机变频器跳闸，已复位")
    visitor.shoot("explain")
    page.click("#act-explain button[type=submit]")
    page.wait_for_load_state("load")
    assert "风机变频器跳闸，已复位" in page.inner_text(".timeline")
    assert visitor.overflow() <= 0


@pytest.mark.parametrize("path", ["alerts", "enterprises", "intake", "messages"])
def test_the_lists_fit_the_screen_and_the_policy(visitor, story, path):
    visitor.sign_in("administrator")
    visitor.open(f"/{path}/")
    assert visitor.overflow() <= 0
    visitor.shoot(path)


def test_the_language_changes_with_one_click_and_stays_on_the_page(visitor, story):
    page = visitor.page
    visitor.sign_in("enforcer")
    visitor.open("/alerts/?status=unreviewed")
    if visitor.size == "phone":
        page.click("summary.bar__button")
    page.locator("form[action$='setlang/'] button >> visible=true").click()
    page.wait_for_load_state("load")
    assert page.url.endswith("/alerts/?status=unreviewed")
    assert page.locator("html").get_attribute("lang") == "en"
    visitor.shoot("alerts-english")


def test_the_administration_works_under_the_policy(visitor, story):
    User.objects.filter(pk=story.administrator.pk).update(is_staff=True, is_superuser=True)
    visitor.sign_in("administrator")
    for path in (
        "",
        "tenancy/user/",
        "enterprises/enterprise/",
        f"enterprises/facility/{story.facilities['furnace1'].pk}/change/",
        "enterprises/pairing/add/",
    ):
        visitor.open(f"/admin/{path}")
    visitor.shoot("admin")
