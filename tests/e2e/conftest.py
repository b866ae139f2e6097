"""The whole chain as real processes: gateway, worker, SMS provider and mail server."""

import json
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import redis

from meters.protocol import NEED_DATA, Decoder, encode, format_datetime, uploads
from powerwatch.database_roles import grant_roles
from tests.processes import Process, own_redis_url, wait_until


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class System:
    """The running processes and where they listen."""

    gateway_port: int
    sms_port: int
    mail_port: int
    processes: dict[str, Process] = field(default_factory=dict)


@pytest.fixture
def system(transactional_db) -> Iterator[System]:
    """Start gateway, worker, SMS and mail stand-ins on the test database and an own broker."""
    assert grant_roles()
    redis.Redis.from_url(own_redis_url()).flushdb()
    running = System(free_port(), free_port(), free_port())
    environment = {
        "POWERWATCH_SMS_URL": f"http://127.0.0.1:{running.sms_port}/send",
        "POWERWATCH_SMS_KEY_ID": "test",
        "POWERWATCH_SMS_SECRET": "test-secret",
        "POWERWATCH_EMAIL_URL": f"smtp://127.0.0.1:{running.mail_port}",
    }
    manage = "manage.py"
    started = running.processes
    try:
        started["sms"] = Process(
            manage, "sms_standin", "--port", str(running.sms_port), **environment
        )
        started["mail"] = Process(
            manage, "mail_standin", "--port", str(running.mail_port), **environment
        )
        started["gateway"] = Process(
            manage,
            "gateway",
            "--host",
            "127.0.0.1",
            "--port",
            str(running.gateway_port),
            role="gateway",
            **environment,
        )
        started["worker"] = Process(
            "-m",
            "celery",
            "-A",
            "powerwatch",
            "worker",
            "-c",
            "2",
            "-P",
            "prefork",
            "--without-gossip",
            "--without-mingle",
            "-Q",
            "evaluate,notify,celery",
            role="worker",
            **environment,
        )
        for name in ("sms", "mail", "gateway"):
            started[name].wait_for(r"listening")
        started["worker"].wait_for(r" ready\.")
        yield running
    finally:
        for process in reversed(started.values()):
            process.stop()


class FieldClient:
    """A collector on a real socket that speaks family B and waits for its answers."""

    def __init__(self, port: int, *, mn: str, pw: str = "123456") -> None:
        self.mn = mn
        self.pw = pw
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=15)
        self.decoder = Decoder()
        self.sent = 0

    def report(self, at: datetime, powers: dict[str, float], *, voltage: float = 220.0) -> str:
        """Send the powers (kW) of the circuits at a moment; return the answer's CN."""
        factors = {
            circuit: {"Pt": f"{kw:.3f}", "Ua": f"{voltage:.1f}", "Flag": "N"}
            for circuit, kw in powers.items()
        }
        self.sent += 1
        (message,) = uploads(
            at=datetime.now(UTC) + timedelta(milliseconds=self.sent),
            st="80",
            cn="2011",
            pw=self.pw,
            mn=self.mn,
            fields={"DataTime": format_datetime(at)},
            factors=factors,
        )
        self.socket.sendall(encode(message))
        return self.next_answer()

    def next_answer(self) -> str:
        while True:
            event = self.decoder.next_event()
            if event is not NEED_DATA:
                return str(event.cn)
            data = self.socket.recv(4096)
            if not data:
                raise ConnectionError("the gateway hung up")
            self.decoder.feed(data)

    def close(self) -> None:
        self.socket.close()


def sms_received(system: System) -> list[dict[str, object]]:
    """Return what reached the SMS provider."""
    url = f"http://127.0.0.1:{system.sms_port}/messages"
    with urllib.request.urlopen(url, timeout=5) as answer:
        return list(json.load(answer))


__all__ = ["FieldClient", "System", "sms_received", "system", "wait_until"]
