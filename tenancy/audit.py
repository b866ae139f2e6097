"""Writing the audit log.

What changed in the tables is written by triggers (``powerwatch.audited_tables``); what cannot be
seen there (a look, a sign-in, an export, a refusal) is written here, in the same transaction as
what it tells of.
"""

import hashlib
import json
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from django.core.cache import cache
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from common.addresses import client_address
from tenancy.access import get_authority
from tenancy.eyes import get_eyes
from tenancy.models import User

#: A second look at the same thing in the same session is the same look (assumption).
LOOK_LASTS = timedelta(minutes=15)

#: What a refusal is called, by the status of its answer.
REFUSALS = {401: "token.refused", 403: "access.refused", 404: "access.missed"}

#: What the caller says wins; else the transaction's setting, which the middleware makes.
_INSERT = """
INSERT INTO tenancy_auditentry (actor_id, actor_name, body, action, object_type, object_id,
    object_label, enterprise_id, division_path, is_success, address, session, request, old, new,
    note)
SELECT coalesce(%(actor_id)s, (who->>'actor_id')::bigint),
    left(coalesce(nullif(%(actor_name)s, ''), who->>'actor_name', 'system'), 150),
    left(coalesce(nullif(%(body)s, ''), who->>'body', ''), 150),
    %(action)s, %(object_type)s, %(object_id)s, %(object_label)s, %(enterprise_id)s,
    coalesce((SELECT path FROM tenancy_division WHERE id = %(county_id)s), ''),
    %(is_success)s,
    coalesce(nullif(%(address)s, ''), nullif(who->>'address', ''))::inet,
    coalesce(nullif(%(session)s, ''), who->>'session', ''),
    left(coalesce(who->>'request', ''), 36),
    %(old)s::jsonb, %(new)s::jsonb, %(note)s
FROM (SELECT coalesce(nullif(current_setting('powerwatch.audit', true), ''), '{}')::jsonb AS who) s
"""


def record(
    action: str,
    *,
    actor: User | None = None,
    enterprise: Any = None,
    object_type: str = "",
    object_id: object = "",
    object_label: str = "",
    old: Any = None,
    new: Any = None,
    note: str = "",
    is_success: bool = True,
    request: HttpRequest | None = None,
) -> None:
    """Append one entry by one INSERT.

    action: a dotted name such as ``"alert.look"``, ``"list.export"``, at most 60 characters.
    actor: None with a request: whoever is signed in; without either: as the transaction says
        (``powerwatch.audit``), else the system.
    enterprise: its county says to which division's auditor the entry belongs.
    old, new: what JSON can hold.
    """
    if actor is None and request is not None and isinstance(request.user, User):
        actor = request.user
    own = request is not None and isinstance(request.user, User) and request.user == actor
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            {
                "actor_id": actor.pk if actor else None,
                "actor_name": str(actor or ""),
                "body": get_eyes(request).label if own and request is not None else "",
                "action": action[:60],
                "object_type": object_type[:60],
                "object_id": str(object_id)[:60],
                "object_label": (object_label or str(enterprise or ""))[:200],
                "enterprise_id": getattr(enterprise, "pk", None),
                "county_id": getattr(enterprise, "county_id", None),
                "is_success": is_success,
                "address": (client_address(request) or "") if request is not None else "",
                "session": get_session_mark(request),
                "old": _json(old),
                "new": _json(new),
                "note": note[:300],
            },
        )


def note_look(
    request: HttpRequest,
    enterprise: Any,
    what: str,
    *,
    object_type: str = "",
    object_id: object = "",
    object_label: str = "",
) -> None:
    """Note that somebody looked at an enterprise's ``what`` (``"file"``, ``"alert"``...).

    The enterprise sees who looked. Looks of its own people are not noted, and one session's look
    at one thing is noted once in ``LOOK_LASTS``; with the broker away each one is. The mark is set
    when the entry is committed: a look that was rolled back counts as none.
    """
    person = request.user
    if not isinstance(person, User):
        return
    mark = f"look:{get_session_mark(request) or person.pk}:{enterprise.pk}:{what}:{object_id}"
    if _is_marked(mark):
        return
    holdings = get_authority(person).holdings
    if any(holding.enterprise_id == enterprise.pk for holding in holdings):
        return
    record(
        f"{what}.look",
        enterprise=enterprise,
        object_type=object_type,
        object_id=object_id,
        object_label=object_label,
        request=request,
    )
    transaction.on_commit(partial(_mark, mark))


def note_export(
    request: HttpRequest, what: str, *, count: int, filters: str = "", enterprise: Any = None
) -> None:
    """Note that a list left the system: one entry with the number of rows and the filter."""
    record(
        f"{what}.export",
        enterprise=enterprise,
        new={"rows": count, "filter": filters[:1000]},
        request=request,
    )


def is_refusal(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Tell whether the answer refuses somebody something that the log should tell of.

    403 to a signed-in person; 404 to one who named an object by its address (it may be another's);
    401 to a program whose token opens nothing.
    """
    if not isinstance(request.user, User):
        return response.status_code == 401 and "Authorization" in request.headers
    if response.status_code == 404:
        return bool(request.resolver_match and request.resolver_match.kwargs)
    # A page that only sends the person to what they owe first refuses nothing.
    return response.status_code == 403 and "HX-Redirect" not in response.headers


def note_refusal(request: HttpRequest, response: HttpResponseBase) -> None:
    """Note a refusal (``is_refusal``): who, what address, from where.

    One session's refusals at one address are one entry in ``LOOK_LASTS``; so are all of one machine
    without a token that holds, or a scanner would fill the log.
    """
    person = request.user if isinstance(request.user, User) else None
    if person is None:
        mark = f"refused:{client_address(request)}"
    else:
        who = request.audit["session"] or person.pk  # type: ignore[attr-defined]
        where = f"{request.method} {request.path}".encode()
        mark = f"refused:{who}:{response.status_code}:{hashlib.sha256(where).hexdigest()[:32]}"
    if _is_marked(mark):
        return
    match = request.resolver_match
    record(
        REFUSALS[response.status_code],
        object_id=next(iter(match.kwargs.values()), "") if match else "",
        object_label=request.path,
        note=f"{request.method} {response.status_code}",
        is_success=False,
        request=request,
    )
    transaction.on_commit(partial(_mark, mark))


def _is_marked(mark: str) -> bool:
    try:
        return cache.get(mark) is not None
    except Exception:  # whatever the broker's client raises: without it every look is noted
        return False


def _mark(mark: str) -> None:
    with suppress(Exception):
        cache.set(mark, 1, LOOK_LASTS.total_seconds())


def get_session_mark(request: HttpRequest | None) -> str:
    """Return the start of the session key's SHA-256: tells sessions apart, opens none."""
    key = getattr(getattr(request, "session", None), "session_key", None)
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else ""


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
