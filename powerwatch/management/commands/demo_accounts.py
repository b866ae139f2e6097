"""``manage.py demo_accounts``: who can sign in to the demo, a line each."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from tenancy.demo_accounts import DEMO_ACCOUNTS


class Command(BaseCommand):
    help = "Print the demo accounts: label, user name, password."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError(_("The demo accounts exist only where POWERWATCH_DEMO=1."))
        labels = [str(account["label"]) for account in DEMO_ACCOUNTS]
        widest = max(_columns(label) for label in labels)
        for label, account in zip(labels, DEMO_ACCOUNTS, strict=True):
            padding = " " * (widest - _columns(label))
            self.stdout.write(f"{label}{padding}  {account['username']:<12}{account['password']}")


def _columns(text: str) -> int:
    """Return how many columns of a terminal the text takes; Chinese characters take two."""
    return sum(2 if ord(character) > 0x2E80 else 1 for character in text)
