"""``manage.py simulate`` as people run it: a process, a signal, words."""

import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from meters.management.commands.simulate import Command, _shows_plan
from meters.simulator.incidents import Kind, Plan
from tests.meters.simulator.plants import NOW, make_plants

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.django_db
def test_without_collectors_it_says_what_to_do():
    with pytest.raises(CommandError, match="seed_demo"):
        call_command("simulate")


def announced(record_ends: dict[str, int], plan: Plan, plants: list) -> list[str]:
    out = StringIO()
    Command(stdout=out)._announce(plants, plan, record_ends)
    return out.getvalue().splitlines()[1:]


def test_it_announces_the_three_things_within_three_minutes_where_the_record_shows_them():
    plants = make_plants(8)
    plan = Plan(plants, NOW)
    silent = next(i for i in plan.opening if i.kind is Kind.SILENT)
    ends = {plant.key: NOW - 20 for plant in plants} | {silent.plant: silent.start - 10}
    assert _shows_plan(plan, ends)
    lines = announced(ends, plan, plants)
    assert len(lines) == 3
    assert all(any(f"16:0{minute}" in line for minute in (1, 2, 3)) for line in lines)


def test_after_a_quick_restart_it_announces_them_later():
    plants = make_plants(8)
    plan = Plan(plants, NOW)
    ends = {plant.key: NOW - 20 for plant in plants}
    assert not _shows_plan(plan, ends)
    assert any("16:10" in line for line in announced(ends, plan, plants))


def test_sigterm_ends_it_cleanly():
    """The whole process against nobody: it keeps trying, and stops when told."""
    script = (
        "import asyncio, signal, sys, time, django; django.setup();"
        "from meters.simulator.fleet import Fleet, run_until_stopped;"
        "from meters.simulator.incidents import Plan;"
        "from tests.meters.simulator.plants import make_plants;"
        "plants = make_plants(3); plan = Plan(plants, int(time.time()), is_quiet=True);"
        "fleet = Fleet(plants, plan, host='127.0.0.1', port=1);"
        "print('up', flush=True);"
        "asyncio.run(run_until_stopped(fleet, lambda f: None, (signal.SIGTERM,)));"
        "print('down', flush=True)"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "powerwatch.settings"}
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=10)
    assert (process.returncode, rest) == (0, "down\n")
