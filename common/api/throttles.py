"""How often one may ask: by person, by address, and tightly for who is not known.

Counted in the cache over a sliding minute, estimated from this minute's count and the share of the
one before that still lies within. Where the cache does not answer nobody is refused: the broker's
absence must not silence the record. Rates are settings, in requests a minute; 0 means no limit.
"""

import logging
import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

WINDOW_S = 60

logger = logging.getLogger(__name__)


def count(name: str, ident: str, rate: int) -> float | None:
    """Count one request; return the seconds to wait where there were too many, else None."""
    if not rate:
        return None
    now = time.time()
    window, within = divmod(now, WINDOW_S)
    key = f"api:{name}:{ident}:"
    here, before = f"{key}{int(window)}", f"{key}{int(window) - 1}"
    try:
        cache.add(here, 0, timeout=2 * WINDOW_S + 1)
        seen = cache.incr(here)
        earlier = cache.get(before, 0)
    except Exception:  # whatever the broker's client raises
        logger.warning("requests are not counted: the cache does not answer", exc_info=True)
        return None
    if seen + earlier * (1 - within / WINDOW_S) <= rate:
        return None
    return WINDOW_S - within


class _Throttle(BaseThrottle):
    name = ""
    seconds: float | None = None

    def get_key(self, request: Request) -> str | None:
        raise NotImplementedError

    def allow_request(self, request: Request, view: Any) -> bool:
        ident = self.get_key(request)
        if ident is None:
            return True
        self.seconds = count(self.name, ident, settings.API_RATES[self.name])
        return self.seconds is None

    def wait(self) -> float | None:
        return self.seconds


class PersonThrottle(_Throttle):
    """One person, whatever the tokens and sessions."""

    name = "person"

    def get_key(self, request: Request) -> str | None:
        return str(request.user.pk) if request.user and request.user.is_authenticated else None


class WriteThrottle(PersonThrottle):
    """One person's writes."""

    name = "write"

    def get_key(self, request: Request) -> str | None:
        return None if request.method in {"GET", "HEAD", "OPTIONS"} else super().get_key(request)


class AddressThrottle(_Throttle):
    """One address, whoever asks from it: an office stands behind it, so it is wide."""

    name = "address"

    def get_key(self, request: Request) -> str | None:
        return self.get_ident(request)


class StrangerThrottle(AddressThrottle):
    """Requests from one address that did not say, or could not prove, who is asking."""

    name = "stranger"
