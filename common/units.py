"""Conversions between units, in one place. Power is kW, energy kWh, voltage V, current A."""

from math import sqrt


def kw_from_w(power_w: float) -> float:
    """Return watts as kilowatts."""
    return power_w / 1000.0


def apparent_kw(voltage_line_v: float, current_a: float, power_factor: float) -> float:
    """Return three-phase active power in kW: sqrt(3) x line voltage x current x power factor."""
    return sqrt(3.0) * voltage_line_v * current_a * power_factor / 1000.0
