"""R10 COLLECTOR_OFFLINE: nothing from a collector for a while.

A gap runs from the last reading to the next one, in the collector's own time, and is one only where
*every* point of the collector is silent. It fires from ``offline_minutes_yellow`` on (and never
before the collector's own ``stale_after``: one that reports every 15 minutes is not late at 16),
and rises at orange and red. The open end is judged by our clock: silent means that nothing was
*received*. Data that come later close the gap; the finding is then gone and the alert withdrawn.
A collector that never sent is a matter of installation, not of this rule. Time in which no gateway
of ours listened is not counted: our own silence is nobody's fault.

Source: domain reference 8 (R10) and 15(4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.evaluation.findings import (
    MINUTE,
    Excuse,
    Finding,
    Number,
    Phase,
    Subject,
    minutes,
)
from alerts.evaluation.parameters import Parameters
from common.intervals import Span, intersect, normalise, subtract, total
from meters.states import State
from meters.timelines import Stateful

RULE = "R10"

#: (parameter, level), worst first.
STEPS = (("offline_minutes_red", 1), ("offline_minutes_orange", 2), ("offline_minutes_yellow", 3))


@dataclass(frozen=True, slots=True)
class CollectorFacts:
    """A collector as the rule sees it; ``received_at``: when we last heard anything, our clock."""

    id: int
    mn: str
    site_id: int
    site_name: str
    interval: timedelta
    stale_after: timedelta
    facility_ids: frozenset[int]
    points_total: int
    received_at: datetime | None = None
    is_enabled: bool = True


def evaluate(
    collector: CollectorFacts,
    points: Sequence[Sequence[Stateful]],
    *,
    params: Parameters,
    as_of: datetime,
    excuses: Sequence[Excuse] = (),
    deaf: Sequence[Span] = (),
) -> list[Finding]:
    """Return the collector's gaps that are long enough, in order of time.

    points: the segments of each of its points, whole and ascending. as_of: our clock.
    deaf: where no gateway of ours listened, by our clock.
    """
    known = _known_stretches(points)
    if not known:
        return []
    gaps: list[tuple[Span, Phase]] = []
    latest = known[0][1]
    for start, end in known:
        if start > latest:
            # The last value before a gap was granted one interval; the silence began with it.
            gaps.append((Span(latest - collector.interval, start), Phase.ENDED))
        latest = max(latest, end)
    heard_at = collector.received_at or latest
    unheard = silence([Span(heard_at, as_of)] if heard_at < as_of else [], deaf)
    if collector.is_enabled and unheard >= enough(collector, params, as_of):
        gaps.append((Span(latest, as_of), Phase.FIRING))

    claims = [e for e in excuses if any(e.covers(RULE, each) for each in collector.facility_ids)]
    out: list[Finding] = []
    for gap, phase in gaps:
        if silence([gap], deaf) < enough(collector, params, gap.start):
            continue
        for piece in subtract([gap], normalise(claim.span for claim in claims)):
            lasted = silence([piece], deaf)
            if lasted >= enough(collector, params, gap.start):
                its_phase = phase if piece.end == gap.end else Phase.ENDED
                out.append(_finding(collector, piece, lasted, its_phase, params, as_of, None))
        for claim in claims:
            for piece in intersect([gap], [claim.span]):
                lasted = silence([piece], deaf)
                out.append(_finding(collector, piece, lasted, Phase.ENDED, params, as_of, claim))
    return sorted(out, key=lambda finding: finding.span)


def enough(collector: CollectorFacts, params: Parameters, at: datetime) -> timedelta:
    """Return how long a silence must last to be told at all."""
    return max(params.duration("offline_minutes_yellow", at), collector.stale_after)


def silence(spans: Sequence[Span], deaf: Sequence[Span]) -> timedelta:
    """Return how long the collector was silent while we listened."""
    return total(subtract(spans, deaf))


def level_of(lasted: timedelta, params: Parameters, at: datetime) -> tuple[str, int]:
    """Return the parameter that a silence has met, and its level."""
    for key, level in STEPS:
        if lasted >= params.duration(key, at):
            return key, level
    return STEPS[-1]


def _known_stretches(points: Sequence[Sequence[Stateful]]) -> list[tuple[datetime, datetime]]:
    """Return the stretches in which some point is known, by start.

    Where the data begin inside a gap, its points were known right up to where it began, and what
    lies before the latest of these moments tells nothing.
    """
    begins_unknown = [
        segments[0].start for segments in points if segments and segments[0].state == State.UNKNOWN
    ]
    known = [(s.start, s.end) for each in points for s in each if s.state != State.UNKNOWN]
    if begins_unknown:
        latest = max(begins_unknown)
        known = [(latest, latest), *(stretch for stretch in known if stretch[1] > latest)]
    return sorted(known)


def _finding(
    collector: CollectorFacts,
    span: Span,
    lasted: timedelta,
    phase: Phase,
    params: Parameters,
    as_of: datetime,
    claim: Excuse | None,
) -> Finding:
    key, level = level_of(lasted, params, span.start)
    return Finding(
        rule=RULE,
        subject=Subject(key=f"collector:{collector.id}", collector_id=collector.id),
        phase=phase,
        level=level,
        spans=(span,),
        as_of=as_of,
        numbers=(
            Number(
                "silent_minutes",
                round(lasted / MINUTE, 2),
                "min",
                params.at(key, span.start),
            ),
        ),
        facts={
            "collector": {"id": collector.id, "mn": collector.mn},
            "site": {"id": collector.site_id, "name": collector.site_name},
            "points": collector.points_total,
            "points_total": collector.points_total,
        },
        unknown_minutes=minutes([span]),
        suppressed_by=claim.why if claim else None,
    )
