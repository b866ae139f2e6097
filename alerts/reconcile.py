"""What the rules found against what is stored: alerts open, grow, rise, end and are withdrawn.

Everything here happens in the caller's transaction: the occurrence, the alert, its log row and the
messages to city, county and enterprise commit together or not at all.

Identity: a finding is the stored occurrence of the same rule and subject that starts at the same
moment, else one that it overlaps (standing ones before withdrawn ones). Late data may move a start,
join two occurrences (the later one is withdrawn) or part one. So the occurrences that stand follow
from the data alone, whatever the order in which these came; only what was withdrawn on the way, the
log and ``detected_at`` tell the way.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from alerts import outbox
from alerts.evaluation.findings import Finding, Phase, iso
from alerts.loop import LoopEvent, log, move
from alerts.models import Alert, AlertStatus, Occurrence, OccurrenceState
from alerts.models.alert import UNREVIEWED_STATUSES
from alerts.wording import Event
from common.localtime import to_local

FIRING, ENDED = OccurrenceState.FIRING, OccurrenceState.ENDED
SUPPRESSED, WITHDRAWN = OccurrenceState.SUPPRESSED, OccurrenceState.WITHDRAWN
RAISED = (FIRING, ENDED)
#: Statuses in which an alert still follows the data; what people decided stays decided.
MOVED_BY_DATA = (*UNREVIEWED_STATUSES, AlertStatus.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding that is stored, with its evidence; PENDING ones never come here."""

    finding: Finding
    evidence: dict[str, Any]

    @property
    def state(self) -> OccurrenceState:
        if self.finding.suppressed_by:
            return SUPPRESSED
        return FIRING if self.finding.phase is Phase.FIRING else ENDED


@dataclass(slots=True)
class Outcome:
    """What an evaluation changed, for logs and tests."""

    opened: list[Occurrence] = field(default_factory=list)
    changed: list[Occurrence] = field(default_factory=list)
    withdrawn: list[Occurrence] = field(default_factory=list)


def match(
    findings: Sequence[Finding], rows: Sequence[Occurrence]
) -> tuple[list[Occurrence | None], list[Occurrence]]:
    """Return for each finding its row, or None, and the standing rows that no finding backs."""
    free: dict[tuple[str, str], list[Occurrence]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.state == WITHDRAWN, row.started_at)):
        free[row.rule, row.subject_key].append(row)
    found: list[Occurrence | None] = [None] * len(findings)

    def take(n: int, candidates: Iterable[Occurrence]) -> None:
        taken = next(iter(candidates), None)
        if taken is not None:
            found[n] = taken
            free[findings[n].rule, findings[n].subject.key].remove(taken)

    for n, finding in enumerate(findings):
        same = free[finding.rule, finding.subject.key]
        take(n, (row for row in same if row.started_at == finding.span.start))
    for n, finding in enumerate(findings):
        if found[n] is None:
            start, end = finding.span
            same = free[finding.rule, finding.subject.key]
            take(n, (row for row in same if row.started_at < end and start < row.ended_at))
    left = [row for rest in free.values() for row in rest if row.state != WITHDRAWN]
    return found, left


def _is_longer_only(before: str, level: int, started_at: datetime, row: Occurrence) -> bool:
    return (before, level, started_at) == (FIRING, row.level, row.started_at) and (
        row.state == FIRING
    )


def goes_on(row: Occurrence, item: Judged) -> bool:
    """Tell whether the finding only carries its occurrence on: nobody is told, nothing logged."""
    finding = item.finding
    return (row.state, row.level, row.started_at) == (
        FIRING,
        finding.level,
        finding.span.start,
    ) and item.state == FIRING


def write_lasting(pairs: Sequence[tuple[Occurrence, Judged]]) -> None:
    """Write occurrences that go on, and how far their alerts reach; two queries for all of them.

    The same as ``Reconciler.run`` does one by one where ``goes_on``.
    """
    if not pairs:
        return
    reach: dict[int, datetime] = {}
    for row, item in pairs:
        row.ended_at, row.evidence = item.finding.span.end, item.evidence
        assert row.alert_id is not None  # noqa: S101  (by constraint: only suppressed ones have none)
        reach[row.alert_id] = max(row.ended_at, reach.get(row.alert_id, row.ended_at))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE alerts_occurrence o SET ended_at = x.ended_at, evidence = x.evidence::jsonb
            FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) AS x (id, ended_at, evidence)
            WHERE o.id = x.id
            """,
            [
                [row.pk for row, _ in pairs],
                [row.ended_at for row, _ in pairs],
                [json.dumps(row.evidence) for row, _ in pairs],
            ],
        )
        cursor.execute(
            """
            UPDATE alerts_alert a SET latest_ended_at = x.ended_at
            FROM unnest(%s::bigint[], %s::timestamptz[]) AS x (id, ended_at)
            WHERE a.id = x.id AND a.latest_ended_at < x.ended_at
            """,
            [list(reach), list(reach.values())],
        )


class Reconciler:
    """One enterprise's evaluation being written down."""

    def __init__(
        self, *, enterprise_id: int, county_id: int, group_gap: timedelta, now: datetime
    ) -> None:
        self.enterprise_id = enterprise_id
        self.county_id = county_id
        self.group_gap = group_gap
        self.now = now
        self.outcome = Outcome()
        self._touched: dict[int, Alert] = {}
        self._told: list[tuple[int, Occurrence, Event]] = []

    def run(
        self,
        judged: Sequence[Judged],
        found: Sequence[Occurrence | None],
        left: Sequence[Occurrence],
    ) -> Outcome:
        """Write each finding into its row, or a new one; withdraw the rows that are left."""
        for stale in left:
            self._withdraw(stale)
        for item, row in zip(judged, found, strict=True):
            if row is None:
                self._add(item)
            else:
                self._update(row, item)
        for alert in self._touched.values():
            self._sum_up(alert)
        for alert_id, row, event in self._told:
            outbox.queue_notifications(
                self._touched[alert_id], row, event=event.value, now=self.now
            )
        return self.outcome

    def _add(self, item: Judged) -> None:
        finding = item.finding
        row = Occurrence(
            enterprise_id=self.enterprise_id,
            rule=finding.rule,
            subject_key=finding.subject.key,
            detected_at=self.now,
        )
        self._fill(row, item)
        if item.state != SUPPRESSED:
            self._raise_in_alert(row, item)
        row.save()
        if row.alert_id is not None:
            self._log_raised(row)
        self.outcome.opened.append(row)

    def _update(self, row: Occurrence, item: Judged) -> None:
        before, level_before, start_before = row.state, row.level, row.started_at
        self._fill(row, item)
        comes_back = row.state in RAISED and before not in RAISED
        if comes_back and (row.alert is None or row.alert.status not in MOVED_BY_DATA):
            # Suppressed till now, or withdrawn from an alert that people have closed since.
            row.detected_at = self.now
            self._raise_in_alert(row, item)
            row.save()
            self._log_raised(row)
            self.outcome.opened.append(row)
            return
        row.save()
        self.outcome.changed.append(row)
        if row.alert is None:
            return
        if _is_longer_only(before, level_before, start_before, row):
            Alert.objects.filter(pk=row.alert.pk, latest_ended_at__lt=row.ended_at).update(
                latest_ended_at=row.ended_at
            )
            return
        self._touch(row)
        if comes_back:
            self._log(row, "occurrence_reinstated", Event.RECURRED)
        elif row.state == SUPPRESSED:
            if before in RAISED:
                self._log(row, "suppressed", Event.WITHDRAWN)
        else:
            self._log_changes(row, before, level_before)

    def _log_changes(self, row: Occurrence, before: str, level_before: int) -> None:
        if row.level < level_before:
            self._log(row, "level_raised", Event.LEVEL_RAISED)
        if (before, row.state) == (FIRING, ENDED):
            self._log(row, "ended", Event.ENDED)
        elif (before, row.state) == (ENDED, FIRING):
            self._log(row, "resumed", None)

    def _withdraw(self, row: Occurrence) -> None:
        if row.alert is None:
            # Nobody was told of it and no alert stands on it; later data took the ground away.
            row.delete()
            return
        was_raised = row.state in RAISED
        row.state = WITHDRAWN
        row.save(update_fields=["state"])
        self.outcome.withdrawn.append(row)
        self._log(row, "occurrence_withdrawn", Event.WITHDRAWN if was_raised else None)

    def _fill(self, row: Occurrence, item: Judged) -> None:
        row.state = item.state
        row.level = item.finding.level
        row.started_at, row.ended_at = item.finding.span
        row.evidence = item.evidence

    def _raise_in_alert(self, row: Occurrence, item: Judged) -> None:
        """Join the subject's alert within the grouping time, else open a new one."""
        subject = item.finding.subject
        alert = (
            Alert.objects.select_for_update(of=("self",))
            .filter(
                rule=row.rule,
                subject_key=row.subject_key,
                status__in=UNREVIEWED_STATUSES,
                latest_ended_at__gte=row.started_at - self.group_gap,
                first_started_at__lte=row.ended_at + self.group_gap,
            )
            .order_by("-latest_ended_at", "-pk")
            .first()
        )
        if alert is None:
            alert = Alert.objects.create(
                number=next_alert_number(self.now),
                rule=row.rule,
                level=row.level,
                enterprise_id=self.enterprise_id,
                county_id=self.county_id,
                facility_id=subject.facility_id,
                pairing_id=subject.pairing_id,
                collector_id=subject.collector_id,
                site_id=subject.site_id,
                subject_key=row.subject_key,
                first_started_at=row.started_at,
                latest_ended_at=row.ended_at,
                is_ongoing=row.state == FIRING,
                detected_at=self.now,
                occurrence_count=0,
            )
        row.alert = self._touched.setdefault(alert.pk, alert)

    def _touch(self, row: Occurrence) -> Alert:
        assert row.alert_id is not None and row.alert is not None  # noqa: S101
        return self._touched.setdefault(row.alert_id, row.alert)

    def _log_raised(self, row: Occurrence) -> None:
        alert = self._touch(row)
        is_first = alert.occurrence_count == 0
        alert.occurrence_count += 1  # counted anew in _sum_up
        if is_first:
            self._log(row, "opened", Event.OPENED)
        else:
            self._log(row, "occurrence_added", Event.RECURRED)

    def _log(self, row: Occurrence, event: str, told: Event | None) -> None:
        alert = self._touch(row)
        detail = {
            "occurrence": row.pk,
            "level": row.level,
            "started_at": iso(row.started_at),
            "ended_at": iso(row.ended_at),
        }
        if row.state == SUPPRESSED:
            detail["suppressed_by"] = row.evidence["suppressed_by"]
        log(alert, event, now=self.now, detail=detail)
        if told is not None:
            self._told.append((alert.pk, row, told))

    def _sum_up(self, alert: Alert) -> None:
        """Let the alert follow from its occurrences that stand; without any it is withdrawn."""
        standing = list(
            Occurrence.objects.filter(alert=alert, state__in=RAISED)
            .order_by("started_at")
            .only("state", "level", "started_at", "ended_at")
        )
        alert.is_ongoing = any(row.state == FIRING for row in standing)
        alert.occurrence_count = len(standing)
        if standing:
            alert.level = min(row.level for row in standing)
            alert.first_started_at = standing[0].started_at
            alert.latest_ended_at = max(row.ended_at for row in standing)
        alert.save(
            update_fields=[
                "is_ongoing",
                "occurrence_count",
                "level",
                "first_started_at",
                "latest_ended_at",
            ]
        )
        if not standing and alert.status in UNREVIEWED_STATUSES:
            move(alert, LoopEvent.WITHDRAW, actor=None, now=self.now)
        elif standing and alert.status == AlertStatus.WITHDRAWN:
            move(alert, LoopEvent.REINSTATE, actor=None, now=self.now)


def next_alert_number(now: datetime) -> str:
    """Return a number that no other alert has, such as ``A20261123-000012``; the day is local."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('alerts_alert_number_seq')")
        serial = cursor.fetchone()[0]
    return f"A{to_local(now):%Y%m%d}-{serial % 1_000_000:06d}"
