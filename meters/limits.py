"""Which limits acceptance and maintenance have, their defaults, and which value holds where.

All are assumptions of the domain reference and therefore data (``MeteringLimit``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from meters.models.limits import MeteringLimit


@dataclass(frozen=True, slots=True)
class LimitSpec:
    """One limit: key, default, unit, what it means, where the default is from."""

    key: str
    default: float
    unit: str
    meaning: str | Promise
    source: str


_SPECS = (
    LimitSpec(
        "report_minutes",
        15,
        "min",
        _("A point reports if its newest reading is no older"),
        "domain 8 (R10), A",
    ),
    LimitSpec("valid_hours", 72, "h", _("The stretch that must hold valid data"), "domain 10, A"),
    LimitSpec("valid_pct", 95, "%", _("Least share of valid minutes of a point"), "domain 10, A"),
    LimitSpec(
        "valid_least_hours",
        24,
        "h",
        _("Least hours left to judge by, power cuts and declared times taken off"),
        "A",
    ),
    LimitSpec("clock_skew_s", 60, "s", _("Clock error allowed"), "domain 5 and 16, A"),
    LimitSpec("ct_low_pct", 20, "%", _("Least running power, share of the rated power"), "A"),
    LimitSpec("ct_high_pct", 130, "%", _("Greatest running power, share of the rated power"), "A"),
    LimitSpec(
        "ct_must_run",
        0,
        "",
        _("1: a facility that never ran cannot be accepted; 0: it is noted"),
        "A",
    ),
    LimitSpec(
        "balance_pct",
        15,
        "%",
        _("Difference of the sub-meters' sum from the main meter"),
        "domain 8 (R14), A",
    ),
    LimitSpec(
        "balance_load_pct",
        5,
        "%",
        _("Least mean load to judge the balance by, share of the rated power of the sub-meters"),
        "A",
    ),
    LimitSpec(
        "balance_must_load",
        0,
        "",
        _("1: a site with too little load to judge cannot be accepted; 0: it is noted"),
        "A, as ct_must_run",
    ),
    LimitSpec(
        "formula_pct",
        15,
        "%",
        _("Difference of the power from voltage, current and power factor"),
        "domain 4, A",
    ),
    LimitSpec(
        "reversed_pct",
        1,
        "%",
        _("Greatest share of readings with negative power"),
        "domain 15(8), A",
    ),
    LimitSpec(
        "phase_pct",
        20,
        "%",
        _("Greatest share of running readings with a phase missing"),
        "domain 8 (R13), A",
    ),
    LimitSpec(
        "fault_report_hours",
        12,
        "h",
        _("A fault must be reported within"),
        "domain 8, S:L12 art. 8",
    ),
    LimitSpec(
        "fault_repair_hours", 48, "h", _("A fault must be mended within"), "domain 8, S:L11 art. 15"
    ),
    LimitSpec(
        "replacement_hours",
        48,
        "h",
        _("A device must be replaced within"),
        "domain 8, S:L11 art. 15",
    ),
    LimitSpec("calibration_days", 10, "working days", _("A calibration must be done within"), "A"),
    LimitSpec(
        "installation_days", 10, "working days", _("An installation must be done within"), "A"
    ),
    LimitSpec(
        "inspection_days",
        5,
        "working days",
        _("An inspection must be done within"),
        "A, as domain 8 (restore after fault), S:L12 art. 8",
    ),
)

CATALOGUE = {spec.key: spec for spec in _SPECS}


class Limits:
    """The values in force at an instant for one county."""

    def __init__(self, values: Mapping[str, float] | None = None) -> None:
        self._values = values or {}

    def __getitem__(self, key: str) -> float:
        """Return the value; raises ``KeyError`` for a key that the catalogue does not hold."""
        return float(self._values.get(key, CATALOGUE[key].default))


def load_limits(division_path: str, *, at: datetime) -> Limits:
    """Return the limits for a county (its ``Division.path``); one query."""
    codes = [code for code in division_path.split("/") if code]
    rows = (
        MeteringLimit.objects.filter(
            Q(division__isnull=True) | Q(division__code__in=codes),
            Q(valid_to__isnull=True) | Q(valid_to__gt=at),
            valid_from__lte=at,
            key__in=CATALOGUE,
        )
        .values_list("key", "value", "division__path", "valid_from")
        .order_by("valid_from", "pk")
    )
    ordered = sorted(rows, key=lambda row: (len(row[2] or ""), row[3]))
    return Limits({key: value for key, value, *_ in ordered})
