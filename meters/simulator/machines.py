"""What is simulated: machines with a meter each, on lines, behind a collector."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from enterprises.models import FacilityKind, Industry, LoadClass
from meters.simulator.noise import seed_of, share

TRICKLE_BELOW_KW = 10.0  # domain reference, section 6


class Shape(StrEnum):
    """How the power of a running machine moves (domain reference, section 6)."""

    STEADY = "STEADY"
    VFD_TWO_LEVEL = "VFD_TWO_LEVEL"
    CYCLIC = "CYCLIC"
    BATCH = "BATCH"
    RAMP = "RAMP"
    TRICKLE = "TRICKLE"
    TOTAL = "TOTAL"  # the main meter: what the others draw, and a little


_SHAPE_OF_CLASS = {
    LoadClass.FIXED: Shape.STEADY,
    LoadClass.VFD: Shape.VFD_TWO_LEVEL,
    LoadClass.FURNACE: Shape.BATCH,
    LoadClass.CYCLIC: Shape.CYCLIC,
    LoadClass.TRICKLE: Shape.TRICKLE,
    LoadClass.HEATER: Shape.RAMP,
    LoadClass.MAIN: Shape.TOTAL,
}


def shape_of(load_class: str, kind: str, rated_kw: float) -> Shape:
    """Return how a facility's power moves, from how it is read as a state."""
    if kind == FacilityKind.MAIN:
        return Shape.TOTAL
    if rated_kw < TRICKLE_BELOW_KW:
        return Shape.TRICKLE
    return _SHAPE_OF_CLASS[LoadClass(load_class)]


@dataclass(frozen=True)
class Machine:
    """A facility with the one circuit that meters it.

    key: stable name, the root of all its noise. line: key of its production line; a control
    without a line ("") serves every line behind the collector. duty_group: machines of one group
    take turns, all but one of them running. is_held_hot: a kiln, which never stops.
    """

    key: str
    circuit: str
    kind: str
    shape: Shape
    rated_kw: float
    phase_v: float = 220.0
    line: str = ""
    duty_group: str = ""
    is_held_hot: bool = False
    point_id: int = 0

    @property
    def is_production(self) -> bool:
        return self.kind in (FacilityKind.PRODUCTION, FacilityKind.COMBINED)

    @property
    def is_control(self) -> bool:
        return self.kind == FacilityKind.CONTROL

    @cached_property
    def seed(self) -> int:
        return seed_of(self.key)

    def trait(self, number: int, low: float, high: float) -> float:
        """Return the machine's own value between low and high for its ``number``-th trait."""
        return low + (high - low) * share(self.seed, number)


@dataclass(frozen=True)
class Plant:
    """What one collector meters. An enterprise with two collectors is two plants."""

    key: str  # the collector's MN
    name: str
    industry: str
    machines: tuple[Machine, ...]
    password: str = "123456"  # noqa: S105 - the standard's own default, never a secret
    profile: str = "st44-2025"
    interval_s: int = 60
    area: str = ""  # the division above the enterprise's county: its city

    @cached_property
    def phase_s(self) -> int:
        """The second of the interval at which it measures: a city does not speak all at once."""
        return seed_of(self.key, "phase") % self.interval_s

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Keys of the lines that have production."""
        return tuple(sorted({m.line for m in self.machines if m.is_production}))

    @cached_property
    def guarded_lines(self) -> tuple[str, ...]:
        """Keys of the lines whose production can stop and has a control of its own."""
        controlled = {m.line for m in self.machines if m.is_control and m.line}
        held = {m.line for m in self.machines if m.is_held_hot}
        return tuple(line for line in self.lines if line in controlled - held)

    @property
    def has_furnace(self) -> bool:
        return self.industry == Industry.FOUNDRY and any(
            m.shape is Shape.BATCH and m.line in self.guarded_lines for m in self.machines
        )

    def duty_groups(self) -> dict[str, tuple[Machine, ...]]:
        """Return the machines that take turns, by group, in a fixed order."""
        groups: dict[str, list[Machine]] = {}
        for machine in self.machines:
            if machine.duty_group:
                groups.setdefault(machine.duty_group, []).append(machine)
        return {name: tuple(members) for name, members in groups.items() if len(members) > 1}

    def grid(self, since: int, until: int) -> range:
        """Return the seconds in ``[since, until)`` at which it measures."""
        return range(since + (self.phase_s - since) % self.interval_s, until, self.interval_s)


def only_metered(plants: Iterable[Plant]) -> list[Plant]:
    """Return the plants that have anything to measure."""
    return [plant for plant in plants if plant.machines]
