"""Reading bodies: JSON only, of bounded size and depth."""

from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from common.api.problems import TooLarge


class BoundedJSONParser(JSONParser):
    """JSON up to ``API_BODY_BYTES``; deeper nesting than Python can read is refused too."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(settings.API_BODY_BYTES + 1)
        if len(body) > settings.API_BODY_BYTES:
            raise TooLarge
        try:
            data = super().parse(BytesIO(body), media_type, parser_context)
        except RecursionError as error:
            raise ParseError(_("The request is nested too deeply.")) from error
        if not isinstance(data, dict):
            raise ParseError(_("A JSON object is expected."))
        return data
