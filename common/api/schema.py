"""How an endpoint describes itself in OpenAPI: words, headers and errors, without repeating them.

A viewset gives ``words`` (action -> summary, description), ``examples`` (action -> JSON) and
``tag``; ``scope`` names what a token must be made for.
"""

import re
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from common.api.problems import PROBLEM_JSON, URN

_ID = {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}


class ProblemEntry(serializers.Serializer):
    pointer = serializers.CharField(required=False, help_text="JSON Pointer into the body.")
    parameter = serializers.CharField(required=False, help_text="Parameter or header.")
    code = serializers.CharField(required=False)
    detail = serializers.CharField()


class Problem(serializers.Serializer):
    """A problem document (RFC 9457)."""

    type = serializers.CharField(help_text=f"{URN}<code>; stays the same.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="For people, in the language of Accept-Language.")
    instance = serializers.CharField()
    errors = ProblemEntry(  # type: ignore[assignment]  # a field, not what was wrong
        many=True, required=False
    )


class ProblemAutoSchema(AutoSchema):
    """Adds what every endpoint has: errors, the language header, tags; and the view's words."""

    def _action(self) -> str:
        return str(getattr(self.view, "action", "") or self.method.lower())

    def _words(self) -> tuple[Any, Any]:
        words: dict[str, tuple[Any, Any]] = getattr(self.view, "words", {})
        return words.get(self._action(), ("", ""))

    def get_summary(self) -> str | None:
        return str(self._words()[0]) or None

    def get_description(self) -> str:  # type: ignore[override]  # spectacular's own form
        scope = self.view.get_scope() if hasattr(self.view, "get_scope") else ""
        needs = _("Token scope: `%(scope)s`.") % {"scope": scope} if scope else ""
        return "\n\n".join(part for part in (str(self._words()[1]), needs) if part)

    def get_tags(self) -> list[str]:
        return [getattr(self.view, "tag", "api")]

    def is_write(self) -> bool:
        return self.method not in {"GET", "HEAD"}

    def takes_match(self) -> bool:
        """Tell whether the action looks at ``If-Match``."""
        return "{" in self.path or self._action() in getattr(self.view, "follows_by", ())

    def owes_match(self) -> bool:
        return self.method == "PATCH"

    def is_detail(self) -> bool:
        return self._action() == "retrieve"

    def get_override_parameters(self) -> list[Any]:
        own = list(super().get_override_parameters())
        own += [
            OpenApiParameter(name, _ID, OpenApiParameter.PATH, required=True)
            for name in re.findall(r"{(\w+)}", self.path)
        ]
        own.append(
            OpenApiParameter(
                "Accept-Language",
                str,
                OpenApiParameter.HEADER,
                description=_("`zh-Hans` or `en`: the language of messages; Chinese otherwise."),
            )
        )
        if self.is_write():
            own.append(
                OpenApiParameter(
                    "Idempotency-Key",
                    {"type": "string", "minLength": 1, "maxLength": 80, "pattern": "^[!-~]+$"},
                    OpenApiParameter.HEADER,
                    description=_("Sent again within a day, the request is not carried out again."),
                )
            )
            if self.takes_match():
                own.append(
                    OpenApiParameter(
                        "If-Match",
                        str,
                        OpenApiParameter.HEADER,
                        required=self.owes_match(),
                        description=_("The ETag of what you change; 412 if it is another now."),
                    )
                )
        elif self.is_detail():
            own.append(
                OpenApiParameter(
                    "If-None-Match",
                    str,
                    OpenApiParameter.HEADER,
                    description=_("The ETag that you have; 304 if the object is still the same."),
                )
            )
        return own

    def get_examples(self) -> list[OpenApiExample]:
        examples: dict[str, Any] = getattr(self.view, "examples", {})
        action = self._action()
        value = examples.get(action, examples.get("retrieve"))
        out = [OpenApiExample("Answer", value=value, response_only=True)] if value else []
        if asked := examples.get(f"{action}:request"):
            out.append(OpenApiExample("Request", value=asked, request_only=True))
        return out

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        has_id = "{" in self.path
        codes = {
            400: _("A parameter, header or the body is not right."),
            401: _("No token, or not a valid one."),
            403: _("Not allowed, or not a thing the token was made for."),
            405: _("Not offered here."),
            406: _("Only JSON is offered."),
            429: _("Too many requests; Retry-After says how long to wait."),
        }
        if has_id or self.is_write():  # what the body names may not be there either
            codes[404] = _("There is nothing here, or nothing that you may see.")
        if self.is_write():
            codes |= {
                409: _("The state of the object does not allow it."),
                413: _("Too large."),
                415: _("Only JSON is read."),
                422: _("The Idempotency-Key was used for another request."),
            }
            if self.takes_match():
                codes[412] = _("The object is no longer the one that If-Match names.")
            if self.owes_match():
                codes[428] = _("Say by If-Match which version you change.")
        for code, words in sorted(codes.items()):
            answer = OpenApiResponse(Problem, description=words)
            body = self._get_response_for_code(answer, str(code), media_types=[PROBLEM_JSON])
            for media in body.get("content", {}).values():
                media.pop("examples", None)
            if code == 429:
                body["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
            bodies[str(code)] = body
        if self.is_detail():
            bodies["304"] = {"description": _("It is what If-None-Match names.")}
            bodies.get("200", {})["headers"] = {"ETag": {"schema": {"type": "string"}}}
        return bodies
