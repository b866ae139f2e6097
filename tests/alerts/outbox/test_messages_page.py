"""The page of messages: who sees what, masked, filtered, renewing itself, at a flat price."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse

from alerts import outbox
from alerts.models import Channel, Notification, NotificationState
from tenancy.models import Grant, Role
from tests.alerts.outbox.conftest import NOW

HTMX = {"HX-Request": "true"}


@pytest.fixture
def told(world):
    """One red alert, told to four people over two channels, all of it sent."""
    rows = outbox.queue_notifications(*world.make_alert(), event="opened", now=NOW)
    Notification.objects.update(state=NotificationState.SENT, sent_at=NOW, provider_id="p")
    return rows


@pytest.fixture
def page(client, settings):
    """Return a function that shows the page to a person; the demo's phone is off."""
    settings.DEMO = False

    def show(user, query="", *, status=200, **headers):
        client.force_login(user)
        response = client.get(f"{reverse('messages')}{query}", headers=headers)
        assert response.status_code == status
        return response

    return show


def shown(response):
    return {row.message.pk for row in response.context["rows"]}


def test_who_is_not_signed_in_is_sent_to_sign_in(client, db):
    response = client.get(reverse("messages"))
    assert (response.status_code, response.url) == (302, "/accounts/login/?next=/messages/")


@pytest.mark.parametrize("role", [Role.CITY_ADMIN, Role.CITY_ENFORCER, Role.COUNTY_BRANCH])
def test_an_authority_sees_what_was_said_about_its_enterprises(world, told, page, role):
    assert shown(page(world.people[role])) == {row.pk for row in told}


def test_a_neighbouring_county_sees_nothing_of_it(world, told, page):
    response = page(world.people["stranger"])
    assert shown(response) == set()
    assert "襄汾县晋南铸造" not in response.text


@pytest.mark.parametrize("role", [Role.ENTERPRISE_OFFICER, Role.ENTERPRISE_REP])
def test_an_enterprises_people_see_what_was_addressed_to_them(world, told, page, role):
    user = world.people[role]
    assert shown(page(user)) == {row.pk for row in told if row.recipient_id == user.pk}


def test_whose_grant_ended_still_sees_what_they_were_told(world, told, page):
    user = world.people[Role.COUNTY_BRANCH]
    Grant.objects.filter(user=user).update(ends_at=NOW)
    assert shown(page(user)) == {row.pk for row in told if row.recipient_id == user.pk}


def test_anothers_messages_are_403_inside_the_scope_and_404_outside(world, told, page):
    officer = world.people[Role.ENTERPRISE_OFFICER]
    colleague = world.people[Role.ENTERPRISE_REP]
    page(officer, f"?person={colleague.pk}", status=403)
    page(world.people["other_officer"], f"?person={colleague.pk}", status=404)
    page(world.people["stranger"], f"?person={colleague.pk}", status=404)
    page(officer, f"?person={officer.pk}")


@pytest.mark.parametrize("person", ["x", "-1", "0", "9" * 30, "1%00", "²"])
def test_a_person_who_is_none_is_404(world, told, page, person):
    page(world.people[Role.CITY_ADMIN], f"?person={person}", status=404)


def test_addresses_are_masked_unless_they_are_ones_own(world, told, page):
    me, other = world.people[Role.CITY_ENFORCER], world.people[Role.COUNTY_BRANCH]
    html = page(me).text
    assert me.phone in html
    assert me.email in html
    assert other.phone not in html
    assert other.email not in html
    assert f"{other.phone[:3]}****{other.phone[-4:]}" in html


def test_filters_stand_in_the_url(world, told, page):
    admin = world.people[Role.CITY_ADMIN]
    failed = Notification.objects.filter(pk=told[0].pk)
    failed.update(state=NotificationState.FAILED, error="HTTP 400 bad_number")
    assert shown(page(admin, "?state=FAILED")) == {told[0].pk}
    assert shown(page(admin, "?channel=SMS")) == {r.pk for r in told if r.channel == Channel.SMS}
    assert shown(page(admin, f"?alert={told[0].alert.number}")) == {row.pk for row in told}
    assert shown(page(admin, "?alert=A0")) == set()
    assert shown(page(admin, f"?person={told[0].recipient_id}&channel=EMAIL")) == {told[1].pk}
    assert "HTTP 400 bad_number" in page(admin).text


def test_newest_come_first_page_by_page(world, told, page):
    with transaction.atomic():
        for hour in range(1, 8):
            outbox.queue_notifications(
                *world.make_alert(), event="opened", now=NOW + timedelta(hours=hour)
            )
    response = page(world.people[Role.CITY_ADMIN])
    times = [row.message.created_at for row in response.context["rows"]]
    assert times == sorted(times, reverse=True)
    assert len(times) == 50
    assert len(shown(page(world.people[Role.CITY_ADMIN], "?page=2"))) == 14


def test_it_renews_itself_and_says_nothing_while_nothing_changed(world, told, page):
    admin = world.people[Role.CITY_ADMIN]
    response = page(admin)
    live_url = response.context["live_url"]
    assert f'hx-get="{live_url.replace("&", "&amp;")}"' in response.text
    query = live_url.partition("?")[2]
    assert page(admin, f"?{query}", status=204, **HTMX).content == b""
    Notification.objects.filter(pk=told[0].pk).update(state=NotificationState.FAILED)
    renewed = page(admin, f"?{query}", **HTMX)
    assert renewed.text.strip().startswith('<div id="messages-live"')
    assert "<html" not in renewed.text
    assert renewed.context["live_url"] != live_url


def test_a_hostile_name_is_shown_as_text(world, page):
    alert, occurrence = world.make_alert()
    occurrence.evidence["production"]["name"] = "<script>alert(1)</script>"
    outbox.queue_notifications(alert, occurrence, event="opened", now=NOW)
    html = page(world.people[Role.CITY_ADMIN]).text
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_there_is_a_word_where_there_is_nothing(world, page):
    assert 'class="empty"' in page(world.people[Role.CITY_ADMIN]).text


def test_the_demo_shows_the_phone_of_the_chosen_person(world, told, page, settings):
    admin, officer = world.people[Role.CITY_ADMIN], world.people[Role.ENTERPRISE_OFFICER]
    assert 'class="phone"' not in page(admin).text
    settings.DEMO = True
    phone = page(admin, f"?person={officer.pk}").context["phone"]
    assert phone.owner == officer
    [bubble] = phone.bubbles
    assert bubble.words + bubble.link == bubble.message.text
    assert bubble.link.endswith(f"/a/{bubble.message.alert.number}")
    assert page(admin).context["phone"].owner.pk in {row.recipient_id for row in told}


def test_it_costs_the_same_queries_with_one_alert_and_with_three(
    world, told, client, settings, django_assert_num_queries
):
    settings.DEMO = True
    client.force_login(world.people[Role.CITY_ADMIN])
    # Five of them are the walls': entering, the body for the audit, and a savepoint in the test.
    with django_assert_num_queries(13):
        client.get(reverse("messages"))
    for _count in range(2):
        outbox.queue_notifications(*world.make_alert(), event="opened", now=NOW)
    Notification.objects.update(state=NotificationState.SENT, sent_at=NOW)
    with django_assert_num_queries(13):
        client.get(reverse("messages"))
