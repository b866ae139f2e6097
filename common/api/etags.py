"""Entity tags of single objects: 304 where the reader has it already, 412 where it has changed."""

import hashlib
from typing import Any

from django.utils.http import parse_etags
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.problems import PreconditionFailed, PreconditionRequired


def make_etag(data: Any) -> str:
    """Return a strong tag: the same for the same representation, another for any other."""
    return f'"{hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'


def answer_detail(request: Request, data: Any, *, status: int = 200) -> Response:
    """Return the object with its tag, or 304 where ``If-None-Match`` names that tag."""
    etag = make_etag(data)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    asked = parse_etags(request.headers.get("If-None-Match", ""))
    if request.method in {"GET", "HEAD"} and ("*" in asked or etag in _strong(asked)):
        return Response(status=304, headers=headers)
    return Response(data, status=status, headers=headers)


def check_match(request: Request, data: Any, *, is_required: bool = False) -> None:
    """Refuse a write whose ``If-Match`` does not name the object as it stands.

    Raises ``PreconditionFailed`` (412), or ``PreconditionRequired`` (428) where none was sent and
    one is owed. Hold the row's lock, so that it cannot change between this and the write.
    """
    header = request.headers.get("If-Match", "")
    if not header:
        if is_required:
            raise PreconditionRequired
        return
    asked = parse_etags(header)
    if "*" not in asked and make_etag(data) not in asked:  # weak tags never match a write
        raise PreconditionFailed


def _strong(tags: list[str]) -> set[str]:
    """Return the tags without the mark of weakness; reading compares weakly (RFC 9110, 13.1.2)."""
    return {tag.removeprefix("W/") for tag in tags}
