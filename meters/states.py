"""Operating states: readings become segments OFF / STANDBY / ON / UNKNOWN / POWER_CUT.

Theory of operation (pictures in ``docs/rules/states.md``):

1. **Slots.** A value holds from its own time to the next one's, as long as the two are no more than
   ``stale_after`` apart. After a longer silence it holds for one ``interval`` and the rest is a
   gap. The newest value holds for no time at all: nothing is claimed beyond what was measured.
2. **Two stages.** Stage 1 tells running (ON) from not running; stage 2 tells OFF, STANDBY and
   POWER_CUT apart while not running. So a load that flaps between OFF and STANDBY cannot hide
   that the facility stopped.
3. **Hysteresis and minimum duration.** A state is entered at its threshold and left a few points
   beyond it. What disagrees with the present state must last ``must_last`` without a break; then
   it is accepted *from where it began*. Shorter flickers are absorbed. A gap is UNKNOWN at once,
   and the first state after it is taken at once.

All that the walk knows at a slot that agrees with the present state is that state. That makes the
result restartable: beginning at the start of any segment, or at any slot that agrees with its
segment, with that segment's state as ``Prior``, gives what a run from the first reading gives. Late
and incremental data rest on this (``find_restart``), and property tests hold it.

Standard library only. Times are aware datetimes, power is kW, voltage V.
Source: domain reference, section 7; numbers marked [A] there are fields of ``Tuning``.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """What a facility does. ``meters.models.OperatingState`` has the same words for people."""

    OFF = "OFF"
    STANDBY = "STANDBY"
    ON = "ON"
    UNKNOWN = "UNKNOWN"
    POWER_CUT = "POWER_CUT"


class Sample(NamedTuple):
    """One reading: power (None where missing or flagged bad), the highest phase voltage."""

    at: datetime
    p_kw: float | None
    voltage_v: float | None = None
    is_backfill: bool = False


class Segment(NamedTuple):
    """A half-open stretch of one state; the newest one ends with, and includes, its last reading.

    Mean and maximum are over the readings that carry a power, which ``reading_count`` counts.
    """

    state: State
    start: datetime
    end: datetime
    mean_kw: float | None = None
    max_kw: float | None = None
    reading_count: int = 0
    backfill_count: int = 0


class Prior(NamedTuple):
    """Where to begin again: the state in force and the instant from which slots are walked."""

    state: State
    at: datetime


@dataclass(frozen=True, slots=True)
class Shares:
    """Thresholds of a load class: shares of the reference load, or absolute kW."""

    off: float
    on: float
    absolute: bool = False
    peak_factor: float | None = None  # cyclic: a peak of this many times the ON mean is ON too


#: Domain reference 7(2), all [A]. The main meter's learned rest load comes as a Threshold row;
#: without one these shares stand in.
CLASS_SHARES = {
    "FIXED": Shares(0.05, 0.30),
    "VFD": Shares(0.03, 0.40),
    "FURNACE": Shares(0.02, 0.50),
    "CYCLIC": Shares(0.02, 0.10, peak_factor=3.0),
    "TRICKLE": Shares(0.03, 0.15, absolute=True),
    "HEATER": Shares(0.05, 0.20),
    "MAIN": Shares(0.02, 0.10),
}


@dataclass(frozen=True, slots=True)
class Tuning:
    """The numbers of domain reference 7 and 16 (all [A]); rule parameters may replace each."""

    min_duration: timedelta = timedelta(minutes=3)
    min_intervals: float = 2.0
    stale_intervals: float = 3.0
    stale_floor: timedelta = timedelta(minutes=5)
    hysteresis_share: float = 0.05
    power_cut_share: float = 0.10
    reference_share: float = 0.70
    cyclic_window: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The powers that part the states from ``valid_from`` on.

    A state is entered at its threshold, as the table says ("ON at or above"), and left a band
    beyond it. The two bands never meet: each takes at most half the distance.
    """

    off_below_kw: float
    on_from_kw: float
    off_band_kw: float = 0.0
    on_band_kw: float = 0.0
    valid_from: datetime | None = None  # None: since ever
    leave_off_kw: float = field(init=False)
    leave_on_kw: float = field(init=False)

    def __post_init__(self) -> None:
        half = (self.on_from_kw - self.off_below_kw) / 2
        object.__setattr__(self, "leave_off_kw", self.off_below_kw + min(self.off_band_kw, half))
        object.__setattr__(self, "leave_on_kw", self.on_from_kw - min(self.on_band_kw, half))


@dataclass(frozen=True, slots=True)
class CommissioningRow:
    """A dated Threshold row as plain data; it overrides the shares of the load class."""

    valid_from: datetime
    off_below_kw: float
    on_from_kw: float


@dataclass(frozen=True, slots=True)
class StateRules:
    """Everything by which one point's readings are judged."""

    interval: timedelta
    thresholds: tuple[Thresholds, ...]  # ascending by valid_from, the first since ever
    must_last: timedelta
    stale_after: timedelta
    cut_below_v: float
    rolling: timedelta | None = None
    peak_factor: float = 1.0

    @property
    def look_back(self) -> timedelta:
        """How far before an instant the walk must begin to know the state at it.

        A disagreement shorter than ``must_last`` may be open in a segment that itself is young,
        one slot may straddle each edge, and a rolling mean needs its window.
        """
        return 2 * self.must_last + 2 * self.stale_after + (self.rolling or timedelta())


def state_rules(
    *,
    load_class: str,
    rated_kw: float,
    nominal_voltage_v: float,
    interval: timedelta,
    rows: Sequence[CommissioningRow] = (),
    tuning: Tuning | None = None,
) -> StateRules:
    """Return the rules for a point: class shares of the reference load, then the dated rows.

    Class shares: of 0.7 x rated power [A], with a band of 5 points of that (domain 7(2)), until the
    first row. A commissioned line was measured between idling and load, which may lie close
    together: its band is 5 % of the line itself, so that a machine idling just below it is not
    taken to run. Raises ``KeyError`` for an unknown load class.
    """
    tuning = tuning or Tuning()
    shares = CLASS_SHARES[load_class]
    reference = tuning.reference_share * rated_kw
    scale = 1.0 if shares.absolute else reference
    band = tuning.hysteresis_share * reference
    thresholds = [Thresholds(shares.off * scale, shares.on * scale, band, band)]
    for row in sorted(rows, key=lambda row: row.valid_from):
        share = tuning.hysteresis_share
        thresholds.append(
            Thresholds(
                row.off_below_kw,
                row.on_from_kw,
                share * row.off_below_kw,
                share * row.on_from_kw,
                row.valid_from,
            )
        )
    return StateRules(
        interval=interval,
        thresholds=tuple(thresholds),
        must_last=max(tuning.min_duration, tuning.min_intervals * interval),
        stale_after=max(tuning.stale_intervals * interval, tuning.stale_floor),
        cut_below_v=tuning.power_cut_share * nominal_voltage_v,
        rolling=tuning.cyclic_window if shares.peak_factor else None,
        peak_factor=shares.peak_factor or 1.0,
    )


def thresholds_at(rules: StateRules, at: datetime) -> Thresholds:
    """Return the thresholds in force at an instant."""
    dated = [row.valid_from for row in rules.thresholds[1:] if row.valid_from]
    return rules.thresholds[bisect_right(dated, at)]


class _Slot(NamedTuple):
    """A stretch with one value and the thresholds of its time, or a gap."""

    start: datetime
    end: datetime
    limits: Thresholds
    on_kw: float = 0.0  # compared with the ON threshold
    off_kw: float = 0.0  # compared with the OFF threshold
    is_cut: bool = False
    is_gap: bool = False


def find_segments(
    samples: Iterable[Sample], rules: StateRules, prior: Prior | None = None
) -> list[Segment]:
    """Return the segments of one point's readings, ascending and without holes.

    With ``prior`` the walk begins at ``prior.at`` in ``prior.state``; earlier samples only feed the
    rolling mean. The first segment then begins at ``prior.at`` (the caller knows where it really
    began) and the figures count what is at or after it. Samples without a usable value (no power,
    voltage present or unknown) are as good as not sent. Samples may come in any order, one for
    each instant.
    """
    ordered = sorted(samples, key=lambda sample: sample.at)
    since = prior.at if prior else None
    slots = _cut_into_slots(ordered, rules, since)
    stretches = _walk(slots, rules.must_last, prior.state if prior else None)
    counted = [s for s in ordered if s.p_kw is not None and (since is None or s.at >= since)]
    return _with_figures(stretches, counted)


def find_restart(
    samples: Sequence[Sample], rules: StateRules, segments: Sequence[Segment], since: datetime
) -> Prior | None:
    """Return the newest place before ``since`` at which the walk may begin again, or None.

    ``segments``: the point's recent segments, right for every reading before ``since``.
    ``samples`` ascend and reach some way back; ``rules.look_back`` is nearly always enough.
    The place is the start of a segment, or a slot at least ``must_last`` inside one that agrees
    with it, so that nothing is pending. Either way what made that segment accepted came before
    ``since``, so nothing that changed since can take it back. None means: look further back.
    """
    if not samples or not segments:
        return None
    starts = [segment.start for segment in segments]
    filled_from = samples[0].at + (rules.rolling or timedelta())
    unchanged = [
        slot
        for slot in _cut_into_slots(samples, rules, None)
        if filled_from <= slot.start < since and not slot.is_gap
    ]
    for slot in reversed(unchanged):
        n = bisect_right(starts, slot.start) - 1
        if n < 0:
            return None
        segment = segments[n]
        accepted_at = segment.start + rules.must_last
        begins = slot.start == segment.start and accepted_at <= unchanged[-1].start
        settled = accepted_at <= slot.start <= segment.end and _agrees(slot, segment.state)
        if begins or settled:
            return Prior(segment.state, slot.start)
    return None


def _cut_into_slots(
    samples: Sequence[Sample], rules: StateRules, since: datetime | None
) -> list[_Slot]:
    """Return the slots from ``since`` on; see the theory of operation, 1."""
    slots: list[_Slot] = []
    window: deque[tuple[datetime, float]] = deque()
    dated = [row.valid_from for row in rules.thresholds[1:] if row.valid_from]
    latest: datetime | None = None
    for at, raw_kw, voltage_v, _ in samples:
        # A reversed CT reads negative while the machine runs: the state goes by the magnitude.
        power_kw = abs(raw_kw) if raw_kw is not None else None
        limits = rules.thresholds[bisect_right(dated, at)]
        is_cut = (
            voltage_v is not None
            and voltage_v < rules.cut_below_v
            and (power_kw is None or power_kw < limits.off_below_kw)
        )
        if power_kw is None and not is_cut:
            continue
        value = power_kw or 0.0
        if latest is not None and at - latest > rules.stale_after:
            window.clear()
        on_kw = off_kw = value
        if rules.rolling:
            window.append((at, value))
            while window[0][0] <= at - rules.rolling:
                window.popleft()
            off_kw = sum(kw for _, kw in window) / len(window)
            on_kw = max(off_kw, max(kw for _, kw in window) / rules.peak_factor)
        if since is None or at >= since:
            if slots and latest is not None:
                _hold_until(slots, at, latest, rules)
            slots.append(_Slot(at, at, limits, on_kw, off_kw, is_cut))
        latest = at
    return slots


def _hold_until(slots: list[_Slot], at: datetime, latest: datetime, rules: StateRules) -> None:
    """Let the newest slot hold until the next value came, or for one interval and then a gap."""
    if at - latest <= rules.stale_after:
        slots[-1] = slots[-1]._replace(end=at)
    else:
        held_until = latest + rules.interval
        slots[-1] = slots[-1]._replace(end=held_until)
        slots.append(_Slot(held_until, at, slots[-1].limits, is_gap=True))


def _is_running(slot: _Slot, *, now_on: bool) -> bool:
    edge = slot.limits.leave_on_kw if now_on else slot.limits.on_from_kw
    return slot.on_kw >= edge and not slot.is_cut


def _resting_state(slot: _Slot, now: State | None) -> State:
    if slot.is_cut:
        return State.POWER_CUT
    edge = slot.limits.leave_off_kw if now is State.OFF else slot.limits.off_below_kw
    return State.OFF if slot.off_kw < edge else State.STANDBY


def _agrees(slot: _Slot, state: State) -> bool:
    """Return whether the slot gives no reason to leave the state."""
    if _is_running(slot, now_on=state is State.ON):
        return state is State.ON
    return _resting_state(slot, state) is state


def _first_state(slot: _Slot) -> State:
    return State.ON if _is_running(slot, now_on=False) else _resting_state(slot, None)


def _longest_resting_state(slots: Sequence[_Slot]) -> State:
    """Return the resting state that took most of these slots; on a draw the one seen later.

    So a motor that passes through STANDBY while it runs down is OFF from the moment it stopped.
    """
    lengths: dict[State, timedelta] = {}
    for slot in slots:
        state = _resting_state(slot, None)
        length = lengths.pop(state, timedelta())  # popped: dict order is order of last sight
        lengths[state] = length + (slot.end - slot.start)
    return max(reversed(lengths), key=lambda state: lengths[state])


class _Stretch(NamedTuple):
    state: State
    start: datetime
    end: datetime


def _walk(slots: Sequence[_Slot], must_last: timedelta, state: State | None) -> list[_Stretch]:
    """Return the stretches of one state each; see the theory of operation, 2 and 3."""
    out: list[_Stretch] = []
    if not slots:
        return out
    start = slots[0].start
    running_from: int | None = None  # stage 1: the first slot of an open disagreement
    resting_from: int | None = None  # stage 2: likewise, and what it says
    resting_as: State | None = None
    i = 0
    while i < len(slots):
        slot = slots[i]
        if slot.is_gap:
            if state is not None:
                out.append(_Stretch(state, start, slot.start))
            out.append(_Stretch(State.UNKNOWN, slot.start, slot.end))
            state = running_from = resting_from = None
            i += 1
            continue
        if state is None:
            state, start = _first_state(slot), slot.start
        accepted: tuple[State, int] | None = None

        runs = _is_running(slot, now_on=state is State.ON)
        if runs is (state is State.ON):
            running_from = None
        else:
            running_from = i if running_from is None else running_from
            if slot.end - slots[running_from].start >= must_last:
                rest = slots[running_from : i + 1]
                accepted = State.ON if runs else _longest_resting_state(rest), running_from

        if state is not State.ON and accepted is None:
            seen = _resting_state(slot, state)
            if seen is state:
                resting_from = None
            else:
                if resting_from is None or seen is not resting_as:
                    resting_from, resting_as = i, seen
                if slot.end - slots[resting_from].start >= must_last:
                    accepted = seen, resting_from

        if accepted is None:
            i += 1
        else:
            # Dated back to where it began; its slots are read again in the light of the new state.
            changed_to, i = accepted
            out.append(_Stretch(state, start, slots[i].start))
            state, start = changed_to, slots[i].start
            running_from = resting_from = None
    if state is not None:
        out.append(_Stretch(state, start, slots[-1].end))
    return out


def _with_figures(stretches: Sequence[_Stretch], samples: Sequence[Sample]) -> list[Segment]:
    """Return the stretches with mean, maximum and counts of the readings inside them."""
    out: list[Segment] = []
    i = 0
    for n, (state, start, end) in enumerate(stretches):
        is_newest = n == len(stretches) - 1
        powers: list[float] = []
        backfilled = 0
        while i < len(samples) and (samples[i].at < end or (is_newest and samples[i].at == end)):
            powers.append(samples[i].p_kw or 0.0)
            backfilled += samples[i].is_backfill
            i += 1
        mean = sum(powers) / len(powers) if powers else None
        top = max(powers) if powers else None
        out.append(Segment(state, start, end, mean, top, len(powers), backfilled))
    return out
