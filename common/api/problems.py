"""Errors as problem documents (RFC 9457), in the reader's language, for whatever goes wrong.

``type`` is ``urn:powerwatch:problem:<code>`` and stays; ``title`` and ``detail`` are for people and
follow ``Accept-Language``. ``errors`` names each wrong field by ``pointer`` (body) or ``parameter``
(address). A fault of ours is logged and answered with 500 and nothing of its cause;
the frame around rolls back what it wrote.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS as WHOLE
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as Refusal
from django.core.signals import got_request_exception
from django.db import IntegrityError
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions, status
from rest_framework.response import Response

PROBLEM_JSON = "application/problem+json"
URN = "urn:powerwatch:problem:"

logger = logging.getLogger(__name__)


class ProblemError(exceptions.APIException):
    """An error with a code of our own; ``errors`` holds entries for the document's ``errors``."""

    def __init__(
        self,
        detail: str | Promise | None = None,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(str(detail) if detail is not None else None)
        self.errors = list(errors)
        self.headers = dict(headers or {})


class InvalidQuery(ProblemError):
    """A parameter of the address that is unknown, repeated or wrong."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "invalid-query"
    default_detail = gettext_lazy("The parameters of the address are not right.")


class InvalidCursor(ProblemError):
    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "invalid-cursor"
    default_detail = gettext_lazy("The cursor is not one that a list gave; start from the top.")


class InvalidHeader(ProblemError):
    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "invalid-header"
    default_detail = gettext_lazy("A header of the request is not right.")


class InsufficientScope(ProblemError):
    """The token was not made for this; its owner may or may not be allowed."""

    status_code = status.HTTP_403_FORBIDDEN
    default_code = "insufficient-scope"
    default_detail = gettext_lazy("The token was not made for this.")


class Conflict(ProblemError):
    """The state of the object does not allow it."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = gettext_lazy("The object has moved on meanwhile; nothing was changed.")


class InProgress(ProblemError):
    status_code = status.HTTP_409_CONFLICT
    default_code = "in-progress"
    default_detail = gettext_lazy(
        "A request with this Idempotency-Key is being carried out; ask again in a moment."
    )


class KeyReused(ProblemError):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency-key-reused"
    default_detail = gettext_lazy("This Idempotency-Key was used for another request.")


class PreconditionFailed(ProblemError):
    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "precondition-failed"
    default_detail = gettext_lazy("The object is no longer the one that If-Match names; read anew.")


class PreconditionRequired(ProblemError):
    status_code = status.HTTP_428_PRECONDITION_REQUIRED
    default_code = "precondition-required"
    default_detail = gettext_lazy("Say by If-Match which version you change.")


class TooLarge(ProblemError):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too-large"
    default_detail = gettext_lazy("The request is larger than is taken here.")


#: Codes with which an operation says that the object's state, not what was sent, is in the way.
STANDING = frozenset({"approved", "changed", "planned", "retired"})
#: Of a number that another object has, be it one that the actor sees or not.
REGISTERED = "registered"
_TAKEN = frozenset({"23505", "23P01"})  # a unique or an exclusion constraint


@contextmanager
def refusals_told() -> Iterator[None]:
    """Tell the ``ValidationError`` of an operation as 400 by field, or as 409 for its state.

    Also 409: a constraint of the database, such as a number taken by what the actor may not see.
    """
    try:
        yield
    except Refusal as error:
        if hasattr(error, "error_dict"):
            codes = {each.code for listed in error.error_dict.values() for each in listed}
            if codes == {REGISTERED}:
                raise Conflict(" ".join(error.messages)) from error
            fields = {
                "non_field_errors" if name == WHOLE else name: words
                for name, words in error.message_dict.items()
            }
            raise exceptions.ValidationError(fields) from error
        if getattr(error, "code", None) in STANDING:
            raise Conflict(" ".join(error.messages)) from error
        raise exceptions.ValidationError({"non_field_errors": error.messages}) from error
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", None) not in _TAKEN:
            raise
        raise Conflict(_("Another record holds this already; nothing was changed.")) from error


#: Codes and titles of the framework's own errors, by status.
GENERIC: dict[int, tuple[str, str | Promise]] = {
    400: ("invalid", gettext_lazy("The request is not right")),
    401: ("not-authenticated", gettext_lazy("Who is asking is not known")),
    403: ("forbidden", gettext_lazy("Not allowed")),
    404: ("not-found", gettext_lazy("Not found")),
    405: ("method-not-allowed", gettext_lazy("Not offered here")),
    406: ("not-acceptable", gettext_lazy("Not offered in this form")),
    409: ("conflict", gettext_lazy("Conflict with the present state")),
    412: ("precondition-failed", gettext_lazy("Changed meanwhile")),
    413: ("too-large", gettext_lazy("Too large")),
    415: ("unsupported-media-type", gettext_lazy("Only JSON is read here")),
    422: ("unprocessable", gettext_lazy("Cannot be carried out")),
    428: ("precondition-required", gettext_lazy("If-Match is required")),
    429: ("too-many-requests", gettext_lazy("Too many requests")),
    500: ("server-error", gettext_lazy("A fault of the server")),
}


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """Return the problem document of any error; REST framework's ``EXCEPTION_HANDLER``."""
    request = context.get("request")
    path = getattr(request, "path", "")
    known = _as_api_error(error)
    if known is None:
        logger.error("API request failed: %s", path, exc_info=error)
        got_request_exception.send(
            sender=handle, request=getattr(request, "_request", request), exception=error
        )
        known = exceptions.APIException(_("Something went wrong here. It is on record."))
    response = make_problem(known, path)
    response.exception = True
    return response


def make_problem(error: exceptions.APIException, path: str) -> Response:
    """Return the response of an API error."""
    code, title = GENERIC.get(error.status_code, GENERIC[400])
    errors: list[dict[str, str]] = []
    if isinstance(error, ProblemError):
        code, errors = error.default_code, [dict(entry) for entry in error.errors]
    if isinstance(error, exceptions.ValidationError):
        errors = list(_flatten(error.detail, ""))
        detail = _("Some fields are not right; nothing was changed.")
    elif isinstance(error, exceptions.NotFound):
        detail = _("There is nothing here, or nothing that you may see.")
    else:
        detail = str(error.detail)
    body: dict[str, Any] = {
        "type": f"{URN}{code}",
        "title": str(title),
        "status": error.status_code,
        "detail": detail,
        "instance": path,
    }
    if errors:
        body["errors"] = errors
    headers = dict(getattr(error, "headers", {}))
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
    headers["Cache-Control"] = "no-store"
    return Response(body, status=error.status_code, headers=headers, content_type=PROBLEM_JSON)


def _as_api_error(error: Exception) -> exceptions.APIException | None:
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied(
            _("You may see this, but not do this.") if not error.args else str(error.args[0])
        )
    if isinstance(error, RequestDataTooBig):
        return TooLarge()
    if isinstance(error, SuspiciousOperation):
        return exceptions.ParseError(_("The request cannot be read."))
    return None


def _flatten(detail: Any, pointer: str) -> Iterator[dict[str, str]]:
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            here = pointer if key == "non_field_errors" else f"{pointer}/{_escape(str(key))}"
            yield from _flatten(inner, here)
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            is_words = isinstance(inner, str)
            yield from _flatten(inner, pointer if is_words else f"{pointer}/{index}")
    elif detail:
        yield {
            "pointer": f"#{pointer}",
            "code": getattr(detail, "code", "invalid"),
            "detail": str(detail),
        }


def _escape(key: str) -> str:
    """Return the key as JSON Pointer writes it (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
