"""``manage.py sms_standin``: an SMS provider to try PowerWatch with. Never for production."""

import argparse
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from alerts.audience import mask_address
from alerts.standins.sms import Behaviour, Call, SmsStandIn
from alerts.standins.until_stopped import hold_signals, wait_until_stopped


class Command(BaseCommand):
    help = "Run the stand-in for an SMS provider on the loopback until SIGTERM."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
        parser.add_argument("--latency-ms", type=float, default=0)
        parser.add_argument("--fail-rate", type=float, default=0, help="share answered 500, 0 to 1")
        parser.add_argument("--behaviour", choices=[b.value for b in Behaviour], default="accept")

    def handle(self, *args: Any, **options: Any) -> None:
        hold_signals()
        standin = SmsStandIn(
            key_id=settings.SMS_KEY_ID,
            secret=settings.SMS_SECRET,
            port=options["port"],
            latency_ms=options["latency_ms"],
            fail_rate=options["fail_rate"],
            behaviour=Behaviour(options["behaviour"]),
            on_call=self._show,
        )
        with standin:
            self.stdout.write(f"sms_standin ready {standin.url}")
            self.stdout.flush()
            wait_until_stopped()

    def _show(self, call: Call) -> None:
        self.stdout.write(f"{call.behaviour} {mask_address(call.phone)} {call.text!r}")
        self.stdout.flush()
