"""How a request to the SMS provider is signed, and how the stand-in checks it.

HMAC-SHA256 over ``id.timestamp.body``: a captured request can be neither changed, nor given another
id, nor sent again after ``TOLERANCE_S``. The standard library suffices, so there is no dependency.
"""

import hashlib
import hmac

TOLERANCE_S = 300
ID_HEADER = "Idempotency-Key"
KEY_HEADER = "X-Key-Id"
TIMESTAMP_HEADER = "X-Timestamp"
SIGNATURE_HEADER = "X-Signature"


def sign(secret: str, *, key: str, timestamp: int, body: bytes) -> str:
    """Return the signature, ``v1=`` and 64 hex digits; timestamp: seconds of the Unix epoch."""
    signed = f"{key}.{timestamp}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def is_signed(
    secret: str, *, key: str, timestamp: str, body: bytes, signature: str, now: float
) -> bool:
    """Return whether the signature is right and no older or newer than ``TOLERANCE_S``."""
    if not timestamp.isascii() or not timestamp.isdigit():
        return False
    expected = sign(secret, key=key, timestamp=int(timestamp), body=body)
    fresh = abs(now - int(timestamp)) <= TOLERANCE_S
    return fresh and hmac.compare_digest(expected.encode(), signature.encode())
