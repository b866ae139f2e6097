"""The administration's forms write by the operations, and say what those refuse."""

import pytest
from django.urls import reverse

from enterprises.models import Contact, Enterprise, LineGrade, Pairing, Threshold
from meters.models import CollectorDevice, Meter, MeteringLimit
from tenancy.models import AuditEntry, Role
from tests import factories

pytestmark = pytest.mark.django_db

FROM = {"valid_from_0": "2026-11-01", "valid_from_1": "08:00:00"}


@pytest.fixture
def city():
    return factories.DivisionFactory()


@pytest.fixture
def point(city):
    site = factories.SiteFactory(enterprise__county=factories.CountyFactory(parent=city))
    line = factories.LineFactory(site=site)
    facility = factories.FacilityFactory(site=site, line=line, production=True, rated_kw=500)
    return factories.PointFactory(facility=facility)


@pytest.fixture
def administrator(client, city):
    user = factories.GrantFactory(role=Role.CITY_ADMIN, division=city).user
    client.force_login(user)
    return user


def add(client, model, **form):
    meta = model._meta
    return client.post(reverse(f"admin:{meta.app_label}_{meta.model_name}_add"), form)


def problems(answer):
    return answer.context["adminform"].form.errors


def test_a_new_meter_ends_the_one_before_and_bears_a_name(client, administrator, point):
    old = point.meters.create(serial="A1", ct_ratio=40, valid_from=factories.LONG_AGO)
    form = {"point": point.pk, "serial": "A2", "ct_ratio": 60, "pt_ratio": 1, **FROM}
    refused = add(client, Meter, **form)
    assert refused.status_code == 200
    assert "reason" in problems(refused)
    assert point.meters.count() == 1
    assert add(client, Meter, **form, reason="互感器更换").status_code == 302
    new = point.meters.get(serial="A2")
    old.refresh_from_db()
    assert old.valid_to == new.valid_from
    assert new.recorded_by == administrator
    assert add(client, Meter, **form, reason="再一次").status_code == 200  # it would overlap


def test_a_threshold_is_checked_by_its_operation(client, administrator, point):
    facility = point.facility
    form = {"facility": facility.pk, "off_below_kw": 50, "source": "COMMISSIONING", **FROM}
    refused = add(client, Threshold, **form, on_from_kw=20)
    assert "on_from_kw" in problems(refused)
    assert not facility.thresholds.exists()
    assert add(client, Threshold, **form, on_from_kw=80).status_code == 302
    threshold = facility.thresholds.get()
    assert (threshold.recorded_by, threshold.approved_at) == (administrator, None)


def test_a_pairing_of_two_controls_is_refused_in_words(client, administrator, point):
    site = point.facility.site
    fan, other = (factories.FacilityFactory(site=site, control=True) for __ in range(2))
    form = {"site": site.pk, "stage": "熔炼", "mode": "ANY", "at_least": 1, **FROM}
    form |= {"controls": [fan.pk]}
    refused = add(client, Pairing, **form, productions=[other.pk])
    assert "productions" in problems(refused)
    assert not site.pairings.exists()
    assert add(client, Pairing, **form, productions=[point.facility.pk]).status_code == 302
    pairing = site.pairings.get()
    assert (pairing.productions.get(), pairing.controls.get()) == (point.facility, fan)


def test_a_grade_and_a_device_are_recorded_under_the_name(client, administrator, point):
    line = point.facility.line
    assert add(client, LineGrade, line=line.pk, grade="b", **FROM).status_code == 302
    assert (line.grades.get().grade, line.grades.get().recorded_by) == ("B", administrator)
    assert "valid_from" in problems(
        add(client, LineGrade, line=line.pk, grade="A", basis="通知", **FROM)
    )
    collector = point.collector
    form = {"collector": collector.pk, "serial": "D1", **FROM}
    assert add(client, CollectorDevice, **form).status_code == 302
    assert collector.devices.get().recorded_by == administrator


def test_an_enterprise_is_changed_by_its_operation_and_not_its_status(
    client, administrator, point, city
):
    enterprise = point.facility.site.enterprise
    url = reverse("admin:enterprises_enterprise_change", args=[enterprise.pk])
    form = {
        "name": "改名铸造",
        "code": enterprise.code,
        "county": enterprise.county_id,
        "industry": enterprise.industry,
        "credit_code": "wrong",
        "installation_status": "EXEMPT",
        **{f"{name}-{total}": 0 for name in ("sites", "contacts") for total in TOTALS},
    }
    assert "credit_code" in problems(client.post(url, form))
    assert client.post(url, form | {"credit_code": ""}).status_code == 302
    before = enterprise.installation_status
    enterprise.refresh_from_db()
    assert (enterprise.name, enterprise.installation_status) == ("改名铸造", before)
    assert enterprise.name_initials  # the operation keeps what the search goes by
    elsewhere = factories.CountyFactory(
        code="140899", parent=factories.DivisionFactory(code="140800", name="运城市")
    )
    foreign = form | {"credit_code": "", "county": elsewhere.pk}
    assert "county" in problems(client.post(url, foreign))


TOTALS = ("TOTAL_FORMS", "INITIAL_FORMS")


def test_a_contact_that_cannot_be_reached_is_refused(client, administrator, point):
    enterprise = point.facility.site.enterprise
    form = {"enterprise": enterprise.pk, "kind": "DUTY", "name": "值班"}
    assert "phone" in problems(add(client, Contact, **form))
    assert add(client, Contact, **form, phone="13900000000").status_code == 302
    entry = AuditEntry.objects.get(action="contact.add")
    assert (entry.actor_id, entry.enterprise_id) == (administrator.pk, enterprise.pk)


def test_a_limit_is_set_for_the_own_city_only(client, administrator, city):
    elsewhere = factories.DivisionFactory(code="140800", name="运城市")
    form = {"key": "valid_hours", "value": 48, "note": "试点", **FROM}
    assert "division" in problems(add(client, MeteringLimit, **form, division=elsewhere.pk))
    assert "division" in problems(add(client, MeteringLimit, **form))
    assert add(client, MeteringLimit, **form, division=city.pk).status_code == 302
    row = MeteringLimit.objects.get()
    change = reverse("admin:meters_meteringlimit_change", args=[row.pk])
    assert client.post(change, form).status_code == 403
    assert "key" in problems(add(client, MeteringLimit, **form | {"key": "no"}, division=city.pk))


def test_accounts_are_looked_at_here_and_lead_to_their_page(client, city):
    county = factories.CountyFactory(parent=city)
    other = factories.GrantFactory(division=county).user
    client.force_login(factories.GrantFactory(role=Role.SECURITY_ADMIN, division=city).user)
    url = reverse("admin:tenancy_user_change", args=[other.pk])
    page = client.get(url).content.decode()
    assert reverse("person", args=[other.pk]) in page
    assert 'type="password"' not in page
    assert client.post(url, {"username": "x"}).status_code == 403
    assert client.get(reverse("admin:tenancy_user_add")).status_code == 403
    assert client.get(reverse("admin:tenancy_grant_add")).status_code == 403


def test_a_superuser_of_the_set_up_writes_no_account_here_either(client, city):
    client.force_login(factories.UserFactory(is_superuser=True))
    assert client.get(reverse("admin:tenancy_user_changelist")).status_code == 200
    assert client.get(reverse("admin:tenancy_user_add")).status_code == 403
    assert not Enterprise.objects.exists()
