"""Loading what the checks look at: five queries, whatever the number of points.

72 hours of minutes of twelve points are 50,000 rows; they are summed up in the database.
"""

from collections.abc import Iterable, Mapping, Sequence
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
    enterprise: Enterprise, *, declared: Sequence[Declared] = (), now: datetime
) -> list[Check]:
    """Return the machine's checks of the enterprise as things stand; five queries.

    enterprise: with its county. declared: what excuses missing data; the caller has it from
    ``orders``, which stands above this app.
    """
    limits = load_limits(enterprise.county.path, at=now)
    return run(load_material(enterprise.pk, limits, declared=declared, now=now), limits)


def load_material(
    enterprise_id: int, limits: Limits, *, declared: Sequence[Declared] = (), now: datetime
) -> Material:
    """Return what the checks look at; four queries."""
    facilities = {row["id"]: row for row in _rows(_FACILITIES, {"it": enterprise_id, "now": now})}
    points = _rows(_POINTS, {"it": enterprise_id, "now": now})
    start = (now - timedelta(hours=limits["valid_hours"])).replace(second=0, microsecond=0)
    figures = _figures(points, facilities, declared, start, now)
    ((required,),) = _fetch(_REQUIRED, {"it": enterprise_id})
    return Material(
        points=[
            replace(_point(row, facilities[row["facility_id"]]), figures=figures[row["id"]])
            for row in points
        ],
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


_FACILITIES = """
    SELECT f.id, f.name, f.kind, f.rated_kw, f.load_class, f.nominal_voltage_v, f.duty_group,
           f.site_id, f.retired_at, t.off_below_kw, t.on_from_kw, t.valid_from,
           t.approved_at AS threshold_approved_at, p.pairings, p.approved_pairings
    FROM enterprises_facility f
    JOIN enterprises_site s ON s.id = f.site_id
    LEFT JOIN LATERAL (
        SELECT * FROM enterprises_threshold t
        WHERE t.facility_id = f.id AND t.valid_from <= %(now)s
        ORDER BY t.valid_from DESC LIMIT 1) t ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS pairings, count(g.approved_at) AS approved_pairings
        FROM enterprises_pairing_productions m JOIN enterprises_pairing g ON g.id = m.pairing_id
        WHERE m.facility_id = f.id AND g.valid_from <= %(now)s
          AND (g.valid_to IS NULL OR g.valid_to > %(now)s)) p ON true
    WHERE s.enterprise_id = %(it)s ORDER BY f.position, f.id
"""
_POINTS = """
    SELECT p.id, p.circuit, p.facility_id, c.mn, c.password, c.expected_interval_s,
           l.measured_at AS latest_at, st.latest_received_at AS heard_at,
           m.serial, m.accuracy_class, m.ct_ratio, m.certificate_number,
           m.certificate_expires_on, m.seal_numbers
    FROM meters_monitoringpoint p
    JOIN meters_collector c ON c.id = p.collector_id
    JOIN enterprises_facility f ON f.id = p.facility_id
    LEFT JOIN meters_collectorstatus st ON st.collector_id = c.id
    LEFT JOIN meters_latestreading l ON l.point_id = p.id
    LEFT JOIN meters_meter m ON m.point_id = p.id AND m.valid_from <= %(now)s
      AND (m.valid_to IS NULL OR m.valid_to > %(now)s)
    WHERE c.enterprise_id = %(it)s AND p.retired_at IS NULL ORDER BY f.position, p.id
"""
#: What the programme asks for, else what the latest survey found must be metered.
_REQUIRED = """
    SELECT coalesce(
        nullif((SELECT points_required FROM enterprises_installation
                WHERE enterprise_id = %(it)s), 0),
        (SELECT jsonb_array_length(rows) FROM enterprises_surveysheet
         WHERE enterprise_id = %(it)s ORDER BY surveyed_on DESC, id DESC LIMIT 1))
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
    facilities: Mapping[int, Mapping[str, Any]],
    declared: Sequence[Declared],
    start: datetime,
    now: datetime,
) -> dict[int, Figures]:
    if not points:
        return {}
    of = [facilities[row["facility_id"]] for row in points]
    words = {
        "start": start,
        "now": now,
        "ids": [row["id"] for row in points],
        "intervals": [float(row["expected_interval_s"]) for row in points],
        "on_from": [
            _on_from(facility, row["expected_interval_s"], now)
            for facility, row in zip(of, points, strict=True)
        ],
        "rated": [facility["rated_kw"] for facility in of],
        "declared": [
            _multirange(each.span for each in declared if each.covers(facility["id"]))
            for facility in of
        ],
    }
    return {point_id: Figures(*figures) for point_id, *figures in _fetch(_FIGURES, words)}


def _on_from(facility: Mapping[str, Any], interval_s: int, now: datetime) -> float:
    rows = []
    if facility["on_from_kw"] is not None:
        rows = [
            CommissioningRow(
                facility["valid_from"], facility["off_below_kw"], facility["on_from_kw"]
            )
        ]
    rules = state_rules(
        load_class=facility["load_class"],
        rated_kw=facility["rated_kw"],
        nominal_voltage_v=facility["nominal_voltage_v"],
        interval=timedelta(seconds=interval_s),
        rows=rows,
    )
    return thresholds_at(rules, now).on_from_kw


def _multirange(spans: Iterable[Span]) -> str:
    inner = ",".join(f'["{span.start.isoformat()}","{span.end.isoformat()}")' for span in spans)
    return f"{{{inner}}}"


def _point(row: Mapping[str, Any], facility: Mapping[str, Any]) -> PointFacts:
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
        id=row["id"],
        name=facility["name"],
        circuit=row["circuit"],
        mn=row["mn"],
        site_id=facility["site_id"],
        kind=facility["kind"],
        rated_kw=facility["rated_kw"],
        duty_group=facility["duty_group"],
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
