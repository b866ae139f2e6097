"""``manage.py seed_demo``: the demo city and the night behind it.

Safe to run again at any time: each step stands whole or not at all, and what stands is kept.
"""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from meters.models import Collector
from meters.simulator import inventory
from meters.simulator.incidents import Kind, Plan
from powerwatch.demo import build, history
from powerwatch.demo.city import make_city

_LOCK = 0x5EED  # one seeding at a time


class Command(BaseCommand):
    help = "Load the demo city with its people and the last twelve hours of readings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--enterprises", type=int, metavar="N", help="a smaller city")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError(
                _("This system is not a demo: seed_demo needs POWERWATCH_DEMO=1. Nothing changed.")
            )
        self._begun = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            try:
                self._seed(options["enterprises"])
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])

    def _seed(self, limit: int | None) -> None:
        if build.has_city():
            self._say(_("The demo city stands; its data are kept."))
        else:
            specs = make_city(limit)
            build.build_city(specs, now=timezone.now())
            self._say(
                _("%(count)d fictional enterprises and their people.") % {"count": len(specs)}
            )
        if history.has_history():
            self._say(_("Readings stand; nothing is added to the record."))
        else:
            self._write_history()

    def _write_history(self) -> None:
        now = timezone.now()
        start = int(now.timestamp()) // 60 * 60
        plants = inventory.load_plants()
        plan = Plan(plants, start)
        rows = history.write_history(plants, plan)
        self._say(
            _("%(rows)d readings of the last %(hours)d hours.")
            % {"rows": rows, "hours": history.LASTS.total_seconds() // 3600}
        )
        for incident in plan.opening:
            if incident.kind is Kind.CONTROL_OFF:
                collector = Collector.objects.select_related("enterprise").get(mn=incident.plant)
                build.assign_enterprise_account(collector.enterprise, now=now)

    def _say(self, text: str) -> None:
        self.stdout.write(f"[{time.monotonic() - self._begun:5.1f} s] {text}")
        self.stdout.flush()
