"""An SMS provider on the loopback, strict about signatures and true to its idempotency keys.

It speaks the interface of ``alerts.transports.sms``. Behaviours that real providers show on bad
days can be switched on, also for the next few calls only. It keeps everything it was told.
"""

import hashlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from alerts.transports.sms import signing

BODY_BYTES = 64 * 1024


class Behaviour(StrEnum):
    """What the provider does with a message that is well formed and well signed."""

    ACCEPT = "accept"
    ERROR_500 = "500"  # not taken
    TOO_MANY_429 = "429"  # not taken, Retry-After: 1
    REFUSE_400 = "400"  # not taken, never will be
    HANG = "hang"  # not taken, no answer until the stand-in stops
    ACCEPT_SILENTLY = "accept-silently"  # taken, and the connection cut without an answer
    ACCEPT_HANGING = "accept-hanging"  # taken, no answer until the stand-in stops
    NONSENSE = "nonsense"  # taken, answered with something that is no receipt
    REDIRECT = "redirect"  # not taken, points elsewhere


TAKES = frozenset(
    {
        Behaviour.ACCEPT,
        Behaviour.ACCEPT_SILENTLY,
        Behaviour.ACCEPT_HANGING,
        Behaviour.NONSENSE,
    }
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to send, as it came; ``at`` is ``time.monotonic()``."""

    at: float
    key: str
    phone: str
    text: str
    behaviour: Behaviour


class SmsStandIn:
    """The provider; ``start`` it, point ``SMS_URL`` at ``url``, ``stop`` it.

    ``taken`` holds what was accepted, by key; ``calls`` every signed request to send; ``lookups``
    the keys asked for; ``refused`` why requests were turned away at the door.
    """

    def __init__(
        self,
        *,
        key_id: str,
        secret: str,
        port: int = 0,
        latency_ms: float = 0,
        fail_rate: float = 0,
        behaviour: Behaviour = Behaviour.ACCEPT,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        """port 0 takes a free one; fail_rate: share of calls (0 to 1) answered 500."""
        self.key_id = key_id
        self.secret = secret
        self.latency_ms = latency_ms
        self.fail_rate = fail_rate
        self.behaviour = behaviour
        self.on_call = on_call
        self.calls: list[Call] = []
        self.taken: dict[str, Call] = {}
        self.lookups: list[str] = []
        self.refused: list[str] = []
        self.most_at_once = 0
        self._next: list[Behaviour] = []
        self._at_once = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.standin = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/messages"

    def start(self) -> "SmsStandIn":
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> "SmsStandIn":
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def behave(self, *behaviours: Behaviour) -> None:
        """Show these behaviours on the next calls, one each, before the standing one."""
        with self._lock:
            self._next.extend(behaviours)

    def count_calls(self) -> Counter[str]:
        """Return how many times each key was posted."""
        with self._lock:
            return Counter(call.key for call in self.calls)

    # --- what the handler asks ---

    def enter(self) -> None:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)

    def leave(self) -> None:
        with self._lock:
            self._at_once -= 1

    def take(self, key: str, phone: str, text: str) -> Behaviour:
        """Note a call, and the message if this behaviour takes it; a known key is kept as it is."""
        with self._lock:
            behaviour = self._next.pop(0) if self._next else self.behaviour
            if random.random() < self.fail_rate:
                behaviour = Behaviour.ERROR_500
            call = Call(time.monotonic(), key, phone, text, behaviour)
            self.calls.append(call)
            if behaviour in TAKES:
                self.taken.setdefault(key, call)
        if self.on_call:
            self.on_call(call)
        return behaviour

    def turn_away(self, why: str) -> None:
        with self._lock:
            self.refused.append(why)

    def wait_until_stopped(self) -> None:
        self._stopping.wait(60)

    def has(self, key: str) -> bool:
        with self._lock:
            self.lookups.append(key)
            return key in self.taken


def make_id(key: str) -> str:
    """Return the provider's id of a message: the same for the same key."""
    return "sms-" + hashlib.sha256(key.encode()).hexdigest()[:16]


class _Server(ThreadingHTTPServer):
    standin: SmsStandIn
    daemon_threads = True
    block_on_close = False  # hanging requests end when they notice the stop
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing when a caller goes away: tests cut connections on purpose."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"  # keep-alive
    disable_nagle_algorithm = True
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:
        """Write no access log."""

    def do_POST(self) -> None:
        body = self._read_body()
        standin = self.server.standin
        if body is None or not self._is_signed(body):
            return
        try:
            fields = json.loads(body)
            key, phone, text = (str(fields[name]) for name in ("key", "phone", "text"))
        except (ValueError, KeyError, TypeError):
            standin.turn_away("malformed")
            self._answer(400, {"error": "malformed"})
            return
        if key != self.headers.get(signing.ID_HEADER):
            standin.turn_away("key differs")
            self._answer(400, {"error": "key_differs"})
            return
        standin.enter()
        try:
            time.sleep(standin.latency_ms / 1000)
            self._behave(standin.take(key, phone, text), key)
        finally:
            standin.leave()

    def do_GET(self) -> None:
        if not self._is_signed(b""):
            return
        key = unquote(self.path.rpartition("/")[2])
        if self.server.standin.has(key):
            self._answer(200, {"id": make_id(key)})
        else:
            self._answer(404, {"error": "unknown_key"})

    def _behave(self, behaviour: Behaviour, key: str) -> None:
        if behaviour in (Behaviour.HANG, Behaviour.ACCEPT_HANGING):
            self.server.standin.wait_until_stopped()
            self.close_connection = True
        elif behaviour == Behaviour.ACCEPT_SILENTLY:
            self.close_connection = True
        elif behaviour == Behaviour.NONSENSE:
            self._write(200, b"<html>OK</html>", {})
        elif behaviour == Behaviour.ERROR_500:
            self._answer(500, {"error": "internal"})
        elif behaviour == Behaviour.TOO_MANY_429:
            self._answer(429, {"error": "slow_down"}, {"Retry-After": "1"})
        elif behaviour == Behaviour.REFUSE_400:
            self._answer(400, {"error": "bad_number"})
        elif behaviour == Behaviour.REDIRECT:
            self._answer(307, {}, {"Location": f"{self.server.standin.url}/elsewhere"})
        else:
            self._answer(200, {"id": make_id(key)})

    def _read_body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_BYTES:
            self.server.standin.turn_away("length")
            self.close_connection = True
            self._answer(413, {"error": "length"})
            return None
        return self.rfile.read(int(length))

    def _is_signed(self, body: bytes) -> bool:
        standin = self.server.standin
        key_id = self.headers.get(signing.KEY_HEADER, "")
        good = key_id == standin.key_id and signing.is_signed(
            standin.secret,
            key=self.headers.get(signing.ID_HEADER, ""),
            timestamp=self.headers.get(signing.TIMESTAMP_HEADER, ""),
            body=body,
            signature=self.headers.get(signing.SIGNATURE_HEADER, ""),
            now=time.time(),
        )
        if not good:
            standin.turn_away("signature")
            self._answer(401, {"error": "signature"})
        return good

    def _answer(
        self, status: int, fields: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        self._write(status, json.dumps(fields).encode(), headers or {})

    def _write(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
