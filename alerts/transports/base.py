"""What every channel is to the dispatcher."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One message as the outbox stored it; ``key`` is the idempotency key."""

    key: str
    address: str
    subject: str
    text: str
    html: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider took the message, under this id of its own."""

    provider_id: str


class TransportError(Exception):
    """The one error of a transport.

    permanent: the provider refused this message; sending it again would be refused again.
    outcome_unknown: the request may have left, so the message may have been taken.
    retry_after_s: how long the provider asked us to wait, in seconds, where it did.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        outcome_unknown: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.outcome_unknown = outcome_unknown
        self.retry_after_s = retry_after_s


class Transport(Protocol):
    """A channel's way out. Not shared between threads; keeps its connection until closed."""

    #: Whether the provider can be asked what became of a key.
    can_look_up: bool

    def send(self, message: Message) -> Receipt:
        """Hand the message over; raises TransportError and nothing else."""
        ...

    def look_up(self, key: str) -> Receipt | None:
        """Return what the provider holds under the key, None if it knows nothing of it.

        Raises TransportError where the provider does not say.
        """
        ...

    def close(self) -> None:
        """Let the connection go; never raises."""
        ...
