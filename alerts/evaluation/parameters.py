"""The rules' numbers: which there are, what they mean, and which value holds when and for whom.

Every [A] of the domain reference is an assumption and therefore a row of ``RuleParameter``; the
defaults here stand in where no row applies.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


def gettext_noop(message: str) -> str:
    """Mark a sentence for the catalogue; this layer translates nothing."""
    return message


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """One parameter: key, default, unit, what it means, where the default is from."""

    key: str
    default: float
    unit: str
    meaning: str
    source: str


_SPECS = (
    ParameterSpec(
        "r01_minutes",
        10,
        "min",
        gettext_noop("R01: production must run this long without its control"),
        "domain 8, A",
    ),
    ParameterSpec("r01_level", 1, "", gettext_noop("R01: level"), "domain 8, A"),
    ParameterSpec(
        "lead_s",
        300,
        "s",
        gettext_noop("Time after a start of production in which its control may follow"),
        "domain 16, A",
    ),
    ParameterSpec(
        "lag_s",
        600,
        "s",
        gettext_noop("Time after a stop of production in which its control must go on"),
        "domain 16, A",
    ),
    ParameterSpec(
        "offline_minutes_yellow",
        15,
        "min",
        gettext_noop("R10: silence of a collector that is level 3"),
        "domain 8, A",
    ),
    ParameterSpec(
        "offline_minutes_orange",
        60,
        "min",
        gettext_noop("R10: silence of a collector that is level 2"),
        "domain 8, A",
    ),
    ParameterSpec(
        "offline_minutes_red",
        240,
        "min",
        gettext_noop("R10: silence of a collector that is level 1"),
        "domain 8, A",
    ),
    ParameterSpec(
        "r12_minutes", 5, "min", gettext_noop("R12: a power cut must last this long"), "domain 8, A"
    ),
    ParameterSpec("r12_level", 3, "", gettext_noop("R12: level"), "domain 8"),
    ParameterSpec(
        "r12_points",
        2,
        "",
        gettext_noop("R12: points of a site without voltage at the same time"),
        "domain 7(5), A",
    ),
    ParameterSpec(
        "r18_notice_days",
        30,
        "d",
        gettext_noop("R18: days before a certificate ends at which it is told"),
        "domain 8, A",
    ),
    ParameterSpec(
        "r18_level_notice",
        3,
        "",
        gettext_noop("R18: level before the certificate ends"),
        "domain 8",
    ),
    ParameterSpec(
        "r18_level_expired",
        3,
        "",
        gettext_noop("R18: level from the day on which the certificate ends"),
        "domain 8",
    ),
    ParameterSpec(
        "r19_days_yellow",
        0,
        "d",
        gettext_noop("R19: whole days past the due day that are level 3"),
        "domain 8, A",
    ),
    ParameterSpec(
        "r19_days_orange",
        3,
        "d",
        gettext_noop("R19: whole days past the due day that are level 2"),
        "domain 8, A",
    ),
    ParameterSpec(
        "r19_days_red",
        7,
        "d",
        gettext_noop("R19: whole days past the due day that are level 1"),
        "domain 8, A",
    ),
    ParameterSpec(
        "group_hours",
        8,
        "h",
        gettext_noop("Occurrences of one rule and subject this close join one alert"),
        "domain 8, S:C1",
    ),
    ParameterSpec(
        "recovery_minutes",
        30,
        "min",
        gettext_noop("After a longer recovery a violation is a new occurrence"),
        "domain 8, A",
    ),
    ParameterSpec(
        "declaration_report_hours",
        12,
        "h",
        gettext_noop("How long after the fact an unreviewed declaration still counts"),
        "domain 8, S:L12 art. 8 by analogy",
    ),
    ParameterSpec(
        "state_min_duration_min",
        3,
        "min",
        gettext_noop("States: a state must last this long to be accepted"),
        "domain 7(2), A",
    ),
    ParameterSpec(
        "state_min_intervals",
        2,
        "",
        gettext_noop("States: and this many reporting intervals"),
        "domain 7(2), A",
    ),
    ParameterSpec(
        "stale_intervals",
        3,
        "",
        gettext_noop("States: no data after this many intervals without a value"),
        "domain 7(3), A",
    ),
    ParameterSpec(
        "stale_floor_min",
        5,
        "min",
        gettext_noop("States: but not before this many minutes"),
        "domain 7(3), A",
    ),
    ParameterSpec(
        "hysteresis_pct",
        5,
        "%",
        gettext_noop("States: hysteresis, share of the reference load"),
        "domain 7(2), A",
    ),
    ParameterSpec(
        "power_cut_pct",
        10,
        "%",
        gettext_noop("States: power cut below this share of the nominal voltage"),
        "domain 7(5), A",
    ),
    ParameterSpec(
        "reference_pct",
        70,
        "%",
        gettext_noop("States: reference load as a share of the rated power"),
        "domain 7(1), A",
    ),
)

CATALOGUE = {spec.key: spec for spec in _SPECS}


@dataclass(frozen=True, slots=True)
class DatedValue:
    """A value from a date on for a scope; ``rank`` orders scopes, the most specific highest."""

    key: str
    value: float
    scope: str = "default"
    rank: int = 0
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def holds_at(self, at: datetime) -> bool:
        return (self.valid_from is None or self.valid_from <= at) and (
            self.valid_to is None or at < self.valid_to
        )


class Parameters:
    """The values that apply to one subject, by key and instant."""

    def __init__(self, rows: Iterable[DatedValue] = ()) -> None:
        self._rows: dict[str, list[DatedValue]] = defaultdict(list)
        for row in rows:
            self._rows[row.key].append(row)

    def at(self, key: str, at: datetime) -> DatedValue:
        """Return the value in force: most specific scope, then latest date, else the default.

        Raises ``KeyError`` for a key that the catalogue does not hold.
        """
        spec = CATALOGUE[key]
        in_force = [row for row in self._rows.get(key, ()) if row.holds_at(at)]
        if not in_force:
            return DatedValue(key, float(spec.default))
        return max(in_force, key=lambda row: (row.rank, row.valid_from is not None, row.valid_from))

    def number(self, key: str, at: datetime) -> float:
        return self.at(key, at).value

    def duration(self, key: str, at: datetime) -> timedelta:
        """Return a value whose unit is d, h, min or s as a duration."""
        unit = {"d": "days", "h": "hours", "min": "minutes", "s": "seconds"}[CATALOGUE[key].unit]
        return timedelta(**{unit: self.number(key, at)})
