"""Readings as the CP of HJ 212 uploads, in the three families of collectors that a city has.

A circuit is never parted over two frames: the host may store each frame as it comes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from meters.protocol import Version, format_datetime
from meters.simulator.electrical import Sample
from meters.simulator.machines import Machine

# HJ 212-2017 allows a CP of 950 bytes and a segment of 1024; our header takes up to 100 of these.
MAX_CP = 920


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one family speaks: system code, edition, and the items of a circuit's reading."""

    st: str
    version: Version
    items: Callable[[str, Sample], str]
    has_heartbeat: bool = False


def _st44(circuit: str, sample: Sample) -> str:
    """HJ 212-2025: d + class + parameter + facility, e.g. d20105 (our table, by the examples)."""
    kind, number = circuit[0], circuit[1:]
    return ";".join(
        f"d{kind}{parameter:02d}{number}-Rtd={value},d{kind}{parameter:02d}{number}-Flag=N"
        for parameter, value in enumerate(sample, 1)
    )


def _family_a(circuit: str, sample: Sample) -> str:
    """Family A: ea3001 + circuit + parameter; power in W."""
    ua, ub, uc, ia, ib, ic, p_kw, pf, energy_kwh = sample
    values = (
        ("01", ia),
        ("02", ib),
        ("03", ic),
        ("05", round(p_kw * 1000)),
        ("07", energy_kwh),
        ("09", pf),
        ("10", ua),
        ("11", ub),
        ("12", uc),
    )
    return ";".join(
        f"ea3001{circuit}{parameter}-Rtd={value},ea3001{circuit}{parameter}-Flag=N"
        for parameter, value in values
    )


def _family_b(circuit: str, sample: Sample) -> str:
    """Family B: the circuit's own number, the parameter after the dash; power in kW."""
    names = ("Ua", "Ub", "Uc", "Ia", "Ib", "Ic", "Pt", "cos", "Ept")
    values = ",".join(
        f"{circuit}-{name}={value}" for name, value in zip(names, sample, strict=True)
    )
    return f"{values},{circuit}-Flag=N"


#: By the name of the profile that reads them.
DIALECTS = {
    "st44-2025": Dialect("44", Version.V2025, _st44, has_heartbeat=True),
    "st80-family-a": Dialect("80", Version.V2017, _family_a),
    "st80-family-b": Dialect("80", Version.V2017, _family_b),
}


def upload_bodies(
    dialect: Dialect, measured_at: int, readings: Iterable[tuple[Machine, Sample]]
) -> Iterator[str]:
    """Yield the CP texts of one measurement, each with as many whole circuits as fit.

    measured_at: seconds since the epoch.
    """
    head = f"DataTime={format_datetime(datetime.fromtimestamp(measured_at, UTC))}"
    body = head
    for machine, sample in readings:
        items = dialect.items(machine.circuit, sample)
        if len(body) + 1 + len(items) > MAX_CP and body != head:
            yield body
            body = head
        body = f"{body};{items}"
    if body != head:
        yield body
