"""The rules that follow from dates and records alone: certificates that end, due days that pass.

No reading rings for them, so a clock looks every minute. Six queries, whatever the number of
enterprises, find those where a finding begins, ends, or was last looked at on an earlier day
(levels and lengths change with the day). These are judged a batch at a time: one transaction under
the locks of its enterprises, seven queries to load what is known of them all, and two to write
what merely went on for another day. What begins, rises or ends is written one by one by the same
``alerts.reconcile`` as every other rule, because people are told of it.

What was over before anybody looked is not raised after the fact.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from alerts.drain import Drained
from alerts.evaluation import r18, r19
from alerts.evaluation.findings import Finding, Phase, evidence
from alerts.evaluation.parameters import Parameters
from alerts.models import CALENDAR_RULES, Occurrence, OccurrenceState, RuleParameter
from alerts.parameters import dated_for, load_general_parameters
from alerts.reconcile import Judged, Outcome, Reconciler, goes_on, match, write_lasting
from common.localtime import day_start, local_date
from enterprises.models import INSTALLED_STATUSES, Enterprise, Installation, InstallationLog
from meters.models import Meter
from meters.segments import try_locks

logger = logging.getLogger(__name__)

#: Enterprises judged in one transaction: their locks are held meanwhile, a second or two at most.
BATCH = 100


def evaluate_calendar(*, now: datetime, budget_s: float = 20.0) -> Drained:
    """Judge every enterprise for which ``find_enterprises`` says that the calendar moved.

    A batch that fails is judged once more one by one; an enterprise that fails alone is logged,
    counted and left for the next round. What the time does not suffice for is found again.
    """
    drained = Drained()
    finish_at = time.monotonic() + budget_s
    for batch in _batches(find_enterprises(now)):
        if time.monotonic() >= finish_at:
            break
        try:
            outcomes = judge_enterprises(batch, now=now)
        except Exception:
            logger.exception("calendar.batch_failed enterprises=%s", len(batch))
            outcomes = _judge_one_by_one(batch, now, drained, finish_at)
        busy = sum(outcome is None for outcome in outcomes.values())
        drained.busy += busy
        drained.evaluated += len(outcomes) - busy
    return drained


def _batches(enterprise_ids: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(enterprise_ids)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _judge_one_by_one(
    batch: Iterable[int], now: datetime, drained: Drained, finish_at: float
) -> dict[int, Outcome | None]:
    outcomes = {}
    for enterprise_id in batch:
        if time.monotonic() >= finish_at:
            break
        try:
            outcomes[enterprise_id] = judge_enterprise(enterprise_id, now=now)
        except Exception:
            logger.exception("calendar.failed enterprise=%s", enterprise_id)
            drained.failed += 1
    return outcomes


def judge_enterprise(
    enterprise_id: int, *, now: datetime, as_of: datetime | None = None
) -> Outcome | None:
    """Judge one enterprise's dates, as ``judge_enterprises`` does; None: another is at it."""
    return judge_enterprises([enterprise_id], now=now, as_of=as_of)[enterprise_id]


@transaction.atomic
def judge_enterprises(
    enterprise_ids: Sequence[int], *, now: datetime, as_of: datetime | None = None
) -> dict[int, Outcome | None]:
    """Judge the enterprises' dates and write what differs; None where another worker is at it.

    as_of: what lies after it is not looked at (default ``now``, our clock, which dates the rows).
    Either all of them are written or, where anything goes wrong, none.
    """
    as_of = as_of or now
    locked = try_locks(enterprise_ids)
    outcomes: dict[int, Outcome | None] = dict.fromkeys(enterprise_ids)
    lasting: list[tuple[Occurrence, Judged]] = []
    for known in _load(sorted(locked)):
        findings = _judge(known, as_of)
        found, left = match(findings, known.occurrences)
        changed = [
            (Judged(finding, _evidence(finding)), row)
            for finding, row in zip(findings, found, strict=True)
            if (row is not None or finding.phase is Phase.FIRING) and not _stands(row, finding)
        ]
        told = [(item, row) for item, row in changed if row is None or not goes_on(row, item)]
        some = [(row, item) for item, row in changed if row is not None and goes_on(row, item)]
        lasting += some
        outcome = Outcome()
        if told or left:
            outcome = Reconciler(
                enterprise_id=known.enterprise_id,
                county_id=known.county_id,
                group_gap=known.params.duration("group_hours", as_of),
                now=now,
            ).run([item for item, _ in told], [row for _, row in told], left)
        outcome.changed += [row for row, _ in some]
        outcomes[known.enterprise_id] = outcome
    write_lasting(lasting)
    return outcomes


@dataclass(slots=True)
class Known:
    """What is known of an enterprise's dates, and what was found before."""

    enterprise_id: int
    county_id: int
    params: Parameters
    installation: r19.InstallationFacts | None
    certificates: list[r18.Certificate]
    occurrences: list[Occurrence]


def _load(enterprise_ids: list[int]) -> list[Known]:
    """Return what is known of the enterprises, by id; six queries, whatever their number."""
    if not enterprise_ids:
        return []
    values = load_general_parameters()
    installations = get_installations(enterprise_ids)
    certificates = get_certificates(enterprise_ids)
    occurrences: dict[int, list[Occurrence]] = defaultdict(list)
    for row in Occurrence.objects.filter(
        enterprise__in=enterprise_ids, rule__in=[str(rule) for rule in CALENDAR_RULES]
    ).select_related("alert"):
        occurrences[row.enterprise_id].append(row)
    rows = Enterprise.objects.filter(pk__in=enterprise_ids).order_by("pk")
    return [
        Known(
            enterprise_id=pk,
            county_id=county_id,
            params=values(path, industry),
            installation=installations.get(pk),
            certificates=certificates[pk],
            occurrences=occurrences[pk],
        )
        for pk, county_id, path, industry in rows.values_list(
            "pk", "county_id", "county__path", "industry"
        )
    ]


def _judge(known: Known, as_of: datetime) -> list[Finding]:
    params, installation = known.params, known.installation
    found = r19.evaluate(installation, params=params, as_of=as_of) if installation else []
    found += r18.evaluate(known.certificates, params=params, as_of=as_of)
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


def get_certificates(enterprise_ids: Sequence[int]) -> dict[int, list[r18.Certificate]]:
    """Return every meter record with a certificate of the installed enterprises; one query."""
    rows = (
        Meter.objects.filter(
            point__collector__enterprise__in=enterprise_ids,
            point__collector__enterprise__installation_status__in=INSTALLED_STATUSES,
            certificate_expires_on__isnull=False,
        )
        .order_by("pk")
        .values_list(
            "point__collector__enterprise_id",
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
    found: dict[int, list[r18.Certificate]] = defaultdict(list)
    for row in rows:
        assert row[8] is not None  # noqa: S101  (filtered)
        certificate = r18.Certificate(
            *(row[1], row[2], row[3], row[4], row[5], row[6], row[7]),
            expires_on=row[8],
            valid_from=row[9],
            valid_to=min((at for at in row[10:] if at), default=None),
        )
        found[row[0]].append(certificate)
    return found


def get_installations(enterprise_ids: Sequence[int]) -> dict[int, r19.InstallationFacts]:
    """Return the enterprises' parts in the programme with their moves; two queries."""
    rows = Installation.objects.filter(enterprise__in=enterprise_ids).select_related(
        "enterprise", "batch"
    )
    moves: dict[int, list[tuple[datetime, str, str]]] = defaultdict(list)
    log = InstallationLog.objects.filter(enterprise__in=enterprise_ids).order_by("at", "pk")
    for enterprise_id, at, before, after in log.values_list(
        "enterprise_id", "at", "from_status", "to_status"
    ):
        moves[enterprise_id].append((at, before, after))
    return {
        row.enterprise_id: r19.InstallationFacts(
            enterprise_id=row.enterprise_id,
            enterprise_name=row.enterprise.name,
            due_on=row.due_on,
            status=row.enterprise.installation_status,
            batch_name=row.batch.name if row.batch else "",
            moves=tuple(moves[row.enterprise_id]),
            accepted_at=row.accepted_at,
        )
        for row in rows
    }


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
