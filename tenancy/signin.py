"""Signing in 登录: who may, in how many steps, and what is written of it.

A right password with a second factor set up is only half a sign-in: the person waits in the session
as ``PENDING`` and is nobody until the code is right. django-axes counts failures (settings) and
rests an account; it is asked before the password is, and knows nothing of whether a name exists.

A superuser is for setting up alone: from the moment that a security administrator's grant is in
force no superuser signs in and none of their sessions works (等保 2.0 level 3, 8.1.4.2).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from axes.models import AccessAttempt
from axes.signals import user_locked_out
from axes.utils import reset
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models import Sum
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from tenancy import sessions
from tenancy.audit import record
from tenancy.models import Grant, Role, User

BACKEND = "tenancy.signin.Backend"
PENDING = "signin_pending"
#: So long the second step waits for its code, and so many wrong ones end it.
PENDING_S, PENDING_TRIES = 300, 5


def is_set_up(*, at: datetime | None = None) -> bool:
    """Tell whether a security administrator is at work, so that superusers are not needed."""
    in_force = Grant.objects.in_force(at or timezone.now())
    return in_force.filter(role=Role.SECURITY_ADMIN, user__is_active=True).exists()


class Backend(ModelBackend):
    """Django's backend; superusers only until the system is set up.

    An unknown name costs one run of the hasher, as a wrong password and a closed account do.
    """

    def user_can_authenticate(self, user: Any) -> bool:
        return super().user_can_authenticate(user) and not (user.is_superuser and is_set_up())


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody who gave the right password and owes the code."""

    user: User
    next_url: str
    tries: int


def wait_for_code(request: HttpRequest, user: User, next_url: str, *, now: datetime) -> None:
    """Keep who gave the right password until the code comes."""
    request.session[PENDING] = {
        "user": user.pk,
        "at": now.timestamp(),
        "next": next_url,
        "tries": 0,
        "hash": user.get_session_auth_hash(),
    }
    request.session.cycle_key()


def get_pending(request: HttpRequest, *, now: datetime) -> Pending | None:
    """Return who waits for the second step in this session; None where it took too long."""
    kept = request.session.get(PENDING)
    if not kept or now.timestamp() - kept["at"] > PENDING_S or kept["tries"] >= PENDING_TRIES:
        return None
    user = Backend().get_user(kept["user"])
    if not isinstance(user, User) or kept["hash"] != user.get_session_auth_hash():
        return None
    return Pending(user, kept["next"], kept["tries"])


def note_wrong_code(request: HttpRequest, pending: Pending) -> bool:
    """Count a wrong code; return whether another may be tried."""
    tries = pending.tries + 1
    request.session[PENDING] = {**request.session[PENDING], "tries": tries}
    record(
        "signin.failure",
        actor=pending.user,
        object_type="tenancy_user",
        object_id=pending.user.pk,
        object_label=pending.user.username,
        note="second factor",
        is_success=False,
        request=request,
    )
    return tries < PENDING_TRIES


def complete(request: HttpRequest, user: User, *, with_code: bool) -> None:
    """Sign the person in, in a session with a new key and nothing of the old one."""
    request.session.flush()
    login(request, user, backend=BACKEND)
    record(
        "signin.success",
        actor=user,
        object_type="tenancy_user",
        object_id=user.pk,
        object_label=user.username,
        note="password and second factor" if with_code else "password",
        request=request,
    )


def is_locked(username: str, *, now: datetime) -> bool:
    """Tell whether sign-in under this name rests at the moment."""
    failures = AccessAttempt.objects.filter(
        username=username, attempt_time__gte=now - settings.AXES_COOLOFF_TIME
    ).aggregate(all=Sum("failures_since_start"))["all"]
    return (failures or 0) >= settings.AXES_FAILURE_LIMIT


def unlock(username: str) -> None:
    """Forget the failures under this name."""
    reset(username=username)


def lockout_answer(request: HttpRequest, answer: Any, credentials: Any = None) -> Any:
    """Return the view's own answer: the sign-in page says kindly what happened."""
    return answer


@receiver(user_logged_in, dispatch_uid="tenancy.signin.begin")
def _begin(sender: object, request: HttpRequest, user: User, **kwargs: object) -> None:
    sessions.begin(request, user, now=timezone.now())


@receiver(user_logged_out, dispatch_uid="tenancy.signin.end")
def _end(sender: object, request: HttpRequest, user: User | None, **kwargs: object) -> None:
    reason = getattr(request, "_end_reason", "signout")
    sessions.mark_ended(request.session.session_key, reason=reason, now=timezone.now())
    if user is not None and reason == "signout":
        record("signout", actor=user, request=request)


@receiver(user_login_failed, dispatch_uid="tenancy.signin.failed")
def _failed(
    sender: object,
    credentials: dict[str, Any],
    request: HttpRequest | None = None,
    **kwargs: object,
) -> None:
    """Write the failure; a name that is nobody's is not kept, it may be a password mistyped."""
    user = User.objects.filter(username=credentials.get("username") or "").first()
    record(
        "signin.failure",
        object_type="tenancy_user",
        object_id=user.pk if user else "",
        object_label=user.username if user else "",
        note="" if user else "unknown name",
        is_success=False,
        request=request,
    )


@receiver(user_locked_out, dispatch_uid="tenancy.signin.locked")
def _locked(sender: object, request: HttpRequest, username: str, **kwargs: object) -> None:
    user = User.objects.filter(username=username or "").first()
    record(
        "signin.locked",
        object_type="tenancy_user",
        object_id=user.pk if user else "",
        object_label=user.username if user else "",
        is_success=False,
        request=request,
    )
