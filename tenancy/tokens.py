"""Tokens with which programs act for a person 接口令牌.

A token is ``pw_<prefix>_<secret>``; it is shown once, and only the SHA-256 of its secret is kept.
What it opens is never more than its owner may at that moment: the owner's scope of sight, the
owner's permissions, and of these only what the token's own ``scopes`` name.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tenancy.access import Permission, has_permission
from tenancy.models import ApiToken, User

#: What a token may be made for. The codes are stored in tokens, so they stay.
SCOPES: dict[str, str | Promise] = {
    "read:enterprises": _("Read enterprises, sites, lines, facilities, pairings, attachments"),
    "read:devices": _("Read collectors, points, meters and work orders"),
    "read:readings": _("Read readings and operating states"),
    "read:alerts": _("Read alerts"),
    "read:declarations": _("Read declarations"),
    "read:programme": _("Read the installation programme"),
    "write:alerts": _("Handle and explain alerts"),
    "write:declarations": _("Submit declarations"),
    "write:file": _("Edit enterprises and facilities; record thresholds and pairings"),
    "write:devices": _("Record meters"),
}

_FORM = re.compile(r"pw_([a-z2-7]{10})_([A-Za-z0-9_-]{43})")
_USE_NOTED_EVERY = timedelta(minutes=1)


class TokenRefused(ValueError):
    """The token cannot be made so; the text says why, in words for its owner."""


def issue_token(
    user: User, *, name: str, scopes: Iterable[str], expires_at: datetime, now: datetime
) -> tuple[ApiToken, str]:
    """Make a token; return it with the text to hand over, which cannot be had again.

    Raises ``TokenRefused`` without a name or a known scope, for an end that is past or further off
    than ``API_TOKEN_DAYS``, for people who may not use the API, and for more tokens in force than
    ``API_TOKENS_EACH``.
    """
    chosen = sorted(set(scopes))
    if not has_permission(user, Permission.USE_API):
        raise TokenRefused(_("Your duty does not include the use of the API."))
    if not name.strip():
        raise TokenRefused(_("Give the token a name that says which program uses it."))
    if not chosen or not set(chosen) <= set(SCOPES):
        raise TokenRefused(_("Choose at least one thing that the token may do."))
    if not now < expires_at <= now + timedelta(days=settings.API_TOKEN_DAYS):
        raise TokenRefused(
            _("A token is valid for one to %(days)d days.") % {"days": settings.API_TOKEN_DAYS}
        )
    if in_force(user, now=now).count() >= settings.API_TOKENS_EACH:
        raise TokenRefused(_("You have too many tokens; revoke one first."))
    prefix = base64.b32encode(secrets.token_bytes(7))[:10].decode().lower()
    secret = secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name.strip()[:60],
        prefix=prefix,
        digest=_digest(secret),
        scopes=chosen,
        created_at=now,
        expires_at=expires_at,
    )
    return token, f"pw_{prefix}_{secret}"


def find_token(text: str, *, now: datetime) -> ApiToken | None:
    """Return the token in force of this text with its owner; None for any other.

    None also where the owner's account is disabled. Notes the use, at most once a minute.
    """
    match = _FORM.fullmatch(text)
    prefix, secret = match.groups() if match else ("", "")
    token = ApiToken.objects.select_related("user").filter(prefix=prefix).first()
    is_right = hmac.compare_digest(_digest(secret), token.digest if token else "-" * 64)
    if token is None or not is_right:
        return None
    if token.revoked_at or token.expires_at <= now or not token.user.is_active:
        return None
    if token.latest_used_at is None or token.latest_used_at <= now - _USE_NOTED_EVERY:
        # Where a request that goes on notes it already, others must not wait for that one's end.
        mine = ApiToken.objects.select_for_update(skip_locked=True).filter(pk=token.pk)
        with transaction.atomic():
            if mine.values("pk").first():
                ApiToken.objects.filter(pk=token.pk).update(latest_used_at=now)
    return token


def revoke_token(token: ApiToken, *, now: datetime) -> None:
    """End the token at once; a second time changes nothing."""
    ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now)


def in_force(user: User, *, now: datetime) -> QuerySet[ApiToken]:
    """Return the person's tokens that open something now."""
    return ApiToken.objects.filter(user=user, revoked_at__isnull=True, expires_at__gt=now)


def _digest(secret: str) -> str:
    """Return the SHA-256; the secret has 256 random bits, so that no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()
