"""Sending over real sockets: nothing lost, nothing told twice, whatever the provider does."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from alerts import dispatch, outbox
from alerts.models import Channel, Notification, NotificationState
from alerts.standins.mail import MailBehaviour
from alerts.standins.sms import Behaviour, make_id
from alerts.tasks import dispatch_notifications, sweep_notifications

pytestmark = pytest.mark.django_db(transaction=True)

S = NotificationState


@pytest.fixture
def one_sms(queued):
    """The same with a single SMS left, so that a behaviour meets a known message."""
    keep = next(row for row in queued if row.channel == Channel.SMS)
    Notification.objects.exclude(pk=keep.pk).delete()
    return keep


@pytest.fixture
def one_email(queued):
    keep = next(row for row in queued if row.channel == Channel.EMAIL)
    Notification.objects.exclude(pk=keep.pk).delete()
    return keep


def make_due():
    Notification.objects.exclude(state__in=[S.SENT, S.FAILED]).update(due_at=timezone.now())


def states():
    return sorted(Notification.objects.values_list("state", flat=True))


def test_what_is_due_is_sent_once_to_everybody(queued, sms, mail):
    dispatch_notifications(later_argument="ignored")
    dispatch_notifications()
    assert states() == [S.SENT] * 8
    assert set(sms.count_calls().values()) == {1}
    assert set(sms.taken) == {row.key for row in queued if row.channel == Channel.SMS}
    assert sorted(m.recipients[0] for m in mail.mails) == sorted(
        row.address for row in queued if row.channel == Channel.EMAIL
    )
    for row in Notification.objects.filter(channel=Channel.SMS):
        assert row.provider_id == make_id(row.key)
        assert (row.attempts, row.error, row.lease_until) == (1, "", None)


def test_what_is_not_due_yet_waits(queued, sms):
    Notification.objects.update(due_at=timezone.now() + timedelta(minutes=1))
    dispatch.dispatch()
    assert states() == [S.QUEUED] * 8
    assert sms.calls == []


def test_the_email_carries_what_was_stored(one_email, mail):
    dispatch.dispatch()
    [sent] = mail.mails
    assert sent.parsed["Subject"] == one_email.subject
    assert sent.parsed["From"] == "用电卫士 <powerwatch@linfen.example>"
    body = sent.parsed.get_body(("plain",)).get_content()
    assert body.replace("\r\n", "\n") == one_email.text
    assert sent.parsed.get_body(("html",)) is not None


@pytest.mark.parametrize(
    ("behaviour", "state"),
    [
        (Behaviour.TOO_MANY_429, S.RETRY),
        (Behaviour.REDIRECT, S.RETRY),
        (Behaviour.REFUSE_400, S.FAILED),
        (Behaviour.ERROR_500, S.UNKNOWN),
        (Behaviour.HANG, S.UNKNOWN),
        (Behaviour.ACCEPT_HANGING, S.UNKNOWN),
        (Behaviour.ACCEPT_SILENTLY, S.UNKNOWN),
        (Behaviour.NONSENSE, S.UNKNOWN),
    ],
)
def test_a_bad_day_of_the_provider_leaves_the_row_in_a_state_that_says_so(
    one_sms, sms, behaviour, state
):
    sms.behave(behaviour)
    before = timezone.now()
    dispatch.dispatch()
    one_sms.refresh_from_db()
    assert one_sms.state == state
    assert one_sms.error
    assert one_sms.lease_until is None
    assert len(sms.calls) == 1
    if state != S.FAILED:
        assert one_sms.due_at > before + timedelta(seconds=1)


@pytest.mark.parametrize(
    "behaviour", [Behaviour.ACCEPT_HANGING, Behaviour.ACCEPT_SILENTLY, Behaviour.NONSENSE]
)
def test_what_was_taken_without_a_receipt_is_looked_up_and_not_sent_again(one_sms, sms, behaviour):
    sms.behave(behaviour)
    dispatch.dispatch()
    make_due()
    dispatch.dispatch()
    one_sms.refresh_from_db()
    assert (one_sms.state, one_sms.provider_id) == (S.SENT, make_id(one_sms.key))
    assert sms.count_calls() == {one_sms.key: 1}
    assert sms.lookups == [one_sms.key]


@pytest.mark.parametrize("behaviour", [Behaviour.HANG, Behaviour.ERROR_500])
def test_what_the_provider_knows_nothing_of_is_sent_again_under_its_key(one_sms, sms, behaviour):
    sms.behave(behaviour)
    dispatch.dispatch()
    make_due()
    dispatch.dispatch()
    one_sms.refresh_from_db()
    assert (one_sms.state, one_sms.attempts) == (S.SENT, 2)
    assert sms.count_calls() == {one_sms.key: 2}
    assert sms.lookups == [one_sms.key]


def test_an_unknown_outcome_stays_unknown_while_the_provider_cannot_be_asked(
    one_sms, sms, settings
):
    sms.behave(Behaviour.ACCEPT_SILENTLY)
    dispatch.dispatch()
    settings.SMS_URL = "http://127.0.0.1:1/messages"
    make_due()
    dispatch.dispatch()
    one_sms.refresh_from_db()
    assert one_sms.state == S.UNKNOWN


def test_a_provider_that_is_not_there_costs_a_retry(one_sms, settings):
    settings.SMS_URL = "http://127.0.0.1:1/messages"
    dispatch.dispatch()
    one_sms.refresh_from_db()
    assert one_sms.state == S.RETRY
    assert "refused" in one_sms.error


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1/", "http://sms.example/messages"])
def test_a_provider_that_is_not_set_up_safely_is_not_spoken_to(one_sms, settings, url):
    settings.SMS_URL = url
    dispatch.dispatch()
    one_sms.refresh_from_db()
    assert one_sms.state == S.RETRY


def test_a_wrong_secret_is_our_fault_and_loses_nothing(one_sms, sms, settings):
    settings.SMS_SECRET = "wrong"
    dispatch.dispatch()
    one_sms.refresh_from_db()
    assert (one_sms.state, sms.calls, sms.refused) == (S.RETRY, [], ["signature"])


def test_attempts_run_out(one_sms, sms):
    Notification.objects.update(attempts=dispatch.MAX_ATTEMPTS - 1)
    sms.behave(Behaviour.TOO_MANY_429)
    dispatch.dispatch()
    one_sms.refresh_from_db()
    assert (one_sms.state, one_sms.attempts) == (S.FAILED, dispatch.MAX_ATTEMPTS)


def test_a_failing_sms_provider_holds_up_no_email_and_is_left_alone(queued, sms, mail, world):
    with transaction.atomic():
        for _count in range(5):
            outbox.queue_notifications(*world.make_alert(), event="opened", now=timezone.now())
    sms.behaviour = Behaviour.HANG
    began = time.monotonic()
    dispatch.dispatch()
    assert time.monotonic() - began < 6
    assert mail.taken_count == 24
    assert len(sms.calls) <= 2 * dispatch.THREADS[Channel.SMS]
    assert Notification.objects.filter(channel=Channel.SMS, state=S.QUEUED).exists()


def test_several_are_sent_at_the_same_time(queued, sms):
    sms.latency_ms = 200
    dispatch.dispatch()
    assert sms.most_at_once == 4


@pytest.mark.parametrize(
    ("behaviour", "state"),
    [
        (MailBehaviour.LATER_451, S.RETRY),
        (MailBehaviour.REFUSE_550, S.FAILED),
        (MailBehaviour.DROP, S.RETRY),
    ],
)
def test_a_bad_day_of_the_mail_server(one_email, mail, behaviour, state):
    mail.behave(behaviour)
    dispatch.dispatch()
    one_email.refresh_from_db()
    assert one_email.state == state


def test_an_email_whose_fate_is_unknown_goes_again_under_the_same_message_id(one_email, mail):
    mail.behave(MailBehaviour.DROP)
    dispatch.dispatch()
    make_due()
    dispatch.dispatch()
    one_email.refresh_from_db()
    assert one_email.state == S.SENT
    first, second = (mail.parsed["Message-ID"] for mail in mail.mails)
    assert first == second == one_email.provider_id


def test_one_refused_mailbox_does_not_spoil_the_connection_for_the_next(queued, mail):
    mail.behave(MailBehaviour.REFUSE_550)
    dispatch.dispatch()
    emails = Notification.objects.filter(channel=Channel.EMAIL)
    assert sorted(emails.values_list("state", flat=True)) == [S.FAILED, S.SENT, S.SENT, S.SENT]


@pytest.mark.parametrize("address", ["no address", "a@b\r\nBcc: x@y.example", "", "@", "<a@b"])
def test_an_address_that_is_none_fails_and_injects_nothing(one_email, mail, address):
    Notification.objects.update(address=address)
    dispatch.dispatch()
    one_email.refresh_from_db()
    assert one_email.state == S.FAILED
    assert mail.taken_count == 0


# --- leases ---


def test_a_row_whose_lease_ran_out_is_freed_the_sms_to_be_looked_up(queued, sms, mail):
    now = timezone.now()
    for channel in Channel.values:
        dispatch.claim_due(channel, limit=10, now=now)
    assert dispatch.sweep(now=now + dispatch.get_lease()) == 0
    assert dispatch.sweep(now=now + dispatch.get_lease() + timedelta(seconds=1)) == 8
    assert set(Notification.objects.values_list("channel", "state")) == {
        ("SMS", S.UNKNOWN),
        ("EMAIL", S.RETRY),
    }
    make_due()
    sweep_notifications()
    dispatch_notifications()
    assert states() == [S.SENT] * 8
    assert sorted(sms.lookups) == sorted(sms.taken)


def test_a_receipt_that_comes_after_the_lease_is_still_recorded(one_sms):
    now = timezone.now()
    [claim] = dispatch.claim_due(Channel.SMS, limit=1, now=now)
    dispatch.sweep(now=now + timedelta(days=1))
    receipt = dispatch.Receipt(provider_id="late")
    dispatch.record([dispatch.Outcome(claim, receipt=receipt)], now=now)
    one_sms.refresh_from_db()
    assert (one_sms.state, one_sms.provider_id) == (S.SENT, "late")


def test_a_failure_that_comes_after_the_lease_changes_nothing(one_sms):
    now = timezone.now()
    [claim] = dispatch.claim_due(Channel.SMS, limit=1, now=now)
    dispatch.sweep(now=now + timedelta(days=1))
    error = dispatch.TransportError("late", permanent=True)
    dispatch.record([dispatch.Outcome(claim, error=error)], now=now)
    one_sms.refresh_from_db()
    assert (one_sms.state, one_sms.error) == (S.UNKNOWN, "")


def test_a_lease_outlasts_the_slowest_look_up_and_sending(settings):
    settings.SMS_TIMEOUT_S = 10
    assert dispatch.get_lease() > timedelta(seconds=2 * (10 + 10))


def test_dispatchers_at_once_never_send_one_row_twice(world, sms, mail):
    with transaction.atomic():
        for _count in range(10):
            outbox.queue_notifications(
                *world.make_alert(), event="opened", now=timezone.now() - timedelta(seconds=1)
            )
    sms.latency_ms = 10

    def run():
        try:
            dispatch.dispatch()
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _count in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states() == [S.SENT] * 80
    assert set(sms.count_calls().values()) == {1}
    assert mail.taken_count == 40


def test_the_wait_doubles_with_jitter_and_is_bounded():
    for attempt in range(1, 13):
        full = min(5 * 2 ** (attempt - 1), 600)
        waits = [dispatch.get_backoff(attempt).total_seconds() for _count in range(50)]
        assert full / 2 <= min(waits) < max(waits) <= full
    assert dispatch.get_backoff(1, asked_s=60) == timedelta(seconds=60)
    assert dispatch.get_backoff(1, asked_s=10**9) == timedelta(seconds=600)
