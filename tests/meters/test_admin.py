"""The device tables in the admin: who sees what, what is refused, and at what cost."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from meters.builtin_profiles import ST80_FAMILY_B
from meters.models import IntakeIssue, Meter, Profile, ReadingConflict
from tenancy.models import Role, User
from tests.factories import CountyFactory, FacilityFactory, GrantFactory, PointFactory, UserFactory

NOW = datetime(2026, 11, 23, tzinfo=UTC)
LISTS = ["collector", "monitoringpoint", "meter", "profile", "intakeissue", "readingconflict"]


@pytest.fixture
def root(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("root", password="not used here"))
    return client


def make_rows(number: int) -> None:
    point = PointFactory()
    Meter.objects.create(point=point, serial=f"S{number}", valid_from=NOW)
    Profile.objects.create(name=f"p{number}", title=f"p{number}", spec=ST80_FAMILY_B.spec)
    IntakeIssue.objects.create(
        reason="BAD_CRC", mn=point.collector.mn, first_at=NOW, latest_at=NOW, sample=b"##\0<b>"
    )
    ReadingConflict.objects.create(
        point=point, measured_at=NOW, received_at=NOW, kept={}, refused={}, chunk_id=1
    )


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_for_one_row_and_for_three(name: str, root: Client) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    url = reverse(f"admin:meters_{name}_changelist")
    make_rows(1)
    root.get(url)
    with CaptureQueriesContext(connection) as one:
        assert root.get(url).status_code == 200
    make_rows(2)
    make_rows(3)
    with CaptureQueriesContext(connection) as three:
        assert root.get(url).status_code == 200
    assert len(one) == len(three)


def test_a_specification_that_cannot_be_used_is_refused(root: Client) -> None:
    data = {"name": "mine", "title": "Mine", "is_enabled": "on", "spec": '{"match": {}}'}

    page = root.post(reverse("admin:meters_profile_add"), data)

    assert "item: expected an object" in page.content.decode()
    assert not Profile.objects.filter(name="mine").exists()


def test_what_the_gateway_wrote_cannot_be_changed(root: Client) -> None:
    make_rows(1)
    issue = IntakeIssue.objects.get()

    page = root.get(reverse("admin:meters_intakeissue_change", args=[issue.pk]))

    assert page.status_code == 200
    assert "##\\x00&lt;b&gt;" in page.content.decode()
    assert root.get(reverse("admin:meters_intakeissue_add")).status_code == 403
    delete = root.post(reverse("admin:meters_intakeissue_delete", args=[issue.pk]))
    assert delete.status_code == 403


def test_whoever_administers_a_county_sees_that_county(client: Client, db: None) -> None:
    mine, theirs = CountyFactory(), CountyFactory()
    here = PointFactory(facility=FacilityFactory(site__enterprise__county=mine))
    there = PointFactory(facility=FacilityFactory(site__enterprise__county=theirs))
    user = UserFactory(is_staff=True)
    grant = GrantFactory(user=user, role=Role.CITY_ADMIN, division=mine)
    client.force_login(user)

    page = client.get(reverse("admin:meters_collector_changelist")).content.decode()

    assert here.collector.mn in page
    assert there.collector.mn not in page
    url = reverse("admin:meters_collector_change", args=[there.collector.pk])
    assert client.get(url).status_code == 404

    # What a role may do stands in one table; Django's own rights add nothing to it.
    grant.role = Role.COUNTY_BRANCH
    grant.save()
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="meters"))
    assert client.get(reverse("admin:meters_collector_changelist")).status_code == 403
