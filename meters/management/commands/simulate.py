"""``manage.py simulate``: the city's collectors, speaking HJ 212 to a gateway."""

import asyncio
import signal
import time
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.localtime import to_local
from meters.simulator import inventory
from meters.simulator.fleet import Fleet, run_until_stopped
from meters.simulator.incidents import DEFAULT_SEED, Kind, Plan, plan_start
from meters.simulator.machines import Plant

# What the default rules wait for, in seconds (domain reference, section 16).
_SHOWS_AFTER_S = {Kind.CONTROL_OFF: 600, Kind.SILENT: 900, Kind.POWER_CUT: 300}


class Command(BaseCommand):
    help = "Simulate the collectors of the installed enterprises over HJ 212."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=9212)
        parser.add_argument("--enterprises", type=int, metavar="N", help="only the first N")
        parser.add_argument(
            "--speed", type=float, default=1.0, metavar="X", help="send X times as often"
        )
        parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="of the incidents")
        parser.add_argument("--no-incidents", action="store_true", help="nothing goes wrong")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["speed"] <= 0:
            raise CommandError(_("--speed must be greater than 0"))
        plants = inventory.load_plants(options["enterprises"])
        if not plants:
            raise CommandError(
                _("No installed enterprise has a collector yet. Load the demo city: seed_demo")
            )
        record_ends = {mn: int(at.timestamp()) for mn, at in inventory.load_record_ends().items()}
        registers = inventory.load_registers()
        connection.close()  # from here on the network is all it needs
        start = plan_start(record_ends.values(), int(time.time()))
        plan = Plan(plants, start, seed=options["seed"], is_quiet=options["no_incidents"])
        fleet = Fleet(
            plants,
            plan,
            host=options["host"],
            port=options["port"],
            speed=options["speed"],
            record_ends=record_ends,
            registers=registers,
        )
        self._announce(plants, plan, record_ends)
        seconds = asyncio.run(
            run_until_stopped(fleet, self._report, (signal.SIGTERM, signal.SIGINT))
        )
        self._say(_("Stopped after %(minutes)d min.") % {"minutes": seconds // 60})

    def _announce(
        self, plants: Sequence[Plant], plan: Plan, record_ends: Mapping[str, int]
    ) -> None:
        self._say(
            ngettext(
                "%(count)d collector, %(points)d points.",
                "%(count)d collectors, %(points)d points.",
                len(plants),
            )
            % {"count": len(plants), "points": sum(len(plant.machines) for plant in plants)}
        )
        what = {
            Kind.CONTROL_OFF: _("production runs, its control stands still (suspected)"),
            Kind.SILENT: _("collector offline"),
            Kind.POWER_CUT: _("power cut"),
        }
        names = {plant.key: plant.name for plant in plants}
        shows_plan = _shows_plan(plan, record_ends)
        for incident in plan.opening:
            if incident.kind not in _SHOWS_AFTER_S:
                continue
            # What is stored stays as it is: unless it shows the plan, things begin where it ends.
            begins = incident.start
            if not shows_plan:
                begins = max(begins, record_ends.get(incident.plant, 0))
            shows_at = begins + _SHOWS_AFTER_S[incident.kind] + 60
            self._say(
                _("from about %(time)s: %(name)s, %(what)s")
                % {
                    "time": f"{_local(shows_at):%H:%M}",
                    "name": names[incident.plant],
                    "what": what[incident.kind],
                }
            )

    def _report(self, fleet: Fleet) -> None:
        counters = fleet.counters
        self._say(
            _(
                "%(connected)d of %(total)d connected, %(uploaded)d frames uploaded,"
                " %(resent)d resent, %(backfilled)d measurements back-filled,"
                " %(kept)d waiting, answer within %(answer).2f s"
            )
            % {
                "connected": counters.connected,
                "total": len(fleet.collectors),
                "uploaded": counters.uploaded,
                "resent": counters.resent,
                "backfilled": counters.backfilled,
                "kept": fleet.kept_count,
                "answer": fleet.slowest_answer_s(),
            }
        )

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _shows_plan(plan: Plan, record_ends: Mapping[str, int]) -> bool:
    """Tell whether the record holds the beginning of the plan, as right after seeding.

    Then, and hardly otherwise, the collector that the plan silences has been silent since.
    """
    silences = [incident for incident in plan.opening if incident.kind is Kind.SILENT]
    return any(record_ends.get(i.plant, plan.start) < i.start for i in silences)


def _local(seconds: int) -> datetime:
    return to_local(datetime.fromtimestamp(seconds, UTC))
