"""Checks that look into the database, run by ``migrate`` and ``check --database default``."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connection

from powerwatch.walls import POLICIES, find_gaps


@register(Tags.database)
def check_walls(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn where row-level security would not hold the web role, or does not stand."""
    if not databases or "default" not in databases:
        return []
    found: list[CheckMessage] = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE (rolsuper OR rolbypassrls)"
            " AND rolname = CASE WHEN %s THEN current_user ELSE 'powerwatch_web' END",
            [settings.DB_ROLE == "web"],
        )
        if row := cursor.fetchone():
            found.append(
                Warning(
                    f"The web role {row[0]} is a superuser or has BYPASSRLS:"
                    " row-level security does not bind it.",
                    hint=f"ALTER ROLE {row[0]} NOSUPERUSER NOBYPASSRLS",
                    id="powerwatch.W001",
                )
            )
    # Before the first migration there is nothing to wall in.
    if (gaps := find_gaps()) and set(gaps) != set(POLICIES):
        found.append(
            Warning(
                f"Row-level security does not stand as it should on: {', '.join(gaps)}.",
                hint="Run manage.py migrate.",
                id="powerwatch.W002",
            )
        )
    return found
