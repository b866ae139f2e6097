"""What pages share whatever they show: unchanged answers, chips and the query of a list."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers


def nothing_new(request: HttpRequest, token: str) -> HttpResponse | None:
    """Return 204 where the reader has what the token names already: htmx then changes nothing."""
    if request.GET.get("v") != token:
        return None
    response = HttpResponse(status=204)
    patch_vary_headers(response, ["Cookie"])
    return response


def chip(
    request: HttpRequest, key: str, value: str, label: object, count: int | None = None
) -> dict[str, Any]:
    """Return a filter chip: a click sets ``key`` to the value, or takes it off where it is set."""
    params = request.GET.copy()
    params.pop("page", None)
    active = params.get(key) == value
    if active:
        del params[key]
    else:
        params[key] = value
    query = params.urlencode()
    return {
        "label": label,
        "url": f"{request.path}?{query}" if query else request.path,
        "active": active,
        "count": count,
    }


def clear_url(request: HttpRequest, keys: Iterable[str]) -> str:
    """Return the page without these filters; empty where none of them is set."""
    params = request.GET.copy()
    if not any(params.get(key) for key in keys):
        return ""
    for key in (*keys, "page"):
        params.pop(key, None)
    query = params.urlencode()
    return f"{request.path}?{query}" if query else request.path


def page_query(request: HttpRequest) -> str:
    """Return the other parameters as they follow ``?page=2``."""
    params = request.GET.copy()
    params.pop("page", None)
    query = params.urlencode()
    return f"&{query}" if query else ""
