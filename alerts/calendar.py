"""The rules that follow from dates and records alone: certificates that end, due days that pass.

No reading rings for them, so a clock looks every minute. Six queries, whatever the number of
enterprises, find those where a finding begins, ends, or was last looked at on an earlier day
(levels and lengths change with the day); only these are judged, each in its own transaction under
the enterprise's lock, and written by the same ``alerts.reconcile`` as every other rule.

What was over before anybody looked is not raised after the fact.
"""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from alerts.drain import Drained
from alerts.evaluate import Place, get_place
from alerts.evaluation import r18, r19
from alerts.evaluation.findings import Finding, Phase, evidence
from alerts.models import CALENDAR_RULES, Occurrence, OccurrenceState, RuleParameter
from alerts.parameters import dated_for
from alerts.reconcile import Judged, Outcome, Reconciler, match
from common.localtime import day_start, local_date
from enterprises.models import INSTALLED_STATUSES, Installation, InstallationLog
from meters.models import Meter
from meters.segments import try_lock

logger = logging.getLogger(__name__)


def evaluate_calendar(*, now: datetime, budget_s: float = 20.0) -> Drained:
    """Judge every enterprise for which ``find_enterprises`` says that the calendar moved.

    An enterprise that fails is logged, counted and left for the next round; what the time does not
    suffice for is found again.
    """
    drained = Drained()
    finish_at = time.monotonic() + budget_s
    for enterprise_id in find_enterprises(now):
        if time.monotonic() >= finish_at:
            break
        try:
            done = judge_enterprise(enterprise_id, now=now)
        except Exception:
            logger.exception("calendar.failed enterprise=%s", enterprise_id)
            drained.failed += 1
        else:
            drained.evaluated += done is not None
            drained.busy += done is None
    return drained


@transaction.atomic
def judge_enterprise(
    enterprise_id: int, *, now: datetime, as_of: datetime | None = None
) -> Outcome | None:
    """Judge one enterprise's dates and write what differs; None where another worker is at it.

    as_of: what lies after it is not looked at (default ``now``, our clock, which dates the rows).
    """
    if not try_lock(enterprise_id):
        return None
    as_of = as_of or now
    place = get_place(enterprise_id)
    rows = list(
        Occurrence.objects.filter(
            enterprise=enterprise_id, rule__in=[str(rule) for rule in CALENDAR_RULES]
        ).select_related("alert")
    )
    findings = _judge(place, as_of)
    found, left = match(findings, rows)
    changed = [
        (finding, row)
        for finding, row in zip(findings, found, strict=True)
        if (row is not None or finding.phase is Phase.FIRING) and not _stands(row, finding)
    ]
    if not changed and not left:
        return Outcome()
    return Reconciler(
        enterprise_id=enterprise_id,
        county_id=place.county_id,
        group_gap=place.book.enterprise.duration("group_hours", as_of),
        now=now,
    ).run(
        [Judged(finding, _evidence(finding)) for finding, _ in changed],
        [row for _, row in changed],
        left,
    )


def _judge(place: Place, as_of: datetime) -> list[Finding]:
    params = place.book.enterprise
    installation = get_installation(place.id)
    found = r19.evaluate(installation, params=params, as_of=as_of) if installation else []
    found += r18.evaluate(get_certificates(place.id), params=params, as_of=as_of)
    return found


def _evidence(finding: Finding) -> dict[str, Any]:
    """Return the evidence; nothing was measured, so nothing is said of gaps in the data."""
    said: dict[str, Any] = evidence(finding)
    del said["unknown_minutes"]
    return said


def _stands(row: Occurrence | None, finding: Finding) -> bool:
    """Tell whether a finished occurrence says already what the finding says."""
    return (
        row is not None
        and finding.phase is Phase.ENDED
        and row.state == OccurrenceState.ENDED
        and (row.started_at, row.ended_at) == tuple(finding.span)
    )


def get_certificates(enterprise_id: int) -> list[r18.Certificate]:
    """Return every meter record with a certificate of an installed enterprise; one query."""
    rows = (
        Meter.objects.filter(
            point__collector__enterprise=enterprise_id,
            point__collector__enterprise__installation_status__in=INSTALLED_STATUSES,
            certificate_expires_on__isnull=False,
        )
        .order_by("pk")
        .values_list(
            "point__collector_id",
            "point__collector__mn",
            "point__collector__site_id",
            "point__collector__site__name",
            "point__facility__name",
            "serial",
            "certificate_number",
            "certificate_expires_on",
            "valid_from",
            "valid_to",
            "point__retired_at",
        )
    )
    return [
        r18.Certificate(*facts, min((at for at in (valid_to, retired_at) if at), default=None))
        for *facts, valid_to, retired_at in rows
    ]


def get_installation(enterprise_id: int) -> r19.InstallationFacts | None:
    """Return the enterprise's part in the programme with its moves; two queries."""
    row = (
        Installation.objects.filter(enterprise=enterprise_id)
        .select_related("enterprise", "batch")
        .first()
    )
    if row is None:
        return None
    moves = InstallationLog.objects.filter(enterprise=enterprise_id).order_by("at", "pk")
    return r19.InstallationFacts(
        enterprise_id=enterprise_id,
        enterprise_name=row.enterprise.name,
        due_on=row.due_on,
        status=row.enterprise.installation_status,
        batch_name=row.batch.name if row.batch else "",
        moves=tuple(moves.values_list("at", "from_status", "to_status")),
        accepted_at=row.accepted_at,
    )


# --- whom to look at ---

#: Overdue and not told, or not looked at today.
_R19_BEGINS = """
    SELECT e.id, i.due_on, d.path, e.industry
    FROM enterprises_installation i
    JOIN enterprises_enterprise e ON e.id = i.enterprise_id
    JOIN tenancy_division d ON d.id = e.county_id
    WHERE i.due_on < %(today)s AND e.installation_status = ANY(%(owing)s)
      AND NOT EXISTS (
        SELECT 1 FROM alerts_occurrence o
        WHERE o.rule = 'R19' AND o.state = 'FIRING' AND o.enterprise_id = e.id
          AND o.ended_at >= %(midnight)s)
"""
#: Told as going on, and no longer so, or by another due day.
_R19_ENDS = """
    SELECT o.enterprise_id FROM alerts_occurrence o
    JOIN enterprises_enterprise e ON e.id = o.enterprise_id
    LEFT JOIN enterprises_installation i ON i.enterprise_id = e.id
    WHERE o.rule = 'R19' AND o.state = 'FIRING' AND (
      i.due_on IS NULL OR i.due_on >= %(today)s OR NOT e.installation_status = ANY(%(owing)s)
      OR o.evidence->>'due_on' <> to_char(i.due_on, 'YYYY-MM-DD'))
"""
_R18_BEGINS = """
    SELECT DISTINCT c.enterprise_id, m.certificate_expires_on, d.path, e.industry
    FROM meters_meter m
    JOIN meters_monitoringpoint p ON p.id = m.point_id
    JOIN meters_collector c ON c.id = p.collector_id
    JOIN enterprises_enterprise e ON e.id = c.enterprise_id
    JOIN tenancy_division d ON d.id = e.county_id
    WHERE m.valid_to IS NULL AND m.certificate_expires_on <= %(horizon)s
      AND m.valid_from <= %(now)s AND p.retired_at IS NULL
      AND e.installation_status = ANY(%(installed)s)
      AND NOT EXISTS (
        SELECT 1 FROM alerts_occurrence o
        WHERE o.rule = 'R18' AND o.state = 'FIRING' AND o.enterprise_id = e.id
          AND o.ended_at >= %(midnight)s
          AND o.subject_key = 'collector:' || c.id || '/expires:'
              || to_char(m.certificate_expires_on, 'YYYY-MM-DD'))
"""
_R18_ENDS = """
    SELECT o.enterprise_id FROM alerts_occurrence o
    JOIN enterprises_enterprise e ON e.id = o.enterprise_id
    WHERE o.rule = 'R18' AND o.state = 'FIRING' AND NOT (
      e.installation_status = ANY(%(installed)s) AND EXISTS (
        SELECT 1 FROM meters_collector c
        JOIN meters_monitoringpoint p ON p.collector_id = c.id AND p.retired_at IS NULL
        JOIN meters_meter m ON m.point_id = p.id AND m.valid_to IS NULL
        WHERE c.enterprise_id = o.enterprise_id
          AND o.subject_key = 'collector:' || c.id || '/expires:'
              || to_char(m.certificate_expires_on, 'YYYY-MM-DD')))
"""


def find_enterprises(now: datetime) -> list[int]:
    """Return the enterprises whose certificates or due day must be judged now, by id.

    Six queries. Parameters apply as set for everyone, a division or an industry.
    """
    today = local_date(now)
    notice, patience = _scoped("r18_notice_days", now), _scoped("r19_days_yellow", now)
    words = {
        "today": today,
        "now": now,
        "midnight": day_start(today),
        "horizon": today + timedelta(days=notice.longest),
        "owing": sorted(r19.OWING),
        "installed": [str(status) for status in INSTALLED_STATUSES],
    }
    due = {row[0] for sql in (_R19_ENDS, _R18_ENDS) for row in _fetch(sql, words)}
    for enterprise_id, due_on, path, industry in _fetch(_R19_BEGINS, words):
        if r19.days_over(due_on, now) >= patience(path, industry):
            due.add(enterprise_id)
    for enterprise_id, expires_on, path, industry in _fetch(_R18_BEGINS, words):
        if (expires_on - today).days <= notice(path, industry):
            due.add(enterprise_id)
    return sorted(due)


def _fetch(sql: str, words: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, words)
        return cursor.fetchall()


class _Scoped:
    """One parameter's values in force for every division and industry."""

    def __init__(self, at: Callable[[str, str], float], longest: float) -> None:
        self._at = at
        self._known: dict[tuple[str, str], float] = {}
        self.longest = longest

    def __call__(self, path: str, industry: str) -> float:
        key = path, industry
        if key not in self._known:
            self._known[key] = self._at(path, industry)
        return self._known[key]


def _scoped(key: str, now: datetime) -> _Scoped:
    rows = list(
        RuleParameter.objects.filter(
            Q(valid_to__isnull=True) | Q(valid_to__gt=now), key=key, valid_from__lte=now
        ).values_list(
            "value",
            "valid_from",
            "valid_to",
            "industry",
            "division__kind",
            "division__path",
            "facility_id",
        )
    )

    def at(path: str, industry: str) -> float:
        return dated_for(key, rows, path=path, industry=industry).number(key, now)

    values = [row[0] for row in rows if row[-1] is None]
    return _Scoped(at, max([*values, at("", "")]))
