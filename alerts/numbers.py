"""The figures behind an alert, as rows that a person can read: what was measured against what.

Language and units are those of the page; clocks are Asia/Shanghai.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from common import formats

NO_THRESHOLD = ""


class Row(NamedTuple):
    """One figure: what it is, its value, what it is held against (empty for nothing), and why."""

    label: str
    value: str
    threshold: str
    meaning: str


def describe_numbers(evidence: dict[str, Any]) -> list[Row]:
    """Return the evidence's figures, the rule's own first; unknown keys are shown as they are.

    ``evidence`` is ``Occurrence.evidence``. Absent figures give no row, never a zero.
    """
    rows = [_describe(number) for number in evidence.get("numbers", [])]
    rows += _describe_facilities(evidence)
    rows += _describe_points(evidence)
    rows += _describe_gaps(evidence)
    return rows


def _describe(number: dict[str, Any]) -> Row:
    key, unit = str(number.get("key", "")), str(number.get("unit", ""))
    threshold = number.get("threshold")
    label, meaning = _names().get(key, (key.replace("_", " "), ""))
    if key == "on_from_kw":  # a threshold itself: it is held against nothing
        threshold = None
    shown = NO_THRESHOLD if threshold is None else _with_unit(threshold, unit)
    return Row(label, _with_unit(number.get("value"), unit), shown, _dated(meaning, number))


def _names() -> dict[str, tuple[str, str]]:
    """Return label and meaning of each figure that a rule may give."""
    return {
        "violation_minutes": (
            _("Production ran without its control"),
            _("An alert is raised when it lasts this long"),
        ),
        "on_from_kw": (
            _("Production counts as running from"),
            _("On/off threshold of the facility"),
        ),
        "production_mean_kw": (_("Production, mean power meanwhile"), ""),
        "control_mean_kw": (_("Controls together, mean power meanwhile"), ""),
        "silent_minutes": (
            _("Nothing received for"),
            _("This level begins with this length of silence"),
        ),
        "cut_minutes": (
            _("Without voltage for"),
            _("A power cut is reported when it lasts this long"),
        ),
        "certificate_days_left": (
            _("Certificates end in"),
            _("Told this long before the certificate ends"),
        ),
        "certificate_days_over": (_("Certificates ended before"), ""),
        "overdue_days": (
            _("Overdue by"),
            _("This level begins this long after the due day"),
        ),
    }


def _dated(meaning: str, number: dict[str, Any]) -> str:
    """Return the meaning with the day from which the threshold holds, where it has one."""
    if not number.get("valid_from"):
        return meaning
    since = formats.local_date(
        datetime.fromisoformat(number["valid_from"]), language=get_language()
    )
    held = _("In force since %(date)s") % {"date": since}
    if scope := _scopes().get(number.get("scope") or ""):
        held = _("In force since %(date)s for %(scope)s") % {"date": since, "scope": scope}
    return _("%(meaning)s. %(held)s") % {"meaning": meaning, "held": held} if meaning else held


def _scopes() -> dict[str, str]:
    """Return for whom a parameter may have been set."""
    return {
        "everyone": _("everyone"),
        "city": _("this city"),
        "county": _("this county"),
        "industry": _("this industry"),
        "facility": _("this facility"),
    }


def _describe_facilities(evidence: dict[str, Any]) -> Iterator[Row]:
    roles = [(evidence.get("production"), _("Production facility, mean power meanwhile"))]
    roles += [
        (control, _("Control facility, mean power meanwhile"))
        for control in evidence.get("controls", [])
    ]
    for facility, meaning in roles:
        if facility and facility.get("mean_kw") is not None:
            yield Row(
                facility.get("name", ""), formats.kw(facility["mean_kw"]), NO_THRESHOLD, meaning
            )


def _describe_points(evidence: dict[str, Any]) -> Iterator[Row]:
    if evidence.get("points_total"):
        yield Row(
            _("Points concerned"),
            formats.fraction(evidence.get("points"), evidence["points_total"]),
            NO_THRESHOLD,
            _("Of the points of this collector or site"),
        )


def _describe_gaps(evidence: dict[str, Any]) -> Iterator[Row]:
    if (unknown := evidence.get("unknown_minutes")) is not None:
        yield Row(
            _("Without data"),
            _with_unit(unknown, "min"),
            NO_THRESHOLD,
            _("Unknown time counts neither as running nor as stopped"),
        )
    if evidence.get("backfilled"):
        yield Row(
            _("Readings sent later"),
            formats.number(evidence["backfilled"]),
            NO_THRESHOLD,
            _("Stored by the collector while offline; they count in full"),
        )


def _with_unit(value: float | None, unit: str) -> str:
    if value is None:
        return formats.MISSING
    if unit == "min":
        return formats.duration(value, language=get_language())
    if unit == "d":
        return _("%(days)s days") % {"days": formats.number(value)}
    if unit == "kW":
        return formats.kw(value)
    shown = formats.number(value, None if float(value).is_integer() else 1)
    return f"{shown} {unit}".rstrip()
