"""``manage.py seed_demo``: the demo city and the night behind it.

Safe to run again at any time: each step stands whole or not at all, and what stands is kept.
"""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from meters.models import Collector
from meters.simulator import inventory
from meters.simulator.incidents import Kind, Plan
from meters.simulator.machines import Plant
from powerwatch.demo import build, history
from powerwatch.demo.city import make_city
from reports.tallies import count_points


class Command(BaseCommand):
    help = "Load the demo city with its people and the last twelve hours of readings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--enterprises", type=int, metavar="N", help="a smaller city")
        parser.add_argument("--processes", type=int, default=2, help="write with so many")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError(
                _("This system is not a demo: seed_demo needs POWERWATCH_DEMO=1. Nothing changed.")
            )
        self._begun = time.monotonic()
        self._seed(options["enterprises"], options["processes"])

    def _seed(self, limit: int | None, processes: int) -> None:
        if build.has_city():
            self._say(_("The demo city stands; its data are kept."))
        else:
            specs = make_city(limit)
            build.build_city(specs, now=timezone.now())
            self._say(
                _("%(count)d fictional enterprises and their people.") % {"count": len(specs)}
            )
        plants = history.without_history(inventory.load_plants())
        if plants:
            self._write_history(plants, processes)
        else:
            self._say(_("Readings stand; nothing is added to the record."))

        count_points(now=timezone.now())

    def _write_history(self, plants: list[Plant], processes: int) -> None:
        now = timezone.now()
        plan = Plan(plants, int(now.timestamp()) // 60 * 60)
        rows = history.write_history(plants, plan, processes=processes)
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
