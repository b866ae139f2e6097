"""Acting on an alert from its page."""

import pytest
from django.urls import reverse

from alerts.models import AlertLog, AlertStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def red(story):
    return story.alerts["red"]


@pytest.fixture
def act(client, story, red):
    def post(who: str, name: str, **fields: str):
        client.force_login(getattr(story, who))
        return client.post(reverse("alert_act", args=[red.number]), {"act": name, **fields})

    return post


def offered(client, who, alert) -> list[str]:
    client.force_login(who)
    response = client.get(reverse("alert", args=[alert.number]))
    return [act.name for act in response.context["acts"]]


def test_an_officer_takes_an_alert_under_their_name(act, client, story, red):
    response = act("enforcer", "acknowledge")
    assert response.status_code == 302
    red.refresh_from_db()
    assert red.status == AlertStatus.ACKNOWLEDGED
    entry = AlertLog.objects.get(alert=red, event="acknowledged")
    assert (entry.actor, entry.to_status) == (story.enforcer, AlertStatus.ACKNOWLEDGED)
    page = client.get(response.url).content.decode()
    assert "王建国" in page


def test_what_is_offered_follows_the_loop_and_the_right(client, story, red):
    assert offered(client, story.enforcer, red) == ["acknowledge"]
    assert offered(client, story.officer, red) == ["explain"]
    red.status = AlertStatus.ACKNOWLEDGED
    red.save()
    assert offered(client, story.enforcer, red) == ["verify", "confirm", "dismiss"]
    assert offered(client, story.enforcer, story.alerts["dismissed"]) == ["close"]


def test_who_only_reads_is_offered_nothing(client, story, red):
    story.enforcer.grants.update(role="city_air_office")
    assert offered(client, story.enforcer, red) == []


@pytest.mark.parametrize(
    ("who", "name", "status"),
    [
        ("officer", "acknowledge", 403),
        ("officer", "dismiss", 403),
        ("enforcer", "explain", 403),
        ("colleague", "acknowledge", 404),
        ("stranger", "acknowledge", 404),
        ("enforcer", "close", 409),
        ("enforcer", "no-such-act", 409),
    ],
)
def test_the_door_is_closed_to_others(act, red, who, name, status):
    assert act(who, name, reason="test", note="x").status_code == status
    red.refresh_from_db()
    assert red.status == AlertStatus.OPEN
    assert not AlertLog.objects.filter(alert=red).exclude(event="opened").exists()


def test_the_second_officer_is_told_that_it_is_taken(act, story):
    assert act("enforcer", "acknowledge").status_code == 302
    response = act("administrator", "acknowledge")
    assert response.status_code == 409
    assert AlertLog.objects.filter(event="acknowledged").count() == 1


def test_a_refused_form_keeps_what_was_typed(act, red):
    red.status = AlertStatus.ACKNOWLEDGED
    red.save()
    response = act("enforcer", "dismiss", reason="", note="风机刚检修完")
    assert response.status_code == 409
    assert "风机刚检修完" in response.content.decode()
    dismiss = next(act for act in response.context["acts"] if act.name == "dismiss")
    assert dismiss.open


def test_a_dismissal_carries_its_reason_into_the_timeline(act, client, red):
    red.status = AlertStatus.ACKNOWLEDGED
    red.save()
    url = act("enforcer", "dismiss", reason="power_cut", note="电网通知").url
    red.refresh_from_db()
    assert red.status == AlertStatus.DISMISSED
    details = [entry["detail"] for entry in client.get(url).context["timeline_acts"]]
    assert any("电网通知" in detail for detail in details)


def test_the_enterprise_explains_and_the_officers_see_it(act, client, story, red):
    assert act("officer", "explain", note="").status_code == 409
    assert act("officer", "explain", note="风机变频器跳闸，已复位").status_code == 302
    client.force_login(story.enforcer)
    page = client.get(reverse("alert", args=[red.number])).content.decode()
    assert "风机变频器跳闸，已复位" in page


def test_acts_are_posted(client, story, red):
    client.force_login(story.enforcer)
    assert client.get(reverse("alert_act", args=[red.number])).status_code == 405
