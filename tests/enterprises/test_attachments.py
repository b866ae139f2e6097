"""Files hang on an enterprise's records; who sees those sees them."""

import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse
from django.utils import translation

from enterprises.attachments import (
    FileRefused,
    clean_name,
    get_attachments,
    store_attachment,
    sweep_files,
    withdraw_attachment,
)
from enterprises.models import Attachment
from tenancy.models import AuditEntry, OperatorCompany, Role, SiteAssignment
from tests import factories
from tests.enterprises.pictures import PDF, jpeg, phone_photo, png_header_of, upload

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.STATE_DIR = tmp_path
    with translation.override("en"):
        yield tmp_path / "files"


@pytest.fixture
def site():
    return factories.SiteFactory()


@pytest.fixture
def enterprise(site):
    return site.enterprise


def person(role, **scope):
    grant = factories.GrantFactory(
        role=role, **{"division": None, "enterprise": None, "company": None, **scope}
    )
    return grant.user


@pytest.fixture
def branch(enterprise):
    return person(Role.COUNTY_BRANCH, division=enterprise.county)


@pytest.fixture
def officer(enterprise):
    return person(Role.ENTERPRISE_OFFICER, enterprise=enterprise)


@pytest.fixture
def operator(site):
    company = OperatorCompany.objects.create(name="测试运维公司", division=site.enterprise.county)
    SiteAssignment.objects.create(company=company, site=site, starts_at=factories.LONG_AGO)
    return person(Role.OPERATOR, company=company)


@pytest.fixture
def stranger():
    return person(Role.COUNTY_BRANCH, division=factories.CountyFactory())


def keep(enterprise, actor, content=None, **kwargs):
    return store_attachment(
        upload(content or jpeg()), enterprise=enterprise, actor=actor, now=NOW, **kwargs
    )


def files_on_disk(store):
    return [path for path in store.rglob("*") if path.is_file()] if store.exists() else []


def hand_in(client, enterprise, *files, **fields):
    return client.post(reverse("attach", args=[enterprise.pk]), {"file": list(files), **fields})


def said(client, response):
    page = client.get(response.url).content.decode()
    return re.findall(r'callout__title">([^<]*)<', page)


def test_a_photo_is_kept_with_what_was_read_from_it(enterprise, branch, store):
    row = keep(enterprise, branch, phone_photo(), title="铭牌")
    assert (row.title, row.file_name, row.content_type) == ("铭牌", "photo.jpg", "image/jpeg")
    assert (row.width_px, row.height_px) == (40, 60)
    assert row.taken_at == datetime(2026, 11, 23, 2, 15, tzinfo=UTC)
    assert len(files_on_disk(store)) == 2  # itself and its thumbnail


@pytest.mark.parametrize(
    "content",
    [png_header_of(50_000, 50_000), jpeg()[:300], b"<html></html>", b"<svg/>", b"PK\x03\x04"],
)
def test_what_is_refused_leaves_nothing_and_says_why(client, enterprise, branch, store, content):
    client.force_login(branch)
    response = hand_in(client, enterprise, upload(content))
    [words] = said(client, response)
    assert words.startswith("photo.jpg 未保存。")
    assert not Attachment.objects.exists()
    assert files_on_disk(store) == []


def test_a_failing_row_takes_its_file_along(enterprise, branch, store):
    with pytest.raises(ValueError, match="Cannot assign"):
        keep(enterprise, branch, site="no site")
    assert files_on_disk(store) == []


def test_the_quota_of_an_enterprise_holds(settings, enterprise, branch, store):
    row = keep(enterprise, branch)
    settings.ATTACHMENTS_QUOTA_BYTES = row.size_bytes + 10
    with pytest.raises(FileRefused, match="files of this enterprise"):
        keep(enterprise, branch)
    assert Attachment.objects.count() == 1
    keep(factories.EnterpriseFactory(), branch)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("合格证.pdf", "合格证.jpg"),
        ("../../etc/passwd", "passwd.jpg"),
        ("C:\\照片\\a.jpeg", "a.jpg"),
        ("a\u202egpj.exe", "agpj.jpg"),
        ('a"\r\nX: y.jpg', "aX y.jpg"),
        ("", "file.jpg"),
        ("...", "file.jpg"),
        ("x" * 300, "x" * 100 + ".jpg"),
    ],
)
def test_file_names_are_cleaned(given, kept):
    assert clean_name(given, "image/jpeg") == kept


def test_several_files_are_kept_and_the_bad_one_named(client, enterprise, branch):
    client.force_login(branch)
    response = hand_in(
        client, enterprise, upload(jpeg()), upload(PDF, "permit.pdf"), upload(b"GIF89a", "b.gif")
    )
    words = said(client, response)
    assert "已保存 2 个文件。" in words
    assert any(line.startswith("b.gif 未保存") for line in words)


@pytest.mark.parametrize(
    ("who", "status"), [("branch", 302), ("officer", 302), ("operator", 302), ("stranger", 404)]
)
def test_who_may_hand_in(client, request, enterprise, who, status):
    client.force_login(request.getfixturevalue(who))
    response = hand_in(client, enterprise, upload(jpeg()))
    assert response.status_code == status
    assert Attachment.objects.count() == (status == 302)


def test_who_only_looks_hands_in_nothing(client, enterprise):
    client.force_login(person(Role.COUNTY_AIR_OFFICE, division=enterprise.county))
    assert hand_in(client, enterprise, upload(jpeg())).status_code == 403
    assert not Attachment.objects.exists()


def test_a_file_hangs_on_a_record_of_this_enterprise_alone(client, enterprise, site, branch):
    client.force_login(branch)
    own = factories.FacilityFactory(site=site)
    neighbours = factories.FacilityFactory(
        site=factories.SiteFactory(enterprise=factories.EnterpriseFactory(county=enterprise.county))
    )
    for kind, pk, status in (
        ("facility", own.pk, 302),
        ("facility", neighbours.pk, 404),
        ("collector", own.pk, 404),
        ("user", branch.pk, 404),
        ("facility", "x", 404),
        ("facility", "", 404),
        ("", own.pk, 404),
    ):
        response = hand_in(client, enterprise, upload(jpeg()), subject_type=kind, subject_id=pk)
        assert response.status_code == status, (kind, pk)
    [kept] = Attachment.objects.all()
    assert (kept.subject_type, kept.subject_id, kept.site) == ("facility", own.pk, site)


def test_meters_and_work_orders_carry_files_too(client, enterprise, site, branch):
    client.force_login(branch)
    collector = factories.CollectorFactory(site=site)
    hand_in(client, enterprise, upload(jpeg()), subject_type="collector", subject_id=collector.pk)
    assert Attachment.objects.get().site == site


def test_an_operators_file_stays_within_the_operators_reach(client, enterprise, site, operator):
    factories.SiteFactory(enterprise=enterprise, name="二厂")
    client.force_login(operator)
    hand_in(client, enterprise, upload(jpeg()))
    assert Attachment.objects.visible_to(operator).get().site == site


def test_it_leads_back_to_the_page_and_nowhere_else(client, enterprise, branch):
    client.force_login(branch)
    own = reverse("enterprise", args=[enterprise.pk])
    for wanted, got in (("/alerts/", "/alerts/"), ("https://evil.test/", own), ("//evil", own)):
        assert hand_in(client, enterprise, upload(jpeg()), next=wanted).url == got


@pytest.mark.parametrize(
    ("who", "status"), [("branch", 200), ("officer", 200), ("operator", 404), ("stranger", 404)]
)
def test_a_file_is_sent_to_who_sees_it(client, request, enterprise, branch, who, status):
    row = keep(enterprise, branch)
    client.force_login(request.getfixturevalue(who))
    for query in ("", "?view", "?size=320"):
        response = client.get(reverse("attachment", args=[row.key]) + query)
        response.getvalue()
        assert response.status_code == status


def test_a_file_is_sent_so_that_no_browser_runs_it(client, enterprise, branch):
    client.force_login(branch)
    url = reverse("attachment", args=[keep(enterprise, branch, PDF).key])
    for query in ("", "?view", "?size=320"):
        response = client.get(url + query)
        assert response["Content-Type"] == "application/pdf"
        assert response["Content-Disposition"].startswith("attachment;")
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in response["Content-Security-Policy"]
        assert response["Cache-Control"] == "private, no-cache"
        assert b"".join(response.streaming_content) == PDF


def test_a_picture_is_shown_in_the_page_on_demand(client, enterprise, branch):
    client.force_login(branch)
    url = reverse("attachment", args=[keep(enterprise, branch).key])
    for query, disposition in (("", "attachment"), ("?view", "inline"), ("?size=320", "inline")):
        response = client.get(url + query)
        assert response["Content-Disposition"].startswith(disposition)
        response.getvalue()


def test_an_unchanged_file_is_not_sent_twice(client, enterprise, branch, officer):
    client.force_login(officer)
    url = reverse("attachment", args=[keep(enterprise, branch).key])
    response = client.get(url)
    response.getvalue()
    again = client.get(url, headers={"If-None-Match": response["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_withdrawn_file_is_gone_for_all_but_the_authority(client, enterprise, branch, officer):
    row = keep(enterprise, branch)
    client.force_login(branch)
    url = reverse("attachment_withdraw", args=[row.key])
    client.post(url, {"reason": " "})
    row.refresh_from_db()
    assert row.withdrawn_at is None
    client.post(url, {"reason": "拍错了"})
    entry = AuditEntry.objects.get(action="attachment.withdraw")
    assert (entry.actor_id, entry.note, entry.enterprise_id) == (
        branch.pk,
        "拍错了",
        enterprise.pk,
    )
    assert list(get_attachments(branch, enterprise)) == [row]
    assert list(get_attachments(officer, enterprise)) == []
    shown = client.get(reverse("attachment", args=[row.key]))
    assert shown.status_code == 200
    shown.getvalue()
    client.force_login(officer)
    assert client.get(reverse("attachment", args=[row.key])).status_code == 404


def test_an_enterprise_withdraws_its_own_files_alone(client, enterprise, branch, officer, stranger):
    bureaus, own = keep(enterprise, branch), keep(enterprise, officer)
    for who, row, status in (
        (officer, bureaus, 403),
        (officer, own, 302),
        (stranger, bureaus, 404),
    ):
        client.force_login(who)
        url = reverse("attachment_withdraw", args=[row.key])
        assert client.post(url, {"reason": "x"}).status_code == status


def test_withdrawing_twice_is_said(enterprise, branch):
    row = keep(enterprise, branch)
    withdraw_attachment(row, reason="x", actor=branch, now=NOW)
    with pytest.raises(FileRefused, match="already"):
        withdraw_attachment(row, reason="x", actor=branch, now=NOW)


def test_the_sweep_keeps_what_rows_name(enterprise, branch):
    keep(enterprise, branch)
    assert sweep_files(now=datetime(2099, 1, 1, tzinfo=UTC)) == 0
    Attachment.objects.all().delete()
    assert sweep_files(now=datetime(2099, 1, 1, tzinfo=UTC)) == 2
