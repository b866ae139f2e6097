"""A write that may be sent twice is carried out once: the header ``Idempotency-Key``.

The answer is stored in the transaction of the write, so that both stand or neither. The same key
with the same request gets that answer again, with ``Idempotency-Replayed: true``; with another
request 422; while the first is being carried out 409. A refused request changed nothing and leaves
its key free. Source: IETF draft "The Idempotency-Key HTTP Header Field"; kept for 24 hours
(assumption, configurable: ``API_IDEMPOTENCY_HOURS``).
"""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.problems import InProgress, InvalidHeader, KeyReused
from tenancy.models import IdempotentAnswer, User

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,80}")
_KEPT_HEADERS = ("ETag", "Location")


def once(request: Request, *, actor: User, now: datetime, act: Callable[[], Response]) -> Response:
    """Return what ``act`` answers, or what it answered before to this key.

    ``act`` runs in a transaction. Ask before whether the person may see the object and do it: an
    answer of yesterday is not given to who may no longer.
    """
    key = request.headers.get(HEADER, "")
    if not key:
        with transaction.atomic():
            return act()
    if not _KEY.fullmatch(key):
        raise InvalidHeader(errors=[{"parameter": HEADER, "detail": "1-80 ASCII, no blanks"}])
    digest = _digest(request)
    with transaction.atomic():
        _claim(actor, key)
        known = IdempotentAnswer.objects.filter(user=actor, key=key).first()
        if known is not None and known.created_at > now - _kept():
            return _replay(known, digest)
        if known is not None:
            known.delete()
        response = act()
        IdempotentAnswer.objects.create(
            user=actor,
            key=key,
            request_digest=digest,
            status=response.status_code,
            headers={name: response[name] for name in _KEPT_HEADERS if response.has_header(name)},
            body=JSONRenderer().render(response.data).decode(),
            created_at=now,
        )
    return response


def sweep_answers(*, now: datetime) -> int:
    """Remove the answers that are no longer given again; return how many."""
    return IdempotentAnswer.objects.filter(created_at__lte=now - _kept()).delete()[0]


def _kept() -> timedelta:
    return timedelta(hours=settings.API_IDEMPOTENCY_HOURS)


def _claim(actor: User, key: str) -> None:
    """Hold the key until the transaction ends; refuse where another request holds it."""
    name = hashlib.sha256(f"idempotency:{actor.pk}:{key}".encode()).digest()[:8]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(name, "big", signed=True)]
        )
        if not cursor.fetchone()[0]:
            raise InProgress(headers={"Retry-After": "1"})


def _replay(known: IdempotentAnswer, digest: str) -> Response:
    if known.request_digest != digest:
        raise KeyReused
    return Response(
        json.loads(known.body) if known.body else None,
        status=known.status,
        headers={**known.headers, "Idempotency-Replayed": "true"},
    )


def _digest(request: Request) -> str:
    body = json.dumps(request.data, sort_keys=True)
    parts = (request.method, request.get_full_path(), request.headers.get("If-Match", ""), body)
    return hashlib.sha256("\0".join(str(part) for part in parts).encode()).hexdigest()
