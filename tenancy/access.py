"""Who may see what: the one place where a person's scope is worked out."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.utils import timezone

from tenancy.models import Grant, Role, User

AUTHORITY_ROLES = frozenset(
    {
        Role.PROVINCE_VIEWER,
        Role.CITY_ADMIN,
        Role.CITY_AIR_OFFICE,
        Role.CITY_ENFORCER,
        Role.COUNTY_BRANCH,
        Role.COUNTY_AIR_OFFICE,
    }
)


class Permission(StrEnum):
    """What a person may do, beyond seeing. The codes are stored and tested, so they stay."""

    HANDLE_ALERTS = "handle_alerts"
    EXPLAIN_ALERTS = "explain_alerts"
    SEE_INTAKE = "see_intake"
    SEE_MESSAGES = "see_messages"
    ADMINISTER = "administer"


ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.PROVINCE_VIEWER: frozenset(),
    Role.CITY_ADMIN: frozenset(
        {
            Permission.HANDLE_ALERTS,
            Permission.SEE_INTAKE,
            Permission.SEE_MESSAGES,
            Permission.ADMINISTER,
        }
    ),
    Role.CITY_AIR_OFFICE: frozenset({Permission.SEE_MESSAGES}),
    Role.CITY_ENFORCER: frozenset({Permission.HANDLE_ALERTS, Permission.SEE_MESSAGES}),
    Role.COUNTY_BRANCH: frozenset({Permission.HANDLE_ALERTS, Permission.SEE_MESSAGES}),
    Role.COUNTY_AIR_OFFICE: frozenset(),
    Role.ENTERPRISE_OFFICER: frozenset({Permission.EXPLAIN_ALERTS}),
    Role.ENTERPRISE_REP: frozenset(),
    Role.OPERATOR: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What an actor sees: whole divisions (by path prefix) and single enterprises (by id)."""

    everything: bool = False
    division_paths: tuple[str, ...] = ()
    enterprise_ids: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.everything or self.division_paths or self.enterprise_ids)

    def condition(self, *, county: str, enterprise: str) -> Q | None:
        """Return the filter for rows that reach their county and enterprise by these lookups.

        None means that nothing may be seen. ``county`` names the lookup to a ``Division``,
        ``enterprise`` the lookup to an enterprise's key.
        """
        if self.is_empty:
            return None
        condition = Q()
        if self.everything:
            return condition
        for path in self.division_paths:
            condition |= Q(**{f"{county}__path__startswith": path})
        if self.enterprise_ids:
            condition |= Q(**{f"{enterprise}__in": self.enterprise_ids})
        return condition


def get_scope(actor: User | AnonymousUser, *, at: datetime | None = None) -> Scope:
    """Return what the actor may see at an instant (now by default); reads the grants."""
    if not isinstance(actor, User) or not actor.is_active:
        return Scope()
    if actor.is_superuser:
        return Scope(everything=True)
    grants = Grant.objects.in_force(at or timezone.now()).filter(user=actor)
    paths: list[str] = []
    enterprise_ids: list[int] = []
    for path, enterprise_id in grants.values_list("division__path", "enterprise_id"):
        if path:
            paths.append(path)
        elif enterprise_id:
            enterprise_ids.append(enterprise_id)
    return Scope(division_paths=tuple(paths), enterprise_ids=tuple(enterprise_ids))


def has_permission(
    actor: User | AnonymousUser, permission: Permission, *, at: datetime | None = None
) -> bool:
    """Return whether one of the actor's grants in force (now by default) carries the permission.

    It says nothing of scope: fetch the object through ``visible_to`` first.
    """
    if not isinstance(actor, User) or not actor.is_active:
        return False
    if actor.is_superuser:
        return True
    roles = Grant.objects.in_force(at or timezone.now()).filter(user=actor)
    return any(
        permission in ROLE_PERMISSIONS[role] for role in roles.values_list("role", flat=True)
    )
