"""R01 CONTROL_NOT_RUNNING: production runs while the control set that serves it does not.

Theory (picture in ``docs/rules/R01.md``)::

    violation = production.on  AND  fewer control facilities than needed can possibly be ON

* Unknown is never off: a control facility without data might run, so only those *known to rest*
  (OFF, STANDBY, idle, or without voltage of their own) count against the set.
* A violation is one unbroken stretch and must last ``r01_minutes``. It is measured from the start
  of production, so a control that never starts fires at minute 10 of production.
* The first ``lead_s`` of a run of production belong to R02 (late start). A stretch that begins with
  a start of production and in which the control follows within the lead is no R01, however long the
  lead of the pairing; until the lead is over it is pending.
* Declared and accepted work takes away only what it names: the named control facility no longer
  counts against the set, or the named production does not count as running. What is thereby not
  raised is kept as a suppressed finding. A power cut that takes more than control facilities
  excuses; one that takes only control facilities does not.

Source: domain reference 8 (R01); legal wording "stopped while producing", Measures on detention
art. 7(4).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.evaluation.findings import (
    Excuse,
    Finding,
    Number,
    Phase,
    Subject,
    Suppression,
    clusters,
    held_on,
    minutes,
    unknown_minutes,
)
from alerts.evaluation.parameters import DatedValue, Parameters
from common.intervals import Span, Spans, covered_by_at_least, intersect, normalise, subtract
from meters.states import StateRules, thresholds_at
from meters.timelines import Timeline

RULE = "R01"


@dataclass(frozen=True, slots=True)
class Facility:
    """A facility as the rules see it. ``rules`` None: no metered point."""

    id: int
    name: str
    timeline: Timeline
    rules: StateRules | None = None


@dataclass(frozen=True, slots=True)
class PairingFacts:
    """Which controls serve; ``mode`` ANY, ALL or AT_LEAST; ``lead_s`` None: the parameter's."""

    id: int
    stage: str
    mode: str
    at_least: int
    valid_from: datetime
    valid_to: datetime | None = None
    lead_s: float | None = None

    def need(self, count: int) -> int:
        """Return how many of ``count`` control facilities must run."""
        wanted = {"ANY": 1, "ALL": count}.get(self.mode, self.at_least)
        return max(1, min(wanted, count))


def evaluate(
    production: Facility,
    controls: Sequence[Facility],
    pairing: PairingFacts,
    *,
    params: Parameters,
    as_of: datetime,
    excuses: Sequence[Excuse] = (),
    power_cut: Sequence[Span] = (),
) -> list[Finding]:
    """Return what R01 finds for one production facility under one pairing, in order of time.

    Judged up to the newest known moment of production, and no later than ``as_of``. ``power_cut``:
    where the site's power cut takes more than control facilities (``r12.wider_cut``).
    A pairing without control facilities gives nothing.
    """
    known_until = production.timeline.known_until
    if not controls or known_until is None:
        return []
    judge = _Judge(production, controls, pairing, params, min(as_of, known_until), power_cut)
    claims = [e for e in excuses if any(e.covers(RULE, f.id) for f in (production, *controls))]
    return judge.findings(claims)


class _Judge:
    """The data of one call, so that the steps read as sentences."""

    def __init__(
        self,
        production: Facility,
        controls: Sequence[Facility],
        pairing: PairingFacts,
        params: Parameters,
        as_of: datetime,
        power_cut: Sequence[Span],
    ) -> None:
        self.production = production
        self.controls = controls
        self.pairing = pairing
        self.params = params
        self.as_of = as_of
        self.power_cut = power_cut
        self.need = pairing.need(len(controls))
        end = min(as_of, pairing.valid_to) if pairing.valid_to else as_of
        self.on = intersect(
            production.timeline.on,
            [Span(pairing.valid_from, end)] if end > pairing.valid_from else [],
        )

    def findings(self, claims: Sequence[Excuse]) -> list[Finding]:
        patience = self.params.duration("offline_minutes_yellow", self.as_of)
        resting = [control.timeline.resting for control in self.controls]
        held = [
            held_on(rest, control.timeline.known_until, self.as_of, patience)
            for rest, control in zip(resting, self.controls, strict=True)
        ]
        violations = self.unserved(resting)
        still_open = {span.start for span in self.unserved(held) if span.end == self.as_of}
        qualified = [span for span in violations if self.qualifies(span, still_open)]

        excused_on = subtract(self.on, self.power_cut)
        excused_rest = []
        for control, rest in zip(self.controls, resting, strict=True):
            named = normalise(
                e.span for e in claims if e.facility_ids and e.covers(RULE, control.id)
            )
            excused_rest.append(subtract(rest, named))
        whole = normalise(e.span for e in claims if e.covers(RULE, self.production.id))
        unexcused = self.unserved(excused_rest, subtract(excused_on, whole))

        raised = [
            piece
            for piece in intersect(qualified, unexcused)
            if piece.duration >= self.must_last(piece)
        ]
        out = [
            self.finding(spans, Phase.ENDED)
            for spans in clusters(raised, self.params.duration("recovery_minutes", self.as_of))
        ]
        if violations and self.is_open(violations[-1], still_open):
            latest = violations[-1]
            if out and out[-1].span.end == latest.end:
                out[-1] = replace(out[-1], phase=Phase.FIRING)
            elif (pending := intersect([latest], unexcused)) and pending[-1].end == latest.end:
                out.append(self.finding((pending[-1],), Phase.PENDING))
        for piece in subtract(qualified, unexcused):
            out.append(
                replace(self.finding((piece,), Phase.ENDED), suppressed_by=self.why(piece, claims))
            )
        return sorted(out, key=lambda finding: finding.span)

    def unserved(self, resting: Sequence[Spans], on: Spans | None = None) -> Spans:
        """Return where production runs and too many control facilities are known to rest."""
        too_many = len(self.controls) - self.need + 1
        return intersect(self.on if on is None else on, covered_by_at_least(resting, too_many))

    def must_last(self, span: Span) -> timedelta:
        return self.params.duration("r01_minutes", span.start)

    def is_open(self, span: Span, still_open: set[datetime]) -> bool:
        return span.end == self.as_of or span.start in still_open

    def qualifies(self, span: Span, still_open: set[datetime]) -> bool:
        """Return whether a stretch lasts long enough and is not a start within its lead."""
        if span.duration < self.must_last(span):
            return False
        if not self.begins_with_a_start(span) or span.duration > self.lead(span):
            return True
        followed = any(serving.start == span.end for serving in self.serving())
        return not followed and not self.is_open(span, still_open)

    def begins_with_a_start(self, span: Span) -> bool:
        """Return whether production was known to rest right before."""
        return any(rest.end == span.start for rest in self.production.timeline.resting)

    def lead(self, span: Span) -> timedelta:
        if self.pairing.lead_s is not None:
            return timedelta(seconds=self.pairing.lead_s)
        return self.params.duration("lead_s", span.start)

    def serving(self) -> Spans:
        return covered_by_at_least([c.timeline.on for c in self.controls], self.need)

    def why(self, piece: Span, claims: Sequence[Excuse]) -> Suppression:
        """Return the excuse that covers a suppressed stretch: a declaration before a power cut."""
        for claim in claims:
            if intersect([piece], [claim.span]):
                return claim.why
        return Suppression("power_cut", "")

    def finding(self, spans: tuple[Span, ...], phase: Phase) -> Finding:
        start = spans[0].start
        production, controls, pairing = self.production, self.controls, self.pairing
        numbers = [
            Number("violation_minutes", minutes(spans), "min", self.params.at("r01_minutes", start))
        ]
        if production.rules:
            limits = thresholds_at(production.rules, start)
            dated = DatedValue("on_from_kw", limits.on_from_kw, "facility", 0, limits.valid_from)
            numbers.append(Number("on_from_kw", limits.on_from_kw, "kW", dated))
        return Finding(
            rule=RULE,
            subject=Subject(
                key=f"facility:{production.id}/pairing:{pairing.id}",
                facility_id=production.id,
                pairing_id=pairing.id,
                metered=(production.id, *(control.id for control in controls)),
            ),
            phase=phase,
            level=int(self.params.number("r01_level", start)),
            spans=spans,
            as_of=self.as_of,
            numbers=tuple(numbers),
            facts={
                "production": {"id": production.id, "name": production.name},
                "controls": [
                    {
                        "id": control.id,
                        "name": control.name,
                        "state": control.timeline.state_at(spans[-1].start).value,
                    }
                    for control in controls
                ],
                "pairing": {
                    "id": pairing.id,
                    "stage": pairing.stage,
                    "mode": pairing.mode,
                    "at_least": self.need,
                },
            },
            unknown_minutes=unknown_minutes(spans, [c.timeline.unknown for c in controls]),
        )
