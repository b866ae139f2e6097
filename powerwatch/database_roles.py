"""What each process may do in the database.

Web, worker and gateway connect as ``powerwatch_web``, ``powerwatch_worker`` and
``powerwatch_gateway``; only migrations run as the owner. Row-level security
(``powerwatch.walls``) binds all of them but the gateway: COPY does not work under it.
Run after every migration; where the roles do not exist (a server shared by one login) it says so
and does nothing.
"""

from django.db import connection, transaction

from powerwatch.key_map import HIDDEN, READ_ONLY
from powerwatch.walls import close_partitions

ROLES = ("powerwatch_web", "powerwatch_worker", "powerwatch_gateway")

#: Appended, never changed: not even the web role can edit what happened.
APPEND_ONLY = (
    "alerts_alertlog",
    "enterprises_installationlog",
    "meters_rawchunk",
    "meters_reading",
    "meters_readingconflict",
    "meters_workorderlog",
    "tenancy_auditentry",
    "enterprises_surveysheet",
    "enterprises_acceptancesheet",
)

GATEWAY_READS = (
    "meters_collector",
    "meters_monitoringpoint",
    "meters_profile",
    "enterprises_enterprise",
    "enterprises_site",
    "enterprises_facility",
)
GATEWAY_WRITES = (
    "meters_reading",
    "meters_rawchunk",
    "meters_readingconflict",
    "meters_latestreading",
    "meters_collectorstatus",
    "meters_intakeissue",
    "meters_changedwindow",
    "meters_listeningspan",
)


def _statements() -> list[str]:
    out = [f"GRANT USAGE ON SCHEMA public TO {', '.join(ROLES)}"]
    for role in ("powerwatch_web", "powerwatch_worker"):
        out += [
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
            f"REVOKE UPDATE, DELETE ON {', '.join(APPEND_ONLY)} FROM {role}",
            f"REVOKE INSERT, UPDATE, DELETE ON django_migrations, {', '.join(READ_ONLY)}"
            f" FROM {role}",
            f"REVOKE ALL ON {', '.join(HIDDEN)} FROM {role}",
        ]
    out += [
        f"GRANT SELECT ON {', '.join(GATEWAY_READS)} TO powerwatch_gateway",
        f"GRANT SELECT, INSERT ON {', '.join(GATEWAY_WRITES)} TO powerwatch_gateway",
        "GRANT UPDATE ON meters_latestreading, meters_collectorstatus, meters_intakeissue,"
        " meters_listeningspan TO powerwatch_gateway",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO powerwatch_gateway",
        "GRANT EXECUTE ON FUNCTION meters_make_partitions(date, date)"
        " TO powerwatch_worker, powerwatch_gateway",
    ]
    return out


@transaction.atomic
def grant_roles() -> bool:
    """Give each process role its rights; return False where the roles do not exist."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)", [list(ROLES)])
        if cursor.fetchone()[0] < len(ROLES):
            return False
        for statement in _statements():
            cursor.execute(statement)
        close_partitions(cursor)
    return True
