"""Email over SMTP, over one kept connection.

There is no way to ask a mail server what became of a message, so an unknown outcome is sent again
under the same Message-ID, which follows from the key: mailboxes show it once.
"""

import hashlib
import smtplib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.utils import timezone

from alerts.transports.base import Message, Receipt, TransportError

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
TIMEOUT_S = 10.0


class EmailTransport:
    """One connection to the mail server."""

    can_look_up = False

    def __init__(self, *, url: str, sender: str, timeout_s: float = TIMEOUT_S) -> None:
        """url: ``smtp://user:password@host:port`` (STARTTLS where offered) or ``smtps://...``."""
        parts = urlsplit(url)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise TransportError("no mail server is set up")
        self._is_tls = parts.scheme == "smtps"
        self._host = parts.hostname
        self._port = parts.port or (465 if self._is_tls else 25)
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._sender = sender
        self._timeout_s = timeout_s
        self._server: smtplib.SMTP | None = None

    @classmethod
    def from_settings(cls) -> "EmailTransport":
        return cls(url=settings.EMAIL_URL, sender=settings.EMAIL_FROM)

    def send(self, message: Message) -> Receipt:
        """Hand the email over; the receipt's id is the Message-ID."""
        try:
            mail = make_email(message, sender=self._sender)
        except (ValueError, IndexError, MessageError) as error:
            raise TransportError(f"unusable address or text: {error}", permanent=True) from error
        server = self._connect()
        try:
            server.send_message(mail)
        except smtplib.SMTPServerDisconnected as error:
            self.close()
            raise TransportError(f"disconnected: {error}", outcome_unknown=True) from error
        except smtplib.SMTPException as error:
            raise _error_for(error) from error
        except (OSError, ValueError) as error:
            self.close()
            raise TransportError(
                f"{type(error).__name__}: {error}", outcome_unknown=True
            ) from error
        return Receipt(provider_id=str(mail["Message-ID"])[:80])

    def look_up(self, key: str) -> Receipt | None:
        raise TransportError("mail servers cannot be asked", outcome_unknown=True)

    def close(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            try:
                server.quit()
            except (smtplib.SMTPException, OSError):
                server.close()

    def _connect(self) -> smtplib.SMTP:
        """Return the live connection, opening one where there is none."""
        if self._server is not None:
            try:
                if self._server.noop()[0] == 250:
                    return self._server
            except (smtplib.SMTPException, OSError):
                pass
            self.close()
        try:
            self._server = self._open()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise TransportError(f"{type(error).__name__}: {error}"[:200]) from error
        return self._server

    def _open(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._is_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=self._timeout_s, context=context
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=self._timeout_s)
        try:
            server.ehlo_or_helo_if_needed()
            is_safe = self._is_tls or self._host in LOOPBACK
            if not self._is_tls and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
                is_safe = True
            if self._user:
                if not is_safe:
                    raise ValueError("the mail server offers no encryption for the password")
                server.login(self._user, self._password)
        except BaseException:
            server.close()
            raise
        return server


def make_email(message: Message, *, sender: str) -> EmailMessage:
    """Return the message as an email with a Message-ID that follows from its key.

    Raises ValueError, IndexError or MessageError for an address that is none; a line break in a
    header is refused by the standard library.
    """
    mail = EmailMessage(policy=SMTP)
    name, address = parseaddr(sender)
    mail["From"] = Address(name, addr_spec=address)
    mail["To"] = Address(addr_spec=message.address)
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(timezone.now())
    domain = address.rpartition("@")[2] or "localhost"
    mail["Message-ID"] = f"<{hashlib.sha256(message.key.encode()).hexdigest()[:32]}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    if message.html:
        mail.add_alternative(message.html, subtype="html")
    return mail


def _error_for(error: smtplib.SMTPException) -> TransportError:
    """Read the server's word: 5xx about the message is final, everything else is for later."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _text in error.recipients.values()]
        return TransportError(
            f"recipient refused: {codes}", permanent=all(500 <= code < 600 for code in codes)
        )
    if isinstance(error, smtplib.SMTPResponseException):
        return TransportError(
            f"SMTP {error.smtp_code}",
            permanent=500 <= error.smtp_code < 600
            and not isinstance(error, smtplib.SMTPAuthenticationError),
        )
    return TransportError(f"{type(error).__name__}: {error}"[:200])
