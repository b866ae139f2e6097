"""What PowerWatch says about an alert, in the language that is active when it is asked.

Every sentence is one message of the catalogue with named places, so that a translator sees it
whole. Nothing here judges: until a person has reviewed an alert its claim is worded as suspected
疑似, and only a confirmed one says flatly what was so. ``alerts.numbers`` explains the figures.
"""

import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.utils.translation import get_language, ngettext, pgettext
from django.utils.translation import gettext as _

from alerts.models import (
    Alert,
    AlertStatus,
    Level,
    Occurrence,
    OccurrenceState,
    RuleCode,
)
from alerts.numbers import Row, describe_numbers
from common import formats
from common.localtime import day_start
from tenancy.models import Role

__all__ = [
    "Event",
    "Row",
    "clean_line",
    "describe_numbers",
    "get_advice",
    "get_greeting",
    "get_headline",
    "get_link",
    "get_sentence",
    "get_sms",
    "get_subject",
    "rule_title",
    "say_minutes",
    "shorten",
]

ENTERPRISE_ROLES = frozenset({Role.ENTERPRISE_OFFICER, Role.ENTERPRISE_REP, Role.OPERATOR})

#: One SMS in Chinese (UCS-2); one character more makes it two, and the price double.
SMS_CHARACTERS = 70
NAMES_SHOWN = 3
#: The figures by which the rules say how long it lasted, gaps and excused stretches left out.
LENGTHS = frozenset({"violation_minutes", "silent_minutes", "cut_minutes"})


class Event(StrEnum):
    """What happened to an alert that people are told of."""

    OPENED = "opened"
    LEVEL_RAISED = "level_raised"
    RECURRED = "recurred"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"


def clean_line(text: str) -> str:
    """Return the text as one line: control, format and line characters become single spaces.

    Names come from files and forms; none may open a header, a second line or a text direction.
    """
    kept = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    return " ".join(kept.split())


def shorten(text: str, length: int) -> str:
    """Return at most ``length`` characters of the text, the last one an ellipsis where cut."""
    return text if len(text) <= length else text[: max(length - 1, 0)] + "…"


# --- names ---


def rule_title(rule: str) -> str:
    """Return the rule's name."""
    return str(RuleCode(rule).label)


def get_headline(alert: Alert) -> str:
    """Return the rule's name with what is known of the alert: suspected, confirmed, cleared."""
    named = {"rule": rule_title(alert.rule)}
    if alert.is_suspected:
        return _("Suspected: %(rule)s") % named
    if alert.status == AlertStatus.CONFIRMED:
        return _("Confirmed: %(rule)s") % named
    if alert.status == AlertStatus.DISMISSED:
        return _("Dismissed: %(rule)s") % named
    if alert.status == AlertStatus.EXPLAINED_OK:
        return _("Explained: %(rule)s") % named
    if alert.status == AlertStatus.WITHDRAWN:
        return _("Withdrawn: %(rule)s") % named
    return _("Closed: %(rule)s") % named


def get_subject(alert: Alert, occurrence: Occurrence) -> str:
    """Return what the alert is about: the facility, the collector's place or the site.

    Reads the evidence; only where that names nothing does it query.
    """
    evidence = occurrence.evidence
    if alert.rule == RuleCode.R19:
        return str(_("metering installation"))
    for key in ("production", "site"):
        if name := evidence.get(key, {}).get("name"):
            return clean_line(name)
    if alert.facility is not None:
        return clean_line(alert.facility.name)
    if alert.site is not None:
        return clean_line(alert.site.name)
    return clean_line(alert.collector.site.name) if alert.collector is not None else ""


def get_link(alert: Alert) -> str:
    """Return the short address of the alert's page."""
    return f"{settings.BASE_URL}/a/{alert.number}"


# --- the sentence ---


def get_sentence(alert: Alert, occurrence: Occurrence) -> str:
    """Return in one sentence what a person would say happened.

    The clock is Asia/Shanghai; the day is named where the stretch crosses midnight. After a
    review the sentence says what the review found, and a withdrawn occurrence says so.
    """
    if occurrence.state == OccurrenceState.WITHDRAWN or alert.status == AlertStatus.WITHDRAWN:
        return _withdrawn(alert, occurrence)
    said = {"sentence": _claim(alert, occurrence)}
    if alert.status == AlertStatus.DISMISSED:
        return _("Dismissed after review: %(sentence)s") % said
    if alert.status == AlertStatus.EXPLAINED_OK:
        return _("Explanation accepted: %(sentence)s") % said
    if alert.status == AlertStatus.CLOSED:
        return _("Closed: %(sentence)s") % said
    return said["sentence"]


def _claim(alert: Alert, occurrence: Occurrence) -> str:
    goes_on = occurrence.state == OccurrenceState.FIRING
    words = _words(alert, occurrence)
    if alert.rule == RuleCode.R01:
        return _control_not_running(occurrence, words, goes_on, alert.status)
    if alert.rule == RuleCode.R10:
        if goes_on:
            return (
                _(
                    "Since %(start)s the collector at %(site)s (ending %(mn)s) has sent nothing"
                    " for %(duration)s: it seems to be offline."
                )
                % words
            )
        return (
            _(
                "From %(start)s to %(end)s the collector at %(site)s (ending %(mn)s) sent nothing"
                " for %(duration)s; it sends again."
            )
            % words
        )
    if alert.rule == RuleCode.R18:
        return _certificates(occurrence, words, goes_on)
    if alert.rule == RuleCode.R19:
        if goes_on:
            return (
                _(
                    "Metering had to be installed and accepted by %(due_on)s;"
                    " it is %(days)s days overdue."
                )
                % words
            )
        return _("Metering had to be accepted by %(due_on)s; it was %(days)s days overdue.") % words
    if goes_on:
        return (
            _(
                "Since %(start)s %(points)s of the %(points_total)s metered points at %(site)s"
                " have been without voltage, a suspected power cut, so far %(duration)s."
            )
            % words
        )
    return (
        _(
            "From %(start)s to %(end)s %(points)s of the %(points_total)s metered points at"
            " %(site)s were without voltage for %(duration)s, a suspected power cut; power is back."
        )
        % words
    )


def _certificates(occurrence: Occurrence, words: dict[str, str], goes_on: bool) -> str:
    if not goes_on:
        return (
            _(
                "The certificates of %(meters)s meters at %(site)s (ending %(expires_on)s)"
                " are renewed or the meters replaced."
            )
            % words
        )
    if occurrence.evidence.get("is_expired"):
        return (
            _(
                "The certificates of %(meters)s meters at %(site)s ended on %(expires_on)s,"
                " %(days)s days ago."
            )
            % words
        )
    return (
        _(
            "The certificates of %(meters)s meters at %(site)s end on %(expires_on)s,"
            " in %(days)s days."
        )
        % words
    )


def _control_not_running(
    occurrence: Occurrence, words: dict[str, str], goes_on: bool, status: str
) -> str:
    idling = any(
        control.get("state") == "STANDBY" for control in _failing_controls(occurrence.evidence)
    )
    if status == AlertStatus.CONFIRMED:
        if goes_on:
            return (
                _(
                    "Since %(start)s %(production)s has run for %(duration)s"
                    " while its %(controls)s was not working."
                )
                % words
            )
        return (
            _(
                "From %(start)s to %(end)s %(production)s ran for %(duration)s"
                " while its %(controls)s was not working."
            )
            % words
        )
    if idling:
        if goes_on:
            return (
                _(
                    "Since %(start)s %(production)s has run for %(duration)s"
                    " while its %(controls)s seems only to idle."
                )
                % words
            )
        return (
            _(
                "From %(start)s to %(end)s %(production)s ran for %(duration)s"
                " while its %(controls)s seems only to have idled; this has ended."
            )
            % words
        )
    if goes_on:
        return (
            _(
                "Since %(start)s %(production)s has run for %(duration)s"
                " while its %(controls)s seems not to run."
            )
            % words
        )
    return (
        _(
            "From %(start)s to %(end)s %(production)s ran for %(duration)s"
            " while its %(controls)s seems not to have run; this has ended."
        )
        % words
    )


def _withdrawn(alert: Alert, occurrence: Occurrence) -> str:
    words = _words(alert, occurrence)
    if alert.rule == RuleCode.R01:
        return (
            _(
                "Withdrawn: later data do not bear out that %(production)s ran from %(start)s"
                " to %(end)s while its %(controls)s stood still."
            )
            % words
        )
    if alert.rule == RuleCode.R10:
        return (
            _(
                "Withdrawn: later data do not bear out that the collector at %(site)s"
                " (ending %(mn)s) was offline from %(start)s to %(end)s."
            )
            % words
        )
    if alert.rule == RuleCode.R18:
        return _("Withdrawn: by later records the certificates at %(site)s hold longer.") % words
    if alert.rule == RuleCode.R19:
        return _("Withdrawn: by the day now due the installation is not overdue.")
    return (
        _(
            "Withdrawn: later data do not bear out a power cut at %(site)s"
            " from %(start)s to %(end)s."
        )
        % words
    )


def _words(alert: Alert, occurrence: Occurrence) -> dict[str, str]:
    evidence = occurrence.evidence
    start, end = occurrence.started_at, occurrence.ended_at
    subject = get_subject(alert, occurrence)
    site = clean_line(evidence.get("site", {}).get("name", "")) or subject
    return {
        "start": _moment(start, beside=end),
        "end": _moment(end, beside=start),
        "duration": say_minutes(_minutes(occurrence)),
        "production": subject,
        "controls": _join_names([c.get("name", "") for c in _failing_controls(evidence)]),
        "site": site,
        "mn": clean_line(evidence.get("collector", {}).get("mn", ""))[-6:],
        "meters": formats.number(len(evidence.get("meters", ()))),
        "expires_on": _day(evidence.get("expires_on")),
        "due_on": _day(evidence.get("due_on")),
        "days": formats.number(_days(evidence)),
        "points": formats.number(evidence.get("points")),
        "points_total": formats.number(evidence.get("points_total")),
    }


def _day(day: str | None) -> str:
    """Return an ISO date as people write it."""
    if not day:
        return formats.MISSING
    return formats.local_date(day_start(date.fromisoformat(day)), language=get_language())


def _days(evidence: dict[str, Any]) -> float | None:
    values = [n.get("value") for n in evidence.get("numbers", []) if n.get("unit") == "d"]
    return values[0] if values else None


def _minutes(occurrence: Occurrence) -> float:
    for number in occurrence.evidence.get("numbers", []):
        if number.get("key") in LENGTHS and number.get("value") is not None:
            return float(number["value"])
    return (occurrence.ended_at - occurrence.started_at) / timedelta(minutes=1)


def _failing_controls(evidence: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the paired controls that were not on; all of them where no state is given."""
    controls: list[dict[str, Any]] = evidence.get("controls", [])
    return [control for control in controls if control.get("state") != "ON"] or controls


def _join_names(names: Sequence[str]) -> str:
    cleaned = [clean_line(name) for name in names if name.strip()]
    if not cleaned:
        return _("control facility")
    shown = pgettext("between names in a list", ", ").join(cleaned[:NAMES_SHOWN])
    rest = len(cleaned) - NAMES_SHOWN
    if rest > 0:
        return ngettext("%(names)s and %(count)d more", "%(names)s and %(count)d more", rest) % {
            "names": shown,
            "count": rest,
        }
    return shown


def say_minutes(minutes: float) -> str:
    """Return a length of time as a sentence says it: whole minutes, from an hour on in hours."""
    whole = int(minutes)
    if 1 <= whole < 60:
        return ngettext("%(count)d minute", "%(count)d minutes", whole) % {"count": whole}
    return formats.duration(minutes, language=get_language())


def _moment(moment: datetime, *, beside: datetime) -> str:
    if formats.in_shanghai(moment).date() == formats.in_shanghai(beside).date():
        return formats.local_time(moment)
    return formats.local_dt(moment, language=get_language())


# --- what to do next ---


def get_advice(alert: Alert, *, audience: str = "") -> str:
    """Return what is to be done next, for a role (``tenancy.models.Role``); officers by default.

    The clocks are those of the alert's level, as the catalogue has them.
    """
    if alert.status == AlertStatus.WITHDRAWN:
        return _("Nothing is to be done. The record keeps both the finding and its withdrawal.")
    if not alert.is_suspected:
        return _("Nothing is to be done. The decision and its reasons stand in the timeline.")
    if audience in ENTERPRISE_ROLES:
        return _enterprise_advice(alert)
    if alert.status == AlertStatus.EXPLAINED:
        return _("Read the enterprise's explanation, then verify on site or accept it.")
    if alert.status == AlertStatus.VERIFYING:
        return _("Verify on site with two officers and record what was found.")
    if alert.rule == RuleCode.R10:
        return _("Ask the enterprise and its operator; the gap counts as unknown, not as stopped.")
    if alert.rule == RuleCode.R12:
        return _("Compare with the grid's notice; what happened meanwhile counts as unknown.")
    if alert.rule == RuleCode.R18:
        return _("Open a work order for calibration; the file shows the new certificate at once.")
    if alert.rule == RuleCode.R19:
        return _("See in the installation programme what is missing, and call the enterprise.")
    if alert.status == AlertStatus.ACKNOWLEDGED:
        return _("Wait for the explanation or verify on site.")
    if alert.level == Level.RED:
        return _("Take it within 15 minutes; verify on site within 4 hours.")
    if alert.level == Level.ORANGE:
        return _("Take it within 60 minutes; verify on site within 24 hours.")
    return _("Look at it within 24 hours.")


def _enterprise_advice(alert: Alert) -> str:
    if alert.status in (AlertStatus.EXPLAINED, AlertStatus.VERIFYING):
        return _("Your explanation is recorded. Keep the site as it is until it was verified.")
    if alert.rule == RuleCode.R10:
        return _("Check the collector's power and network; stored readings are sent later.")
    if alert.rule == RuleCode.R12:
        return _("If power was cut, declare it with the notice; if not, check the meters' supply.")
    if alert.rule == RuleCode.R18:
        return _("Have the meters verified and let the operator record the new certificates.")
    if alert.rule == RuleCode.R19:
        return _("Agree a day with the operator now; explain here what keeps you from it.")
    if alert.level == Level.RED:
        return _(
            "Check the control facility at once, start it or stop production,"
            " and explain within 60 minutes."
        )
    if alert.level == Level.ORANGE:
        return _("Check the control facility and explain within 4 hours.")
    return _("Check the facility and explain within 48 hours.")


# --- messages ---


def get_greeting(alert: Alert, event: Event, *, level: int) -> str:
    """Return what kind of message this is, in a few words, with the level where it matters."""
    named = {"level": str(Level(level).label)}
    if event == Event.WITHDRAWN:
        return _("Alert withdrawn")
    if event == Event.ENDED:
        return _("Alert over")
    if event == Event.LEVEL_RAISED:
        return _("Raised to %(level)s, suspected") % named
    if event == Event.RECURRED:
        return _("%(level)s suspected again") % named
    return _("%(level)s suspected alert") % named


def get_sms(alert: Alert, occurrence: Occurrence, event: Event, *, level: int) -> str:
    """Return the SMS: kind, enterprise, facility, time and link, and nothing else (privacy).

    Names are shortened so that a Chinese text fits one SMS of 70 characters where the link leaves
    room (it may take 40): the enterprise keeps at least 8 characters, the facility 6. The day is
    given where it is not the day on which the matter was found.
    """
    enterprise = clean_line(alert.enterprise.name)
    subject = get_subject(alert, occurrence)
    words = {
        "kind": get_greeting(alert, event, level=level),
        "time": _sms_time(occurrence),
        "link": get_link(alert),
    }
    template = _("%(kind)s: %(enterprise)s, %(subject)s, %(time)s. %(link)s")
    room = SMS_CHARACTERS - len(template % {**words, "enterprise": "", "subject": ""})
    enterprise = shorten(enterprise, max(room - len(subject), 8))
    subject = shorten(subject, max(room - len(enterprise), 6))
    return template % {**words, "enterprise": enterprise, "subject": subject}


def _sms_time(occurrence: Occurrence) -> str:
    moment = formats.in_shanghai(occurrence.started_at)
    if moment.date() == formats.in_shanghai(occurrence.detected_at).date():
        return formats.local_time(moment)
    return f"{moment.month}-{moment.day} {formats.local_time(moment)}"
