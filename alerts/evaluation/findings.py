"""What a rule says: findings, the numbers behind them, and what excuses them. Pure data.

``evidence`` writes a finding in the form that alerts keep and screens and sentences read:

``as_of``, ``rule_title``; of ``production``, ``controls``, ``pairing``, ``collector``, ``site``,
``points``, ``points_total`` those that apply; ``numbers`` (each with the threshold it met and that
threshold's date and scope), ``spans``, ``unknown_minutes``, ``backfilled``, ``declarations`` and
``suppressed_by``. Times are ISO 8601 in UTC.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from alerts.evaluation.parameters import DatedValue, gettext_noop
from common.intervals import Span, Spans, clip

#: The rules' titles, the same words as ``alerts.models.RuleCode``.
RULE_TITLES = {
    "R01": gettext_noop("Control facility not running"),
    "R10": gettext_noop("Collector offline"),
    "R12": gettext_noop("Power cut"),
    "R18": gettext_noop("Meter certificate expired or expiring"),
    "R19": gettext_noop("Metering installation overdue"),
}

MINUTE = timedelta(minutes=1)


class Phase(StrEnum):
    """PENDING has not lasted long enough and is told to nobody; FIRING goes on; ENDED is over."""

    PENDING = "PENDING"
    FIRING = "FIRING"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class Number:
    """A measured value and, where there is one, the threshold it is held against."""

    key: str
    value: float
    unit: str
    threshold: DatedValue | None = None


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why a finding is kept but not raised."""

    kind: str  # "declaration" or "power_cut"
    text: str
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Excuse:
    """A stretch in which some rules must not raise; without facilities, in the whole enterprise."""

    span: Span
    rules: frozenset[str]
    why: Suppression
    facility_ids: frozenset[int] = frozenset()

    def covers(self, rule: str, facility_id: int) -> bool:
        return rule in self.rules and (not self.facility_ids or facility_id in self.facility_ids)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a finding is about. ``metered`` are the facilities whose mean power belongs to it."""

    key: str  # "facility:12/pairing:3", "collector:7", "site:4"
    facility_id: int | None = None
    pairing_id: int | None = None
    collector_id: int | None = None
    site_id: int | None = None
    metered: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One stretch in which a rule holds; ``span`` runs from the first of ``spans`` to the last."""

    rule: str
    subject: Subject
    phase: Phase
    level: int
    spans: tuple[Span, ...]
    as_of: datetime  # to where the verdict looked
    numbers: tuple[Number, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    unknown_minutes: float = 0.0
    suppressed_by: Suppression | None = None

    @property
    def span(self) -> Span:
        return Span(self.spans[0].start, self.spans[-1].end)


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def minutes(spans: Iterable[Span]) -> float:
    return round(sum((span.duration / MINUTE for span in spans), 0.0), 2)


def number_row(number: Number) -> dict[str, object]:
    """Return one number as it stands in the evidence."""
    row: dict[str, object] = {
        "key": number.key,
        "value": round(number.value, 3),
        "unit": number.unit,
    }
    if number.threshold:
        row["threshold"] = number.threshold.value
        row["threshold_key"] = number.threshold.key
        row["scope"] = number.threshold.scope
        if number.threshold.valid_from:
            row["valid_from"] = iso(number.threshold.valid_from)
    return row


def evidence(finding: Finding) -> dict[str, object]:
    """Return the finding as JSON data. A finished one does not depend on how far we looked."""
    why = finding.suppressed_by
    seen_until = finding.span.end if finding.phase is Phase.ENDED else finding.as_of
    return {
        "as_of": iso(seen_until),
        "rule_title": RULE_TITLES[finding.rule],
        **finding.facts,
        "numbers": [number_row(number) for number in finding.numbers],
        "spans": [[iso(start), iso(end)] for start, end in finding.spans],
        "unknown_minutes": finding.unknown_minutes,
        "backfilled": 0,
        "declarations": [why.id] if why and why.kind == "declaration" else [],
        "suppressed_by": {"kind": why.kind, "id": why.id, "text": why.text} if why else None,
    }


def clusters(spans: Sequence[Span], gap: timedelta) -> list[tuple[Span, ...]]:
    """Return the spans in groups whose members lie at most ``gap`` apart."""
    groups: list[list[Span]] = []
    for span in spans:
        if groups and span.start - groups[-1][-1].end <= gap:
            groups[-1].append(span)
        else:
            groups.append([span])
    return [tuple(group) for group in groups]


def held_on(
    spans: Spans, known_until: datetime | None, until: datetime, patience: timedelta
) -> Spans:
    """Return the spans with one that reaches ``known_until`` held on to ``until``.

    Two devices never report at the same moment. Whether something still goes on is judged as if
    the one that is behind had not changed, but only for ``patience``.
    """
    if not spans or known_until is None or spans[-1].end != known_until:
        return spans
    if not timedelta() < until - known_until <= patience:
        return spans
    return [*spans[:-1], Span(spans[-1].start, until)]


def unknown_minutes(spans: Sequence[Span], unknown: Sequence[Spans]) -> float:
    """Return the minutes of no data inside the stretch, of the facility that has most of them."""
    whole = Span(spans[0].start, spans[-1].end)
    return max((minutes(clip(each, *whole)) for each in unknown), default=0.0)
