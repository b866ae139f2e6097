"""The second factor 双因素: a time-based code (RFC 6238) from the phone, or a recovery code.

Who must have one is ``is_required``; anybody may. A code works once: the device remembers the step
of the latest. Wrong codes make the next try wait, longer each time (django-otp). Recovery codes are
stored as keyed digests, so that a copy of the table opens nothing. 等保 2.0 level 3, 8.1.4.1 d: two
factors, one of them cryptographic.
"""

import base64
import secrets
import time
from binascii import unhexlify
from dataclasses import dataclass
from typing import cast

import segno
from django.conf import settings
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.safestring import SafeString, mark_safe
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key

from tenancy.access import AUTHORITY_ROLES, Authority
from tenancy.models import User
from tenancy.models.people import SEPARATED_ROLES

REQUIRED, OFFERED = "required", "offered"
CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without look-alikes: 49 bits in ten signs
_DEVICE, _RECOVERY = "phone", "recovery"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a code was right; else how many seconds the next try has to wait."""

    is_right: bool
    wait_s: int = 0
    codes_left: int | None = None  # where a recovery code was used up


def is_required(authority: Authority) -> bool:
    """Tell whether these roles need a second factor: authority staff and the administrators."""
    return settings.SECOND_FACTOR == REQUIRED and bool(
        authority.roles & (AUTHORITY_ROLES | set(SEPARATED_ROLES))
    )


def has_device(user: User) -> bool:
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists()


def new_key() -> str:
    """Return a random secret of 160 bits, in hex; it is stored only when a code proved it."""
    return cast(str, default_key())


def spell(key: str) -> str:
    """Return the secret as it is typed by hand, in groups of four."""
    text = base64.b32encode(unhexlify(key)).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def draw(user: User, key: str) -> SafeString:
    """Return the picture for the phone's camera as inline SVG without style or script."""
    url = TOTPDevice(user=user, key=key).config_url
    svg = segno.make(url, error="m").svg_inline(
        scale=5, dark="#14263d", light="#ffffff", svgclass="qr", lineclass=None, omitsize=True
    )
    return mark_safe(svg)  # noqa: S308 - drawn here from our own URL


@transaction.atomic
def enrol(user: User, key: str, code: str) -> list[str] | None:
    """Store the device that the code proves, in place of an earlier one; return recovery codes.

    None where the code is wrong. The codes are told this once.
    """
    totp = TOTP(unhexlify(key))
    totp.time = time.time()
    digits = _plain(code)
    if not (len(digits) == 6 and digits.isdecimal() and totp.verify(int(digits), tolerance=1)):
        return None
    TOTPDevice.objects.filter(user=user).delete()
    TOTPDevice.objects.create(
        user=user, name=_DEVICE, key=key, confirmed=True, last_t=totp.t(), drift=totp.drift
    )
    return make_recovery_codes(user)


@transaction.atomic
def make_recovery_codes(user: User) -> list[str]:
    """Replace the person's recovery codes and return the new ones; they are told this once."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name=_RECOVERY)
    codes = ["".join(secrets.choice(_ALPHABET) for _n in range(10)) for _c in range(CODES)]
    StaticToken.objects.bulk_create(
        StaticToken(device=device, token=_digest(user, code)) for code in codes
    )
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def count_recovery_codes(user: User) -> int:
    return StaticToken.objects.filter(device__user=user).count()


@transaction.atomic
def verify(user: User, code: str) -> Outcome:
    """Judge a code from the phone (six digits) or a recovery code; either works once."""
    plain = _plain(code)
    devices: type[TOTPDevice] | type[StaticDevice] = StaticDevice
    if plain.isdecimal() and len(plain) == 6:
        devices = TOTPDevice
    else:
        plain = _digest(user, plain)
    device = devices.objects.select_for_update().filter(user=user, confirmed=True).first()
    if device is None:
        return Outcome(False)
    allowed, _why = device.verify_is_allowed()
    if allowed and device.verify_token(plain):
        left = count_recovery_codes(user) if devices is StaticDevice else None
        return Outcome(True, codes_left=left)
    return Outcome(False, wait_s=_wait_s(device))


def _wait_s(device: TOTPDevice | StaticDevice) -> int:
    if not device.throttling_failure_timestamp:
        return 0
    needed = device.get_throttle_factor() * 2 ** (device.throttling_failure_count - 1)
    passed = time.time() - device.throttling_failure_timestamp.timestamp()
    return max(0, round(needed - passed))


@transaction.atomic
def remove(user: User) -> bool:
    """Take the second factor away, codes and all; return whether there was one."""
    found, _rows = TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    return bool(found)


def _plain(code: str) -> str:
    return "".join(sign for sign in code.lower() if sign.isalnum())


def _digest(user: User, code: str) -> str:
    """Return 80 bits of a keyed digest: what fits into the column, more than the code holds."""
    mac = salted_hmac("tenancy.second_factor", f"{user.pk}:{code}", algorithm="sha256").digest()
    return base64.b32encode(mac[:10]).decode()
