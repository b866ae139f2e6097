"""``manage.py mail_standin``: a mail server to try PowerWatch with. Never for production."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand

from alerts.standins.mail import Mail, MailStandIn
from alerts.standins.until_stopped import hold_signals, wait_until_stopped


class Command(BaseCommand):
    help = "Run a mail server on the loopback that delivers nothing, until SIGTERM."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--port", type=int, required=True)
        parser.add_argument("--keep", type=int, default=1000, help="messages kept in memory")

    def handle(self, *args: Any, **options: Any) -> None:
        hold_signals()
        standin = MailStandIn(port=options["port"], keep=options["keep"], on_mail=self._show)
        with standin:
            self.stdout.write(f"mail_standin ready {standin.url}")
            self.stdout.flush()
            wait_until_stopped()

    def _show(self, mail: Mail) -> None:
        self.stdout.write(f"{', '.join(mail.recipients)} {str(mail.parsed['Subject'])!r}")
        self.stdout.flush()
