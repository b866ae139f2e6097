"""Where a site, a collector or a point belongs, as numbers: one look-up instead of a walk.

Behind row-level security a reading would ask its point, that one its collector, and that one its
enterprise, each behind its own wall. The maps say at once to which site, enterprise and county a
key belongs. They hold nothing but keys, and stand behind a flat wall of their own, so a policy
only asks whether the key is in sight (``powerwatch.walls``).

``tenancy_sitewords`` is the second kind: what can be searched of a site's facilities, in one text
with a trigram index. PostgreSQL uses no such index behind row-level security, because ``ILIKE``
might tell of rows that are not to be seen. So this table has no wall and nobody has a right to it;
``tenancy_find_sites`` answers with the sites in the caller's sight, by the map of sites.

Triggers keep everything true, once a statement and not once a row. They write with their owner's
rights and with every row in sight; the processes themselves can only read the maps. ``make_maps``
makes tables, functions and triggers after each migration and fills the maps where these changed.
See ``docs/adr/0011-row-level-security.md``.
"""

# ruff: noqa: S608  statements are put together from the names in this module, never from input

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from django.db import connection, transaction


@dataclass(frozen=True, slots=True)
class Map:
    """One map: the table of its keys and how a row (``own``) finds site, enterprise and county.

    Its columns are named as in no other table: in a policy's sub-select the plain name of a column
    means the inner table's, if that has one.


    columns: key, site, enterprise and county of a row of ``source``.
    source: FROM clause; the rows themselves replace ``{own}``.
    moved_by: parent tables whose change moves keys, with the join from the parent's changed rows.
    """

    table: str
    of: str
    columns: str
    source: str
    moved_by: tuple[tuple[str, str, str], ...]


SITES: Final = Map(
    "tenancy_sitekey",
    "enterprises_site",
    "own.id, own.id, own.enterprise_id, e.county_id",
    "{own} own JOIN enterprises_enterprise e ON e.id = own.enterprise_id",
    (
        (
            "enterprises_enterprise",
            "was.county_id <> now.county_id",
            "own.enterprise_id = now.id",
        ),
    ),
)
COLLECTORS: Final = Map(
    "tenancy_collectorkey",
    "meters_collector",
    "own.id, own.site_id, own.enterprise_id, e.county_id",
    "{own} own JOIN enterprises_enterprise e ON e.id = own.enterprise_id",
    (
        (
            "enterprises_enterprise",
            "was.county_id <> now.county_id",
            "own.enterprise_id = now.id",
        ),
    ),
)
POINTS: Final = Map(
    "tenancy_pointkey",
    "meters_monitoringpoint",
    "own.id, c.site_id, c.enterprise_id, e.county_id",
    "{own} own JOIN meters_collector c ON c.id = own.collector_id"
    " JOIN enterprises_enterprise e ON e.id = c.enterprise_id",
    (
        ("enterprises_enterprise", "was.county_id <> now.county_id", "e.id = now.id"),
        (
            "meters_collector",
            "(was.site_id, was.enterprise_id) <> (now.site_id, now.enterprise_id)",
            "c.id = now.id",
        ),
    ),
)
MAPS: Final = (SITES, COLLECTORS, POINTS)

WORDS: Final = "tenancy_sitewords"
#: Read through their own wall only; written by the triggers alone.
READ_ONLY: Final = tuple(one.table for one in MAPS)
#: Nobody's: asked through ``tenancy_find_sites``.
HIDDEN: Final = (WORDS,)

_WORDS = f"""
DROP TABLE IF EXISTS {WORDS};
CREATE TABLE {WORDS} (site_id bigint PRIMARY KEY, words text NOT NULL);
CREATE INDEX {WORDS}_words ON {WORDS} USING gin (words gin_trgm_ops);

-- The words of these sites anew, from the names of all their facilities.
CREATE OR REPLACE FUNCTION tenancy_note_words(sites bigint[]) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp AS $$
    WITH told AS (
        SELECT f.site_id, string_agg(f.name, E'\\n' ORDER BY f.id) AS words
        FROM enterprises_facility f WHERE f.site_id = ANY(sites) GROUP BY f.site_id
    ), gone AS (
        DELETE FROM {WORDS} w WHERE w.site_id = ANY(sites)
            AND NOT EXISTS (SELECT 1 FROM told WHERE told.site_id = w.site_id)
    )
    INSERT INTO {WORDS} AS w SELECT site_id, words FROM told
    ON CONFLICT (site_id) DO UPDATE SET words = excluded.words
        WHERE w.words IS DISTINCT FROM excluded.words
$$;

-- The sites in sight one of whose facilities has a name with these words (an ILIKE pattern).
-- The map's wall decides what is in sight; the settings it reads are the caller's.
CREATE OR REPLACE FUNCTION tenancy_find_sites(pattern text) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 20 SET search_path = public, pg_temp
-- A plan for any words would read the whole table.
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    RETURN QUERY SELECT k.key FROM {WORDS} w JOIN tenancy_sitekey k ON k.key = w.site_id
        WHERE w.words ILIKE pattern;
END $$;
"""


def _trigger(name: str, table: str, event: str, body: str) -> str:
    """Return a statement-level trigger and its function; ``body`` runs with every row in sight."""
    refer = {
        "INSERT": "REFERENCING NEW TABLE AS new_rows",
        "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
        "DELETE": "REFERENCING OLD TABLE AS old_rows",
        "TRUNCATE": "",
    }[event]
    return f"""
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    kept text := coalesce(current_setting('powerwatch.scope', true), '');
BEGIN
    PERFORM set_config('powerwatch.scope', 'system', true);
    {body};
    PERFORM set_config('powerwatch.scope', kept, true);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER {name} AFTER {event} ON {table} {refer}
    FOR EACH STATEMENT EXECUTE FUNCTION {name}();
"""


def _fill(one: Map, own: str, more: str = "") -> str:
    return (
        f"INSERT INTO {one.table} AS k (key, at_site, at_enterprise, at_county)"
        f" SELECT {one.columns} FROM {one.source.format(own=own)} {more}"
        " ON CONFLICT (key) DO UPDATE SET at_site = excluded.at_site,"
        " at_enterprise = excluded.at_enterprise, at_county = excluded.at_county"
        " WHERE (k.at_site, k.at_enterprise, k.at_county)"
        " <> (excluded.at_site, excluded.at_enterprise, excluded.at_county)"
    )


def _map_statements(one: Map) -> str:
    statements = [
        # With the policies that ask it: ``raise_walls`` makes them anew.
        f"DROP TABLE IF EXISTS {one.table} CASCADE;"
        f" CREATE TABLE {one.table} (key bigint PRIMARY KEY, at_site bigint NOT NULL,"
        " at_enterprise bigint NOT NULL, at_county bigint NOT NULL);",
        _trigger(f"{one.table}_add", one.of, "INSERT", _fill(one, "new_rows")),
        _trigger(f"{one.table}_change", one.of, "UPDATE", _fill(one, "new_rows")),
        _trigger(
            f"{one.table}_delete",
            one.of,
            "DELETE",
            f"DELETE FROM {one.table} k USING old_rows o WHERE k.key = o.id",
        ),
        _trigger(f"{one.table}_empty", one.of, "TRUNCATE", f"TRUNCATE {one.table}"),
    ]
    for table, moved, join in one.moved_by:
        # OFFSET 0: the few that moved are found first, not the whole of the map.
        changed = (
            "JOIN (SELECT now.* FROM new_rows now JOIN old_rows was ON was.id = now.id"
            f" WHERE {moved} OFFSET 0) now ON {join}"
        )
        body = (
            "IF EXISTS (SELECT 1 FROM new_rows now JOIN old_rows was ON was.id = now.id"
            f" WHERE {moved}) THEN {_fill(one, one.of, changed)}; END IF"
        )
        name = f"{one.table}_by_{table.partition('_')[2]}"
        statements.append(_trigger(name, table, "UPDATE", body))
    return "\n".join(statements)


def _word_triggers() -> str:
    facility = "enterprises_facility"
    changed = "ARRAY(SELECT DISTINCT site_id FROM {rows})"
    return "\n".join(
        [
            _trigger(
                f"{WORDS}_add",
                facility,
                "INSERT",
                f"PERFORM tenancy_note_words({changed.format(rows='new_rows')})",
            ),
            _trigger(
                f"{WORDS}_change",
                facility,
                "UPDATE",
                "PERFORM tenancy_note_words(ARRAY(SELECT o.site_id FROM old_rows o"
                " JOIN new_rows n USING (id) WHERE (o.name, o.site_id) <> (n.name, n.site_id)"
                " UNION SELECT n.site_id FROM old_rows o JOIN new_rows n USING (id)"
                " WHERE (o.name, o.site_id) <> (n.name, n.site_id)))",
            ),
            _trigger(
                f"{WORDS}_delete",
                facility,
                "DELETE",
                f"PERFORM tenancy_note_words({changed.format(rows='old_rows')})",
            ),
            _trigger(f"{WORDS}_empty", facility, "TRUNCATE", f"TRUNCATE {WORDS}"),
        ]
    )


def statements() -> str:
    """Return the SQL of all maps: tables, functions, triggers; may be run again and again."""
    return "\n".join([*map(_map_statements, MAPS), _WORDS, _word_triggers()])


def make_maps() -> bool:
    """Make the maps as this module says and fill them; return whether anything had changed.

    Runs as the owner with every row in sight. Does nothing while the tables do not stand yet.
    """
    wanted = statements()
    digest = sha256(wanted.encode()).hexdigest()
    with connection.cursor() as cursor:
        tables = [one.of for one in MAPS] + ["enterprises_facility", "enterprises_enterprise"]
        cursor.execute(
            "SELECT bool_and(to_regclass(name) IS NOT NULL) FROM unnest(%s::text[]) AS name",
            [tables],
        )
        if not cursor.fetchone()[0]:
            return False
        cursor.execute(f"SELECT obj_description(to_regclass('{WORDS}'), 'pg_class')")
        if cursor.fetchone()[0] == digest:
            return False
        with transaction.atomic():
            cursor.execute(wanted)
            fill(cursor)
            cursor.execute(f"COMMENT ON TABLE {WORDS} IS '{digest}'")
    return True


def fill(cursor: object) -> None:
    """Fill the maps from the tables, every row in sight: after a restore or a bulk load."""
    for one in MAPS:
        cursor.execute(  # type: ignore[attr-defined]
            f"DELETE FROM {one.table} k WHERE NOT EXISTS"
            f" (SELECT 1 FROM {one.of} own WHERE own.id = k.key)"
        )
        cursor.execute(_fill(one, one.of))  # type: ignore[attr-defined]
    cursor.execute(f"TRUNCATE {WORDS}")  # type: ignore[attr-defined]
    cursor.execute(  # type: ignore[attr-defined]
        "SELECT tenancy_note_words(ARRAY(SELECT DISTINCT site_id FROM enterprises_facility))"
    )
