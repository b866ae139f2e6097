"""What travels from a connection to the database: an entry for each frame or refused run."""

from datetime import datetime
from typing import NamedTuple

from meters.archive import RawFrame

MAX_SAMPLE = 256  # bytes of a frame kept with a counted problem; the archive has all of them
MAX_NAME = 40  # characters of an MN or a code


class NewReading(NamedTuple):
    """One reading to store; times are aware UTC, power kW, energy kWh, None is unknown."""

    point_id: int
    measured_at: datetime
    received_at: datetime
    p_kw: float | None
    ua: float | None
    ub: float | None
    uc: float | None
    ia: float | None
    ib: float | None
    ic: float | None
    pf: float | None
    energy_kwh: float | None
    flag: str
    is_backfill: bool


class Issue(NamedTuple):
    """Something odd to be counted; reason: an ``IntakeReason``."""

    reason: str
    mn: str
    code: str


class Entry(NamedTuple):
    """A frame, or a run of refused bytes, with what it means to us.

    collector_id, enterprise_id: of the collector that was let in, else None.
    measured_at: DataTime of the frame; None where it has none or it was refused.
    """

    raw: RawFrame
    collector_id: int | None = None
    enterprise_id: int | None = None
    measured_at: datetime | None = None
    readings: tuple[NewReading, ...] = ()
    issues: tuple[Issue, ...] = ()


def storable(text: str | None) -> str:
    """Return the wire's text as a name the database takes: no NUL, at most MAX_NAME characters."""
    return (text or "").replace("\0", "")[:MAX_NAME]
