"""What a machine can tell before an installation is accepted 验收自动检查. Pure.

``run`` takes everything it judges as plain data and returns one ``Check`` for each question, always
in the same order. A point without data is unknown and fails what asks for data; it is never taken
for zero. Power cuts and declared times are taken off the time that must hold data.

Source: domain reference 4, 5, 10 and 15(8); the limits are assumptions (``meters.limits``).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

DEFAULT_PASSWORD = "123456"  # noqa: S105  # what collectors leave the factory with
#: Usual mistakes with ratios and units: 200/5 left out, 300/5 left out, W for kW.
FACTORS = (10, 40, 60, 1000)
#: A running power is that of a facility's normal load, 0.7 of rated (domain 7(1), assumption).
USUAL_SHARE = 0.7
PAIRED_KIND = "PRODUCTION"  # COMBINED has its control built in
MAIN_KIND = "MAIN"


class Code(StrEnum):
    """The checks, in their order."""

    REPORTING = "reporting"
    VALID_DATA = "valid_data"
    CLOCK = "clock"
    RATIO = "ratio"
    BALANCE = "balance"
    FORMULA = "formula"
    WIRING = "wiring"
    PAIRINGS = "pairings"
    THRESHOLDS = "thresholds"
    METERS = "meters"
    COLLECTORS = "collectors"


class Limit(Protocol):
    def __getitem__(self, key: str) -> float: ...


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that fails a check: what, why (a word of ``acceptance.words``), by how much."""

    name: str
    reason: str
    value: float | None = None
    extra: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """The answer to one question.

    value, limit, unit: the number that decided, and what it was held against; None where nothing
    could be measured. A warning does not keep anybody from accepting. done/total: how many of how
    many things hold.
    """

    code: str
    is_passed: bool
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    done: int = 0
    total: int = 0
    is_warning: bool = False
    faults: tuple[Fault, ...] = ()
    notes: tuple[Fault, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class MeterFacts:
    """The meter record in force on a point."""

    serial: str
    accuracy_class: str
    ct_ratio: float
    certificate_number: str
    certificate_expires_on: date | None
    seal_numbers: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What a point's readings in the stretch come to; powers in kW, times in seconds."""

    valid_s: float = 0.0  # time covered by readings with a power that count
    excused_s: float = 0.0  # power cuts and declared times
    reading_count: int = 0
    skew_s: float | None = None  # median of received less measured, live readings only
    mean_kw: float | None = None
    max_kw: float | None = None
    running_kw: float | None = None  # mean of the readings at or above the on-threshold
    running_count: int = 0
    negative_count: int = 0
    formula_ratio: float | None = None  # median of power over that from U, I and cos phi
    phases_count: int = 0  # running readings that carry three currents
    lost_count: int = 0  # of these, with one phase missing


@dataclass(frozen=True, slots=True)
class PointFacts:
    """A point in use."""

    id: int
    name: str  # of its facility
    circuit: str
    mn: str
    site_id: int
    kind: str
    rated_kw: float
    duty_group: str
    latest_at: datetime | None
    meter: MeterFacts | None
    figures: Figures = Figures()

    @property
    def label(self) -> str:
        return f"{self.name} · {self.circuit}"


@dataclass(frozen=True, slots=True)
class FacilityFacts:
    """A facility in use, with how it is judged."""

    id: int
    name: str
    kind: str
    has_pairing: bool
    has_approved_pairing: bool
    has_threshold: bool
    has_approved_threshold: bool


@dataclass(frozen=True, slots=True)
class CollectorFacts:
    mn: str
    password: str
    is_heard: bool


@dataclass(frozen=True, slots=True)
class Material:
    """All that the checks look at."""

    points: Sequence[PointFacts]
    facilities: Sequence[FacilityFacts]
    collectors: Sequence[CollectorFacts]
    points_required: int
    as_of: datetime
    today: date


def run(material: Material, limits: Limit) -> list[Check]:
    """Return the checks in the order of ``Code``."""
    return [
        _reporting(material, limits),
        _valid_data(material, limits),
        _clock(material, limits),
        _ratio(material, limits),
        _balance(material, limits),
        _formula(material, limits),
        _wiring(material, limits),
        _pairings(material),
        _thresholds(material),
        _meters(material),
        _collectors(material),
    ]


def is_passed(checks: Iterable[Check]) -> bool:
    """Tell whether nothing keeps an officer from accepting."""
    return all(check.is_passed or check.is_warning for check in checks)


def _reporting(material: Material, limits: Limit) -> Check:
    patience = timedelta(minutes=limits["report_minutes"])
    silent = [
        Fault(point.label, "never" if point.latest_at is None else "silent", _age(point, material))
        for point in material.points
        if point.latest_at is None or material.as_of - point.latest_at > patience
    ]
    total = max(material.points_required, len(material.points))
    missing = total - len(material.points)
    faults = [*silent]
    if missing:
        faults.append(Fault("", "points_missing", float(missing)))
    if not total:
        faults.append(Fault("", "no_points"))
    done = len(material.points) - len(silent)
    return Check(
        Code.REPORTING, not faults, float(done), float(total), "", done, total, faults=tuple(faults)
    )


def _age(point: PointFacts, material: Material) -> float | None:
    if point.latest_at is None:
        return None
    return round((material.as_of - point.latest_at) / timedelta(minutes=1), 1)


def _valid_data(material: Material, limits: Limit) -> Check:
    whole, least = limits["valid_hours"] * 3600, limits["valid_least_hours"] * 3600
    faults, shares = [], []
    for point in material.points:
        expected = whole - point.figures.excused_s
        if expected < least:
            faults.append(Fault(point.label, "too_little_time", round(expected / 3600, 1)))
            continue
        share = min(100.0, 100 * point.figures.valid_s / expected)
        shares.append(share)
        if share < limits["valid_pct"]:
            faults.append(Fault(point.label, "gaps", round(share, 1)))
    worst = round(min(shares), 1) if shares else None
    return _check(Code.VALID_DATA, material.points, faults, worst, limits["valid_pct"], "%")


def _clock(material: Material, limits: Limit) -> Check:
    limit = limits["clock_skew_s"]
    faults, skews = [], []
    for point in material.points:
        skew = point.figures.skew_s
        if skew is None:
            faults.append(Fault(point.label, "no_live"))
            continue
        skews.append(abs(skew))
        if abs(skew) > limit:
            faults.append(Fault(point.label, "fast" if skew < 0 else "slow", round(abs(skew), 1)))
    worst = round(max(skews), 1) if skews else None
    return _check(Code.CLOCK, material.points, faults, worst, limit, "s")


def _ratio(material: Material, limits: Limit) -> Check:
    low, high = limits["ct_low_pct"], limits["ct_high_pct"]
    judged = [p for p in material.points if p.kind != MAIN_KIND and p.rated_kw > 0]
    ran = {p.duty_group for p in judged if p.duty_group and p.figures.running_kw is not None}
    faults: list[Fault] = []
    notes: list[Fault] = []
    worst: float | None = None
    for point in judged:
        power = point.figures.running_kw
        if power is None and (point.figures.max_kw or 0.0) > 0.001 * point.rated_kw:
            power = point.figures.max_kw  # never counted as running: perhaps by a wrong factor
            if find_factor(power or 0.0, point.rated_kw, low, high) is None:
                power = None
        if power is None:
            if point.duty_group not in ran:
                notes.append(Fault(point.label, "never_ran"))
            continue
        share = 100 * power / point.rated_kw
        if low <= share <= high:
            continue
        factor = find_factor(power, point.rated_kw, low, high)
        reason = "factor" if factor else ("too_low" if share < low else "too_high")
        faults.append(Fault(point.label, reason, round(share, 1), factor or ""))
        worst = share if worst is None else max(worst, share, key=lambda each: abs(each - 100))
    if limits["ct_must_run"]:
        faults, notes = [*faults, *notes], []
    shown = None if worst is None else round(worst, 1)
    limit = low if worst is not None and worst < low else high
    return _check(Code.RATIO, judged, faults, shown, limit, "%", notes=notes)


def find_factor(power_kw: float, rated_kw: float, low: float, high: float) -> str | None:
    """Return the usual mistake that would explain the power: ``"x40"``, ``"/1000"``, or None.

    ``"x40"``: forty times as much would be plausible. The factor whose result lies nearest the
    usual load is named.
    """
    share = 100 * power_kw / rated_kw
    if share <= 0:
        return None
    tries = [(share * f, f"x{f}") for f in FACTORS] if share < low else []
    tries += [(share / f, f"/{f}") for f in FACTORS] if share > high else []
    fitting = [one for one in tries if low <= one[0] <= high]
    return min(fitting, key=lambda one: abs(one[0] - 100 * USUAL_SHARE))[1] if fitting else None


def _balance(material: Material, limits: Limit) -> Check:
    """Hold the sub-meters of each site against its main meter, where the load tells anything.

    At rest a main meter sees only lights and losses, and any difference would be a large share of
    it. The greater of both sides decides: a meter that fails to see a running plant is no rest.
    """
    sites: dict[int, list[PointFacts]] = defaultdict(list)
    for point in material.points:
        sites[point.site_id].append(point)
    limit = limits["balance_pct"]
    faults: list[Fault] = []
    notes: list[Fault] = []
    differences, asked = [], 0
    for members in sites.values():
        mains = [p for p in members if p.kind == MAIN_KIND]
        subs = [p for p in members if p.kind != MAIN_KIND]
        if not mains or not subs:
            continue
        asked += 1
        label = mains[0].label
        if any(p.figures.mean_kw is None for p in members):
            faults.append(Fault(label, "unknown"))
            continue
        main, rest = _sum_kw(mains), _sum_kw(subs)
        load, rated = max(main, rest), sum(p.rated_kw for p in subs)
        if load <= 0 or load < limits["balance_load_pct"] / 100 * rated:
            share = max(0.0, round(100 * load / rated, 1)) if rated > 0 else 0.0
            notes.append(Fault(label, "low_load", share, f"{limits['balance_load_pct']:g}"))
            continue
        if main <= 0:
            faults.append(Fault(label, "main_dead", round(rest, 1)))
            continue
        difference = 100 * (rest - main) / main
        differences.append(difference)
        if abs(difference) > limit:
            reason = "subs_above" if difference > 0 else "subs_below"
            faults.append(Fault(label, reason, round(abs(difference), 1)))
    done = asked - len(faults) - len(notes)
    if limits["balance_must_load"]:
        faults, notes = [*faults, *notes], []
    worst = round(max(map(abs, differences)), 1) if differences else None
    return Check(
        Code.BALANCE,
        not faults,
        worst,
        limit,
        "%",
        done,
        asked,
        faults=tuple(faults),
        notes=tuple(notes),
    )


def _sum_kw(points: Iterable[PointFacts]) -> float:
    return sum(point.figures.mean_kw or 0.0 for point in points)


def _formula(material: Material, limits: Limit) -> Check:
    limit = limits["formula_pct"]
    judged = [p for p in material.points if p.figures.formula_ratio is not None]
    faults, off = [], []
    for point in judged:
        assert point.figures.formula_ratio is not None  # noqa: S101
        difference = 100 * (point.figures.formula_ratio - 1)
        off.append(abs(difference))
        if abs(difference) > limit:
            faults.append(Fault(point.label, "formula", round(difference, 1)))
    worst = round(max(off), 1) if off else None
    return _check(Code.FORMULA, judged, faults, worst, limit, "%")


def _wiring(material: Material, limits: Limit) -> Check:
    faults = []
    for point in material.points:
        seen = point.figures
        negative = _share(seen.negative_count, seen.reading_count)
        lost = _share(seen.lost_count, seen.phases_count)
        if negative > limits["reversed_pct"]:
            faults.append(Fault(point.label, "reversed", round(negative, 1)))
        elif lost > limits["phase_pct"]:
            faults.append(Fault(point.label, "phase_lost", round(lost, 1)))
    return _check(Code.WIRING, material.points, faults)


def _share(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def _pairings(material: Material) -> Check:
    wanted = [f for f in material.facilities if f.kind == PAIRED_KIND]
    faults = [
        Fault(f.name, "pairing_not_approved" if f.has_pairing else "no_pairing")
        for f in wanted
        if not f.has_approved_pairing
    ]
    return _check(Code.PAIRINGS, wanted, faults)


def _thresholds(material: Material) -> Check:
    wanted = [f for f in material.facilities if f.has_threshold]
    faults = [
        Fault(f.name, "threshold_not_approved") for f in wanted if not f.has_approved_threshold
    ]
    return _check(Code.THRESHOLDS, wanted, faults)


def _meters(material: Material) -> Check:
    faults = []
    for point in material.points:
        if reason := _meter_fault(point.meter, material.today):
            extra = point.meter.serial if point.meter else ""
            faults.append(Fault(point.label, reason, None, extra))
    return _check(Code.METERS, material.points, faults)


def _meter_fault(meter: MeterFacts | None, today: date) -> str:
    if meter is None:
        return "no_meter"
    if not meter.certificate_number or meter.certificate_expires_on is None:
        return "no_certificate"
    if meter.certificate_expires_on < today:
        return "certificate_expired"
    if not meter.accuracy_class:
        return "no_class"
    if meter.ct_ratio <= 0:
        return "no_ratio"
    return "" if meter.seal_numbers else "no_seal"


def _collectors(material: Material) -> Check:
    unheard = [Fault(c.mn, "unheard") for c in material.collectors if not c.is_heard]
    plain = [
        Fault(c.mn, "default_password")
        for c in material.collectors
        if c.password == DEFAULT_PASSWORD
    ]
    done = len(material.collectors) - len({fault.name for fault in [*unheard, *plain]})
    return Check(
        Code.COLLECTORS,
        not unheard and not plain,
        done=done,
        total=len(material.collectors),
        is_warning=not unheard,
        faults=(*unheard, *plain),
    )


def _check(
    code: Code,
    asked: Sequence[object],
    faults: Sequence[Fault],
    value: float | None = None,
    limit: float | None = None,
    unit: str = "",
    *,
    notes: Sequence[Fault] = (),
) -> Check:
    return Check(
        code,
        not faults,
        value,
        limit if value is not None or code in (Code.VALID_DATA, Code.CLOCK) else None,
        unit,
        len(asked) - len(faults),
        len(asked),
        faults=tuple(faults),
        notes=tuple(notes),
    )


def from_json(rows: Iterable[Mapping[str, Any]]) -> list[Check]:
    """Return the checks of a stored sheet."""
    return [
        Check(
            **{
                **row,
                "faults": tuple(Fault(**fault) for fault in row["faults"]),
                "notes": tuple(Fault(**fault) for fault in row["notes"]),
            }
        )
        for row in rows
    ]
