"""Messages commit with the fact they tell of."""

import time
from datetime import timedelta

import pytest
from django.db import transaction

from alerts import outbox
from alerts.models import Channel, Level, Notification, NotificationState
from tenancy.models import Grant, Role, User
from tests.alerts.outbox.conftest import NOW


def told(rows):
    return sorted((row.audience, row.channel) for row in rows)


RED = sorted(
    (role.value, channel)
    for role in (
        Role.ENTERPRISE_OFFICER,
        Role.ENTERPRISE_REP,
        Role.COUNTY_BRANCH,
        Role.CITY_ENFORCER,
    )
    for channel in ("SMS", "EMAIL")
)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (Level.RED, RED),
        (
            Level.ORANGE,
            [
                ("city_enforcer", "EMAIL"),
                ("county_branch", "EMAIL"),
                ("county_branch", "SMS"),
                ("enterprise_officer", "EMAIL"),
                ("enterprise_officer", "SMS"),
            ],
        ),
        # Of what is no device matter operators hear nothing.
        (Level.YELLOW, [("enterprise_officer", "EMAIL")]),
    ],
)
def test_each_level_tells_the_people_of_the_catalogue(world, level, expected):
    rows = outbox.queue_notifications(*world.make_alert(level=level), event="opened", now=NOW)
    assert told(rows) == expected
    assert {row.state for row in rows} == {NotificationState.QUEUED}
    assert {row.due_at for row in rows} == {NOW}


def test_the_same_event_is_queued_once(world):
    alert, occurrence = world.make_alert()
    first = outbox.queue_notifications(alert, occurrence, event="opened", now=NOW)
    again = outbox.queue_notifications(
        alert, occurrence, event="opened", now=NOW + timedelta(minutes=1)
    )
    assert [row.pk for row in first] == [row.pk for row in again]
    assert Notification.objects.count() == len(first) == 8


def test_each_raise_of_the_level_is_news(world):
    alert, occurrence = world.make_alert(level=Level.YELLOW)
    outbox.queue_notifications(alert, occurrence, event="opened", now=NOW)
    keys = []
    for level in (Level.ORANGE, Level.RED):
        occurrence.level = level
        rows = outbox.queue_notifications(alert, occurrence, event="level_raised", now=NOW)
        keys += [row.key for row in rows]
    assert len(keys) == len(set(keys)) == 5 + 8


def test_the_key_names_event_person_and_channel(world):
    alert, occurrence = world.make_alert()
    rows = outbox.queue_notifications(alert, occurrence, event="opened", now=NOW)
    user = world.people[Role.CITY_ENFORCER]
    key = f"alert:{alert.pk}:occurrence:{occurrence.pk}:opened:user:{user.pk}:SMS"
    assert key in {row.key for row in rows}


def test_who_has_no_address_gets_no_row(world):
    User.objects.filter(pk=world.people[Role.CITY_ENFORCER].pk).update(phone="")
    User.objects.filter(pk=world.people[Role.ENTERPRISE_REP].pk).update(phone=" ", email="")
    rows = outbox.queue_notifications(*world.make_alert(), event="opened", now=NOW)
    assert [r.channel for r in rows if r.audience == Role.CITY_ENFORCER] == [Channel.EMAIL]
    assert not [row for row in rows if row.audience == Role.ENTERPRISE_REP]


def test_a_person_with_several_grants_is_told_once(world):
    officer = world.people[Role.COUNTY_BRANCH]
    for role, division in [
        (Role.CITY_ENFORCER, world.city),
        (Role.COUNTY_BRANCH, world.county),
        (Role.COUNTY_BRANCH, world.other_county),
    ]:
        Grant.objects.create(user=officer, role=role, division=division, starts_at=NOW)
    rows = outbox.queue_notifications(*world.make_alert(), event="opened", now=NOW)
    assert [r.channel for r in rows if r.recipient_id == officer.pk] == ["SMS", "EMAIL"]


def test_a_grant_that_ended_or_has_not_begun_tells_nobody(world):
    county = Grant.objects.filter(user=world.people[Role.COUNTY_BRANCH])
    city = Grant.objects.filter(user=world.people[Role.CITY_ENFORCER])
    county.update(ends_at=NOW)
    city.update(starts_at=NOW + timedelta(seconds=1))
    rows = outbox.queue_notifications(*world.make_alert(), event="opened", now=NOW)
    assert {row.audience for row in rows} == {Role.ENTERPRISE_OFFICER, Role.ENTERPRISE_REP}


def test_an_inactive_person_is_not_told(world):
    User.objects.filter(pk=world.people[Role.ENTERPRISE_REP].pk).update(is_active=False)
    rows = outbox.queue_notifications(*world.make_alert(), event="opened", now=NOW)
    assert Role.ENTERPRISE_REP not in {row.audience for row in rows}


def test_the_end_is_mailed_to_those_who_heard_of_the_beginning(world):
    alert, occurrence = world.make_alert()
    outbox.queue_notifications(alert, occurrence, event="opened", now=NOW)
    Grant.objects.filter(user=world.people[Role.ENTERPRISE_REP]).update(
        ends_at=NOW + timedelta(minutes=1)
    )
    rows = outbox.queue_notifications(
        alert, occurrence, event="ended", now=NOW + timedelta(minutes=5)
    )
    assert told(rows) == [
        ("city_enforcer", "EMAIL"),
        ("county_branch", "EMAIL"),
        ("enterprise_officer", "EMAIL"),
    ]


def test_a_withdrawal_reaches_everyone_who_heard_the_claim_and_nobody_else(world):
    alert, occurrence = world.make_alert(level=Level.ORANGE)
    opened = outbox.queue_notifications(alert, occurrence, event="opened", now=NOW)
    rows = outbox.queue_notifications(alert, occurrence, event="withdrawn", now=NOW)
    assert told(rows) == told(opened)


def test_a_withdrawal_of_what_nobody_heard_is_silent(world):
    assert not outbox.queue_notifications(*world.make_alert(), event="withdrawn", now=NOW)


def test_an_unknown_event_is_refused(world):
    with pytest.raises(ValueError, match="exploded"):
        outbox.queue_notifications(*world.make_alert(), event="exploded", now=NOW)


def test_the_language_is_the_recipients(world):
    User.objects.filter(pk=world.people[Role.CITY_ENFORCER].pk).update(language="en")
    rows = outbox.queue_notifications(*world.make_alert(), event="opened", now=NOW)
    texts = {row.audience: row.text for row in rows if row.channel == Channel.SMS}
    assert texts[Role.CITY_ENFORCER].startswith("Level 1 suspected alert: ")


def test_queueing_costs_the_same_number_of_queries_however_many_are_told(
    world, django_assert_num_queries
):
    alert, occurrence = world.make_alert()
    with django_assert_num_queries(4):
        outbox.queue_notifications(alert, occurrence, event="opened", now=NOW)
    other = world.make_alert()
    for number in range(5):
        user = User.objects.create(username=f"more{number}", phone=f"1380000000{number}")
        Grant.objects.create(user=user, role=Role.CITY_ENFORCER, division=world.city, starts_at=NOW)
    with django_assert_num_queries(4):
        outbox.queue_notifications(*other, event="opened", now=NOW)


@pytest.mark.django_db(transaction=True)
class TestCommit:
    def test_outside_a_transaction_it_refuses(self, world):
        with pytest.raises(transaction.TransactionManagementError):
            outbox.queue_notifications(*world.make_alert(), event="opened", now=NOW)

    def test_a_rollback_leaves_nothing_and_rings_nobody(self, world, monkeypatch):
        rung = []
        monkeypatch.setattr(outbox, "ring", lambda: rung.append(True))
        alert, occurrence = world.make_alert()
        with pytest.raises(RuntimeError), transaction.atomic():
            outbox.queue_notifications(alert, occurrence, event="opened", now=NOW)
            raise RuntimeError("the rules fell over")
        assert Notification.objects.count() == 0
        assert rung == []

    def test_a_broker_that_is_down_delays_nothing_and_loses_nothing(
        self, world, monkeypatch, caplog
    ):
        from celery import current_app

        monkeypatch.setattr(
            current_app.conf, "broker_write_url", "redis://127.0.0.1:1/0", raising=False
        )
        outbox._drop_connection()
        alert, occurrence = world.make_alert()
        with transaction.atomic():
            outbox.queue_notifications(alert, occurrence, event="opened", now=NOW)
        assert "outbox.ring_failed" in caplog.text
        # Timed the second time: the first loads templates and the broker's client, which on a busy
        # machine takes seconds that have nothing to do with the broker.
        began = time.monotonic()
        outbox.ring()
        assert time.monotonic() - began < 1
        assert Notification.objects.filter(state=NotificationState.QUEUED).count() == 8
