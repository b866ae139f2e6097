"""The machine of the installation programme: what the table has is made, nothing beside it."""

import itertools
import threading
from datetime import UTC, datetime

import pytest
from django.db import connection

from enterprises.models import Enterprise, Installation, InstallationLog, InstallationStatus
from enterprises.programme import (
    EVENT_PERMISSIONS,
    EVENT_WORDS,
    MOVES,
    OPEN_STATUSES,
    Event,
    MoveRefused,
    Note,
    is_overdue,
    move,
    owes_reason,
    target_of,
)
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture
def officer():
    return factories.UserFactory()


@pytest.mark.parametrize(
    ("status", "event"), list(itertools.product(InstallationStatus.values, Event)), ids=str
)
def test_a_move_is_made_if_and_only_if_the_table_has_it(officer, status, event):
    enterprise = factories.EnterpriseFactory(installation_status=status)
    if target_of(status, event) is None:
        with pytest.raises(MoveRefused):
            move(enterprise, event, actor=officer, now=NOW, reason="as asked")
        assert Enterprise.objects.get().installation_status == status
        assert not InstallationLog.objects.exists()
        return
    row = move(enterprise, event, actor=officer, now=NOW, reason="as asked", body="临汾市 · 大气办")
    target = MOVES[status, event]
    assert Enterprise.objects.get().installation_status == target
    assert enterprise.installation_status == target
    row.refresh_from_db()
    assert (row.from_status, row.to_status, row.event) == (status, target, event.value)
    assert (row.actor, row.at, row.body) == (officer, NOW, "临汾市 · 大气办")
    assert row.reason == "as asked"
    accepted = Installation.objects.get().accepted_at
    assert accepted == (NOW if event is Event.ACCEPT else None)


@pytest.mark.parametrize(
    ("status", "event"), [pair for pair in MOVES if owes_reason(*pair)], ids=str
)
def test_what_takes_a_duty_away_or_a_step_back_must_say_why(officer, status, event):
    enterprise = factories.EnterpriseFactory(installation_status=status)
    with pytest.raises(MoveRefused):
        move(enterprise, event, actor=officer, now=NOW, reason="  ")
    assert Enterprise.objects.get().installation_status == status
    assert not InstallationLog.objects.exists()


def test_every_step_forward_can_be_made_without_a_reason():
    owing = {event for status, event in MOVES if owes_reason(status, event)}
    assert owing == {
        Event.REQUIRE,  # only where an exemption or a dismantling ends
        Event.REJECT,
        Event.RETURN,
        Event.EXEMPT,
        Event.RELEASE,
        Event.DISMANTLE,
    }
    assert not owes_reason(InstallationStatus.NOT_REQUIRED, Event.REQUIRE)


def test_every_status_can_be_reached_and_left():
    assert set(MOVES.values()) == set(InstallationStatus)
    assert {status for status, _event in MOVES} == set(InstallationStatus)


def test_every_event_has_its_words_and_its_permission():
    assert set(EVENT_WORDS) == {*Event, *Note}
    assert set(EVENT_PERMISSIONS) == set(Event)
    assert all(len(word) <= 20 for word in EVENT_WORDS)


def test_the_second_of_two_who_saw_the_same_status_is_told(officer):
    enterprise = factories.EnterpriseFactory(installation_status="SURVEYED")
    seen_by_other = Enterprise.objects.get()
    move(enterprise, Event.BEGIN, actor=officer, now=NOW)
    with pytest.raises(MoveRefused):
        move(seen_by_other, Event.EXEMPT, actor=officer, now=NOW, reason="moved away")
    assert InstallationLog.objects.get().event == Event.BEGIN


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_moment_one_wins():
    officer = factories.UserFactory()
    enterprise = factories.EnterpriseFactory(installation_status="SURVEYED")
    start, outcomes = threading.Barrier(2), []

    def act(event):
        mine = Enterprise.objects.get(pk=enterprise.pk)
        start.wait(10)
        try:
            move(mine, event, actor=officer, now=NOW, reason="as asked")
        except MoveRefused:
            outcomes.append("refused")
        else:
            outcomes.append(event)
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(e,)) for e in (Event.BEGIN, Event.EXEMPT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(outcomes) == 2
    assert outcomes.count("refused") == 1
    assert InstallationLog.objects.count() == 1


def test_a_release_takes_the_due_day_along(officer):
    enterprise = factories.EnterpriseFactory(installation_status="REQUIRED")
    Installation.objects.create(enterprise=enterprise, due_on="2026-12-31", extension_reason="x")
    move(enterprise, Event.RELEASE, actor=officer, now=NOW, reason="closed down")
    installation = Installation.objects.get()
    assert (installation.due_on, installation.extension_reason) == (None, "")


@pytest.mark.parametrize("status", InstallationStatus.values)
def test_the_due_day_itself_is_still_in_time_on_the_clock_of_shanghai(status):
    due = datetime(2026, 11, 22).date()
    late_evening, past_midnight = (
        datetime(2026, 11, 22, 15, 59, tzinfo=UTC),
        datetime(2026, 11, 22, 16, 0, tzinfo=UTC),
    )
    assert not is_overdue(status, due, late_evening)
    assert is_overdue(status, due, past_midnight) == (status in OPEN_STATUSES)
    assert not is_overdue(status, None, past_midnight)
