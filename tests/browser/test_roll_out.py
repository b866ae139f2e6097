"""The roll-out in a real browser: notice to acceptance, a stranger, an operator's phone, sign-in.

One story each, at the size where it happens; what the console says fails it (see ``visit``).
"""

import base64
import time
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.utils import timezone
from django_otp.oath import TOTP

from common.localtime import local_date
from enterprises.models import (
    Attachment,
    Enterprise,
    InstallationBatch,
    InstallationStatus,
    Pairing,
    SurveySheet,
)
from enterprises.programme import Event, move
from meters.models import (
    CollectorStatus,
    MeteringLimit,
    MonitoringPoint,
    WorkOrder,
    WorkOrderKind,
    WorkOrderStatus,
)
from meters.work_orders import open_work_order
from tenancy.models import OperatorCompany, Role, SiteAssignment, User
from tests import factories
from tests.browser.conftest import visit
from tests.enterprises.pictures import jpeg
from tests.meters.acceptance.test_acceptance import add_point, fill
from tests.reports.story import PASSWORD

pytestmark = pytest.mark.browser
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass
class World:
    ours: Enterprise
    neighbour: Enterprise
    company: OperatorCompany
    people: dict[str, User]


@pytest.fixture
def world(transactional_db) -> World:
    """A city with two counties, an enterprise in each, and everybody who has to do with ours."""
    city = factories.DivisionFactory()
    county = factories.CountyFactory(code="141023", name="襄汾县", parent=city)
    next_county = factories.CountyFactory(code="141024", name="洪洞县", parent=city)
    ours, neighbour = (
        factories.EnterpriseFactory(
            name=name, county=place, installation_status=InstallationStatus.NOT_REQUIRED
        )
        for name, place in (("襄汾甲铸造(示例)", county), ("洪洞乙焦化(示例)", next_county))
    )
    site = factories.SiteFactory(enterprise=ours)
    company = factories.CompanyFactory(division=city)
    SiteAssignment.objects.create(company=company, site=site, starts_at=factories.LONG_AGO)
    grants = {
        "administrator": (Role.CITY_ADMIN, {"division": city}),
        "branch": (Role.COUNTY_BRANCH, {"division": county}),
        "operator": (Role.OPERATOR, {"company": company}),
    }
    people = {}
    for username, (role, scope) in grants.items():
        user = factories.UserFactory(username=username, full_name=f"{username}(示例)")
        user.set_password(PASSWORD)
        user.save()
        factories.GrantFactory(user=user, role=role, **{"division": None, **scope})
        people[username] = user
    return World(ours, neighbour, company, people)


def connect(world: World) -> None:
    """Let the operator install and connect ours, with eight sound hours of readings."""
    now = timezone.now()
    site = world.ours.sites.get()
    collector = factories.CollectorFactory(site=site, password="own-secret")
    CollectorStatus.objects.create(collector=collector, latest_received_at=now)
    add_point(site, collector, kind="PRODUCTION", name="中频炉")
    add_point(site, collector, kind="CONTROL", name="布袋除尘风机")
    furnace, fan = (point.facility for point in MonitoringPoint.objects.order_by("pk"))
    factories.PairingFactory(site=site, productions=[furnace], controls=[fan])
    Pairing.objects.update(approved_by=world.people["administrator"], approved_at=now)
    for key, value in (("valid_hours", 8), ("valid_least_hours", 4)):
        MeteringLimit.objects.create(key=key, value=value, valid_from=factories.LONG_AGO)
    for point in MonitoringPoint.objects.all():
        fill(point, start=now - 9 * HOUR, end=now)
    world.ours.refresh_from_db()
    for event in (Event.BEGIN, Event.CONNECT):
        move(world.ours, event, actor=world.people["operator"], now=now)


def test_from_the_notice_to_the_accepted_installation(chromium, live_server, world):
    today = local_date(timezone.now())
    with visit(chromium, live_server.url, "desk") as visitor:
        page = visitor.page
        visitor.sign_in("administrator")
        visitor.open("/installation/batches/new/")
        page.fill("[name=name]", "2026年补装通知")
        page.fill("[name=issued_on]", today.isoformat())
        page.fill("[name=due_on]", (today + 30 * DAY).isoformat())
        page.click("button[form=batch-form]")
        page.wait_for_url(f"**/batches/{InstallationBatch.objects.get().pk}/")
        page.select_option("form:has([value=add]) select[name$=county]", label="襄汾县")
        page.click("form:has([value=add]) button")
        page.click("button[form=confirm-form]")
        page.wait_for_load_state("load")
        assert "襄汾甲铸造" in page.inner_text("main")
        assert "洪洞乙焦化" not in page.inner_text("main")

        visitor.open(f"/enterprises/{world.ours.pk}/installation/survey/")
        page.fill("[name=surveyed_on]", today.isoformat())
        for row, (name, kind) in enumerate((("中频炉", "PRODUCTION"), ("风机", "CONTROL"))):
            page.fill(f"[name=form-{row}-name]", name)
            page.select_option(f"[name=form-{row}-kind]", kind)
            page.fill(f"[name=form-{row}-rated_kw]", "100")
        page.click("button[form=survey-form]")
        page.wait_for_url(f"**/enterprises/{world.ours.pk}/installation/")
        assert len(SurveySheet.objects.get().rows) == 2
        assert visitor.overflow() <= 0

    connect(world)
    with visit(chromium, live_server.url, "phone") as visitor:
        page = visitor.page
        visitor.sign_in("branch")
        visitor.open(f"/enterprises/{world.ours.pk}/acceptance/")
        assert visitor.overflow() <= 0
        visitor.shoot("acceptance")
        page.click(".act summary.button--primary")
        page.fill("#name-accept", "branch(示例)")
        page.click(".act[open] button.button--primary")
        page.wait_for_load_state("load")
        world.ours.refresh_from_db()
        assert world.ours.installation_status == InstallationStatus.ACCEPTED
        sheet = world.ours.acceptances.get()
        visitor.open(f"/enterprises/{world.ours.pk}/acceptance/{sheet.pk}/")
        assert "branch(示例)" in page.inner_text("main")
        visitor.open("/installation/list/?state=accepted")
        assert "襄汾甲铸造" in page.inner_text("main")
        assert visitor.overflow() <= 0


def test_who_edits_the_number_in_the_address_finds_nothing(chromium, live_server, world):
    with visit(chromium, live_server.url, "desk") as visitor:
        page, pk = visitor.page, world.neighbour.pk
        visitor.sign_in("branch")
        visitor.open(f"/enterprises/{world.ours.pk}/file/")
        assert "襄汾甲铸造" in page.inner_text("main")
        for path in ("", "file/", "installation/", "acceptance/", "installation/survey/"):
            answer = page.goto(f"{visitor.base}/enterprises/{pk}/{path}")
            assert answer.status == 404
            assert "洪洞乙" not in page.content()
        answer = page.goto(f"{visitor.base}/work-orders/?enterprise={pk}")
        assert answer.status == 404
        visitor.open("/enterprises/?q=洪洞乙")
        assert "洪洞乙焦化" not in page.inner_text("main")
        # Each was asked for on purpose: the page once, the browser's own line about it once.
        visitor.complaints[:] = [one for one in visitor.complaints if "404" not in one]


def test_an_operator_takes_and_finishes_an_order_on_the_phone(chromium, live_server, world):
    site = world.ours.sites.get()
    order = open_work_order(
        site,
        kind=WorkOrderKind.FAULT,
        text="数采仪掉线",
        collector=factories.CollectorFactory(site=site),
        actor=world.people["branch"],
        now=timezone.now(),
    )
    with visit(chromium, live_server.url, "phone") as visitor:
        page = visitor.page
        visitor.sign_in("operator")
        assert page.url.endswith("/work/")
        assert visitor.overflow() <= 0
        page.click(f"a[href*='{order.number}'] >> nth=0")
        page.wait_for_load_state("load")
        page.click("form:has([value=accept]) button")
        page.wait_for_load_state("load")
        page.set_input_files(
            ".files__form [type=file]",
            {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": jpeg()},
        )
        page.click(".files__form button")
        page.wait_for_selector(".file img")
        page.click("details.act:has([value=finish]) > summary")
        page.fill("#note-finish", "天线已更换，已上线")
        page.click("form:has([value=finish]) button")
        page.wait_for_load_state("load")
        assert "天线已更换" in page.inner_text("main")
        assert visitor.overflow() <= 0
        visitor.shoot("work-order")
    assert WorkOrder.objects.get().status == WorkOrderStatus.DONE
    assert Attachment.objects.get().subject_id == order.pk


def test_a_second_factor_and_another_device_signed_out(chromium, live_server, world):
    with (
        visit(chromium, live_server.url, "desk") as desk,
        visit(chromium, live_server.url, "phone") as phone,
    ):
        phone.sign_in("branch")
        desk.sign_in("branch")
        desk.open("/account/second-factor/")
        key = desk.page.inner_text("code.key").replace(" ", "")
        desk.page.fill("[name=code]", code(key))
        desk.page.click("form.form button[type=submit]")
        desk.page.wait_for_load_state("load")

        # Setting one up ends what was signed in without it.
        phone.open("/installation/")
        assert "/accounts/login/" in phone.page.url
        phone.page.fill("[name=username]", "branch")
        phone.page.fill("[name=password]", PASSWORD)
        phone.page.click("form.form button[type=submit]")
        phone.page.wait_for_url("**/accounts/login/code/**")
        assert phone.overflow() <= 0
        # A code is good once: the first was spent when the factor was set up.
        phone.page.fill("[name=code]", code(key, ahead=30))
        phone.page.click("form.form button[type=submit]")
        phone.page.wait_for_url("**/installation/")

        desk.open("/account/sessions/")
        assert desk.page.locator("button[name=session]").count() == 1
        desk.page.click("button[name=session]")
        desk.page.wait_for_load_state("load")
        assert desk.page.locator("button[name=session]").count() == 0
        phone.open("/installation/")
        assert "/accounts/login/" in phone.page.url


def code(key: str, *, ahead: int = 0) -> str:
    """Return what an authenticator with this key shows, or will show ``ahead`` seconds from now."""
    totp = TOTP(base64.b32decode(key + "=" * (-len(key) % 8)))
    totp.time = time.time() + ahead
    return f"{totp.token():06d}"
