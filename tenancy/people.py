"""Who looks after whom: the accounts and grants that a manager of people sees.

A *security administrator* (``MANAGE_GRANTS``) sees every grant within the own divisions, whatever
its role; a *city administrator* (``MANAGE_ENTERPRISE_PEOPLE``) the grants of enterprises and
operator companies of the own city. An account is seen by whoever sees one of its grants, past ones
too: an account is made together with its first grant, so each belongs somewhere from the start.
Accounts without any grant (made on the server) are seen by a security administrator of a division
that has none above it, and by a superuser while the system is set up.

Acts upon the *account* itself (close it, a new password) need more: no grant in force may lie
outside what the manager sees, or one city would close the accounts of another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import Exists, OuterRef, Q, QuerySet

from tenancy.access import Permission, get_authority
from tenancy.models import (
    Division,
    DivisionKind,
    Grant,
    OperatorCompany,
    Role,
    SiteAssignment,
    User,
)

#: An ``enterprises.Enterprise``; its module stands above this one.
Enterprise = Any

ENTERPRISE_ROLES = frozenset({Role.ENTERPRISE_OFFICER, Role.ENTERPRISE_REP})
OUTER_ROLES = ENTERPRISE_ROLES | {Role.OPERATOR}

_COUNTIES = frozenset({DivisionKind.COUNTY, DivisionKind.AREA})
_CITY, _PROVINCE = frozenset({DivisionKind.CITY}), frozenset({DivisionKind.PROVINCE})

#: For what kinds of division a role is given; roles that are not here are given for an enterprise
#: or a company. A development zone counts as a county (domain reference 3).
ROLE_DIVISIONS: dict[str, frozenset[DivisionKind]] = {
    Role.PROVINCE_VIEWER: _PROVINCE,
    Role.CITY_ADMIN: _CITY,
    Role.CITY_AIR_OFFICE: _CITY,
    Role.CITY_ENFORCER: _CITY,
    Role.COUNTY_BRANCH: _COUNTIES,
    Role.COUNTY_AIR_OFFICE: _COUNTIES,
    Role.TECHNICAL_REVIEWER: _CITY | _COUNTIES,
    Role.LEGAL_REVIEWER: _CITY | _COUNTIES,
    Role.AUTHORITY_HEAD: _CITY | _COUNTIES,
    Role.SYSTEM_ADMIN: _PROVINCE | _CITY,
    Role.SECURITY_ADMIN: _PROVINCE | _CITY,
    Role.AUDITOR: _PROVINCE | _CITY,
}


def _under(paths: Iterable[str], lookup: str) -> Q:
    condition = Q(pk__in=[])
    for path in paths:
        condition |= Q(**{f"{lookup}__startswith": path})
    return condition


@dataclass(frozen=True, slots=True)
class Manager:
    """Whom a person looks after: paths of divisions, for all roles and for the outer ones."""

    everything: bool = False
    paths: tuple[str, ...] = ()
    outer_paths: tuple[str, ...] = ()

    @property
    def all_paths(self) -> tuple[str, ...]:
        return self.paths + self.outer_paths

    @property
    def is_wide(self) -> bool:
        """Tell whether accounts without any grant are theirs: no division stands above."""
        return self.everything or any(path.count("/") == 1 for path in self.paths)

    def roles(self) -> list[Role]:
        """Return the roles that the manager may give, in the order of ``Role``.

        Enterprise roles are given by who sees the enterprise, the city's administrator.
        """
        given: set[str] = set(Role) if self.everything else set()
        if self.paths:
            given |= set(Role) - ENTERPRISE_ROLES
        if self.outer_paths:
            given |= OUTER_ROLES
        return [role for role in Role if role in given]

    def grants(self) -> Q:
        """Return the condition for grants in this manager's care."""
        if self.everything:
            return Q()
        places = ("division__path", "enterprise__county__path", "company__division__path")
        condition = Q(pk__in=[])
        for place in places:
            condition |= _under(self.paths, place)
        if self.outer_paths:
            outer = _under(self.outer_paths, places[1]) | _under(self.outer_paths, places[2])
            condition |= Q(role__in=OUTER_ROLES) & outer
        return condition

    def covers(self, division: Division, role: str) -> bool:
        """Tell whether the manager may give the role in the division."""
        paths = self.all_paths if role in OUTER_ROLES else self.paths
        return self.everything or any(division.path.startswith(path) for path in paths)


def get_manager(actor: User) -> Manager:
    """Return whom the actor looks after; one query within a request at most."""
    authority = get_authority(actor)

    def held(permission: Permission) -> tuple[str, ...]:
        holdings = authority.holdings_with(permission)
        return tuple(dict.fromkeys(h.division_path for h in holdings if h.division_path))

    return Manager(
        everything=authority.is_superuser,
        paths=held(Permission.MANAGE_GRANTS),
        outer_paths=held(Permission.MANAGE_ENTERPRISE_PEOPLE),
    )


def grants_for(manager: Manager) -> QuerySet[Grant]:
    """Return the grants in the manager's care, past ones too."""
    return Grant.objects.filter(manager.grants())


def people_for(manager: Manager) -> QuerySet[User]:
    """Return the accounts that the manager sees."""
    if manager.everything:
        return User.objects.all()
    seen = Exists(grants_for(manager).filter(user=OuterRef("pk")))
    condition: Any = Q(seen)
    if manager.is_wide:
        condition |= ~Exists(Grant.objects.filter(user=OuterRef("pk")))
    return User.objects.filter(condition)


def has_whole_account(manager: Manager, user: User, *, now: datetime) -> bool:
    """Tell whether all that the person holds now is in the manager's care."""
    held = Grant.objects.filter(user=user).filter(Q(ends_at=None) | Q(ends_at__gt=now))
    return not held.exclude(pk__in=grants_for(manager).filter(user=user).values("pk")).exists()


def divisions_for(manager: Manager) -> QuerySet[Division]:
    """Return the divisions for which the manager may give a role."""
    divisions = Division.objects.order_by("path")
    if manager.everything:
        return divisions
    return divisions.filter(_under(manager.paths, "path"))


def companies_for(manager: Manager) -> QuerySet[OperatorCompany]:
    """Return the operator companies in the manager's care."""
    companies = OperatorCompany.objects.select_related("division").order_by("name")
    if manager.everything:
        return companies
    return companies.filter(_under(manager.all_paths, "division__path"))


def company_divisions_for(manager: Manager) -> QuerySet[Division]:
    """Return the divisions with which the manager may register a company: cities."""
    divisions = Division.objects.filter(kind=DivisionKind.CITY).order_by("path")
    return divisions if manager.everything else divisions.filter(_under(manager.all_paths, "path"))


def find_enterprises(actor: User, words: str) -> list[Enterprise]:
    """Return at most six enterprises that the actor sees and the words mean.

    By number, credit code or whole name there is one; else all whose name holds the words.
    """
    words = words.strip()
    if not words:
        return []
    visible = apps.get_model("enterprises", "Enterprise").objects.visible_to(actor)
    visible = visible.select_related("county").order_by("code")
    exact = list(
        visible.filter(Q(code__iexact=words) | Q(credit_code__iexact=words) | Q(name=words))[:2]
    )
    return exact if len(exact) == 1 else list(visible.filter(name__icontains=words)[:6])


def assignments_for(company: OperatorCompany, actor: User) -> QuerySet[SiteAssignment]:
    """Return the company's assignments to sites that the actor sees, the newest first."""
    sites = apps.get_model("enterprises", "Site").objects.visible_to(actor)
    return (
        SiteAssignment.objects.filter(company=company, site__in=sites.values("pk"))
        .select_related("site__enterprise")
        .order_by("-starts_at", "-pk")
    )
