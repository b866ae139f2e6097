"""A dispatcher is killed at its worst moments; every message arrives, and none twice."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from alerts import dispatch
from alerts.models import Channel, Notification, NotificationState

pytestmark = pytest.mark.django_db(transaction=True)

#: A dispatcher whose n-th SMS kills it, like a power failure, before or after it was handed over.
VICTIM = """
import os, signal, sys
import django
django.setup()
from alerts import dispatch
from alerts.transports.sms.transport import SmsTransport

when, survives = sys.argv[1], int(sys.argv[2])
hand_over, count = SmsTransport.send, 0

def send(self, message):
    global count
    count += 1
    if count <= survives:
        return hand_over(self, message)
    if when == "after":
        hand_over(self, message)
    os.kill(os.getpid(), signal.SIGKILL)

SmsTransport.send = send
dispatch.dispatch()
"""


def run_victim(settings, when: str, survives: int) -> int:
    database = connection.settings_dict
    url = (
        f"postgresql://{database['USER']}:{database['PASSWORD']}@{database['HOST']}"
        f":{database['PORT']}/{database['NAME']}"
    )
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "powerwatch.settings",
        "PYTHONPATH": str(settings.BASE_DIR),
        "DATABASE_URL": url,
        "POWERWATCH_SMS_URL": settings.SMS_URL,
        "POWERWATCH_SMS_KEY_ID": settings.SMS_KEY_ID,
        "POWERWATCH_SMS_SECRET": settings.SMS_SECRET,
        "POWERWATCH_SMS_TIMEOUT_S": str(settings.SMS_TIMEOUT_S),
        "POWERWATCH_EMAIL_URL": settings.EMAIL_URL,
    }
    return subprocess.run(
        [sys.executable, "-c", VICTIM, when, str(survives)], env=environment, timeout=30
    ).returncode


@pytest.mark.parametrize("survives", [0, 2])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_dispatcher_loses_nothing_and_tells_nobody_twice(
    queued, sms, mail, settings, when, survives
):
    assert run_victim(settings, when, survives) == -signal.SIGKILL
    later = timezone.now() + dispatch.get_lease() + timedelta(seconds=1)
    assert dispatch.sweep(now=later) > 0
    dispatch.dispatch(clock=lambda: later)

    assert set(Notification.objects.values_list("state", flat=True)) == {NotificationState.SENT}
    keys = {row.key for row in queued if row.channel == Channel.SMS}
    assert set(sms.taken) == keys
    # What had been handed over was looked up, so the provider was not called for it again.
    assert sms.count_calls() == dict.fromkeys(keys, 1)
    assert {m.recipients[0] for m in mail.mails} == {
        row.address for row in queued if row.channel == Channel.EMAIL
    }


def test_an_email_cut_off_before_its_record_goes_again_under_the_same_message_id(
    queued, sms, mail, settings
):
    run_victim(settings, "after", 0)
    later = timezone.now() + dispatch.get_lease() + timedelta(seconds=1)
    dispatch.sweep(now=later)
    dispatch.dispatch(clock=lambda: later)
    by_recipient = {}
    for item in mail.mails:
        by_recipient.setdefault(item.recipients[0], set()).add(item.parsed["Message-ID"])
    assert [len(ids) for ids in by_recipient.values()] == [1, 1, 1, 1]
