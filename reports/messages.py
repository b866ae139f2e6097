"""The page of messages: what was sent to whom, when, and with what fate.

Who may see messages at all is ``Permission.SEE_MESSAGES``, about which enterprises is
``visible_to``; what was addressed to oneself one may always see. In the demo the page also shows a
phone with the SMS of one person, because nobody there has a real one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import django_filters
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from alerts.audience import mask_address
from alerts.models import Alert, Channel, Notification, NotificationState
from alerts.wording import get_link
from common.web import chip, clear_url, nothing_new
from reports.queries.city import short_hash
from tenancy import walls
from tenancy.access import Permission, has_permission
from tenancy.eyes import person
from tenancy.models import Role, User

PAGE = 50
BUBBLES = 12
TONES = {
    NotificationState.QUEUED: "active",
    NotificationState.IN_FLIGHT: "active",
    NotificationState.RETRY: "warn",
    NotificationState.UNKNOWN: "unknown",
    NotificationState.SENT: "good",
    NotificationState.FAILED: "bad",
}


class MessageFilter(django_filters.FilterSet):
    """The filters as they stand in the URL; ``person`` is a user's key, ``alert`` a number."""

    channel = django_filters.ChoiceFilter(choices=Channel.choices)
    state = django_filters.ChoiceFilter(choices=NotificationState.choices)
    alert = django_filters.CharFilter(field_name="alert__number")
    person = django_filters.NumberFilter(field_name="recipient_id")

    class Meta:
        model = Notification
        fields = ("channel", "state", "alert", "person")


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message as the table shows it."""

    message: Notification
    address: str  # masked unless it is the reader's own
    told_as: str
    tone: str
    person_url: str


@dataclass(frozen=True, slots=True)
class Bubble:
    """One SMS on the phone, its link apart so that it can be tapped."""

    message: Notification
    words: str
    link: str


@dataclass(frozen=True, slots=True)
class Phone:
    """The phone of the demo: whose it is and what came in, newest first."""

    owner: User
    bubbles: list[Bubble]


def messages_view(request: HttpRequest) -> HttpResponse:
    """List the messages, newest first; asked by htmx only the part that renews itself.

    403 for the messages of someone whom the reader may see but whose messages are not theirs to
    read, 404 for anyone else's.
    """
    actor = person(request)
    visible = _get_visible(actor)
    chosen = _get_chosen(request, actor, visible)
    filtered = MessageFilter(_without(request.GET, "v"), queryset=visible).qs
    page = Paginator(filtered.order_by("-created_at", "-pk"), PAGE).get_page(
        request.GET.get("page")
    )
    messages = _with_alerts(page.object_list, actor)
    phone = _get_phone(visible, chosen, messages, actor) if settings.DEMO else None
    token = _make_token(page.paginator.count, [*messages, *_on(phone)])
    if request.htmx and (unchanged := nothing_new(request, token)):  # type: ignore[attr-defined]
        return unchanged
    query = _without(request.GET, "v")
    query["v"] = token
    context: dict[str, Any] = {
        "page": page,
        "rows": [_make_row(request, actor, message) for message in messages],
        "phone": phone,
        "query": _following(_without(request.GET, "v", "page")),
        "live_url": f"{request.path}?{query.urlencode()}",
    }
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "reports/_messages_rows.html", context)
    context |= {
        "chips": _make_chips(request, chosen),
        "clear_url": clear_url(request, MessageFilter.Meta.fields),
    }
    return render(request, "reports/messages.html", context)


def _get_visible(actor: User) -> QuerySet[Notification]:
    own = Notification.objects.filter(recipient=actor)
    if has_permission(actor, Permission.SEE_MESSAGES):
        own = own | Notification.objects.visible_to(actor)
    return own.select_related("recipient")


def _with_alerts(messages: Iterable[Notification], actor: User) -> list[Notification]:
    """Return the messages with their alerts. One query, one more for what one no longer sees.

    What was addressed to oneself stays readable when the grant has ended, with the number and the
    name that the message itself tells; behind the walls a join would drop it.
    """
    messages = list(messages)
    alerts = Alert.objects.select_related("enterprise")
    found = alerts.in_bulk({message.alert_id for message in messages})
    hidden = {
        message.alert_id
        for message in messages
        if message.alert_id not in found and message.recipient_id == actor.pk
    }
    if hidden:
        with walls.as_system("the alerts of one's own messages"):
            found |= alerts.in_bulk(hidden)
    for message in messages:
        message.alert = found[message.alert_id]
    return messages


def _get_chosen(request: HttpRequest, actor: User, visible: QuerySet[Notification]) -> User | None:
    """Return the person whom the URL names; 403 or 404 where their messages are not shown."""
    named = request.GET.get("person", "")
    if not named:
        return None
    if not (named.isascii() and named.isdigit() and len(named) < 19):
        raise Http404
    if found := visible.filter(recipient_id=int(named)).first():
        return found.recipient
    if Notification.objects.visible_to(actor).filter(recipient_id=int(named)).exists():
        raise PermissionDenied
    raise Http404


def _get_phone(
    visible: QuerySet[Notification],
    chosen: User | None,
    messages: Iterable[Notification],
    actor: User,
) -> Phone | None:
    """Return the phone of the chosen person, else of who got the newest SMS on the page."""
    owner = chosen or next((m.recipient for m in messages if m.channel == Channel.SMS), None)
    if owner is None:
        return None
    newest = visible.filter(
        recipient=owner, channel=Channel.SMS, state=NotificationState.SENT
    ).order_by("-created_at", "-pk")[:BUBBLES]
    return Phone(owner, [_make_bubble(message) for message in _with_alerts(newest, actor)])


def _make_bubble(message: Notification) -> Bubble:
    link = get_link(message.alert)
    words, found, _rest = message.text.partition(link)
    return Bubble(message, words, found)


def _on(phone: Phone | None) -> list[Notification]:
    return [bubble.message for bubble in phone.bubbles] if phone else []


def _make_row(request: HttpRequest, actor: User, message: Notification) -> MessageRow:
    own = message.recipient_id == actor.pk
    query = _without(request.GET, "v", "page")
    query["person"] = str(message.recipient_id)
    role = message.audience
    return MessageRow(
        message=message,
        address=message.address if own else mask_address(message.address),
        told_as=str(Role(role).label) if role in Role.values else role,
        tone=TONES[NotificationState(message.state)],
        person_url=f"?{query.urlencode()}",
    )


def _make_chips(request: HttpRequest, chosen: User | None) -> list[dict[str, Any]]:
    chips = [chip(request, "channel", value, label) for value, label in Channel.choices]
    chips += [chip(request, "state", value, label) for value, label in NotificationState.choices]
    if chosen is not None:
        label = _("Recipient: %(name)s") % {"name": str(chosen)}
        chips.append(chip(request, "person", str(chosen.pk), label))
    if number := request.GET.get("alert", ""):
        label = _("Alert: %(number)s") % {"number": number}
        chips.append(chip(request, "alert", number, label))
    return chips


def _make_token(count: int, messages: Iterable[Notification]) -> str:
    return short_hash([count, *((m.pk, m.state, m.attempts) for m in messages)])


def _without(params: QueryDict, *names: str) -> QueryDict:
    copy = params.copy()
    for name in names:
        copy.pop(name, None)
    return copy


def _following(params: QueryDict) -> str:
    return f"&{params.urlencode()}" if params else ""
