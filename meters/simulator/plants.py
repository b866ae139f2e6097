"""A plant over time: who works when, and what its meters show."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from enum import Enum, auto
from itertools import pairwise
from typing import NamedTuple

from enterprises.models import FacilityKind
from meters.simulator import loads
from meters.simulator.electrical import Sample, dead_sample, sample
from meters.simulator.incidents import DISCONNECTIONS, Incident, Kind, Plan
from meters.simulator.machines import Machine, Plant, Shape
from meters.simulator.noise import seed_of
from meters.simulator.seconds import (
    Stretch,
    Stretches,
    clip,
    intersect,
    normalise,
    subtract,
    union,
)
from meters.simulator.shifts import Pattern, pattern_of, working_spans

# Control starts first and stops last (assumption; "3 min before and 10 min after" as real fans).
LEAD_S = 180
LAG_S = 600
_HANDOVER_S = 300  # duty and standby run together for so long
_RESTART_S = 240  # after a power cut production follows its control by so much
_WARM_UP_S = 1500  # production works so long before and after an offence
_COOL_DOWN_S = 900
_PAD_S = 4 * 3600  # what happened so long ago no longer shows
_CHUNK_S = 3600


class _Mode(Enum):
    OFF = auto()
    RUNNING = auto()
    LOADED = auto()
    IDLE = auto()
    DEAD = auto()


class _Regime(NamedTuple):
    start: int
    mode: _Mode
    since: int  # when the machine began to run


class Timeline:
    """Who works when at one plant within ``[since, until)``."""

    def __init__(self, plant: Plant, incidents: Iterable[Incident], since: int, until: int) -> None:
        self.since, self.until = since, until
        self._plant = plant
        self._incidents = list(incidents)
        self._window = Stretch(since - _PAD_S, until + LEAD_S + 1)
        self.cuts = self._of(Kind.POWER_CUT)
        self.disconnected = self._of(*DISCONNECTIONS)
        self.working = {line: self._line_works(line) for line in plant.lines}
        self._turns = self._duty_turns()
        self._regimes = {machine.key: self._regimes_of(machine) for machine in plant.machines}
        self._starts = {
            key: [regime.start for regime in regimes] for key, regimes in self._regimes.items()
        }

    def regime(self, machine: Machine, t: int) -> _Regime:
        """Return what a machine does at a second of the window."""
        return self._regimes[machine.key][bisect_right(self._starts[machine.key], t) - 1]

    def runs(self, machine: Machine) -> Stretches:
        """Return when a machine is switched on."""
        return subtract(self._switched_on(machine), self.cuts)

    def _of(self, *kinds: Kind, line: str | None = None) -> Stretches:
        return normalise(
            incident.stretch
            for incident in self._incidents
            if incident.kind in kinds and line in (None, incident.line)
        )

    def _pushed(self, line: str) -> Stretches:
        """When production works whatever its shifts say, because an incident needs it."""
        offences = self._of(Kind.CONTROL_OFF, Kind.DECLARED_REPAIR, line=line)
        return _widened(offences, _WARM_UP_S, _COOL_DOWN_S)

    def _line_works(self, line: str) -> Stretches:
        is_held_hot = any(m.is_held_hot for m in self._plant.machines if m.line == line)
        pattern = pattern_of(self._plant.industry, line, is_held_hot=is_held_hot)
        planned = working_spans(pattern, line, *self._window)
        idles = _widened(self._of(Kind.PRODUCTION_IDLES, line=line), 60, 60)
        works = union(planned, self._pushed(line), idles)
        if not is_held_hot:
            works = subtract(works, self._of(Kind.PLANT_RESTS, Kind.PLANNED_STOP))
        return subtract(works, _widened(self.cuts, 0, _RESTART_S))

    def _switched_on(self, machine: Machine) -> Stretches:
        if machine.is_production:
            return self.working[machine.line]
        if machine.is_control:
            served = [machine.line] if machine.line else self._plant.lines
            on = _widened(union(*(self.working.get(line, []) for line in served)), LEAD_S, LAG_S)
            if machine.key in self._turns:
                on = intersect(on, self._turns[machine.key])
            off = self._of(
                Kind.CONTROL_OFF, Kind.DECLARED_REPAIR, Kind.PRODUCTION_IDLES, line=machine.line
            )
            return subtract(on, off) if machine.line else on
        return working_spans(Pattern.DAY, self._plant.key, *self._window)

    def _duty_turns(self) -> dict[str, Stretches]:
        """All but one machine of a duty group run; whose turn it is to rest moves on."""
        turns: dict[str, Stretches] = {}
        for name, members in self._plant.duty_groups().items():
            seed = seed_of(self._plant.key, name)
            period = (6 + seed % 7) * 3600
            changes = self._of(Kind.DUTY_CHANGE)
            first, last = self._window
            edges = {first, last, *(edge for change in changes for edge in change)}
            edges.update(range(first - first % period + period, last, period))
            active: dict[str, list[tuple[int, int]]] = {member.key: [] for member in members}
            marks = sorted(edge for edge in edges if first <= edge <= last)
            for start, end in pairwise(marks):
                shifted = any(change.start <= start < change.end for change in changes)
                resting = (start // period + seed + shifted) % len(members)
                for number, member in enumerate(members):
                    if number != resting:
                        active[member.key].append((start, end + _HANDOVER_S))
            turns.update((key, normalise(spans)) for key, spans in active.items())
        return turns

    def _regimes_of(self, machine: Machine) -> list[_Regime]:
        on = self.runs(machine)
        pushed = self._pushed(machine.line) if machine.is_production else []
        idle = self._of(Kind.PRODUCTION_IDLES, line=machine.line) if machine.is_production else []
        edges = {self._window.start}
        for spans in (on, pushed, idle, self.cuts):
            edges.update(edge for span in clip(spans, *self._window) for edge in span)
        regimes = []
        for t in sorted(edges):
            run = _span_at(on, t)
            if _span_at(self.cuts, t):
                regimes.append(_Regime(t, _Mode.DEAD, t))
            elif machine.shape is Shape.TOTAL:
                regimes.append(_Regime(t, _Mode.RUNNING, t))
            elif run is None:
                regimes.append(_Regime(t, _Mode.OFF, t))
            elif _span_at(idle, t):
                regimes.append(_Regime(t, _Mode.IDLE, run.start))
            else:
                mode = _Mode.LOADED if _span_at(pushed, t) else _Mode.RUNNING
                regimes.append(_Regime(t, mode, run.start))
        return regimes


class Feed:
    """The meters of one plant, read in order of time; keeps their energy registers.

    A register is the one thing with a memory: it goes on from where the record ends.
    """

    def __init__(
        self, plant: Plant, plan: Plan, registers: Mapping[str, tuple[int, float]] | None = None
    ) -> None:
        """registers: of each circuit, the second of the newest stored reading and its kWh."""
        self.plant = plant
        self._plan = plan
        self._timeline: Timeline | None = None
        self._main = [m for m in plant.machines if m.kind == FacilityKind.MAIN]
        self._parts = [m for m in plant.machines if m.kind != FacilityKind.MAIN]
        self._kwh = {m.circuit: loads.first_register_kwh(m) for m in plant.machines}
        self._at: dict[str, int] = {}
        self._kw: dict[str, float] = {}
        for circuit, (at, kwh) in (registers or {}).items():
            self._kwh[circuit], self._at[circuit] = kwh, at

    def copy(self) -> "Feed":
        """Return a feed with registers of its own that stand where these do."""
        twin = Feed(self.plant, self._plan)
        twin._kwh, twin._at, twin._kw = dict(self._kwh), dict(self._at), dict(self._kw)
        return twin

    def timeline(self, t: int, until: int | None = None) -> Timeline:
        """Return who works when around a second; ``until`` asks for a longer stretch at once."""
        held = self._timeline
        if held is None or not held.since <= t < held.until:
            since = t - t % _CHUNK_S
            until = max(until or 0, since + _CHUNK_S)
            incidents = self._plan.of(
                self.plant.key, since - _PAD_S - LAG_S, until + _WARM_UP_S + LEAD_S
            )
            held = self._timeline = Timeline(self.plant, incidents, since, until)
        return held

    def measure(self, t: int) -> list[tuple[Machine, Sample]]:
        """Return what every meter shows at second ``t``, and move the registers on to it."""
        timeline = self.timeline(t)
        readings: list[tuple[Machine, Sample]] = []
        parts_kw = 0.0
        for machine in self._parts:
            _, mode, since = timeline.regime(machine, t)
            if mode is _Mode.RUNNING:
                kw = loads.running_kw(machine, t, t - since)
            elif mode is _Mode.OFF:
                kw = loads.off_kw(machine, t)
            elif mode is _Mode.LOADED:
                kw = loads.loaded_kw(machine, t, t - since)
            elif mode is _Mode.IDLE:
                kw = loads.idle_kw(machine, t)
            else:
                kw = 0.0
            parts_kw += kw
            readings.append((machine, self._sample(machine, t, kw, mode is _Mode.DEAD)))
        for machine in self._main:
            is_dead = timeline.regime(machine, t).mode is _Mode.DEAD
            kw = 0.0 if is_dead else loads.total_kw(machine, t, parts_kw)
            readings.append((machine, self._sample(machine, t, kw, is_dead)))
        return readings

    def catch_up(self, since: int, until: int) -> None:
        """Move the registers on over what is measured in ``[since, until)``, showing nothing."""
        for t in self.plant.grid(since, until):
            self.measure(t)

    def _sample(self, machine: Machine, t: int, kw: float, is_dead: bool) -> Sample:
        circuit = machine.circuit
        before = self._at.get(circuit)
        if before is not None and t > before:
            mean_kw = (kw + self._kw.get(circuit, kw)) / 2
            self._kwh[circuit] += mean_kw * (t - before) / 3600
        self._at[circuit] = t if before is None else max(t, before)
        self._kw[circuit] = kw
        if is_dead:
            return dead_sample(machine, t, self._kwh[circuit])
        return sample(machine, t, kw, self._kwh[circuit])


def _widened(spans: Stretches, before_s: int, after_s: int) -> Stretches:
    return normalise((start - before_s, end + after_s) for start, end in spans)


def _span_at(spans: Stretches, t: int) -> Stretch | None:
    for span in spans:
        if span.start <= t < span.end:
            return span
    return None
