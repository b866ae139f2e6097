"""The enterprise file: one page for each pair of eyes, as of any day, in so many queries."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from enterprises.attachments import store_attachment
from enterprises.models import (
    Attachment,
    Contact,
    ContactKind,
    Enterprise,
    Industry,
    LineGrade,
    Pairing,
    Threshold,
)
from meters import operations as devices
from meters.models import Meter
from reports.file_acts import ACTS, SUBJECTS
from tenancy.access import Permission, has_permission
from tenancy.models import AuditEntry, OperatorCompany, Role, SiteAssignment
from tests import factories
from tests.enterprises.pictures import jpeg
from tests.reports.counting import MOST, counted

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def file_of(story):
    """The foundry with contacts, meters before and now, and a second site."""
    point = story.points["furnace1"]
    site = story.facilities["furnace1"].site
    Contact.objects.create(
        enterprise=story.foundry, kind=ContactKind.OFFICER, name="孙厂长", phone="13900009999"
    )
    by = {"actor": story.administrator, "now": story.now}
    Meter.objects.filter(point=point).delete()
    for serial, ratio, days, reason in (("OLD-1", 100.0, 90, ""), ("NEW-2", 120.0, 10, "换表")):
        devices.replace_meter(
            point,
            serial=serial,
            ct_ratio=ratio,
            valid_from=story.now - days * DAY,
            reason=reason,
            certificate_expires_on=(story.now + 5 * DAY).date(),
            **by,
        )
    other = factories.SiteFactory(enterprise=story.foundry, name="西厂区")
    factories.FacilityFactory(site=other, name="西区风机", control=True)
    factories.LineFactory(site=site, name="二号线")
    return story


@pytest.fixture
def operator(file_of):
    """Somebody whose company looks after the first site alone."""
    company = OperatorCompany.objects.create(name="甲运维公司（示例）", division=file_of.city)
    SiteAssignment.objects.create(
        company=company,
        site=file_of.facilities["furnace1"].site,
        starts_at=file_of.now - 100 * DAY,
    )
    user = factories.UserFactory(username="fitter")
    factories.GrantFactory(user=user, role=Role.OPERATOR, division=None, company=company)
    return user


def page(client, user, story, **query):
    client.force_login(user)
    return client.get(reverse("enterprise_file", args=[story.foundry.pk]), query)


def act_url(story, name, subject=None):
    if subject is None:
        return reverse("file_act", args=[story.foundry.pk, name])
    return reverse("file_act_on", args=[story.foundry.pk, name, subject.pk])


def test_it_shows_meters_in_force_and_before(client, file_of):
    html = page(client, file_of.administrator, file_of).content.decode()
    assert html.index("NEW-2") < html.index("OLD-1")
    assert "13900009999" in html
    assert "expires soon" in html or "即将到期" in html


def test_on_an_earlier_day_it_stands_as_it_stood(client, file_of):
    day = (file_of.now - 30 * DAY).date().isoformat()
    response = page(client, file_of.administrator, file_of, on=day)
    html = response.content.decode()
    points = [
        point
        for site in response.context["file"].sites
        for line in site.lines
        for facility in line.facilities
        for point in facility.points
    ]
    assert "OLD-1" in {p.meters.current["serial"] for p in points if p.meters.current}
    assert "/file/replace-meter/" not in html
    assert "/file/edit-enterprise/" not in html


@pytest.mark.parametrize("on", ["2099-01-01", "yesterday", "1900-01-01"])
def test_a_day_that_cannot_be_shown_gives_todays_file_and_says_so(client, file_of, on):
    response = page(client, file_of.administrator, file_of, on=on)
    assert response.context["day"] is None
    assert response.context["wrong_day"]


def test_an_operator_sees_the_assigned_site_and_no_contacts(client, file_of, operator):
    response = page(client, operator, file_of)
    html = response.content.decode()
    assert [site.site.name for site in response.context["file"].sites] == ["主厂区"]
    assert "西区风机" not in html
    assert "13900009999" not in html
    assert "/file/replace-meter/" in html
    assert "/file/edit-facility/" not in html


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("administrator", 200),
        ("enforcer", 200),
        ("officer", 200),
        ("colleague", 404),
        ("stranger", 404),
    ],
)
def test_who_sees_the_page(client, file_of, who, status):
    assert page(client, getattr(file_of, who), file_of).status_code == status


def test_who_only_looks_is_offered_nothing_and_refused_every_act(client, file_of):
    html = page(client, file_of.officer, file_of).content.decode()
    assert "/file/edit-enterprise/" not in html
    facility = file_of.facilities["furnace1"]
    subjects = {
        "site": facility.site,
        "facility": facility,
        "threshold": factories.ThresholdFactory(facility=facility, valid_from=file_of.now - DAY),
        "pairing": Pairing.objects.first(),
        "collector": file_of.points["furnace1"].collector,
        "point": file_of.points["furnace1"],
        "line": factories.LineFactory(site=facility.site, name="三号线"),
        "contact": Contact.objects.get(),
        "meter": Meter.objects.filter(point=file_of.points["furnace1"]).first(),
        "device": devices.replace_device(
            file_of.points["furnace1"].collector,
            serial="D-1",
            valid_from=file_of.now - DAY,
            actor=None,
            now=file_of.now,
        ),
    }
    subjects["grade"] = LineGrade.objects.create(
        line=subjects["line"], grade="B", valid_from=file_of.now
    )
    assert subjects.keys() == SUBJECTS.keys()
    for act in ACTS.values():
        url = act_url(file_of, act.name, subjects.get(act.subject))
        for who, status in ((file_of.officer, 403), (file_of.stranger, 404)):
            client.force_login(who)
            assert client.post(url).status_code == status, act.name
        client.force_login(file_of.administrator)
        assert client.get(url).status_code == 200, act.name


def test_an_object_of_another_enterprise_is_not_there(client, file_of):
    foreign = factories.FacilityFactory(
        site=factories.SiteFactory(enterprise=file_of.neighbour, name="东厂区")
    )
    client.force_login(file_of.administrator)
    assert client.get(act_url(file_of, "edit-facility", foreign)).status_code == 404
    assert client.get(act_url(file_of, "edit-facility")).status_code == 404
    assert client.get(act_url(file_of, "no-such-act")).status_code == 404


def test_an_operator_changes_devices_of_the_assigned_site_alone(client, file_of, operator):
    client.force_login(operator)
    other = file_of.foundry.sites.get(name="西厂区")
    assert client.get(act_url(file_of, "add-collector", other)).status_code == 404
    own = file_of.facilities["furnace1"].site
    assert client.get(act_url(file_of, "add-collector", own)).status_code == 200
    assert client.get(act_url(file_of, "add-pairing", own)).status_code == 403
    facility = file_of.facilities["furnace1"]
    assert client.get(act_url(file_of, "set-threshold", facility)).status_code == 403


def test_a_form_keeps_what_was_typed_and_says_what_is_wrong(client, file_of):
    client.force_login(file_of.administrator)
    facility = file_of.facilities["furnace1"]
    url = act_url(file_of, "set-threshold", facility)
    typed = {
        "off_below_kw": "50",
        "on_from_kw": "40",
        "source": "COMMISSIONING",
        "valid_from": "2026-11-24T02:20",
        "reason": "试车重测",
        "seen": client.get(url).context["form"]["seen"].value(),
    }
    response = client.post(url, typed)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["on_from_kw"]
    assert "试车重测" in response.content.decode()
    response = client.post(url, typed | {"on_from_kw": "90"})
    assert response.status_code == 302
    row = Threshold.objects.get(facility=facility, on_from_kw=90)
    assert row.recorded_by == file_of.administrator
    # The other person's form is from before that.
    late = client.post(url, typed | {"on_from_kw": "95", "valid_from": "2026-11-24T03:20"})
    assert late.status_code == 422
    assert late.context["form"].non_field_errors()


def test_a_pairing_is_changed_and_approved_in_the_page(client, file_of):
    client.force_login(file_of.administrator)
    old = Pairing.objects.filter(site__enterprise=file_of.foundry).first()
    url = act_url(file_of, "change-pairing", old)
    data = {
        "stage": old.stage,
        "productions": [f.pk for f in old.productions.all()],
        "controls": [f.pk for f in old.controls.all()],
        "mode": "ALL",
        "valid_from": "2026-11-24T02:30",
        "seen": client.get(url).context["form"]["seen"].value(),
    }
    assert client.post(url, data).status_code == 302
    new = Pairing.objects.order_by("-pk").first()
    old.refresh_from_db()
    assert old.valid_to == new.valid_from
    assert client.post(act_url(file_of, "approve-pairing", new)).status_code == 302
    new.refresh_from_db()
    assert new.approved_by == file_of.administrator


def test_a_new_enterprise_is_entered_in_a_county_of_ones_own(client, story):
    client.force_login(story.administrator)
    url = reverse("enterprise_new")
    typed = {
        "name": "新企业",
        "code": "N-9",
        "industry": Industry.BRICK,
        "county": story.foundry.county.pk,
    }
    foreign = client.post(url, typed | {"county": story.elsewhere.county.pk})
    assert (foreign.status_code, list(foreign.context["form"].errors)) == (422, ["county"])
    assert client.post(url, typed).status_code == 302
    assert Enterprise.objects.get(code="N-9").county == story.foundry.county
    for who, status in (("officer", 403), ("enforcer", 403), ("colleague", 403)):
        client.force_login(getattr(story, who))
        assert client.get(url).status_code == status


def test_a_planned_meter_is_withdrawn_in_the_page_and_one_in_force_is_not(
    client, file_of, operator
):
    point = file_of.points["furnace1"]
    planned = devices.replace_meter(
        point,
        serial="PLAN-3",
        valid_from=file_of.now + 5 * DAY,
        reason="检定换表",
        actor=operator,
        now=file_of.now,
    )
    held = point.meters.get(serial="NEW-2")
    html = page(client, operator, file_of).content.decode()
    url = act_url(file_of, "withdraw-meter", planned)
    assert url in html
    assert act_url(file_of, "withdraw-meter", held) not in html
    assert "withdraw-meter" not in page(client, file_of.officer, file_of).content.decode()
    client.force_login(operator)
    assert client.post(url, {"reason": ""}).status_code == 422
    assert client.post(url, {"reason": "改期"}).status_code == 302
    assert client.post(url, {"reason": "改期"}).status_code == 404
    refused = client.post(act_url(file_of, "withdraw-meter", held), {"reason": "改期"})
    assert refused.status_code == 422
    assert refused.context["form"].non_field_errors()
    held.refresh_from_db()
    assert held.valid_to is None


def test_photos_of_a_meter_and_a_collector_stand_beside_them_and_are_handed_in_there(
    client, file_of, operator
):
    point = file_of.points["furnace1"]
    held, before = point.meters.get(serial="NEW-2"), point.meters.get(serial="OLD-1")
    site = file_of.facilities["furnace1"].site

    def keep(title, kind="", pk=None):
        return store_attachment(
            SimpleUploadedFile("photo.jpg", jpeg(), "image/jpeg"),
            enterprise=file_of.foundry,
            site=site,
            subject_type=kind,
            subject_id=pk,
            title=title,
            actor=file_of.administrator,
            now=file_of.now,
        )

    keep("铭牌", "meter", held.pk)
    keep("旧表铭牌", "meter", before.pk)
    keep("数采仪箱", "collector", point.collector_id)
    keep("接线图", "point", point.pk)
    keep("营业执照")
    response = page(client, operator, file_of)
    shown = response.context["file"]
    (point_shown,) = [
        each
        for row in shown.sites
        for line in row.lines
        for facility in line.facilities
        for each in facility.points
        if each.id == point.pk
    ]
    assert [file.title for file in point_shown.files] == ["铭牌", "接线图"]
    assert [file.title for file in point_shown.meters.before[0]["files"]] == ["旧表铭牌"]
    collectors = [row for row in shown.sites[0].collectors if row.files]
    assert [file.title for row in collectors for file in row.files] == ["数采仪箱"]
    assert [file.title for file in response.context["attachments"]] == ["营业执照"]
    html = response.content.decode()
    assert html.count("旧表铭牌") == 1
    assert f'value="{held.pk}"' in html
    back = f"{response.wsgi_request.get_full_path()}#{point_shown.anchor}"
    assert back in html
    url = reverse("attach", args=[file_of.foundry.pk])
    kind, pk = point_shown.carrier
    photo = SimpleUploadedFile("seal.jpg", jpeg(), "image/jpeg")
    sent = {"file": photo, "subject_type": kind, "subject_id": pk, "next": back}
    answer = client.post(url, sent)
    assert (answer.status_code, answer.url) == (302, back)
    assert held.pk == Attachment.objects.get(file_name="seal.jpg").subject_id
    # Who may not attach is offered no form, an earlier day shows no papers.
    html = page(client, file_of.enforcer, file_of).content.decode()
    assert "铭牌" in html
    assert ('name="subject_type"' in html) == has_permission(
        file_of.enforcer, Permission.ATTACH, enterprise=file_of.foundry
    )
    earlier = page(client, operator, file_of, on=(file_of.now - 2 * DAY).date().isoformat())
    assert "files-point-" not in earlier.content.decode()


@pytest.mark.parametrize("owner", ["elsewhere", "neighbour"])
@pytest.mark.parametrize(
    ("field", "number"), [("credit_code", "91350100M000100Y43"), ("code", "WHO-7")]
)
def test_a_number_that_another_enterprise_has_is_refused_in_the_same_words_seen_or_not(
    client, story, owner, field, number
):
    story.neighbour = factories.EnterpriseFactory(county=story.foundry.county)
    other = getattr(story, owner)
    Enterprise.objects.filter(pk=other.pk).update(**{field: number})
    client.force_login(story.administrator)
    typed = {
        "name": "新企业",
        "code": "N-9",
        "industry": Industry.BRICK,
        "county": story.foundry.county.pk,
        field: number,
    }
    edit = act_url(story, "edit-enterprise")
    seen = client.get(edit).context["form"]["seen"].value()
    for url in (edit, reverse("enterprise_new")):
        response = client.post(url, typed | {"seen": seen}, headers={"accept-language": "en"})
        assert response.status_code == 422
        errors = response.context["form"].errors
        assert list(errors) == [field]
        words = {"credit_code": "An enterprise with this credit code", "code": "This internal num"}
        assert errors[field][0].startswith(words[field])
        assert other.name not in response.content.decode()
    assert Enterprise.objects.filter(**{field: number}).get() == other


def test_a_look_is_noted(client, file_of):
    page(client, file_of.enforcer, file_of)
    entry = AuditEntry.objects.filter(action="file.look").get()
    assert (entry.actor_id, entry.enterprise_id) == (file_of.enforcer.pk, file_of.foundry.pk)


@pytest.mark.parametrize("more", [1, 3])
def test_it_costs_what_it_costs(client, file_of, more):
    site = file_of.facilities["furnace1"].site
    collector = file_of.points["furnace1"].collector
    for n in range(more):
        production = factories.FacilityFactory(site=site, production=True)
        control = factories.FacilityFactory(site=site, control=True)
        factories.ThresholdFactory(facility=production)
        factories.PairingFactory(site=site, productions=[production], controls=[control])
        point = factories.PointFactory(facility=production, collector=collector, circuit=f"x{n}")
        devices.replace_meter(
            point, serial=f"S{n}", valid_from=file_of.now, actor=None, now=file_of.now
        )
    client.force_login(file_of.administrator)
    url = reverse("enterprise_file", args=[file_of.foundry.pk])
    with counted() as statements:
        assert client.get(url).status_code == 200
    assert len(statements) == COST <= MOST, "\n".join(statements)


#: Two of the walls; session, person and the grants; the enterprise, its sites, facilities,
#: pairings, collectors and attachments; the look that is noted.
COST = 12


def test_it_prints_on_a4_without_navigation_and_with_every_drawer_open():
    root = Path(__file__).resolve().parents[2]
    css = (root / "static/css/file.css").read_text()
    paper = css[css.index("@media print") :]
    assert "size: A4" in paper
    assert ".tabs" in paper
    assert "details-content" in paper
    assert "beforeprint" in (root / "static/js/file.js").read_text()


def test_the_enterprises_page_leads_to_its_file(client, story):
    client.force_login(story.enforcer)
    html = client.get(reverse("enterprise", args=[story.foundry.pk])).content.decode()
    assert reverse("enterprise_file", args=[story.foundry.pk]) in html
