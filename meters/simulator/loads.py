"""What a machine draws, as a pure function of time.

A running machine has three levels, as real ones have: off, idle, loaded. None is ever exactly
constant. All shares are engineering assumptions (domain reference, section 6), fit to be read as
states with the default thresholds: loaded is 60 to 80 % of rated power, idle under the point at
which a class, by its hysteresis, is no longer on.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import exp
from random import Random

from enterprises.models import FacilityKind
from meters.simulator.machines import Machine, Shape
from meters.simulator.noise import drift, jitter, seed_of, share

_RAMP_S = 420  # time constant of ovens and heaters
_MOTOR_START_S = 8
_MELT_UP_S = 180
_DIP_BLOCK_S = 2400
_DIP_SHARE = 0.3  # share of blocks in which a steady production machine drops to idle
_OFF_KW = 0.004  # a meter shows a few watts on an open circuit


@dataclass(frozen=True, slots=True)
class Traits:
    """What makes one machine differ from the next; all fixed by its key."""

    level_kw: float  # loaded
    idle_kw: float
    period_s: int  # of a cycle or a heat with its hold
    high_s: int  # part of the period under load
    phase_s: int


@lru_cache(maxsize=16384)
def traits_of(machine: Machine) -> Traits:
    """Return a machine's traits."""
    rng = Random(machine.seed)
    rated = machine.rated_kw
    level = rated * rng.uniform(0.62, 0.78)
    idle = rated * rng.uniform(0.05, 0.11)
    period, high = 1, 1
    if machine.shape is Shape.VFD_TWO_LEVEL:
        # Low speed is a quarter of the load (cube law: 60 % speed); long enough bursts to be seen.
        period, high, idle = 600, 390, rated * rng.uniform(0.10, 0.16)
    elif machine.shape is Shape.CYCLIC:
        period = rng.choice((300, 360, 420))
        # Sprays and pumps pause for less than two samples.
        high = int(period * (rng.uniform(0.62, 0.72) if machine.is_production else 0.78))
        idle = rated * rng.uniform(0.012, 0.022)
    elif machine.shape is Shape.BATCH:
        high = rng.randrange(2700, 4500)  # a heat of 45 to 75 minutes
        period = high + rng.randrange(480, 900)
        level, idle = rated * rng.uniform(0.72, 0.92), rated * rng.uniform(0.07, 0.14)
    elif machine.shape is Shape.RAMP:
        idle = rated * rng.uniform(0.03, 0.06)
    elif machine.shape is Shape.TRICKLE:
        idle = rng.uniform(0.035, 0.06)  # kW: these are read by absolute thresholds
    return Traits(level, idle, period, high, rng.randrange(period))


def usual_kw(machine: Machine) -> float:
    """Return the power under normal load, as a commissioning test would find it."""
    return traits_of(machine).level_kw


def off_kw(machine: Machine, t: int) -> float:
    """Return what the meter shows while the machine stands still: a few watts at most."""
    return _OFF_KW * abs(jitter(machine.seed + 1, t)) / 2.5


def idle_kw(machine: Machine, t: int) -> float:
    """Return the power of a machine that turns, or stays warm, without working."""
    return traits_of(machine).idle_kw * (1.0 + 0.04 * jitter(machine.seed, t))


def loaded_kw(machine: Machine, t: int, since: int) -> float:
    """Return the power under load, ``since`` seconds after the start."""
    level = traits_of(machine).level_kw
    seed = machine.seed
    kw = level * (1.0 + 0.012 * jitter(seed, t) + 0.012 * drift(seed, t))
    if machine.shape is Shape.RAMP:
        return kw * (1.0 - 0.9 * exp(-since / _RAMP_S))
    if machine.shape is Shape.BATCH:
        traits = traits_of(machine)
        into_heat = min(since, (t + traits.phase_s) % traits.period_s)
        return kw * min(1.0, 0.6 + into_heat / _MELT_UP_S)
    if since < _MOTOR_START_S:
        return kw * 1.5
    return kw


def running_kw(machine: Machine, t: int, since: int) -> float:
    """Return the power of a machine at work, loaded or idle as its shape has it at that second.

    t: seconds since the epoch; since: seconds since it started. The main meter has no power of
    its own: see ``total_kw``.
    """
    return loaded_kw(machine, t, since) if is_loaded(machine, t) else idle_kw(machine, t)


def is_loaded(machine: Machine, t: int) -> bool:
    """Tell whether a machine at work is under load rather than between bursts or heats."""
    traits = traits_of(machine)
    if machine.shape in (Shape.VFD_TWO_LEVEL, Shape.CYCLIC, Shape.BATCH):
        return (t + traits.phase_s) % traits.period_s < traits.high_s
    if machine.shape is Shape.STEADY and machine.is_production and not machine.is_held_hot:
        return not _dips(machine.seed, t)
    return True


def _dips(seed: int, t: int) -> bool:
    """Real loaded machines drop to idle for 2 to 12 minutes many times a day."""
    block, into = divmod(t, _DIP_BLOCK_S)
    if share(seed, block) >= _DIP_SHARE:
        return False
    begins = int(share(seed + 1, block) * (_DIP_BLOCK_S - 720))
    return begins <= into < begins + 120 + int(share(seed + 2, block) * 600)


def total_kw(machine: Machine, t: int, parts_kw: float) -> float:
    """Return what a main meter shows: the metered parts, and offices, lights and losses."""
    unmetered = machine.rated_kw * (0.025 + 0.004 * drift(machine.seed, t))
    return parts_kw * (1.03 + 0.004 * jitter(machine.seed, t)) + unmetered


def first_register_kwh(machine: Machine) -> float:
    """Return a register's value before any record: some thousand hours of running."""
    hours = 400 + seed_of(machine.key, "register") % 6000
    return round(machine.rated_kw * (1.0 if machine.kind == FacilityKind.MAIN else 0.5) * hours, 2)
