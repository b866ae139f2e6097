"""R12 POWER_CUT: several points of one site are without voltage at the same time.

At least ``r12_points`` points (all of them where a site has fewer), for ``r12_minutes``. Current
zero with voltage present is OFF and no power cut. A point without data is not without voltage.

Source: domain reference 7(5) and 8 (R12).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from alerts.evaluation.findings import (
    Excuse,
    Finding,
    Number,
    Phase,
    Subject,
    clusters,
    held_on,
    minutes,
)
from alerts.evaluation.parameters import Parameters
from common.intervals import (
    Span,
    Spans,
    clip,
    covered_by_at_least,
    intersect,
    normalise,
    subtract,
    union,
)

RULE = "R12"


@dataclass(frozen=True, slots=True)
class PointCut:
    """Where one point was without voltage, and up to when it is known."""

    facility_id: int
    cut: Spans
    known_until: datetime | None


@dataclass(frozen=True, slots=True)
class SiteFacts:
    id: int
    name: str


def wider_cut(
    points: Sequence[PointCut], control_ids: frozenset[int], *, at_least: int = 2
) -> Spans:
    """Return where a cut takes ``at_least`` points and more than these control facilities.

    Switching off the cabinet of the controls alone is no power cut that excuses R01.
    """
    others = union(*(point.cut for point in points if point.facility_id not in control_ids))
    together = covered_by_at_least([point.cut for point in points], max(1, at_least))
    return intersect(others, together)


def evaluate(
    site: SiteFacts,
    points: Sequence[PointCut],
    *,
    params: Parameters,
    as_of: datetime,
    excuses: Sequence[Excuse] = (),
) -> list[Finding]:
    """Return the site's power cuts, judged up to its newest known moment, at latest ``as_of``."""
    known = [point.known_until for point in points if point.known_until]
    if not known:
        return []
    as_of = min(as_of, max(known))
    need = min(int(params.number("r12_points", as_of)), len(points))
    patience = params.duration("offline_minutes_yellow", as_of)
    cuts = covered_by_at_least([point.cut for point in points], need)
    held = covered_by_at_least(
        [held_on(point.cut, point.known_until, as_of, patience) for point in points], need
    )
    still_open = {span.start for span in held if span.end >= as_of}

    claims = [e for e in excuses if any(e.covers(RULE, point.facility_id) for point in points)]
    long_cuts = [cut for cut in cuts if cut.duration >= params.duration("r12_minutes", cut.start)]
    raised = subtract(long_cuts, normalise(claim.span for claim in claims))
    out = []
    for spans in clusters(raised, params.duration("recovery_minutes", as_of)):
        goes_on = any(cut.end == spans[-1].end and cut.start in still_open for cut in cuts)
        out.append(_finding(site, points, spans, params, as_of))
        if goes_on:
            out[-1] = replace(out[-1], phase=Phase.FIRING)
    if cuts and cuts[-1].start in still_open and cuts[-1] not in long_cuts:
        pending = _finding(site, points, (cuts[-1],), params, as_of)
        out.append(replace(pending, phase=Phase.PENDING))
    for claim in claims:
        for piece in intersect(long_cuts, [claim.span]):
            finding = _finding(site, points, (piece,), params, as_of)
            out.append(replace(finding, suppressed_by=claim.why))
    return sorted(out, key=lambda finding: finding.span)


def _finding(
    site: SiteFacts,
    points: Sequence[PointCut],
    spans: tuple[Span, ...],
    params: Parameters,
    as_of: datetime,
) -> Finding:
    start = spans[0].start
    hit = sum(bool(clip(point.cut, start, spans[-1].end)) for point in points)
    return Finding(
        rule=RULE,
        subject=Subject(key=f"site:{site.id}", site_id=site.id),
        phase=Phase.ENDED,
        level=int(params.number("r12_level", start)),
        spans=spans,
        as_of=as_of,
        numbers=(Number("cut_minutes", minutes(spans), "min", params.at("r12_minutes", start)),),
        facts={
            "site": {"id": site.id, "name": site.name},
            "points": hit,
            "points_total": len(points),
        },
    )
