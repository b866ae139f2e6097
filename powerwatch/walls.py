"""The second wall: what PostgreSQL itself lets each person see, behind ``visible_to``.

Every table whose rows belong to an enterprise has row-level security with FORCE and one policy.
The policies read settings that ``tenancy_enter`` works out *in SQL*, from the grants in force, and
that last until the transaction ends; where none are set there are no rows. So a view that forgot
the door of ``tenancy.scoping`` shows nothing foreign, and writes nothing foreign either.

``POLICIES`` is the one register of walled tables, ``OPEN_TABLES`` says why others that lead to an
enterprise stand open; a test walks the models and finds a table that is in neither.
``raise_walls`` brings the database to what stands here, after every migration.
See ``docs/adr/0011-row-level-security.md``.
"""

# ruff: noqa: S608  policies are put together from the names in this module, never from input

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from django.db import connection

from powerwatch import key_map
from tenancy.access import SEEING_ROLES

POLICY: Final = "powerwatch_wall"

#: Read once a statement, because a sub-select without outer columns is an InitPlan.
SYSTEM: Final = "(SELECT current_setting('powerwatch.scope', true)) = 'system'"


def _ids(name: str) -> str:
    """Return the array of a setting; NULL, which nothing equals, unless an actor has entered."""
    # The cast inside is done once; the one outside only says that ANY is of an array.
    return (
        "(SELECT CASE WHEN current_setting('powerwatch.scope', true) = 'actor'"
        f" THEN nullif(current_setting('powerwatch.{name}', true), '')::bigint[] END)::bigint[]"
    )


COUNTIES, ENTERPRISES = _ids("counties"), _ids("enterprises")
SITES, ASSIGNED, ACTOR = _ids("sites"), _ids("assigned"), _ids("actor")


@dataclass(frozen=True, slots=True)
class Policy:
    """Which rows may be seen, and which may be written where that is narrower."""

    using: str
    check: str = ""

    def statements(self, table: str) -> list[str]:
        check = self.check or self.using
        return [
            f"DROP POLICY IF EXISTS {POLICY} ON {table}",
            f"CREATE POLICY {POLICY} ON {table} FOR ALL TO PUBLIC USING ({self.using})"
            f" WITH CHECK ({check})",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"COMMENT ON POLICY {POLICY} ON {table} IS '{self.digest}'",
        ]

    @property
    def digest(self) -> str:
        return sha256(f"{self.using}\n{self.check}".encode()).hexdigest()


def _any_of(*conditions: str) -> Policy:
    return Policy(" OR ".join([SYSTEM, *conditions]))


def _wholly(column: str = "enterprise_id") -> str:
    """The enterprise is seen whole, not only by its name for a site of it that is assigned."""
    return (
        f"{column} = ANY({ENTERPRISES}) OR EXISTS (SELECT 1 FROM enterprises_enterprise e"
        f" WHERE e.id = {column} AND e.county_id = ANY({COUNTIES}))"
    )


def _parent(column: str, table: str) -> str:
    """The row that this one hangs on is seen; its own policy says so."""
    return f"EXISTS (SELECT 1 FROM {table} parent WHERE parent.id = {column})"


def _child(column: str, table: str) -> Policy:
    return _any_of(_parent(column, table))


def _keyed(column: str, keys: key_map.Map) -> Policy:
    """The key map has the row's site, collector or point in sight; one look-up, however deep."""
    return _any_of(f"EXISTS (SELECT 1 FROM {keys.table} k WHERE k.key = {column})")


def _link(one: str, one_table: str, other: str, other_table: str) -> Policy:
    """A row of a many-to-many table is seen with one end and written only with both in sight."""
    seen = _parent(one, one_table)
    both = f"{SYSTEM} OR ({seen} AND {_parent(other, other_table)})"
    return Policy(f"{SYSTEM} OR {seen}", both)


ENTERPRISE: Final = "enterprises_enterprise"
SITE: Final = "enterprises_site"
FACILITY: Final = "enterprises_facility"
COLLECTOR: Final = "meters_collector"
POINT: Final = "meters_monitoringpoint"
ALERT: Final = "alerts_alert"

_of_enterprise = _any_of(_wholly())
_of_enterprise_or_site = _any_of(f"site_id = ANY({SITES})", _wholly())
_of_named_enterprise = _child("enterprise_id", ENTERPRISE)
_of_site = _keyed("site_id", key_map.SITES)
_of_collector = _keyed("collector_id", key_map.COLLECTORS)
_of_point = _keyed("point_id", key_map.POINTS)
#: The maps themselves hold the whole rule, flat.
_of_key = _any_of(
    f"at_county = ANY({COUNTIES})",
    f"at_enterprise = ANY({ENTERPRISES})",
    f"at_site = ANY({SITES})",
)

#: Table: who sees which of its rows. The same scope as the models' ``reach``, written a second
#: time on purpose: a slip in one is caught by the other.
POLICIES: Final[dict[str, Policy]] = {
    ENTERPRISE: _any_of(
        f"county_id = ANY({COUNTIES})", f"id = ANY({ENTERPRISES})", f"id = ANY({ASSIGNED})"
    ),
    "enterprises_contact": _of_enterprise,
    SITE: _any_of(f"id = ANY({SITES})", _wholly()),
    "enterprises_productionline": _of_site,
    "enterprises_linegrade": _child("line_id", "enterprises_productionline"),
    FACILITY: _of_site,
    "enterprises_threshold": _child("facility_id", FACILITY),
    "enterprises_pairing": _of_site,
    "enterprises_pairing_productions": _link(
        "pairing_id", "enterprises_pairing", "facility_id", FACILITY
    ),
    "enterprises_pairing_controls": _link(
        "pairing_id", "enterprises_pairing", "facility_id", FACILITY
    ),
    "enterprises_attachment": _of_enterprise_or_site,
    "enterprises_installation": _of_named_enterprise,
    "enterprises_installationlog": _of_named_enterprise,
    "enterprises_surveysheet": _of_named_enterprise,
    "enterprises_acceptancesheet": _of_named_enterprise,
    # A collector stands on a site of its own enterprise: both must be said.
    COLLECTOR: _any_of(
        f"EXISTS (SELECT 1 FROM {key_map.SITES.table} k"
        " WHERE k.key = site_id AND k.at_enterprise = enterprise_id)"
    ),
    "meters_collectordevice": _of_collector,
    "meters_collectorstatus": _of_collector,
    POINT: _of_collector,
    "meters_meter": _of_point,
    "meters_readingconflict": _of_point,
    "meters_reading": _of_point,
    "meters_latestreading": _of_point,
    "meters_statesegment": _of_point,
    "meters_changedwindow": _of_enterprise,
    "meters_workorder": _of_site,
    "meters_workorderlog": _child("work_order_id", "meters_workorder"),
    # By MN, not by key: what a registered collector sent is seen by who sees the collector, what
    # came from nowhere by every authority.
    "meters_intakeissue": _any_of(
        "EXISTS (SELECT 1 FROM meters_collector own WHERE own.mn = meters_intakeissue.mn)",
        # The function looks with all eyes: seen from here a foreign collector is not registered.
        f"(cardinality({COUNTIES}) > 0 AND NOT meters_is_registered(mn))",
    ),
    # Frames of many enterprises in one row: for the machine alone.
    "meters_rawchunk": _any_of(),
    "orders_declaration": _of_enterprise,
    "orders_declaration_facilities": _link(
        "declaration_id", "orders_declaration", "facility_id", FACILITY
    ),
    ALERT: _any_of(
        f"county_id = ANY({COUNTIES})",
        f"enterprise_id = ANY({ENTERPRISES})",
        f"(cardinality({SITES}) > 0 AND EXISTS (SELECT 1 FROM meters_collector c"
        f" WHERE c.id = collector_id AND c.site_id = ANY({SITES})))",
    ),
    "alerts_occurrence": _any_of(_wholly(), _parent("alert_id", ALERT)),
    "alerts_alertlog": _child("alert_id", ALERT),
    # Told to oneself, or about an enterprise that is seen whole: an operator sees the own ones.
    "alerts_notification": _any_of(
        f"recipient_id = ANY({ACTOR})",
        f"EXISTS (SELECT 1 FROM {ALERT} a WHERE a.id = alert_id AND"
        f" (a.county_id = ANY({COUNTIES}) OR a.enterprise_id = ANY({ENTERPRISES})))",
    ),
    # The numbers of a rule are everybody's, unless they are set for one facility.
    # Counts by county, without an enterprise: for who sees whole counties.
    "reports_pointtally": _any_of(f"county_id = ANY({COUNTIES})"),
    **{one.table: _of_key for one in key_map.MAPS},
    "alerts_ruleparameter": _any_of("facility_id IS NULL", _parent("facility_id", FACILITY)),
}

#: Table: why it has no wall although a foreign key leads from it to an enterprise.
OPEN_TABLES: Final[dict[str, str]] = {
    "tenancy_grant": "The walls are computed from it; it is read before anybody has entered.",
    "tenancy_siteassignment": "The walls are computed from it; it holds no enterprise's data.",
}

_FUNCTIONS: Final = """
CREATE OR REPLACE FUNCTION tenancy_scope() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT jsonb_object_agg(name, coalesce(current_setting('powerwatch.' || name, true), ''))
    FROM unnest(ARRAY['scope', 'actor', 'counties', 'enterprises', 'sites', 'assigned', 'audit'])
        AS name
$$;

CREATE OR REPLACE FUNCTION tenancy_restore(kept jsonb) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp AS $$
    SELECT count(set_config('powerwatch.' || name, value, true)) FROM jsonb_each_text(kept)
        AS of (name, value)
$$;

CREATE OR REPLACE FUNCTION tenancy_enter_system(audit jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    previous jsonb := tenancy_scope();
BEGIN
    PERFORM set_config('powerwatch.scope', 'system', true),
            set_config('powerwatch.audit', coalesce(audit::text, ''), true);
    RETURN previous;
END $$;

-- What an actor may see, from the grants in force now; nothing for NULL, for an account that is
-- closed and for one without grants. Returns the settings as they were, for tenancy_restore.
CREATE OR REPLACE FUNCTION tenancy_enter(entering bigint, audit jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    previous jsonb := tenancy_scope();
    instant timestamptz := clock_timestamp();
    person record;
    counties bigint[];
    enterprises bigint[];
    sites bigint[];
    assigned bigint[];
BEGIN
    PERFORM set_config('powerwatch.audit', coalesce(audit::text, ''), true),
            set_config('powerwatch.actor', '', true),
            set_config('powerwatch.counties', '', true),
            set_config('powerwatch.enterprises', '', true),
            set_config('powerwatch.sites', '', true),
            set_config('powerwatch.assigned', '', true);
    SELECT u.is_superuser INTO person FROM tenancy_user u WHERE u.id = entering AND u.is_active;
    IF NOT FOUND THEN
        PERFORM set_config('powerwatch.scope', '', true);
        RETURN previous;
    END IF;
    -- Also while the sites are looked up below: they stand behind walls themselves.
    PERFORM set_config('powerwatch.scope', 'system', true),
            set_config('powerwatch.actor', '{' || entering || '}', true);
    IF person.is_superuser THEN
        RETURN previous;
    END IF;
    SELECT array_agg(DISTINCT held.county), array_agg(DISTINCT held.enterprise),
           array_agg(DISTINCT held.site), array_agg(DISTINCT held.site_enterprise)
    INTO counties, enterprises, sites, assigned
    FROM (
        SELECT below.id AS county, g.enterprise_id AS enterprise, s.id AS site,
               s.enterprise_id AS site_enterprise
        FROM tenancy_grant g
        LEFT JOIN tenancy_division top ON top.id = g.division_id
        LEFT JOIN tenancy_division below ON starts_with(below.path, top.path)
        LEFT JOIN tenancy_siteassignment a ON a.company_id = g.company_id
            AND a.starts_at <= instant AND (a.ends_at IS NULL OR a.ends_at > instant)
        LEFT JOIN enterprises_site s ON s.id = a.site_id
        WHERE g.user_id = entering AND g.role = ANY(ARRAY[{seeing}])
            AND g.starts_at <= instant AND (g.ends_at IS NULL OR g.ends_at > instant)
    ) held;
    PERFORM set_config('powerwatch.scope', 'actor', true),
            set_config('powerwatch.counties',
                coalesce(array_remove(counties, NULL), '{}')::text, true),
            set_config('powerwatch.enterprises',
                coalesce(array_remove(enterprises, NULL), '{}')::text, true),
            set_config('powerwatch.sites', coalesce(array_remove(sites, NULL), '{}')::text, true),
            set_config('powerwatch.assigned',
                coalesce(array_remove(assigned, NULL), '{}')::text, true);
    RETURN previous;
END $$;

-- Whether a collector anywhere has the MN: yes or no, nothing else leaves.
CREATE OR REPLACE FUNCTION meters_is_registered(asked text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    kept text := coalesce(current_setting('powerwatch.scope', true), '');
    found_it boolean;
BEGIN
    PERFORM set_config('powerwatch.scope', 'system', true);
    found_it := EXISTS (SELECT 1 FROM meters_collector WHERE mn = asked);
    PERFORM set_config('powerwatch.scope', kept, true);
    RETURN found_it;
END $$;
"""


def functions() -> str:
    """Return the SQL of the functions, with the roles whose grants open data."""
    seeing = ", ".join(f"'{role}'" for role in sorted(SEEING_ROLES))
    return _FUNCTIONS.replace("{seeing}", seeing)


def raise_walls() -> list[str]:
    """Bring functions and policies to what this module says; return the tables that changed.

    A table that a half-done migration has not made yet is left for the next run.
    """
    with connection.cursor() as cursor:
        wanted = functions()
        digest = sha256(wanted.encode()).hexdigest()
        cursor.execute(
            "SELECT obj_description(to_regprocedure('tenancy_enter(bigint,jsonb)'), 'pg_proc')"
        )
        if cursor.fetchone()[0] != digest:
            cursor.execute(f"{wanted} COMMENT ON FUNCTION tenancy_enter IS '{digest}'")
        standing = _standing(cursor)
        changed = [
            table
            for table, policy in POLICIES.items()
            if table in standing and standing[table] != policy.digest
        ]
        for table in changed:
            for statement in POLICIES[table].statements(table):
                cursor.execute(statement)
    return changed


def find_gaps() -> list[str]:
    """Return the walled tables whose wall is missing, open or another than this module says."""
    with connection.cursor() as cursor:
        standing = _standing(cursor)
    return [table for table, policy in POLICIES.items() if standing.get(table) != policy.digest]


def _standing(cursor: object) -> dict[str, str]:
    """Return the digest of each walled table that exists; empty where its wall does not stand."""
    cursor.execute(  # type: ignore[attr-defined]
        """
        SELECT c.relname, CASE WHEN c.relrowsecurity AND c.relforcerowsecurity THEN
            coalesce(obj_description(p.oid, 'pg_policy'), '') ELSE '' END
        FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = %s
        WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY(%s)
        """,
        [POLICY, list(POLICIES)],
    )
    return dict(cursor.fetchall())  # type: ignore[attr-defined]


def close_partitions(cursor: object) -> None:
    """Take the rights to single partitions away: a policy binds only who asks for its table."""
    cursor.execute(  # type: ignore[attr-defined]
        """
        SELECT i.inhrelid::regclass::text, string_agg(DISTINCT quote_ident(r.rolname), ', ')
        FROM pg_inherits i
        JOIN pg_class parent ON parent.oid = i.inhparent AND parent.relkind = 'p'
        JOIN pg_class child ON child.oid = i.inhrelid AND child.relkind = 'r'
        JOIN LATERAL aclexplode(child.relacl) AS acl ON acl.grantee <> child.relowner
        JOIN pg_roles r ON r.oid = acl.grantee
        WHERE parent.relname = ANY(%s) GROUP BY 1
        """,
        [list(POLICIES)],
    )
    for partition, roles in cursor.fetchall():  # type: ignore[attr-defined]
        cursor.execute(f"REVOKE ALL ON {partition} FROM {roles}")  # type: ignore[attr-defined]
