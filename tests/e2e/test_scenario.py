"""Real load curves take the same path: from a readings file over TCP to the alert."""

import csv
import gzip
import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alerts.models import Alert, Occurrence
from common.localtime import from_local
from meters.models import ChangedWindow, Reading
from tests import factories
from tests.e2e.conftest import wait_until
from tests.processes import Process

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.shared]

PLANT = "E02"
UNTIL = "2019-11-18 04:00:00"


@pytest.fixture
def morning(shared_folder: Path, tmp_path: Path) -> tuple[Path, set[tuple[str, str]]]:
    """Return the first four hours of one plant as a recording, and its (facility, time) keys."""
    scenario = shared_folder / "data" / "scenario"
    for name in ("enterprises.csv", "facilities.csv"):
        shutil.copy(scenario / name, tmp_path / name)
    keys = set()
    target = tmp_path / "readings.csv.gz"
    with (
        gzip.open(scenario / "readings.csv.gz", "rt", encoding="utf-8", newline="") as source,
        gzip.open(target, "wt", encoding="utf-8", newline="") as out,
    ):
        rows = csv.DictReader(source)
        writer = csv.DictWriter(out, rows.fieldnames or [])
        writer.writeheader()
        for row in rows:
            if row["recv_ts"] >= UNTIL:
                break
            if row["enterprise"] == PLANT:
                writer.writerow(row)
                keys.add((row["facility"], row["ts"]))
    return target, keys


def test_the_labelled_violation_of_a_real_curve_is_found_and_nothing_else(system, morning):
    recording, keys = morning
    factories.DivisionFactory()
    command = ["manage.py", "replay", str(recording), "--host", "127.0.0.1", "--register"]
    replay = Process(*command, "--port", str(system.gateway_port))
    replay.process.wait(120)
    assert replay.stop() == 0, "\n".join(replay.lines)
    summary = json.loads(replay.lines[-1])

    assert summary["acked"] == summary["frames"]
    assert Reading.objects.count() == len(keys)
    wait_until(Occurrence.objects.exists, seconds=30, what="the finding")
    wait_until(lambda: not ChangedWindow.objects.exists(), seconds=30, what="evaluation")

    (found,) = Occurrence.objects.filter(rule="R01")
    labelled = from_local(datetime.fromisoformat("2019-11-18 00:46:00"))
    # The machine idled within the rule's first ten minutes, so the unbroken stretch begins later.
    assert timedelta() <= found.started_at - labelled <= timedelta(minutes=15)
    assert abs(found.ended_at - labelled - timedelta(hours=2)) <= timedelta(minutes=5)
    assert Alert.objects.filter(rule="R01").count() == 1
