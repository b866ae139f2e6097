"""The SQL of an ingest commit.

Two gateways that report the same points at once may deadlock over the newest values, whose order
of update is the planner's; the one that is told to give way tries again (``Committer``).
"""

from typing import Final

# Dropped with the session; emptied by each commit. NaN stands for unknown.
CREATE_INCOMING: Final = """
CREATE TEMP TABLE IF NOT EXISTS incoming (
    position      integer     NOT NULL,
    enterprise_id bigint      NOT NULL,
    point_id      bigint      NOT NULL,
    measured_at   timestamptz NOT NULL,
    received_at   timestamptz NOT NULL,
    p_kw double precision, ua double precision, ub double precision, uc double precision,
    ia double precision, ib double precision, ic double precision, pf double precision,
    energy_kwh double precision, flag varchar(4) NOT NULL, is_backfill boolean NOT NULL
) ON COMMIT DELETE ROWS
"""
# Fails as a whole if any row is there already.
COPY_READINGS: Final = """
COPY meters_reading (
    point_id, measured_at, received_at, p_kw, ua, ub, uc, ia, ib, ic, pf, energy_kwh, flag,
    is_backfill, chunk_id) FROM STDIN (FORMAT binary)
"""
COPY_INCOMING: Final = "COPY pg_temp.incoming FROM STDIN (FORMAT binary)"

_ENERGY: Final = "nullif(energy_kwh, 'NaN')::numeric(16, 4)"
_KNOWN: Final = ", ".join(
    f"nullif({name}, 'NaN')" for name in ("p_kw", "ua", "ub", "uc", "ia", "ib", "ic", "pf")
)

# The first value of a key wins: in the table, and by position inside the batch.
STORE_INCOMING: Final = f"""
INSERT INTO meters_reading (
    point_id, measured_at, received_at, p_kw, ua, ub, uc, ia, ib, ic, pf, energy_kwh, flag,
    is_backfill, chunk_id)
SELECT point_id, measured_at, received_at, {_KNOWN}, {_ENERGY}, flag, is_backfill, %s
FROM pg_temp.incoming
ORDER BY position
ON CONFLICT DO NOTHING
"""  # noqa: S608 - names from this file only

_NEWEST_ROW: Final = """
FROM unnest(%s, %s, %s, %s, %s, %s, %s)
    AS row (point_id, measured_at, received_at, p_kw, ua, ia, energy_kwh)
"""
# Two thirds of the cost of the upsert, and usually enough.
UPDATE_NEWEST: Final = f"""
UPDATE meters_latestreading AS latest SET
    measured_at = row.measured_at, received_at = row.received_at,
    p_kw = nullif(row.p_kw, 'NaN'), ua = nullif(row.ua, 'NaN'), ia = nullif(row.ia, 'NaN'),
    energy_kwh = nullif(row.energy_kwh, 'NaN')::numeric(16, 4)
{_NEWEST_ROW}
WHERE latest.point_id = row.point_id AND latest.measured_at < row.measured_at
"""  # noqa: S608
# Where some rows were not updated: they are newer already, or not there yet.
UPSERT_NEWEST: Final = f"""
INSERT INTO meters_latestreading AS latest (
    point_id, measured_at, received_at, p_kw, ua, ia, energy_kwh)
SELECT point_id, measured_at, received_at,
    nullif(p_kw, 'NaN'), nullif(ua, 'NaN'), nullif(ia, 'NaN'), {_ENERGY}
{_NEWEST_ROW}
ON CONFLICT (point_id) DO UPDATE SET
    measured_at = excluded.measured_at, received_at = excluded.received_at,
    p_kw = excluded.p_kw, ua = excluded.ua, ia = excluded.ia, energy_kwh = excluded.energy_kwh
WHERE latest.measured_at < excluded.measured_at
"""

# Where everything is new, what changed is all of it.
MARK_ALL_CHANGED: Final = """
INSERT INTO meters_changedwindow (enterprise_id, since, until, received_at)
SELECT * FROM unnest(%s, %s, %s, %s)
"""
# The stored row of each incoming one, of one day. OFFSET 0 keeps the planner from turning the join
# round: it has no statistics of the staging table, and one day of a province has millions of rows.
# One day at a time, because the planner then opens one partition and not years of them.
_STORED: Final = """
FROM pg_temp.incoming
CROSS JOIN LATERAL (
    SELECT * FROM meters_reading
    WHERE point_id = incoming.point_id AND measured_at = incoming.measured_at
      AND measured_at >= %(since)s AND measured_at < %(until)s
    OFFSET 0) AS stored
"""

# Else what this chunk brought.
MARK_CHANGED: Final = f"""
INSERT INTO meters_changedwindow (enterprise_id, since, until, received_at)
SELECT incoming.enterprise_id, min(stored.measured_at), max(stored.measured_at),
    min(stored.received_at)
{_STORED}
WHERE stored.chunk_id = %(chunk_id)s
GROUP BY incoming.enterprise_id
"""

_VALUES: Final = ("p_kw", "ua", "ub", "uc", "ia", "ib", "ic", "pf", "energy_kwh", "flag")


def _known(name: str) -> str:
    """Return a column of the staging table as it would be stored."""
    if name == "flag":
        return "incoming.flag"
    kind = "::numeric(16, 4)" if name == "energy_kwh" else ""
    return f"nullif(incoming.{name}, 'NaN'){kind}"


_KEPT: Final = ", ".join(f"stored.{name}" for name in _VALUES)
_REFUSED: Final = ", ".join(_known(name) for name in _VALUES)
_KEPT_JSON: Final = ", ".join(f"'{name}', stored.{name}" for name in _VALUES)
_REFUSED_JSON: Final = ", ".join(f"'{name}', {_known(name)}" for name in _VALUES)

# A conflict that was told before (a resend of the refused frame) is not told again.
LOG_CONFLICTS: Final = f"""
INSERT INTO meters_readingconflict (point_id, measured_at, received_at, kept, refused, chunk_id)
SELECT DISTINCT ON (incoming.point_id, incoming.measured_at, {_REFUSED})
    incoming.point_id, incoming.measured_at, incoming.received_at,
    jsonb_build_object({_KEPT_JSON}), jsonb_build_object({_REFUSED_JSON}), %(chunk_id)s
{_STORED}
WHERE ({_REFUSED}) IS DISTINCT FROM ({_KEPT})
  AND NOT EXISTS (
    SELECT FROM meters_readingconflict AS told
    WHERE told.point_id = incoming.point_id AND told.measured_at = incoming.measured_at
      AND told.refused = jsonb_build_object({_REFUSED_JSON}))
ORDER BY incoming.point_id, incoming.measured_at, {_REFUSED}, incoming.position
RETURNING point_id
"""  # noqa: S608

NAME_CIRCUITS: Final = """
SELECT point.id, collector.mn, point.circuit
FROM meters_monitoringpoint AS point
JOIN meters_collector AS collector ON collector.id = point.collector_id
WHERE point.id = ANY(%s)
"""

UPSERT_STATUS: Final = """
INSERT INTO meters_collectorstatus AS status (
    collector_id, first_measured_at, latest_measured_at, latest_received_at, latest_peer,
    frame_count)
SELECT * FROM unnest(%s, %s, %s, %s, %s, %s)
ON CONFLICT (collector_id) DO UPDATE SET
    first_measured_at = least(status.first_measured_at, excluded.first_measured_at),
    latest_measured_at = greatest(status.latest_measured_at, excluded.latest_measured_at),
    latest_received_at = greatest(status.latest_received_at, excluded.latest_received_at),
    latest_peer = excluded.latest_peer,
    frame_count = status.frame_count + excluded.frame_count
"""

UPSERT_ISSUES: Final = """
INSERT INTO meters_intakeissue AS issue (
    reason, mn, code, peer, first_at, latest_at, count, sample)
SELECT * FROM unnest(
    %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[],
    %s::bigint[], %s::bytea[])
ON CONFLICT (reason, mn, code, peer) DO UPDATE SET
    first_at = least(issue.first_at, excluded.first_at),
    latest_at = greatest(issue.latest_at, excluded.latest_at),
    count = issue.count + excluded.count,
    sample = excluded.sample
"""

# The id of the next chunk comes along, which spares a question of its own.
INSERT_CHUNK: Final = """
INSERT INTO meters_rawchunk (
    id, received_at, stream, frame_count, payload, previous_sha256, sha256)
VALUES (%s, %s, %s, %s, %s, %s, %s)
RETURNING nextval('meters_rawchunk_id_seq')
"""
NEXT_CHUNK_ID: Final = "SELECT nextval('meters_rawchunk_id_seq')"
HAS_CHUNK: Final = "SELECT 1 FROM meters_rawchunk WHERE id = %s AND received_at = %s"
NEWEST_CHUNK: Final = """
SELECT id, sha256 FROM meters_rawchunk WHERE stream = %s ORDER BY id DESC LIMIT 1
"""
CLAIM_STREAM: Final = "SELECT pg_try_advisory_lock(hashtextextended(%s, 212))"
RELEASE_STREAM: Final = "SELECT pg_advisory_unlock(hashtextextended(%s, 212))"
