"""The schema and its pages. Both are public: they describe, and show nobody's data."""

from typing import Any

from django.utils.translation import get_language
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from common.middleware import POLICY

#: Swagger UI sets style attributes; scripts and everything else stay as strict as elsewhere.
DOCS_POLICY = f"{POLICY}; style-src 'self' 'unsafe-inline'"


class SchemaView(SpectacularJSONAPIView):
    """OpenAPI in the reader's language; worked out once for each language and process."""

    _kept: dict[str, Any] = {}
    authentication_classes = []

    def _get_schema_response(self, request: Request) -> Response:
        language = get_language() or ""
        if language not in self._kept:
            self._kept[language] = super()._get_schema_response(request).data
        return Response(self._kept[language], headers={"Cache-Control": "public, max-age=300"})


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI from our own server; its script is a file of its own, not inline."""

    template_name = "api/docs.html"
    authentication_classes = []

    def finalize_response(self, request: Request, response: Any, *a: Any, **k: Any) -> Any:
        answer = super().finalize_response(request, response, *a, **k)
        answer["Content-Security-Policy"] = DOCS_POLICY
        return answer
