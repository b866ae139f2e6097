"""The whole chain as real processes: gateway, worker, SMS provider and mail server."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import redis

from alerts.standins.mail import MailStandIn
from alerts.standins.sms import SmsStandIn
from meters.protocol import NEED_DATA, Decoder, encode, format_datetime, uploads
from powerwatch.database_roles import grant_roles
from tests.processes import Process, own_redis_url, wait_until

SECRET = "a-secret-of-the-test"
WORKER = (
    *("-m", "celery", "-A", "powerwatch", "worker", "-c", "2", "-P", "prefork", "-l", "INFO"),
    *("--without-gossip", "--without-mingle", "-Q", "evaluate,notify,celery,report"),
)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class System:
    """The running processes, and what the provider and the mail server were handed."""

    gateway_port: int
    sms: SmsStandIn
    mail: MailStandIn
    processes: dict[str, Process] = field(default_factory=dict)


@pytest.fixture
def system(transactional_db) -> Iterator[System]:
    """Start gateway, worker, SMS and mail stand-ins on the test database and an own broker."""
    assert grant_roles()
    redis.Redis.from_url(own_redis_url()).flushdb()
    with SmsStandIn(key_id="test", secret=SECRET) as sms, MailStandIn() as mail:
        running = System(free_port(), sms, mail)
        environment = {
            "POWERWATCH_SMS_URL": sms.url,
            "POWERWATCH_SMS_KEY_ID": "test",
            "POWERWATCH_SMS_SECRET": SECRET,
            "POWERWATCH_EMAIL_URL": mail.url,
        }
        started = running.processes
        try:
            port = str(running.gateway_port)
            gateway = ("manage.py", "gateway", "--host", "127.0.0.1", "--port", port)
            started["gateway"] = Process(*gateway, role="gateway", **environment)
            started["worker"] = Process(*WORKER, role="worker", **environment)
            started["gateway"].wait_for(r"listening")
            started["worker"].wait_for(r" ready\.", seconds=60)
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


__all__ = ["FieldClient", "System", "system", "wait_until"]
