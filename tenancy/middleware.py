"""One transaction for each request, in which the person of the request has entered the walls."""

import uuid
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from common.addresses import client_address
from tenancy import walls
from tenancy.access import keep_authority
from tenancy.audit import get_session_mark, is_refusal, note_refusal
from tenancy.eyes import get_body
from tenancy.models import User


class ScopeMiddleware:
    """Open the request's transaction and let its person in; afterwards nothing is left of either.

    A view that raises, whatever it raises, has written nothing; nor has one that answers 5xx. A 4xx
    that was answered on purpose keeps what was written (a refusal that was noted). Code that turns
    an error into an answer itself, such as an API's exception handler, calls
    ``transaction.set_rollback(True)``. A streaming response is sent after the transaction: see
    ``walls.streamed_for``. Stands directly behind the authentication.

    What was refused is noted afterwards in a transaction of its own, because the refusal may have
    rolled back the request's.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = request.user if isinstance(request.user, User) else None
        request.id = str(uuid.uuid4())  # type: ignore[attr-defined]
        audit = request.audit = describe(request)  # type: ignore[attr-defined]
        with walls.entered(user, audit=audit) as entered:
            request._walls = entered  # type: ignore[attr-defined]
            if user is not None:
                keep_authority(user)
                audit["body"] = get_body(request)
                walls.set_audit(audit)
            response = self.get_response(request)
            if entered.is_open and response.status_code >= 500:
                transaction.set_rollback(True)
        if is_refusal(request, response):
            # An API token says who asks only within the request.
            actor = request.user if isinstance(request.user, User) else None
            with walls.entered(actor, audit=request.audit):  # type: ignore[attr-defined]
                note_refusal(request, response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Roll back at once, so that the page of the error stands on sound ground."""
        request._walls.close(exception)  # type: ignore[attr-defined]


def describe(request: HttpRequest) -> dict[str, Any]:
    """Return what the audit log says of a request: who, from where, in which session."""
    user = request.user if isinstance(request.user, User) else None
    return {
        "actor_id": user.pk if user else None,
        "actor_name": str(user or ""),
        "body": "",
        "address": client_address(request) or "",
        "session": get_session_mark(request),
        "request": request.id,  # type: ignore[attr-defined]
    }
