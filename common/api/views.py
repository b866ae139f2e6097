"""The frame of every endpoint: who asks, how often, with what; and unknown addresses."""

from collections.abc import Sequence
from typing import Any

from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from common.api.problems import InvalidQuery
from common.api.throttles import AddressThrottle, PersonThrottle, StrangerThrottle, WriteThrottle


class StrictApiMixin:
    """Throttle before and after it is known who asks, and take no parameter that is not named."""

    throttle_classes: Sequence[type[BaseThrottle]] = [PersonThrottle, WriteThrottle]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self._throttle(AddressThrottle(), request)
        try:
            super().initial(request, *args, **kwargs)  # type: ignore[misc]
        except (exceptions.NotAuthenticated, exceptions.AuthenticationFailed):
            self._throttle(StrangerThrottle(), request)
            raise
        if request.method in {"GET", "HEAD", "POST", "PATCH"}:
            self._check_parameters(request)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        answer: Response = super().finalize_response(  # type: ignore[misc]
            request, response, *args, **kwargs
        )
        patch_vary_headers(answer, ["Authorization", "Cookie"])
        if not answer.has_header("Cache-Control"):
            answer["Cache-Control"] = "private, no-store"
        return answer

    def get_parameter_names(self) -> frozenset[str]:
        """Return the names that the address may carry."""
        return frozenset()

    def _check_parameters(self, request: Request) -> None:
        known = self.get_parameter_names()
        errors = []
        for name, values in request.query_params.lists():
            if name not in known:
                errors.append({"parameter": name[:60], "detail": _("This is not known here.")})
            elif len(values) > 1:
                errors.append({"parameter": name, "detail": _("Given more than once.")})
            elif not values[0]:
                errors.append({"parameter": name, "detail": _("Given without a value.")})
        if errors:
            raise InvalidQuery(errors=errors[:20])

    def _throttle(self, throttle: BaseThrottle, request: Request) -> None:
        if not throttle.allow_request(request, self):  # type: ignore[arg-type]
            raise exceptions.Throttled(throttle.wait())


class UnknownAddress(StrictApiMixin, APIView):
    """Whatever address the API does not have."""

    permission_classes = [AllowAny]
    authentication_classes = []
    schema = None
    http_method_names = [*APIView.http_method_names]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self._throttle(AddressThrottle(), request)
        raise exceptions.NotFound
