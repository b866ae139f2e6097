"""From where a request comes."""

from contextlib import suppress
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """Return the address of the caller; None where none is known (a Unix socket, a test).

    Behind a proxy (``POWERWATCH_BEHIND_PROXY``) it is the last entry of ``X-Forwarded-For``, the
    one that our own proxy wrote; whatever stands before it the caller may have invented.
    """
    said = [request.META.get("REMOTE_ADDR", "")]
    if settings.BEHIND_PROXY:
        said.insert(0, request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip())
    for address in said:
        with suppress(ValueError):
            return str(ip_address(address))
    return None
