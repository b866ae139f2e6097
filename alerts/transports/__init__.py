"""Channels: one directory each, all of one small shape.

A transport hands one message to a provider and says what came of it. It knows no database and no
alert. A message that nobody should get was left out before a row was made.
"""

from alerts.models import Channel
from alerts.transports.base import Message, Receipt, Transport, TransportError
from alerts.transports.email.transport import EmailTransport
from alerts.transports.sms.transport import SmsTransport

__all__ = ["Message", "Receipt", "Transport", "TransportError", "make_transport"]


def make_transport(channel: str) -> Transport:
    """Return a transport of the channel as the settings have it, for the use of one thread.

    Raises TransportError where the channel is not set up, or not safely.
    """
    return (
        SmsTransport.from_settings() if channel == Channel.SMS else EmailTransport.from_settings()
    )
