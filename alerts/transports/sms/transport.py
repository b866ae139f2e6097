"""SMS over HTTP: signed, idempotent, over one kept connection.

The provider's interface, as ``alerts.standins.sms`` speaks it: ``POST SMS_URL`` with
``{"key","phone","text"}`` answers 200-202 and ``{"id"}``; ``GET SMS_URL/<key>`` answers 200 and
``{"id"}``, or 404 and ``{"error": "unknown_key"}``. A vendor's own interface is one more class of
this shape.

``http.client`` rather than a library: it follows no redirect, reads no proxy setting from the
environment and lets us see whether a request had begun to leave, which is what decides between
"try again" and "ask first".
"""

import http.client
import json
import logging
import select
import ssl
import time
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings

from alerts.transports.base import Message, Receipt, TransportError
from alerts.transports.sms import signing

logger = logging.getLogger(__name__)

ANSWER_BYTES = 64 * 1024
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
#: The provider has said that it did not take the message, and may take it later.
TRY_AGAIN = frozenset({401, 403, 404, 408, 425, 429, 503})
#: The provider refuses this very message.
REFUSED = frozenset({400, 410, 413, 422})


class SmsTransport:
    """One connection to the SMS provider."""

    can_look_up = True

    def __init__(self, *, url: str, key_id: str, secret: str, timeout_s: float) -> None:
        """url: where messages are posted; timeout_s: the longest silence of the provider."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise TransportError("no SMS provider is set up")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise TransportError("the SMS provider's address must begin with https://")
        self._path = parts.path.rstrip("/") or ""
        self._key_id = key_id
        self._secret = secret
        if parts.scheme == "https":
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.hostname,
                parts.port,
                timeout=timeout_s,
                context=ssl.create_default_context(),
            )
        else:
            self._connection = http.client.HTTPConnection(
                parts.hostname, parts.port, timeout=timeout_s
            )

    @classmethod
    def from_settings(cls) -> "SmsTransport":
        return cls(
            url=settings.SMS_URL,
            key_id=settings.SMS_KEY_ID,
            secret=settings.SMS_SECRET,
            timeout_s=settings.SMS_TIMEOUT_S,
        )

    def send(self, message: Message) -> Receipt:
        """Hand the SMS over under its key; the provider takes one key once."""
        fields = {"key": message.key, "phone": message.address, "text": message.text}
        status, answer = self._request(
            "POST", self._path or "/", key=message.key, body=json.dumps(fields).encode()
        )
        if status in (200, 201, 202):
            return _read_receipt(answer)
        raise _error_for(status, answer)

    def look_up(self, key: str) -> Receipt | None:
        status, answer = self._request("GET", f"{self._path}/{quote(key, safe='')}", key=key)
        if status == 200:
            return _read_receipt(answer)
        # Only the provider's own word counts: any proxy can say 404.
        if status == 404 and answer.get("error") == "unknown_key":
            return None
        raise TransportError(f"look-up answered {status}", outcome_unknown=True)

    def close(self) -> None:
        self._connection.close()

    def _request(
        self, method: str, path: str, *, key: str, body: bytes = b""
    ) -> tuple[int, dict[str, Any]]:
        """Return the status and the JSON object answered, an empty one where it is none."""
        timestamp = int(time.time())
        headers = {
            "Content-Type": "application/json",
            signing.ID_HEADER: key,
            signing.KEY_HEADER: self._key_id,
            signing.TIMESTAMP_HEADER: str(timestamp),
            signing.SIGNATURE_HEADER: signing.sign(
                self._secret, key=key, timestamp=timestamp, body=body
            ),
        }
        self._connect()
        try:
            self._connection.request(method, path, body=body or None, headers=headers)
            response = self._connection.getresponse()
            content = response.read(ANSWER_BYTES)
            if not response.isclosed():  # more than any receipt: do not read on
                self.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise TransportError(_describe(error), outcome_unknown=True) from error
        answer = _read_object(content)
        if wait := _read_wait(response.headers.get("Retry-After")):
            answer["retry_after_s"] = wait
        return response.status, answer

    def _connect(self) -> None:
        """Open the connection if there is none that lives. Nothing has left when this fails."""
        sock = self._connection.sock
        if sock is not None and select.select([sock], [], [], 0)[0]:
            self.close()  # the provider closed it while it lay idle, or spoke unasked
            sock = None
        if sock is None:
            try:
                self._connection.connect()
            except (OSError, ValueError) as error:
                self.close()
                raise TransportError(_describe(error)) from error


def _read_object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:  # UnicodeDecodeError included
        return {}
    except RecursionError:
        return {}
    return value if isinstance(value, dict) else {}


def _read_receipt(answer: dict[str, Any]) -> Receipt:
    provider_id = answer.get("id")
    if not isinstance(provider_id, str) or not provider_id:
        raise TransportError("the answer is no receipt", outcome_unknown=True)
    return Receipt(provider_id=provider_id[:80])


def _read_wait(value: str | None) -> float | None:
    return (
        float(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else None
    )


def _error_for(status: int, answer: dict[str, Any]) -> TransportError:
    reason = f"HTTP {status}"
    if isinstance(said := answer.get("error"), str):
        reason = f"{reason} {said[:100]}"
    if status in REFUSED:
        return TransportError(reason, permanent=True)
    if status in TRY_AGAIN or 300 <= status < 400:
        return TransportError(reason, retry_after_s=answer.get("retry_after_s"))
    # A 5xx does not tell whether it came before or after the message was taken.
    return TransportError(reason, outcome_unknown=True)


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
