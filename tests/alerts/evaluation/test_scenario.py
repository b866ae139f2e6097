"""The labelled scenario through states and R01, without database and wire.

Ten plants, fourteen days: what was put in is found, and what only looks like it is not.
"""

import csv
import gzip
from collections import defaultdict
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest

from alerts.evaluation import r01
from alerts.evaluation.parameters import Parameters
from alerts.evaluation.r01 import Facility, PairingFacts
from common.intervals import Span
from common.localtime import from_local, to_local
from meters.states import CommissioningRow, Sample, find_segments, state_rules
from meters.timelines import combine_points

pytestmark = pytest.mark.shared

#: Production ran and the control did not work: off, too late, too early, or turned down so far that
#: it only idles (R04 will say so by the share of its load).
CONTROL_FAMILY = {"CTRL_OFF_WHILE_PROD", "CTRL_LATE_START", "CTRL_EARLY_STOP", "CTRL_LOW_LOAD"}
#: A production meter stuck at a load says ON while the machine idles. One false claim follows; it
#: goes when R11 (stuck) can take a point's word away. A meter that rounds to whole kW repeats
#: itself honestly, so R01 cannot judge that on its own.
KNOWN_FALSE = [("E03-P1", "2019-11-21T14:36:00", "2019-11-21T15:15:00")]
LONG_AGO = datetime.fromisoformat("2019-01-01T00:00:00+00:00")


class Event(NamedTuple):
    name: str
    rule: str
    facility: str
    span: Span


def read(folder, name):
    with (folder / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def local(text):
    return from_local(datetime.fromisoformat(text))


def wall_clock(at):
    return to_local(at).replace(tzinfo=None).isoformat()


def read_samples(folder):
    """Return each facility's samples; the first value of a moment wins, as in the store."""
    kept = defaultdict(dict)
    with gzip.open(folder / "readings.csv.gz", "rt", encoding="utf-8") as file:
        for _, ts, _, facility, power, _, voltage, _ in list(csv.reader(file))[1:]:
            kept[facility].setdefault(
                ts, Sample(local(ts), float(power) if power else None, float(voltage or "nan"))
            )
    return {facility: list(rows.values()) for facility, rows in kept.items()}


@pytest.fixture(scope="module")
def scenario(shared_folder):
    return shared_folder / "data" / "scenario"


@pytest.fixture(scope="module")
def facilities(scenario):
    intervals = {
        row["enterprise"]: timedelta(seconds=int(row["interval_s"]))
        for row in read(scenario, "enterprises.csv")
    }
    samples = read_samples(scenario)
    out = {}
    for n, row in enumerate(read(scenario, "facilities.csv")):
        limits = CommissioningRow(LONG_AGO, float(row["off_below_kw"]), float(row["load_above_kw"]))
        rules = state_rules(
            load_class="FIXED",
            rated_kw=float(row["rated_kw"]),
            nominal_voltage_v=380.0,
            interval=intervals[row["enterprise"]],
            rows=[limits],
        )
        segments = find_segments(samples[row["facility"]], rules)
        timeline = combine_points([segments])
        out[row["facility"]] = row, Facility(n, row["facility"], timeline, rules)
    return out


@pytest.fixture(scope="module")
def findings(facilities):
    """All of R01's findings as (production, control, finding)."""
    found = []
    for row, production in facilities.values():
        if row["role"] == "production" and row["pair"]:
            control = facilities[row["pair"]][1]
            for finding in r01.evaluate(
                production,
                [control],
                PairingFacts(1, "control", "ANY", 1, LONG_AGO),
                params=Parameters(),
                as_of=production.timeline.known_until,
            ):
                found.append((row["facility"], row["pair"], finding))
    return found


@pytest.fixture(scope="module")
def labels(scenario):
    return [
        Event(
            row["event_id"],
            row["rule"],
            row["facility"],
            Span(local(row["start"]), local(row["end"])),
        )
        for row in read(scenario, "labels.csv")
    ]


def overlaps(a, b):
    return a.start < b.end and b.start < a.end


def hits(event, found):
    return [
        finding
        for production, control, finding in found
        if event.facility in (production, control) and overlaps(event.span, finding.span)
    ]


def test_every_control_off_while_producing_is_found(labels, findings):
    wanted = [event for event in labels if event.rule == "CTRL_OFF_WHILE_PROD"]
    assert len(wanted) == 16
    assert [event.name for event in wanted if not hits(event, findings)] == []


def test_every_other_finding_rests_on_a_label_of_the_control_family(labels, findings):
    control = [event for event in labels if event.rule in CONTROL_FAMILY]
    stray = [
        (production, *(wall_clock(at) for at in finding.span))
        for production, name, finding in findings
        if not any(
            event.facility in (production, name) and overlaps(event.span, finding.span)
            for event in control
        )
    ]
    assert stray == KNOWN_FALSE


def test_the_clean_plant_raises_nothing(findings):
    assert [span for production, _, span in findings if production.startswith("E05")] == []


def test_no_look_alike_is_found(scenario, labels, findings):
    """A short lag, a machine that idles with its fan off, a gap, a repair with both off."""
    control = [event for event in labels if event.rule in CONTROL_FAMILY]
    wrong = set()
    for row in read(scenario, "distractors.csv"):
        span = Span(local(row["start"]), local(row["end"]))
        event = Event(row["kind"], "", row["facility"], span)
        for finding in hits(event, findings):
            if not any(overlaps(label.span, finding.span) for label in control):
                wrong.add((finding.facts["production"]["name"], *map(wall_clock, finding.span)))
    assert sorted(wrong) == KNOWN_FALSE
