"""``manage.py mail_standin``: a mail server to try PowerWatch with. Never for production."""

import argparse
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from alerts.standins.mail import Mail, MailStandIn


class Command(BaseCommand):
    help = "Run a mail server on the loopback that delivers nothing, until SIGTERM."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--port", type=int, required=True)
        parser.add_argument("--keep", type=int, default=1000, help="messages kept in memory")

    def handle(self, *args: Any, **options: Any) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        standin = MailStandIn(port=options["port"], keep=options["keep"], on_mail=self._show)
        with standin:
            self.stdout.write(f"mail_standin ready {standin.url}")
            self.stdout.flush()
            stopping.wait()

    def _show(self, mail: Mail) -> None:
        self.stdout.write(f"{', '.join(mail.recipients)} {str(mail.parsed['Subject'])!r}")
        self.stdout.flush()
