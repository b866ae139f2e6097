"""Sessions 会话: begun at sign-in, bounded twice in time, listed, ended from afar.

What a request has to know stands in the session itself, under ``STATE``; ``UserSession`` is what
people see of it. Ending one deletes the stored session, so that its next request is anonymous and
no page pays a query for asking. 等保 2.0 level 3, 8.1.4.1 b: a session that nobody uses ends.
"""

from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, TypedDict, cast

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest

from common.addresses import client_address
from tenancy.access import get_authority
from tenancy.models import User, UserSession
from tenancy.models.people import SEPARATED_ROLES
from tenancy.second_factor import has_device, is_required

STATE = "signin"
#: Using a session is written down at most so often: a page a second is no write a second.
NOTED_EVERY = timedelta(seconds=60)


class State(TypedDict):
    """What the session knows of its sign-in. Times are Unix seconds."""

    begun: float
    used: float
    proved: float  # when the person last gave the password: see tenancy.stepup
    idle_s: float
    enrol: bool  # a second factor has to be set up before anything else


def get_state(request: HttpRequest) -> State | None:
    return cast(State | None, request.session.get(STATE))


def set_state(request: HttpRequest, state: State) -> None:
    request.session[STATE] = state


def begin(request: HttpRequest, user: User, *, now: datetime) -> State:
    """Write down that a session began, and return its state. Called at each sign-in."""
    stamp = now.timestamp()
    state: State = {
        "begun": stamp,
        "used": stamp,
        "proved": stamp,
        "idle_s": 0,
        "enrol": False,
    }
    state = _with_standing(state, user)
    set_state(request, state)
    if not request.session.session_key:
        request.session.create()
    UserSession.objects.update_or_create(
        session_key=request.session.session_key,
        defaults={
            "user": user,
            "started_at": now,
            "latest_at": now,
            "address": client_address(request),
            "device": request.headers.get("User-Agent", "")[:200],
            "ended_at": None,
            "end_reason": "",
        },
    )
    return state


def _with_standing(state: State, user: User) -> State:
    """Return the state with what follows from the person's grants of this moment."""
    authority = get_authority(user)
    at_desk = authority.is_official or bool(authority.roles & set(SEPARATED_ROLES))
    minutes = settings.IDLE_MINUTES if at_desk else settings.IDLE_MINUTES_OTHERS
    enrol = is_required(authority) and not has_device(user)
    return {**state, "idle_s": minutes * 60.0, "enrol": enrol}


def why_over(state: State, *, now: datetime) -> str:
    """Return ``"idle"`` or ``"absolute"`` where the session's time is over, else an empty word."""
    stamp = now.timestamp()
    if stamp - state["begun"] > settings.SESSION_HOURS * 3600:
        return "absolute"
    if stamp - state["used"] > state["idle_s"]:
        return "idle"
    return ""


def note_use(request: HttpRequest, user: User, state: State, *, now: datetime) -> State:
    """Keep the session alive; at most once in ``NOTED_EVERY`` is that written."""
    if now.timestamp() - state["used"] < NOTED_EVERY.total_seconds():
        return state
    state = _with_standing({**state, "used": now.timestamp()}, user)
    set_state(request, state)
    UserSession.objects.filter(session_key=request.session.session_key).update(latest_at=now)
    return state


def rotate(request: HttpRequest) -> None:
    """Give the session a new key, as at each rise of what it may do."""
    old = request.session.session_key
    request.session.cycle_key()
    follow(request, old)


def follow(request: HttpRequest, old_key: str | None) -> None:
    """Let the session's entry follow a key that Django has changed."""
    UserSession.objects.filter(session_key=old_key).update(session_key=request.session.session_key)


def mark_ended(session_key: str | None, *, reason: str, now: datetime) -> None:
    """Write down that a session ended that Django itself has ended already."""
    UserSession.objects.filter(session_key=session_key, ended_at=None).update(
        ended_at=now, end_reason=reason
    )


def open_sessions(user: User, *, now: datetime) -> QuerySet[UserSession]:
    """Return the sessions that may still be used, the latest first.

    One whose idle time ran out without another request is not open; nobody told it so.
    """
    longest = max(settings.IDLE_MINUTES, settings.IDLE_MINUTES_OTHERS)
    return UserSession.objects.filter(
        user=user,
        ended_at=None,
        started_at__gt=now - timedelta(hours=settings.SESSION_HOURS),
        latest_at__gt=now - timedelta(minutes=longest) - NOTED_EVERY,
    ).order_by("-latest_at", "-pk")


def end(session: UserSession, *, reason: str, now: datetime) -> None:
    """End a session: its next request is anonymous."""
    _store()(session.session_key).delete()
    mark_ended(session.session_key, reason=reason, now=now)


def end_all(user: User, *, reason: str, now: datetime, but: str | None = None) -> int:
    """End all sessions of a person but one; return how many there were."""
    sessions = list(UserSession.objects.filter(user=user, ended_at=None).exclude(session_key=but))
    for session in sessions:
        end(session, reason=reason, now=now)
    return len(sessions)


def _store() -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore
