"""One transaction for each request, in which the person of the request has entered the walls."""

import hashlib
import uuid
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tenancy import walls
from tenancy.access import keep_authority
from tenancy.eyes import get_body
from tenancy.models import User


class ScopeMiddleware:
    """Open the request's transaction and let its person in; afterwards nothing is left of either.

    A view that raises, whatever it raises, has written nothing; nor has one that answers 5xx. A 4xx
    that was answered on purpose keeps what was written (a refusal that was noted). Code that turns
    an error into an answer itself, such as an API's exception handler, calls
    ``transaction.set_rollback(True)``. A streaming response is sent after the transaction: see
    ``walls.streamed_for``. Stands directly behind the authentication.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = request.user if isinstance(request.user, User) else None
        request.id = str(uuid.uuid4())  # type: ignore[attr-defined]
        audit = describe(request)
        with walls.entered(user, audit=audit) as entered:
            request._walls = entered  # type: ignore[attr-defined]
            if user is not None:
                keep_authority(user)
                walls.set_audit(audit | {"body": get_body(request)})
            response = self.get_response(request)
            if entered.is_open and response.status_code >= 500:
                transaction.set_rollback(True)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Roll back at once, so that the page of the error stands on sound ground."""
        request._walls.close(exception)  # type: ignore[attr-defined]


def describe(request: HttpRequest) -> dict[str, Any]:
    """Return what the audit log says of a request: who, from where, in which session."""
    session = getattr(request, "session", None)
    key = session.session_key if session is not None else None
    user = request.user if isinstance(request.user, User) else None
    return {
        "actor_id": user.pk if user else None,
        "actor_name": str(user or ""),
        "body": "",
        "address": client_address(request),
        "session": hashlib.sha256(key.encode()).hexdigest()[:16] if key else "",
        "request": request.id,  # type: ignore[attr-defined]
    }


def client_address(request: HttpRequest) -> str:
    """Return where the request came from; behind our proxy what that one saw last."""
    if settings.BEHIND_PROXY:
        hops = request.headers.get("X-Forwarded-For", "").split(",")
        last = hops[-1].strip()
        with suppress(ValueError):
            return str(ip_address(last))
    return str(request.META.get("REMOTE_ADDR", ""))
