"""Pages of acceptance, work orders and the operator, for each kind of person."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from alerts.calendar import evaluate_calendar
from alerts.models import Alert
from enterprises.models import AcceptanceSheet, Enterprise
from meters.acceptance import Check, Fault
from meters.models import Meter, WorkOrder
from meters.work_orders import open_work_order
from tenancy.models import OperatorCompany, Role, SiteAssignment
from tests import factories
from tests.meters.test_work_orders import World
from tests.reports.counting import MOST, counted

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    world = World()
    enterprise = world.site.enterprise
    Enterprise.objects.filter(pk=enterprise.pk).update(installation_status="CONNECTED")
    grant = factories.GrantFactory
    world.admin = grant(role=Role.CITY_ADMIN, division=enterprise.county.parent).user
    world.air = grant(role=Role.COUNTY_AIR_OFFICE, division=enterprise.county).user
    world.reviewer = grant(role=Role.TECHNICAL_REVIEWER, division=enterprise.county).user
    world.stranger = grant(role=Role.COUNTY_BRANCH, division=factories.CountyFactory()).user
    world.order = open_work_order(
        world.site, kind="FAULT", text="数采仪离线", actor=world.branch, now=timezone.now()
    )
    world.sheet = AcceptanceSheet.objects.create(
        enterprise=enterprise,
        checks=[],
        is_passed=False,
        signed_by=world.branch,
        signed_name="某人",
        signed_at=timezone.now(),
    )
    return world


@pytest.fixture
def see(client, world):
    def open_page(who, url):
        client.force_login(getattr(world, who))
        return client.get(url)

    return open_page


def urls(world):
    pk = world.site.enterprise_id
    return {
        "acceptance": reverse("acceptance", args=[pk]),
        "sheet": reverse("acceptance_sheet", args=[pk, world.sheet.pk]),
        "order": reverse("work_order", args=[world.order.number]),
        "new": f"{reverse('work_order_new')}?site={world.site.pk}",
        "of_enterprise": f"{reverse('work_order_new')}?enterprise={pk}",
        "list": reverse("work_orders"),
        "work": reverse("work"),
    }


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("admin", {"work": 403}),
        ("branch", {"work": 403}),
        ("air", {"work": 403, "new": 403, "of_enterprise": 403}),
        (
            "reviewer",
            {"work": 403, "new": 403, "of_enterprise": 403, "acceptance": 403, "sheet": 403},
        ),
        ("officer", {"work": 403}),
        ("operator", {"new": 403, "of_enterprise": 403}),
        (
            "rival",
            {"acceptance": 404, "sheet": 404, "order": 404, "new": 404, "of_enterprise": 404},
        ),
        (
            "stranger",
            {
                "acceptance": 404,
                "sheet": 404,
                "order": 404,
                "new": 404,
                "of_enterprise": 404,
                "work": 403,
            },
        ),
    ],
)
def test_outside_is_404_and_inside_without_the_right_403(see, world, who, expected):
    found = {name: see(who, url).status_code for name, url in urls(world).items()}
    assert {name: status for name, status in found.items() if status != 200} == expected


def test_lists_show_only_what_the_reader_may_see(see, world):
    for who in ("rival", "stranger"):
        assert world.order.number not in see(who, reverse("work_orders")).content.decode()
    for who in ("admin", "operator", "officer"):
        assert world.order.number in see(who, reverse("work_orders")).content.decode()


def test_an_operator_starts_at_the_work_with_orders_silence_and_certificates(see, world):
    Meter.objects.create(
        point=world.point,
        serial="OLD-7",
        certificate_expires_on=timezone.localdate() + timedelta(days=5),
        valid_from=factories.LONG_AGO,
    )
    assert see("operator", "/").url == reverse("work")
    content = see("operator", reverse("work")).content.decode()
    assert world.order.number in content
    assert "OLD-7" in content
    assert "OLD-7" not in see("rival", reverse("work")).content.decode()


def test_an_operator_finds_the_installations_whose_next_step_is_its_own(see, world):
    site = factories.SiteFactory(enterprise__county=world.site.enterprise.county)
    SiteAssignment.objects.create(company=world.company, site=site, starts_at=factories.LONG_AGO)
    url = reverse("enterprise_installation", args=[site.enterprise_id])
    for status, is_shown in (
        ("REQUIRED", True),
        ("SURVEYED", True),
        ("INSTALLING", True),
        ("CONNECTED", False),
        ("ACCEPTED", False),
        ("EXEMPT", False),
    ):
        Enterprise.objects.filter(pk=site.enterprise_id).update(installation_status=status)
        assert (url in see("operator", reverse("work")).content.decode()) == is_shown
        assert url not in see("rival", reverse("work")).content.decode()


def test_an_operator_reaches_its_enterprises_from_every_page(see, world):
    content = see("operator", reverse("work")).content.decode()
    assert f'href="{reverse("enterprises")}"' in content
    listed = see("operator", reverse("enterprises")).content.decode()
    assert world.site.enterprise.name in listed
    assert world.site.enterprise.name not in see("rival", reverse("enterprises")).content.decode()


class TestActs:
    def act(self, client, world, who, **data):
        client.force_login(getattr(world, who))
        return client.post(reverse("work_order_act", args=[world.order.number]), data)

    def test_the_operator_takes_it_on_and_reports_and_the_branch_confirms(self, client, world):
        assert self.act(client, world, "operator", act="accept").status_code == 302
        assert self.act(client, world, "operator", act="finish", note="好了").status_code == 302
        assert self.act(client, world, "branch", act="confirm").status_code == 302
        world.order.refresh_from_db()
        assert world.order.status == "CONFIRMED"

    @pytest.mark.parametrize(
        ("who", "act", "status"),
        [
            ("branch", "accept", 403),
            ("officer", "cancel", 403),
            ("operator", "cancel", 403),
            ("operator", "nonsense", 403),
            ("rival", "accept", 404),
            ("operator", "finish", 409),
        ],
    )
    def test_what_is_not_theirs_is_refused(self, client, world, who, act, status):
        assert self.act(client, world, who, act=act, note="x").status_code == status
        world.order.refresh_from_db()
        assert world.order.status == "OPEN"

    def test_a_refused_form_keeps_what_was_typed(self, client, world):
        self.act(client, world, "operator", act="accept")
        WorkOrder.objects.update(status="CONFIRMED")
        response = self.act(client, world, "operator", act="finish", note="我写的话")
        assert response.status_code == 409

    def test_calibration_asks_for_the_record(self, client, world):
        WorkOrder.objects.update(kind="CALIBRATION", point=world.point, status="ACCEPTED")
        response = self.act(client, world, "operator", act="finish", note="检定")
        assert response.status_code == 400
        assert WorkOrder.objects.get().status == "ACCEPTED"
        record = {
            "serial": "S9",
            "accuracy_class": "0.5S",
            "ct_ratio": "40",
            "certificate_number": "Z9",
            "certified_on": "2026-11-01",
            "certificate_expires_on": "2028-11-01",
            "seal_numbers": "F9",
        }
        response = self.act(client, world, "operator", act="finish", note="检定", **record)
        assert response.status_code == 302
        assert Meter.objects.get().work_order == world.order


class TestNew:
    def test_it_is_opened_by_the_enterprise_too(self, client, world):
        client.force_login(world.officer)
        url = f"{reverse('work_order_new')}?site={world.site.pk}"
        data = {"kind": "REPLACEMENT", "device": f"point:{world.point.pk}", "text": "换表"}
        response = client.post(url, data)
        order = WorkOrder.objects.get(kind="REPLACEMENT")
        assert response.url == reverse("work_order", args=[order.number])
        assert (order.point, order.company, order.is_official) == (
            world.point,
            world.company,
            False,
        )

    def test_a_form_without_words_is_shown_again(self, client, world):
        client.force_login(world.branch)
        url = f"{reverse('work_order_new')}?site={world.site.pk}"
        assert client.post(url, {"kind": "FAULT", "text": ""}).status_code == 400

    @pytest.mark.parametrize("query", ["", "?site=0", "?site=x", "?site=99999999999999999999"])
    def test_what_names_no_site_is_404(self, see, world, query):
        assert see("branch", reverse("work_order_new") + query).status_code == 404


class TestSigning:
    def sign(self, client, world, who, **data):
        client.force_login(getattr(world, who))
        url = reverse("acceptance_sign", args=[world.site.enterprise_id])
        return client.post(url, data)

    @pytest.mark.parametrize(
        ("who", "status"),
        [("operator", 403), ("officer", 403), ("air", 403), ("stranger", 404), ("branch", 409)],
    )
    def test_only_an_officer_signs_and_not_while_a_check_fails(self, client, world, who, status):
        name = getattr(world, who).full_name
        assert self.sign(client, world, who, act="accept", signed_name=name).status_code == status
        assert AcceptanceSheet.objects.count() == 1

    def test_an_officer_sends_it_back(self, client, world):
        name = world.branch.full_name
        response = self.sign(
            client, world, "branch", act="reject", signed_name=name, remark="无数据"
        )
        assert response.status_code == 302
        assert Enterprise.objects.get(pk=world.site.enterprise_id).installation_status == (
            "INSTALLING"
        )


def more(world, count):
    for n in range(count):
        site = factories.SiteFactory(enterprise__county=world.site.enterprise.county)
        SiteAssignment.objects.create(
            company=world.company, site=site, starts_at=factories.LONG_AGO
        )
        open_work_order(site, kind="FAULT", text=f"第{n}件", actor=world.branch, now=timezone.now())
        point = factories.PointFactory(
            facility__site=world.site, collector=world.point.collector, circuit=f"x{n}"
        )
        Meter.objects.create(
            point=point,
            serial=f"M{n}",
            certificate_expires_on=timezone.localdate(),
            valid_from=factories.LONG_AGO,
        )


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("who", "name", "cost"),
    [
        ("branch", "list", 8),
        ("operator", "list", 9),
        ("operator", "work", 10),
        ("branch", "order", 10),
        ("branch", "new", 10),
        ("branch", "acceptance", 11),
        ("operator", "acceptance", 12),
    ],
)
def test_a_page_costs_what_it_costs(client, world, who, name, cost, count):
    more(world, count)
    client.force_login(getattr(world, who))
    url = urls(world)[name]
    client.get(url)
    with counted() as statements:
        assert client.get(url).status_code == 200
    assert len(statements) == cost <= MOST, "\n".join(statements)


def test_a_company_of_another_county_is_not_named(see, world):
    OperatorCompany.objects.create(name="丙运维", division=world.site.enterprise.county)
    assert "丙运维" not in see("operator", reverse("work_orders")).content.decode()


def test_an_operator_of_one_site_sees_the_checks_of_that_site_alone(see, world):
    other = factories.SiteFactory(enterprise=world.site.enterprise, name="二厂区")
    hidden = factories.FacilityFactory(site=other, name="别家的风机")
    factories.PointFactory(
        facility=hidden, collector=factories.CollectorFactory(site=other), circuit="z9"
    )
    AcceptanceSheet.objects.update(
        checks=[Check("reporting", False, faults=(Fault("别家的风机 · z9", "never"),)).as_json()]
    )
    for name in ("acceptance", "sheet"):
        assert "别家的风机" in see("branch", urls(world)[name]).content.decode()
        own = see("operator", urls(world)[name])
        assert own.status_code == 200
        assert "别家的风机" not in own.content.decode()


def test_the_order_made_of_an_expired_certificate_names_every_point(client, world):
    expires = timezone.now().date() - timedelta(days=2)
    collector = world.point.collector
    fan = factories.PointFactory(
        collector=collector, facility=factories.FacilityFactory(site=world.site, name="除尘风机")
    )
    fine = factories.PointFactory(
        collector=collector, facility=factories.FacilityFactory(site=world.site, name="另一台")
    )
    for serial, point, day in (
        ("S-1", world.point, expires),
        ("S-2", fan, expires),
        ("S-3", fine, expires + timedelta(days=900)),
    ):
        Meter.objects.create(
            point=point,
            serial=serial,
            certificate_expires_on=day,
            valid_from=factories.LONG_AGO,
        )
    Enterprise.objects.filter(pk=world.site.enterprise_id).update(installation_status="ACCEPTED")
    evaluate_calendar(now=timezone.now())
    alert = Alert.objects.get(rule="R18")
    client.force_login(world.branch)
    url = f"{reverse('work_order_new')}?alert={alert.number}"
    response = client.get(url, headers={"accept-language": "en"})
    text = response.context["form"]["text"].value()
    first = world.point
    assert (
        f"Points concerned: {first.facility.name} · {first.circuit} (meter S-1), "
        f"除尘风机 · {fan.circuit} (meter S-2)." in text
    )
    assert "另一台" not in text
    assert text.endswith(alert.number)
    typed = {"kind": "CALIBRATION", "device": f"point:{first.pk}", "text": text}
    assert client.post(url, typed).status_code == 302
    assert WorkOrder.objects.get(kind="CALIBRATION").text == text
