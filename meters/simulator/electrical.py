"""From a power to everything a three-phase meter shows, consistent with it."""

from typing import NamedTuple

from meters.simulator.machines import Machine, Shape
from meters.simulator.noise import drift, jitter


class Sample(NamedTuple):
    """One reading of one circuit: V, A, kW, kWh; rounded as a meter prints them."""

    ua: float
    ub: float
    uc: float
    ia: float
    ib: float
    ic: float
    p_kw: float
    pf: float
    energy_kwh: float


# Usual power factors (assumption): a loaded motor, a drive with a frequency converter, a heater.
_LOADED_PF = {Shape.VFD_TWO_LEVEL: 0.95, Shape.RAMP: 0.985, Shape.BATCH: 0.93, Shape.TOTAL: 0.92}
_MOTOR_PF = 0.86
_IDLE_PF = 0.42
_IDLE_SHARE = 0.2  # of rated power, under which a motor shows the power factor of idling


def sample(machine: Machine, t: int, kw: float, energy_kwh: float) -> Sample:
    """Return the reading of a machine that has voltage and draws ``kw``.

    The sum over the phases of U x I x pf gives the power back, to the meter's rounding.
    """
    seed = machine.seed
    nominal = machine.phase_v
    # Mains move together over the day; phases differ a little, and for good.
    mains = nominal * (1.005 + 0.006 * drift(77, t) + 0.0012 * jitter(seed + 5, t))
    ua = mains * 1.002
    ub = mains * 0.999
    uc = mains * (0.998 + 0.0006 * jitter(seed + 6, t))
    if kw < 0.05:
        return Sample(
            round(ua, 1),
            round(ub, 1),
            round(uc, 1),
            0.0,
            0.0,
            0.0,
            round(kw, 3),
            0.0,
            round(energy_kwh, 2),
        )
    usual = _LOADED_PF.get(machine.shape, _MOTOR_PF)
    if kw < machine.rated_kw * _IDLE_SHARE and usual <= 0.93:
        usual = _IDLE_PF + (usual - _IDLE_PF) * kw / (machine.rated_kw * _IDLE_SHARE)
    pf = usual + 0.004 * jitter(seed + 7, t)
    phase_w = kw * 1000.0 / (3.0 * pf)
    lean = 0.012 * jitter(seed + 8, t // 60)
    return Sample(
        round(ua, 1),
        round(ub, 1),
        round(uc, 1),
        round(phase_w * (1.0 + lean) / ua, 2),
        round(phase_w * (1.0 - lean) / ub, 2),
        round(phase_w / uc, 2),
        round(kw, 3),
        round(pf, 3),
        round(energy_kwh, 2),
    )


def dead_sample(machine: Machine, t: int, energy_kwh: float) -> Sample:
    """Return the reading in a power cut: the meter lives on its battery and sees no voltage."""
    stray = round(0.2 * abs(jitter(machine.seed + 9, t)), 1)
    return Sample(stray, stray, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, round(energy_kwh, 2))
