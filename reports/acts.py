"""What can be done next with an alert, for whom, and the doing of it.

The moves themselves are ``alerts.loop``; this offers those that the loop allows from where the
alert stands, to people who have the right.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from alerts.models import Alert
from reports.eyes import Eyes
from tenancy.models import User


class ActRefused(Exception):
    """The act cannot be done now; the text says why, to the person who tried."""


@dataclass(frozen=True, slots=True)
class Act:
    """A decision as a button, with the form that it needs."""

    name: str
    label: str
    says: str = ""  # what will happen
    style: str = ""
    reasons: tuple[tuple[str, str], ...] = ()
    note: str = ""  # the label of the text; empty for none
    note_required: bool = False
    open: bool = False
    chosen: str = ""
    typed: str = ""


def get_acts(alert: Alert, eyes: Eyes, *, typed: Mapping[str, str] | None = None) -> list[Act]:
    """Return the next acts of this reader; ``typed`` is what a refused form held."""
    return []


def perform(
    alert: Alert, *, act: str, actor: User, reason: str, note: str, now: datetime
) -> str:
    """Carry out the act and return what was done, in words."""
    raise ActRefused(_("This act is not known."))
