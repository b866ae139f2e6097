"""The checks in words: what is asked, what is wrong, what to do. In the language of the page."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from common import formats
from meters.acceptance.checks import Check, Code, Fault


@dataclass(frozen=True, slots=True)
class Said:
    """A check as a person reads it."""

    check: Check
    title: str
    measured: str  # the number that decided
    asked: str  # what it was held against
    faults: list[str]
    notes: list[str]
    todo: str

    @property
    def tone(self) -> str:
        """``ok``, ``bad``, or ``warn`` for what keeps nobody from accepting and is to be noted."""
        if not self.check.is_passed:
            return "warn" if self.check.is_warning else "bad"
        return "warn" if self.check.notes and not self.check.done else "ok"


def say(checks: Iterable[Check]) -> list[Said]:
    """Return the checks in words, in their order."""
    titles, todos = _titles(), _todos()
    return [
        Said(
            check,
            titles[check.code],
            _measured(check),
            _asked(check),
            [say_fault(fault) for fault in check.faults],
            [say_fault(fault) for fault in check.notes],
            "" if check.is_passed else todos[check.code],
        )
        for check in checks
    ]


def _titles() -> dict[str, str]:
    return {
        Code.REPORTING: _("All required points report"),
        Code.VALID_DATA: _("Enough valid data"),
        Code.CLOCK: _("Clocks are right"),
        Code.RATIO: _("Running power fits the rated power (CT ratio)"),
        Code.BALANCE: _("Sub-meters fit the main meter"),
        Code.FORMULA: _("Power fits voltage, current and power factor"),
        Code.WIRING: _("No reversed wiring, no phase lost"),
        Code.PAIRINGS: _("Pairings are approved"),
        Code.THRESHOLDS: _("On/off thresholds are approved"),
        Code.METERS: _("Meters are on record with valid certificates"),
        Code.COLLECTORS: _("Collectors are known by MN and keep a password of their own"),
    }


def _todos() -> dict[str, str]:
    return {
        Code.REPORTING: _("Connect the missing points, or open a work order for the silent ones."),
        Code.VALID_DATA: _("Mend the connection and wait until the stretch is filled."),
        Code.CLOCK: _("Have the operator set the collector's clock."),
        Code.RATIO: _("Compare the CT ratio on record with the nameplate; correct the record."),
        Code.BALANCE: _("Look for a point that is not metered or a ratio that is wrong."),
        Code.FORMULA: _("Check the ratios and which phase each transformer sits on."),
        Code.WIRING: _("Have the operator turn the transformer or reconnect the phase."),
        Code.PAIRINGS: _("Set and approve the pairings in the enterprise file."),
        Code.THRESHOLDS: _("Approve the thresholds in the enterprise file."),
        Code.METERS: _("Complete the meter records in the enterprise file."),
        Code.COLLECTORS: _("Have the operator set a password of its own on each collector."),
    }


def _measured(check: Check) -> str:
    if check.value is None and any(f.reason == "low_load" for f in (*check.notes, *check.faults)):
        return _("not enough load to judge")
    if check.value is None or check.code == Code.REPORTING:
        return formats.fraction(check.done, check.total) if check.total else formats.MISSING
    return _with_unit(check.value, check.unit)


def _asked(check: Check) -> str:
    if check.limit is None or check.code == Code.REPORTING:
        return _("all") if check.total else ""
    shown = _with_unit(check.limit, check.unit)
    if check.code == Code.VALID_DATA or (check.value or 0.0) < check.limit == 20.0:
        return _("at least %(limit)s") % {"limit": shown}
    return _("at most %(limit)s") % {"limit": shown}


def _with_unit(value: float, unit: str) -> str:
    number = _number(value)
    if unit == "%":
        return f"{number}%"
    if unit == "s":
        return _("%(count)s s") % {"count": number}
    return f"{number} {unit}".rstrip()


def _number(value: float) -> str:
    return formats.number(int(value)) if float(value).is_integer() else formats.number(value, 1)


def say_fault(fault: Fault) -> str:
    """Return one fault as a sentence; an unknown word is shown as it is."""
    value = formats.MISSING
    if fault.value is not None:
        value = _number(fault.value)
    words = {"name": fault.name, "value": value, "extra": fault.extra}
    template = _faults().get(fault.reason)
    if fault.reason == "factor":
        template = _factor(fault.extra)
        words["extra"] = fault.extra[1:]
    return template % words if template else f"{fault.name}: {fault.reason}"


def _factor(extra: str) -> str:
    if extra.startswith("x"):
        return _(
            "%(name)s: %(value)s%% of the rated power; %(extra)s times as much would fit,"
            " so the ratio or the unit seems wrong."
        )
    return _(
        "%(name)s: %(value)s%% of the rated power; one %(extra)sth of it would fit,"
        " so the ratio or the unit seems wrong."
    )


def _faults() -> dict[str, str]:
    return {
        "never": _("%(name)s: has never reported"),
        "silent": _("%(name)s: silent for %(value)s minutes"),
        "points_missing": _("%(value)s required points are not connected"),
        "no_points": _("No monitoring point is registered"),
        "gaps": _("%(name)s: %(value)s%% of the minutes are valid"),
        "too_little_time": _("%(name)s: only %(value)s hours are left to judge by"),
        "no_live": _("%(name)s: no live reading to compare with our clock"),
        "slow": _("%(name)s: clock %(value)s s behind, or sent that late"),
        "fast": _("%(name)s: clock %(value)s s ahead"),
        "never_ran": _("%(name)s: did not run in this time, so its ratio is not checked"),
        "too_low": _("%(name)s: runs at %(value)s%% of its rated power"),
        "too_high": _("%(name)s: runs at %(value)s%% of its rated power"),
        "unknown": _("%(name)s: cannot be compared, data are missing"),
        "subs_above": _("%(name)s: the sub-meters add up to %(value)s%% more"),
        "subs_below": _("%(name)s: the sub-meters add up to %(value)s%% less"),
        "main_dead": _("%(name)s: sees no load while the sub-meters draw %(value)s kW on average"),
        "low_load": _(
            "%(name)s: not enough load to judge, %(value)s%% of the rated power on average and"
            " %(extra)s%% are needed; check the balance again when the plant runs"
        ),
        "formula": _("%(name)s: %(value)s%% off what voltage and current give"),
        "reversed": _("%(name)s: %(value)s%% of the readings are negative (reversed)"),
        "phase_lost": _("%(name)s: a phase is missing in %(value)s%% of the running time"),
        "no_pairing": _("%(name)s: no pairing"),
        "pairing_not_approved": _("%(name)s: pairing not approved"),
        "threshold_not_approved": _("%(name)s: threshold not approved"),
        "no_meter": _("%(name)s: no meter on record"),
        "no_certificate": _("%(name)s: meter %(extra)s without a certificate"),
        "certificate_expired": _("%(name)s: certificate of meter %(extra)s expired"),
        "no_class": _("%(name)s: meter %(extra)s without an accuracy class"),
        "no_ratio": _("%(name)s: meter %(extra)s without a CT ratio"),
        "no_seal": _("%(name)s: meter %(extra)s without a seal number"),
        "unheard": _("%(name)s: never heard"),
        "default_password": _("%(name)s: still has the password of the factory"),
    }
