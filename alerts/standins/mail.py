"""A mail server on the loopback that delivers nothing and keeps the last messages."""

import logging
import socket
from asyncio import WriteTransport
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

MESSAGE_BYTES = 1024 * 1024
logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's line for every step


class MailBehaviour(StrEnum):
    """What the server does with the next message."""

    ACCEPT = "accept"
    LATER_451 = "451"  # not taken, try again
    REFUSE_550 = "550"  # no such mailbox
    DROP = "drop"  # taken, and the connection cut without an answer


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as it was taken."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @property
    def parsed(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)


class MailStandIn:
    """The server; ``start`` it, point ``EMAIL_URL`` at ``url``, ``stop`` it.

    ``mails`` holds the last ``keep`` messages taken, ``taken_count`` how many there were in all.
    """

    def __init__(
        self, *, port: int = 0, keep: int = 1000, on_mail: Callable[[Mail], None] | None = None
    ) -> None:
        self.mails: deque[Mail] = deque(maxlen=keep)
        self.taken_count = 0
        self.on_mail = on_mail
        self._next: list[MailBehaviour] = []
        self.port = port or _find_port()
        self._controller = Controller(
            _Handler(self), hostname="127.0.0.1", port=self.port, data_size_limit=MESSAGE_BYTES
        )

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def behave(self, *behaviours: MailBehaviour) -> None:
        """Show these behaviours on the next messages, one each."""
        self._next.extend(behaviours)

    def start(self) -> "MailStandIn":
        self._controller.start()
        return self

    def stop(self) -> None:
        self._controller.stop()

    def __enter__(self) -> "MailStandIn":
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def next_behaviour(self) -> MailBehaviour:
        return self._next.pop(0) if self._next else MailBehaviour.ACCEPT

    def take(self, mail: Mail) -> None:
        self.mails.append(mail)
        self.taken_count += 1
        if self.on_mail:
            self.on_mail(mail)


def _find_port() -> int:
    """Return a port that is free now; aiosmtpd must be told one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Handler:
    """aiosmtpd calls these by name."""

    def __init__(self, standin: MailStandIn) -> None:
        self.standin = standin

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        behaviour = self.standin.next_behaviour()
        if behaviour == MailBehaviour.LATER_451:
            return "451 Try again later"
        if behaviour == MailBehaviour.REFUSE_550:
            return "550 No such mailbox here"
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else content or b""
        self.standin.take(Mail(envelope.mail_from or "", tuple(envelope.rcpt_tos), raw))
        if behaviour == MailBehaviour.DROP and isinstance(server.transport, WriteTransport):
            server.transport.abort()
        return "250 OK"
