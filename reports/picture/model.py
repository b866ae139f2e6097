"""What a picture shows: plain data with every word already in the reader's language."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

# The states of a bar; the same words as meters.models.OperatingState.
OFF = "OFF"
STANDBY = "STANDBY"
ON = "ON"
UNKNOWN = "UNKNOWN"
POWER_CUT = "POWER_CUT"


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of time on the axis, ``[start, end)``, and the moment of looking."""

    start: datetime
    end: datetime
    now: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    @property
    def is_live(self) -> bool:
        """Tell whether the right edge is now, so that the picture grows."""
        return self.start < self.now and self.end >= self.now


@dataclass(frozen=True, slots=True)
class Bar:
    """One state of one lane, half open."""

    state: str
    start: datetime
    end: datetime
    title: str = ""
    mean_kw: float | None = None
    max_kw: float | None = None
    is_backfilled: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """One facility. ``kind`` is production, control or main, and decides the hue."""

    key: int
    name: str
    kind: str
    note: str = ""  # right of the name: the load now
    title: str = ""
    href: str = ""
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """A pairing as the thin bracket beside its lanes; ``mode`` is the word on it."""

    key: int
    mode: str
    title: str
    productions: tuple[int, ...]
    controls: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Production lanes, directly under them the control lanes that serve them."""

    lanes: tuple[Lane, ...]
    pairs: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A production line with its clusters."""

    name: str
    clusters: tuple[Cluster, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: a bracket over its lanes, or over all of them where it names none."""

    label: str
    start: datetime
    end: datetime
    title: str = ""
    href: str = ""
    lanes: frozenset[int] = frozenset()
    is_suspected: bool = True  # else dismissed or withdrawn: hollow and grey
    is_ongoing: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    """What the enterprise declared for its lanes (all where it names none)."""

    label: str
    start: datetime
    end: datetime
    title: str = ""
    lanes: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything on one axis. ``language`` is for the axis alone."""

    window: Window
    groups: tuple[Group, ...]
    findings: tuple[Finding, ...] = ()
    declared: tuple[Declared, ...] = ()
    language: str = "zh-hans"
    now_label: str = ""
    label: str = field(default="")  # what a screen reader calls the whole

    @property
    def lanes(self) -> Iterator[Lane]:
        """Every lane once, in the order shown; a shared control may stand in two clusters."""
        seen: set[int] = set()
        for group in self.groups:
            for cluster in group.clusters:
                for lane in cluster.lanes:
                    if lane.key not in seen:
                        seen.add(lane.key)
                        yield lane
