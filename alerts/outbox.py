"""The outbox: what is to be told is committed with the fact itself.

``queue_notifications`` runs inside the transaction that writes the alert. It renders each message
in the recipient's language and stores it, one row for each person and channel, with a key that
names event, person and channel once and for all. City, county and enterprise rows commit together,
so they leave together. After the commit the broker is rung; if it does not answer nothing is lost,
because the schedule looks for due rows on its own (``alerts.dispatch``).
"""

import logging
import os
import threading
from datetime import datetime
from typing import NamedTuple

from celery import current_app
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation
from kombu import Connection

from alerts import audience, wording
from alerts.audience import Recipient
from alerts.models import Alert, Channel, Notification, Occurrence
from alerts.wording import Event, clean_line
from common import formats
from tenancy.models import Role

logger = logging.getLogger(__name__)

DISPATCH_TASK = "alerts.dispatch_notifications"
SUBJECT_CHARACTERS = 200
#: Told only to those who heard of the alert before: news about something unheard of is noise.
FOLLOW_UPS = frozenset({Event.ENDED, Event.WITHDRAWN})


class Rendered(NamedTuple):
    """What one person is sent over one channel."""

    subject: str
    text: str
    html: str


def queue_notifications(
    alert: Alert, occurrence: Occurrence, *, event: str, now: datetime
) -> list[Notification]:
    """Write the messages that this event calls for and return their rows, in order of sending.

    event: a value of ``alerts.wording.Event``; now: aware, our clock, becomes ``created_at``.
    Must run inside the caller's transaction: a rollback leaves nothing. May be called again for
    the same event: rows that stand are returned as they are, nothing is written twice. The level
    is the occurrence's, so raise ``occurrence.level`` before telling of it; each level is told
    once. "ended" goes by email alone, to those who were told of the beginning; "withdrawn" goes
    to the same people over every channel on which they heard the claim.
    Raises ValueError for an unknown event, TransactionManagementError outside a transaction.
    """
    happened = Event(event)
    _require_transaction()
    recipients = _choose(alert, occurrence, happened, at=now)
    if not recipients:
        return []
    keys = {
        (person.user.pk, channel): _make_key(alert, occurrence, happened, person, channel)
        for person in recipients
        for channel in person.channels
    }
    standing = set(Notification.objects.filter(key__in=keys.values()).values_list("key", flat=True))
    cache: dict[tuple[str, Channel, str], Rendered] = {}
    rows = []
    for person in recipients:
        for channel in person.channels:
            key = keys[person.user.pk, channel]
            if key not in standing:
                message = _render(alert, occurrence, happened, person, channel, cache)
                rows.append(_make_row(alert, person, channel, key, message, now))
    # Another process may have queued the same event since we looked: its row is as good as ours.
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    waiting = transaction.get_connection().run_on_commit
    if rows and not any(entry[1] is ring for entry in waiting):  # one ring for all of a commit
        transaction.on_commit(ring, robust=True)
    return list(Notification.objects.filter(key__in=keys.values()).order_by("pk"))


def ring() -> None:
    """Wake a dispatcher. A broker that does not answer costs a log line: the rows are the truth."""
    for attempt in ("kept", "fresh"):
        try:
            current_app.send_task(DISPATCH_TASK, connection=_get_connection(), retry=False)
        except Exception as error:
            # Whatever ails the broker, the fact is committed. A kept connection may merely have
            # gone stale, so a fresh one is tried before giving up.
            _drop_connection()
            if attempt == "fresh":
                logger.warning("outbox.ring_failed error=%s", type(error).__name__)
        else:
            return


_kept = threading.local()


def _get_connection() -> Connection:
    """Return this thread's broker connection, which is tried once and for a second at most.

    kombu's default is to go on trying for seconds while the caller waits. Opening one costs about
    10 ms, so it is kept, but never across a fork.
    """
    if getattr(_kept, "pid", None) != os.getpid():
        _kept.pid = os.getpid()
        _kept.connection = current_app.connection_for_write(
            transport_options={"max_retries": 0, "socket_connect_timeout": 1, "socket_timeout": 1}
        )
    return _kept.connection


def _drop_connection() -> None:
    connection = getattr(_kept, "connection", None)
    _kept.pid = None
    if connection is not None:
        connection.release()


def _require_transaction() -> None:
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "messages commit with the fact they tell of: open the transaction first"
        )


def _choose(alert: Alert, occurrence: Occurrence, event: Event, *, at: datetime) -> list[Recipient]:
    if event not in FOLLOW_UPS:
        return audience.get_recipients(alert, level=occurrence.level, at=at)
    told: dict[int, set[str]] = {}
    roles: dict[int, str] = {}
    for user_id, channel, role in (
        Notification.objects.filter(alert=alert, key__startswith=_prefix(alert, occurrence))
        .order_by("pk")
        .values_list("recipient_id", "channel", "audience")
    ):
        told.setdefault(user_id, set()).add(channel)
        roles[user_id] = role
    return _still_entitled(alert, told, roles, event, at=at)


def _still_entitled(
    alert: Alert,
    told: dict[int, set[str]],
    roles: dict[int, str],
    event: Event,
    *,
    at: datetime,
) -> list[Recipient]:
    """Return those told before whose grant is still in force; who left hears no more."""
    grants = audience.get_grants(alert, roles=set(map(Role, roles.values())), at=at)
    users = {grant.user_id: grant.user for grant in grants}
    wanted = (Channel.EMAIL,) if event == Event.ENDED else (Channel.SMS, Channel.EMAIL)
    found = []
    for user_id, heard_by in told.items():
        if user := users.get(user_id):
            channels = tuple(c for c in wanted if c in heard_by and audience.get_address(user, c))
            if channels:
                found.append(Recipient(user=user, role=Role(roles[user_id]), channels=channels))
    return found


def _prefix(alert: Alert, occurrence: Occurrence) -> str:
    return f"alert:{alert.pk}:occurrence:{occurrence.pk}:"


def _make_key(
    alert: Alert, occurrence: Occurrence, event: Event, person: Recipient, channel: Channel
) -> str:
    # A level can be raised twice within one occurrence, and each time is news.
    name = f"{event}-{occurrence.level}" if event == Event.LEVEL_RAISED else str(event)
    return f"{_prefix(alert, occurrence)}{name}:user:{person.user.pk}:{channel}"


def _make_row(
    alert: Alert,
    person: Recipient,
    channel: Channel,
    key: str,
    message: Rendered,
    now: datetime,
) -> Notification:
    return Notification(
        key=key,
        alert=alert,
        recipient=person.user,
        audience=person.role,
        channel=channel,
        address=person.address(channel),
        subject=message.subject,
        text=message.text,
        html=message.html,
        created_at=now,
        due_at=now,
    )


def _render(
    alert: Alert,
    occurrence: Occurrence,
    event: Event,
    person: Recipient,
    channel: Channel,
    cache: dict[tuple[str, Channel, str], Rendered],
) -> Rendered:
    """Return the message in the person's language; the same for all who share it and the role."""
    about = (person.user.language, channel, person.role if channel == Channel.EMAIL else "")
    if about not in cache:
        with translation.override(person.user.language):
            if channel == Channel.SMS:
                text = wording.get_sms(alert, occurrence, event, level=occurrence.level)
                cache[about] = Rendered(subject="", text=text, html="")
            else:
                cache[about] = _render_email(alert, occurrence, event, person.role)
    return cache[about]


def _render_email(alert: Alert, occurrence: Occurrence, event: Event, role: Role) -> Rendered:
    language = translation.get_language()
    context = {
        "greeting": wording.get_greeting(alert, event, level=occurrence.level),
        "headline": wording.get_headline(alert),
        "number": alert.number,
        "enterprise": clean_line(alert.enterprise.name),
        "subject": wording.get_subject(alert, occurrence),
        "started": formats.local_dt(occurrence.started_at, language=language),
        "sentence": wording.get_sentence(alert, occurrence),
        "advice": wording.get_advice(alert, audience=role),
        "link": wording.get_link(alert),
        "language": language,
    }
    subject = clean_line(render_to_string("messages/alert.subject.txt", context))
    return Rendered(
        subject=wording.shorten(subject, SUBJECT_CHARACTERS),
        text=render_to_string("messages/alert.text.txt", context).strip() + "\n",
        html=render_to_string("messages/alert.html", context),
    )
