"""Loading what the checks look at: three queries, whatever the number of points.

72 hours of minutes of twelve points are 50,000 rows; they are summed up in the database.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from common.intervals import Span
from common.localtime import local_date
from enterprises.models import Enterprise
from meters.acceptance.checks import (
    Check,
    CollectorFacts,
    FacilityFacts,
    Figures,
    Material,
    MeterFacts,
    PointFacts,
    run,
)
from meters.limits import Limits, load_limits
from meters.states import CommissioningRow, state_rules, thresholds_at


@dataclass(frozen=True, slots=True)
class Declared:
    """A stretch that the enterprise declared; without facilities, for all of them."""

    span: Span
    facility_ids: frozenset[int] = frozenset()

    def covers(self, facility_id: int) -> bool:
        return not self.facility_ids or facility_id in self.facility_ids


def run_checks(
    enterprise: Enterprise,
    *,
    declared: Sequence[Declared] = (),
    site_ids: Collection[int] | None = None,
    limits: Limits | None = None,
    now: datetime,
) -> list[Check]:
    """Return the machine's checks of the enterprise as things stand; three queries.

    enterprise: with its county. declared: what excuses missing data; the caller has it from
    ``orders``, which stands above this app. site_ids: of these sites alone, as one who looks after
    them and not after the others may see it; how many points the whole must have is not asked then.
    limits: those of the county, where the caller has them.
    """
    limits = limits or load_limits(enterprise.county.path, at=now)
    material = load_material(enterprise.pk, limits, declared=declared, site_ids=site_ids, now=now)
    return run(material, limits)


def load_material(
    enterprise_id: int,
    limits: Limits,
    *,
    declared: Sequence[Declared] = (),
    site_ids: Collection[int] | None = None,
    now: datetime,
) -> Material:
    """Return what the checks look at; two queries."""
    sites = None if site_ids is None else list(site_ids)
    rows = _rows(_REGISTERED, {"it": enterprise_id, "now": now, "sites": sites})
    required = rows[0]["required"] if sites is None else 0
    facilities = {row["id"]: row for row in rows if row["id"] is not None}
    points = [row for row in rows if row["point_id"] is not None]
    start = (now - timedelta(hours=limits["valid_hours"])).replace(second=0, microsecond=0)
    figures = _figures(points, declared, start, now)
    return Material(
        points=[replace(_point(row), figures=figures[row["point_id"]]) for row in points],
        facilities=[_facility(row) for row in facilities.values() if row["retired_at"] is None],
        collectors=[
            CollectorFacts(mn, password, bool(heard_at))
            for mn, password, heard_at in sorted(
                {(row["mn"], row["password"], row["heard_at"]) for row in points}
            )
        ],
        points_required=required or 0,
        as_of=now,
        today=local_date(now),
    )


#: A row for each facility and point in use behind it; one row of nulls where nothing is on file.
#: ``required``: what the programme asks for, else what the latest survey found must be metered.
_REGISTERED = """
    SELECT f.id, f.name, f.kind, f.rated_kw, f.load_class, f.nominal_voltage_v, f.duty_group,
           f.site_id, f.retired_at, t.off_below_kw, t.on_from_kw, t.valid_from,
           t.approved_at AS threshold_approved_at, g.pairings, g.approved_pairings, p.*,
           asked.required
    FROM (SELECT coalesce(
        nullif((SELECT points_required FROM enterprises_installation
                WHERE enterprise_id = %(it)s), 0),
        (SELECT jsonb_array_length(rows) FROM enterprises_surveysheet
         WHERE enterprise_id = %(it)s ORDER BY surveyed_on DESC, id DESC LIMIT 1)) AS required
    ) asked
    LEFT JOIN enterprises_site s ON s.enterprise_id = %(it)s
      AND (%(sites)s::bigint[] IS NULL OR s.id = ANY(%(sites)s))
    LEFT JOIN enterprises_facility f ON f.site_id = s.id
    LEFT JOIN LATERAL (
        SELECT * FROM enterprises_threshold t
        WHERE t.facility_id = f.id AND t.valid_from <= %(now)s
        ORDER BY t.valid_from DESC LIMIT 1) t ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS pairings, count(g.approved_at) AS approved_pairings
        FROM enterprises_pairing_productions m JOIN enterprises_pairing g ON g.id = m.pairing_id
        WHERE m.facility_id = f.id AND g.valid_from <= %(now)s
          AND (g.valid_to IS NULL OR g.valid_to > %(now)s)) g ON true
    LEFT JOIN LATERAL (
        SELECT p.id AS point_id, p.circuit, c.mn, c.password, c.expected_interval_s,
               l.measured_at AS latest_at, st.latest_received_at AS heard_at,
               m.serial, m.accuracy_class, m.ct_ratio, m.certificate_number,
               m.certificate_expires_on, m.seal_numbers
        FROM meters_monitoringpoint p
        JOIN meters_collector c ON c.id = p.collector_id
        LEFT JOIN meters_collectorstatus st ON st.collector_id = c.id
        LEFT JOIN meters_latestreading l ON l.point_id = p.id
        LEFT JOIN meters_meter m ON m.point_id = p.id AND m.valid_from <= %(now)s
          AND (m.valid_to IS NULL OR m.valid_to > %(now)s)
        WHERE p.facility_id = f.id AND c.enterprise_id = %(it)s AND p.retired_at IS NULL
    ) p ON true
    ORDER BY f.position, f.id, p.point_id
"""
_FIGURES = """
    WITH w AS (
      SELECT *, declared::tstzmultirange * tstzmultirange(tstzrange(%(start)s, %(now)s)) AS said
      FROM unnest(%(ids)s::bigint[], %(intervals)s::float8[], %(on_from)s::float8[],
                  %(rated)s::float8[], %(declared)s::text[])
        AS w (point_id, interval_s, on_from_kw, rated_kw, declared)
    ), x AS (
      SELECT w.*, w.said + coalesce((
        SELECT range_agg(tstzrange(s.started_at, s.ended_at)
                         * tstzrange(%(start)s, %(now)s))
        FROM meters_statesegment s
        WHERE s.point_id = w.point_id AND s.state = 'POWER_CUT'
          AND s.ended_at > %(start)s AND s.started_at < %(now)s), '{}') AS excused
      FROM w
    )
    SELECT x.point_id, a.slots * x.interval_s,
      (SELECT coalesce(extract(epoch FROM sum(upper(r) - lower(r))), 0)::float8
       FROM unnest(x.excused) AS r),
      a.readings, a.skew_s, a.mean_kw, a.max_kw, a.running_kw, a.running, a.negative, a.ratio,
      a.phases, a.lost
    FROM x CROSS JOIN LATERAL (
      SELECT
        count(DISTINCT floor(extract(epoch FROM r.measured_at) / x.interval_s))
          FILTER (WHERE r.p_kw IS NOT NULL AND NOT r.measured_at <@ x.excused) AS slots,
        count(r.p_kw) AS readings,
        percentile_cont(0.5) WITHIN GROUP (
          ORDER BY extract(epoch FROM r.received_at - r.measured_at)::float8)
          FILTER (WHERE NOT r.is_backfill) AS skew_s,
        avg(r.p_kw) AS mean_kw, max(r.p_kw) AS max_kw,
        avg(r.p_kw) FILTER (WHERE r.p_kw >= x.on_from_kw) AS running_kw,
        count(*) FILTER (WHERE r.p_kw >= x.on_from_kw) AS running,
        count(*) FILTER (WHERE r.p_kw < -0.01 * x.rated_kw) AS negative,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY r.p_kw / nullif(
          (r.ua * r.ia + r.ub * r.ib + r.uc * r.ic) * r.pf / 1000, 0))
          FILTER (WHERE r.p_kw >= x.on_from_kw) AS ratio,
        count(*) FILTER (WHERE r.p_kw >= x.on_from_kw
          AND r.ia IS NOT NULL AND r.ib IS NOT NULL AND r.ic IS NOT NULL) AS phases,
        count(*) FILTER (WHERE r.p_kw >= x.on_from_kw
          AND r.ia IS NOT NULL AND r.ib IS NOT NULL AND r.ic IS NOT NULL
          AND (least(r.ia, r.ib, r.ic) < 0.1 * greatest(r.ia, r.ib, r.ic)
               OR least(r.ua, r.ub, r.uc) < 0.8 * greatest(r.ua, r.ub, r.uc))) AS lost
      FROM meters_reading r
      WHERE r.point_id = x.point_id AND r.measured_at >= %(start)s AND r.measured_at < %(now)s
    ) a
"""


def _figures(
    points: Sequence[Mapping[str, Any]],
    declared: Sequence[Declared],
    start: datetime,
    now: datetime,
) -> dict[int, Figures]:
    if not points:
        return {}
    words = {
        "start": start,
        "now": now,
        "ids": [row["point_id"] for row in points],
        "intervals": [float(row["expected_interval_s"]) for row in points],
        "on_from": [_on_from(row, now) for row in points],
        "rated": [row["rated_kw"] for row in points],
        "declared": [
            _multirange(each.span for each in declared if each.covers(row["id"])) for row in points
        ],
    }
    return {point_id: Figures(*figures) for point_id, *figures in _fetch(_FIGURES, words)}


def _on_from(row: Mapping[str, Any], now: datetime) -> float:
    rows = []
    if row["on_from_kw"] is not None:
        rows = [CommissioningRow(row["valid_from"], row["off_below_kw"], row["on_from_kw"])]
    rules = state_rules(
        load_class=row["load_class"],
        rated_kw=row["rated_kw"],
        nominal_voltage_v=row["nominal_voltage_v"],
        interval=timedelta(seconds=row["expected_interval_s"]),
        rows=rows,
    )
    return thresholds_at(rules, now).on_from_kw


def _multirange(spans: Iterable[Span]) -> str:
    inner = ",".join(f'["{span.start.isoformat()}","{span.end.isoformat()}")' for span in spans)
    return f"{{{inner}}}"


def _point(row: Mapping[str, Any]) -> PointFacts:
    meter = None
    if row["serial"] is not None:
        meter = MeterFacts(
            row["serial"],
            row["accuracy_class"],
            row["ct_ratio"],
            row["certificate_number"],
            row["certificate_expires_on"],
            row["seal_numbers"],
        )
    return PointFacts(
        id=row["point_id"],
        name=row["name"],
        circuit=row["circuit"],
        mn=row["mn"],
        site_id=row["site_id"],
        kind=row["kind"],
        rated_kw=row["rated_kw"],
        duty_group=row["duty_group"],
        latest_at=row["latest_at"],
        meter=meter,
    )


def _facility(row: Mapping[str, Any]) -> FacilityFacts:
    return FacilityFacts(
        id=row["id"],
        name=row["name"],
        kind=row["kind"],
        has_pairing=bool(row["pairings"]),
        has_approved_pairing=bool(row["approved_pairings"]),
        has_threshold=row["on_from_kw"] is not None,
        has_approved_threshold=row["threshold_approved_at"] is not None,
    )


def _rows(sql: str, words: Mapping[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, words)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _fetch(sql: str, words: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, words)
        return cursor.fetchall()
