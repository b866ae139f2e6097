"""What goes wrong when: a plan that follows from the plants, a start and a seed alone.

Three things are under way when the plan starts, so that each run shows them within three minutes:
a furnace whose dust fan stands still (R01 after 10 minutes), a silent collector (R10 after 15) and
a power cut (R12 after 5). After that a slot of a quarter of an hour brings at most one offence and
one to three lawful events that look like one, for ever; real data hold more lawful causes than
offences (domain reference, section 16). The night before the start holds a few that are over.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from meters.simulator.machines import Plant, Shape
from meters.simulator.noise import seed_of
from meters.simulator.seconds import Stretch

DEFAULT_SEED = 2020
SLOT_S = 900
_MINUTE = 60
_HOUR = 3600


class Kind(StrEnum):
    CONTROL_OFF = "CONTROL_OFF"  # the offence: production works, its controls stand still
    CONNECTION_LOST = "CONNECTION_LOST"  # short; what was measured is sent later
    SILENT = "SILENT"  # the same, long enough to count as offline
    POWER_CUT = "POWER_CUT"
    PLANT_RESTS = "PLANT_RESTS"
    PLANNED_STOP = "PLANNED_STOP"  # declared
    DUTY_CHANGE = "DUTY_CHANGE"  # the standby fan takes over
    PRODUCTION_IDLES = "PRODUCTION_IDLES"  # kept warm, control off: lawful
    DECLARED_REPAIR = "DECLARED_REPAIR"  # control off while producing, declared and accepted


OFFENCES = frozenset({Kind.CONTROL_OFF})
#: While one of these goes on, the collector has no connection and keeps what it measures.
DISCONNECTIONS = frozenset({Kind.CONNECTION_LOST, Kind.SILENT})


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that happens at one plant; ``line`` is "" where it concerns the whole plant."""

    kind: Kind
    plant: str
    line: str
    start: int
    end: int

    @property
    def is_offence(self) -> bool:
        return self.kind in OFFENCES

    @property
    def stretch(self) -> Stretch:
        return Stretch(self.start, self.end)


#: Seconds for which the record may have stood still and still be taken up where it ends.
CONTINUES_WITHIN_S = 300


def plan_start(record_ends: Iterable[int], now: int) -> int:
    """Return the start of a plan, a full minute: where the record ends, if just now, else now.

    So a simulation that follows upon seeding has the plan that the seeded history shows, which
    ends with a full minute.
    """
    newest = max(record_ends, default=0)
    start = newest if now - CONTINUES_WITHIN_S <= newest <= now else now
    return -(-start // _MINUTE) * _MINUTE


# (kind, minutes before the start, minutes it lasts); 8.5 minutes so that the tenth minute, counted
# from the first reading with the fan off, comes 1.5 to 2.5 minutes after the start.
_OPENING: tuple[tuple[Kind, float, int], ...] = (
    (Kind.CONTROL_OFF, 8.5, 32),
    (Kind.POWER_CUT, 3.5, 22),
    (Kind.SILENT, 13.0, 45),
    (Kind.PLANNED_STOP, 100.0, 360),
    (Kind.PRODUCTION_IDLES, 20.0, 55),
    (Kind.DUTY_CHANGE, 15.0, 240),
)
# Over before the dense part of the history begins, so that a later run never contradicts it.
_NIGHT: tuple[tuple[Kind, float, int], ...] = (
    (Kind.CONTROL_OFF, 525, 44),
    (Kind.CONTROL_OFF, 360, 36),
    (Kind.CONTROL_OFF, 200, 52),
    (Kind.DECLARED_REPAIR, 300, 110),
    (Kind.POWER_CUT, 440, 38),
    (Kind.PLANT_RESTS, 480, 150),
    (Kind.PRODUCTION_IDLES, 330, 60),
    (Kind.PRODUCTION_IDLES, 250, 45),
    (Kind.DUTY_CHANGE, 410, 180),
    (Kind.DUTY_CHANGE, 280, 120),
)
_OFFENCE_CHANCE = 0.7  # per slot
# Lawful kinds of the stream: weight, shortest and longest in minutes.
_STREAM: tuple[tuple[Kind, int, int, int], ...] = (
    (Kind.CONNECTION_LOST, 4, 7, 12),
    (Kind.PRODUCTION_IDLES, 4, 20, 50),
    (Kind.DUTY_CHANGE, 4, 60, 240),
    (Kind.PLANT_RESTS, 3, 40, 120),
    (Kind.PLANNED_STOP, 1, 120, 240),
    (Kind.POWER_CUT, 1, 12, 30),
    (Kind.SILENT, 1, 22, 50),
)
_APART_S = 90 * _MINUTE  # between two incidents of one plant

_NEEDS: dict[Kind, Callable[[Plant], object]] = {
    Kind.CONTROL_OFF: lambda plant: plant.guarded_lines,
    Kind.DECLARED_REPAIR: lambda plant: plant.guarded_lines,
    Kind.PRODUCTION_IDLES: lambda plant: plant.guarded_lines,
    Kind.DUTY_CHANGE: lambda plant: plant.duty_groups(),
    Kind.POWER_CUT: lambda plant: len(plant.machines) > 1,
}


class Plan:
    """All incidents of a city from its start on, and the few of the night before.

    The same plants, start and seed give the same plan, however far and in what steps it is read.
    """

    def __init__(
        self,
        plants: Sequence[Plant],
        start: int,
        *,
        seed: int = DEFAULT_SEED,
        is_quiet: bool = False,
    ) -> None:
        """start: seconds since the epoch; is_quiet: nothing ever happens."""
        self.start = start
        self._rng = Random(seed_of(seed, start // _MINUTE))
        self._order = sorted(plants, key=lambda plant: plant.key)
        self._rng.shuffle(self._order)
        areas = Counter(plant.area for plant in self._order)
        self._home = max(sorted(areas), key=lambda area: areas[area], default="")
        self._busy_until: dict[str, int] = {}
        self._by_plant: dict[str, list[Incident]] = {}
        self._next_slot = 0
        self.opening: tuple[Incident, ...] = ()
        self.night: tuple[Incident, ...] = ()
        self._is_quiet = is_quiet or not self._order
        if not self._is_quiet:
            self.opening = tuple(self._place_all(_OPENING))
            self.night = tuple(self._place_all(_NIGHT))

    def of(self, plant: str, since: int, until: int) -> list[Incident]:
        """Return a plant's incidents that touch ``[since, until)``."""
        self._reach(until)
        return [
            incident
            for incident in self._by_plant.get(plant, ())
            if incident.start < until and incident.end > since
        ]

    def between(self, since: int, until: int) -> list[Incident]:
        """Return the city's incidents that begin in ``[since, until)``, in order of time."""
        self._reach(until)
        found = [
            incident
            for incidents in self._by_plant.values()
            for incident in incidents
            if since <= incident.start < until
        ]
        return sorted(found, key=lambda incident: (incident.start, incident.plant))

    def _place_all(self, script: Sequence[tuple[Kind, float, int]]) -> Iterator[Incident]:
        for kind, minutes_before, minutes in script:
            start = self.start - int(minutes_before * _MINUTE)
            if incident := self._place(kind, start, minutes * _MINUTE):
                yield incident

    def _reach(self, until: int) -> None:
        """Plan whole slots until ``until`` is covered."""
        while not self._is_quiet and self.start + self._next_slot * SLOT_S < until:
            begins = self.start + self._next_slot * SLOT_S
            # The opening's offence is the first slot's.
            if self._rng.random() < _OFFENCE_CHANCE and self._next_slot > 0:
                start = begins + self._rng.randrange(SLOT_S - 2 * _MINUTE)
                self._place(Kind.CONTROL_OFF, start, self._rng.randint(14, 35) * _MINUTE)
            for _ in range(self._rng.randint(1, 3)):
                kind, _weight, shortest, longest = self._rng.choices(
                    _STREAM, [weight for _, weight, _, _ in _STREAM]
                )[0]
                start = begins + self._rng.randrange(SLOT_S)
                self._place(kind, start, self._rng.randint(shortest, longest) * _MINUTE)
            self._next_slot += 1

    def _place(self, kind: Kind, start: int, lasts_s: int) -> Incident | None:
        """Give an incident to the plant that waited longest, if one fits."""
        fits = _NEEDS.get(kind, lambda plant: True)
        for plant in self._preferred(kind):
            if fits(plant) and self._busy_until.get(plant.key, start) <= start:
                break
        else:
            return None
        end = start + lasts_s
        line = _line_for(kind, plant, self._rng)
        incident = Incident(kind, plant.key, line, start, end)
        self._by_plant.setdefault(plant.key, []).append(incident)
        self._order.remove(plant)
        self._order.append(plant)
        # One of the night keeps its plant out of all that follows, the opening included.
        self._busy_until[plant.key] = max(end, self.start) + _APART_S
        return incident

    def _preferred(self, kind: Kind) -> list[Plant]:
        """Return the plants in turn.

        For the opening and the night those of the largest city first, whose screens people look
        at, and for their offences foundries first.
        """
        if self._next_slot:
            return list(self._order)
        offends = kind is Kind.CONTROL_OFF
        return sorted(
            self._order,
            key=lambda plant: (plant.area != self._home, offends and not plant.has_furnace),
        )


def _line_for(kind: Kind, plant: Plant, rng: Random) -> str:
    if kind not in (Kind.CONTROL_OFF, Kind.DECLARED_REPAIR, Kind.PRODUCTION_IDLES):
        return ""
    melting = sorted(
        {m.line for m in plant.machines if m.shape is Shape.BATCH and m.line in plant.guarded_lines}
    )
    return rng.choice(melting or plant.guarded_lines)
