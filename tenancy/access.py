"""Who may see and do what: the one place where a person's reach and rights are worked out.

*Seeing* is ``Model.objects.visible_to(actor)`` (``tenancy.scoping``): outside it is 404. *Doing* is
``has_permission(actor, permission, ...)``: inside without the right is 403. Both rest on the grants
in force, read by ``get_authority``. Source: domain reference 3, actors and powers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.utils import timezone

from tenancy.models import Division, Grant, Role, SiteAssignment, User

#: An ``enterprises.Enterprise`` or ``Site``; their module stands above this one.
Enterprise = Any
Site = Any

AUTHORITY_ROLES = frozenset(
    {
        Role.PROVINCE_VIEWER,
        Role.CITY_ADMIN,
        Role.CITY_AIR_OFFICE,
        Role.CITY_ENFORCER,
        Role.COUNTY_BRANCH,
        Role.COUNTY_AIR_OFFICE,
        Role.TECHNICAL_REVIEWER,
        Role.LEGAL_REVIEWER,
        Role.AUTHORITY_HEAD,
    }
)
#: Roles whose grant opens the data of enterprises; the three administrators see none of it.
SEEING_ROLES = AUTHORITY_ROLES | {Role.ENTERPRISE_OFFICER, Role.ENTERPRISE_REP, Role.OPERATOR}


class Permission(StrEnum):
    """What a person may do, beyond seeing. The codes are stored and tested, so they stay."""

    HANDLE_ALERTS = "handle_alerts"
    EXPLAIN_ALERTS = "explain_alerts"
    DECLARE = "declare"  # announce stops, repairs and the like for the enterprise
    SEE_ALERTS = "see_alerts"  # without it only what concerns devices (operators)
    SEE_INTAKE = "see_intake"
    SEE_MESSAGES = "see_messages"
    EDIT_FILE = "edit_file"  # enterprise, sites, lines, facilities, contacts, grades
    EDIT_DEVICES = "edit_devices"  # collectors, points, meters, ratios
    APPROVE_PAIRINGS = "approve_pairings"  # pairings and thresholds
    ATTACH = "attach"  # documents and photos
    IMPORT = "import"
    EXPORT = "export"
    SEE_PROGRAMME = "see_programme"
    MANAGE_PROGRAMME = "manage_programme"  # batches, due dates, who must install, exemptions
    SURVEY = "survey"
    INSTALL = "install"  # says that installing began and that the devices are connected
    ACCEPT_INSTALLATION = "accept_installation"
    OPEN_WORK_ORDERS = "open_work_orders"
    DO_WORK_ORDERS = "do_work_orders"
    ADMINISTER = "administer"  # the administration of a city's data
    ADMINISTER_SYSTEM = "administer_system"  # profiles, parameters of the machine, health
    MANAGE_ENTERPRISE_PEOPLE = "manage_enterprise_people"  # accounts of enterprises, operators
    MANAGE_GRANTS = "manage_grants"  # every account and grant
    SEE_AUDIT = "see_audit"
    SEE_LOOKS = "see_looks"  # who looked at one's own enterprise
    USE_API = "use_api"


_P = Permission
_OFFICIAL = frozenset({_P.SEE_ALERTS, _P.SEE_PROGRAMME, _P.EXPORT, _P.SEE_MESSAGES, _P.USE_API})

ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.PROVINCE_VIEWER: frozenset({_P.SEE_ALERTS, _P.SEE_PROGRAMME, _P.EXPORT, _P.USE_API}),
    Role.CITY_ADMIN: _OFFICIAL
    | {
        _P.HANDLE_ALERTS,
        _P.SEE_INTAKE,
        _P.EDIT_FILE,
        _P.EDIT_DEVICES,
        _P.APPROVE_PAIRINGS,
        _P.ATTACH,
        _P.IMPORT,
        _P.MANAGE_PROGRAMME,
        _P.SURVEY,
        _P.ACCEPT_INSTALLATION,
        _P.OPEN_WORK_ORDERS,
        _P.ADMINISTER,
        _P.MANAGE_ENTERPRISE_PEOPLE,
    },
    Role.CITY_AIR_OFFICE: _OFFICIAL | {_P.MANAGE_PROGRAMME},
    Role.CITY_ENFORCER: _OFFICIAL | {_P.HANDLE_ALERTS, _P.ATTACH, _P.ACCEPT_INSTALLATION},
    Role.COUNTY_BRANCH: _OFFICIAL
    | {
        _P.HANDLE_ALERTS,
        _P.EDIT_FILE,
        _P.APPROVE_PAIRINGS,
        _P.ATTACH,
        _P.SURVEY,
        _P.ACCEPT_INSTALLATION,
        _P.OPEN_WORK_ORDERS,
    },
    Role.COUNTY_AIR_OFFICE: frozenset({_P.SEE_ALERTS, _P.SEE_PROGRAMME, _P.EXPORT, _P.USE_API}),
    Role.TECHNICAL_REVIEWER: frozenset({_P.SEE_ALERTS, _P.USE_API}),
    Role.LEGAL_REVIEWER: frozenset({_P.SEE_ALERTS, _P.USE_API}),
    Role.AUTHORITY_HEAD: frozenset({_P.SEE_ALERTS, _P.SEE_PROGRAMME, _P.EXPORT}),
    Role.ENTERPRISE_OFFICER: frozenset(
        {
            _P.SEE_ALERTS,
            _P.EXPLAIN_ALERTS,
            _P.DECLARE,
            _P.ATTACH,
            _P.EXPORT,
            _P.OPEN_WORK_ORDERS,
            _P.SEE_LOOKS,
            _P.USE_API,
        }
    ),
    Role.ENTERPRISE_REP: frozenset({_P.SEE_ALERTS, _P.SEE_LOOKS}),
    Role.OPERATOR: frozenset(
        {_P.EDIT_DEVICES, _P.ATTACH, _P.SURVEY, _P.INSTALL, _P.DO_WORK_ORDERS, _P.USE_API}
    ),
    Role.SYSTEM_ADMIN: frozenset({_P.ADMINISTER_SYSTEM}),
    Role.SECURITY_ADMIN: frozenset({_P.MANAGE_GRANTS}),
    Role.AUDITOR: frozenset({_P.SEE_AUDIT}),
}


@dataclass(frozen=True, slots=True)
class Holding:
    """One grant in force: a role for a division, an enterprise, or a company's sites."""

    role: str
    division_path: str = ""
    enterprise_id: int | None = None
    site_ids: frozenset[int] = frozenset()
    assigned_enterprise_ids: frozenset[int] = frozenset()  # of those sites

    def covers_enterprise(self, enterprise: Enterprise) -> bool:
        """Tell whether the grant reaches the enterprise, wholly or by one of its sites."""
        if self.division_path:
            return enterprise.county.path.startswith(self.division_path)
        return enterprise.pk in {self.enterprise_id, *self.assigned_enterprise_ids}

    def covers_site(self, site: Site) -> bool:
        if self.site_ids or self.assigned_enterprise_ids:
            return site.pk in self.site_ids
        return self.covers_enterprise(site.enterprise)

    def covers_division(self, division: Division) -> bool:
        return bool(self.division_path) and division.path.startswith(self.division_path)


@dataclass(frozen=True, slots=True)
class Authority:
    """All that a person holds at an instant."""

    is_superuser: bool = False  # set-up only: see ``tenancy.signin``
    holdings: tuple[Holding, ...] = ()
    grants: tuple[Grant, ...] = ()  # what they rest on

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(holding.role for holding in self.holdings)

    @property
    def is_official(self) -> bool:
        """Tell whether the person works for an authority."""
        return self.is_superuser or bool(self.roles & AUTHORITY_ROLES)

    def holdings_with(self, permission: Permission) -> tuple[Holding, ...]:
        return tuple(h for h in self.holdings if permission in ROLE_PERMISSIONS[h.role])


@dataclass(frozen=True, slots=True)
class Scope:
    """What an actor sees: divisions (by path prefix), enterprises and single sites (by id)."""

    everything: bool = False
    division_paths: tuple[str, ...] = ()
    enterprise_ids: tuple[int, ...] = ()
    site_ids: tuple[int, ...] = ()
    assigned_enterprise_ids: tuple[int, ...] = ()  # seen by name, because a site of theirs is

    @property
    def is_empty(self) -> bool:
        return not (self.everything or self.division_paths or self.enterprise_ids or self.site_ids)

    def condition(
        self, *, county: str, enterprise: str, site: str = "", assigned: str = ""
    ) -> Q | None:
        """Return the filter for rows that reach their county and enterprise by these lookups.

        None means that nothing may be seen. ``county`` names the lookup to a ``Division``,
        ``enterprise`` to an enterprise's key. For who is assigned single sites the rows are opened
        by ``site``, the lookup to a site's key, or ``assigned``, to the key of an enterprise one
        site of which is assigned; with neither they stay closed.
        """
        if self.everything:
            return Q()
        condition = Q()
        for path in self.division_paths:
            condition |= Q(**{f"{county}__path__startswith": path})
        if self.enterprise_ids:
            condition |= Q(**{f"{enterprise}__in": self.enterprise_ids})
        if site and self.site_ids:
            condition |= Q(**{f"{site}__in": self.site_ids})
        if assigned and self.assigned_enterprise_ids:
            condition |= Q(**{f"{assigned}__in": self.assigned_enterprise_ids})
        return condition or None


def get_authority(actor: User | AnonymousUser, *, at: datetime | None = None) -> Authority:
    """Return what the actor holds at an instant (now by default). One query, two for operators.

    Within a request the answer is kept (``keep_authority``), so that a page asks once; the next
    request asks anew, so that a grant taken away is gone by then.
    """
    if not isinstance(actor, User) or not actor.is_active:
        return Authority()
    kept = getattr(actor, "_kept_authority", None)
    if at is None and kept is not None:
        return kept
    if actor.is_superuser:
        return Authority(is_superuser=True)
    at = at or timezone.now()
    grants = read_grants(actor, at=at)
    sites = _assigned_sites({grant.company_id for grant in grants if grant.company_id}, at)
    return Authority(
        holdings=tuple(
            Holding(
                grant.role,
                grant.division.path if grant.division else "",
                grant.enterprise_id,
                *sites.get(grant.company_id, ()),
            )
            for grant in grants
        ),
        grants=tuple(grants),
    )


def read_grants(actor: User, *, at: datetime) -> list[Grant]:
    """Return the grants in force with the division, enterprise or company that each names."""
    return list(
        Grant.objects.in_force(at)
        .filter(user=actor)
        .select_related("division", "enterprise", "company")
        .order_by("pk")
    )


def _assigned_sites(
    companies: Iterable[int], at: datetime
) -> dict[int | None, tuple[frozenset[int], frozenset[int]]]:
    companies = list(companies)
    if not companies:
        return {}
    rows = list(
        SiteAssignment.objects.in_force(at)
        .filter(company__in=companies)
        .values_list("company_id", "site_id", "site__enterprise_id")
    )
    return {
        company: (
            frozenset(site for of, site, _ in rows if of == company),
            frozenset(enterprise for of, _, enterprise in rows if of == company),
        )
        for company in companies
    }


def keep_authority(actor: User) -> Authority:
    """Read the actor's authority and keep it on the instance: for one request's user only."""
    actor._kept_authority = None  # type: ignore[attr-defined]
    actor._kept_authority = get_authority(actor)  # type: ignore[attr-defined]
    return actor._kept_authority  # type: ignore[attr-defined]


def get_scope(actor: User | AnonymousUser, *, at: datetime | None = None) -> Scope:
    """Return what the actor may see at an instant (now by default)."""
    authority = get_authority(actor, at=at)
    if authority.is_superuser:
        return Scope(everything=True)
    seeing = [holding for holding in authority.holdings if holding.role in SEEING_ROLES]
    return Scope(
        division_paths=tuple(h.division_path for h in seeing if h.division_path),
        enterprise_ids=tuple(h.enterprise_id for h in seeing if h.enterprise_id),
        site_ids=tuple(sorted({site for h in seeing for site in h.site_ids})),
        assigned_enterprise_ids=tuple(
            sorted({one for h in seeing for one in h.assigned_enterprise_ids})
        ),
    )


def has_permission(
    actor: User | AnonymousUser,
    permission: Permission,
    *,
    enterprise: Enterprise | None = None,
    site: Site | None = None,
    division: Division | None = None,
    at: datetime | None = None,
) -> bool:
    """Return whether a grant in force (now by default) carries the permission.

    With an object the same grant must cover it: an officer of one county who may only look at the
    next does not handle anything there. Fetch the object through ``visible_to`` first; an
    enterprise comes with its county, a site with its enterprise and that one's county.
    """
    authority = get_authority(actor, at=at)
    if authority.is_superuser:
        return True
    holdings = authority.holdings_with(permission)
    if enterprise is not None:
        return any(holding.covers_enterprise(enterprise) for holding in holdings)
    if site is not None:
        return any(holding.covers_site(site) for holding in holdings)
    if division is not None:
        return any(holding.covers_division(division) for holding in holdings)
    return bool(holdings)


def require(
    actor: User | AnonymousUser,
    permission: Permission,
    *,
    enterprise: Enterprise | None = None,
    site: Site | None = None,
    division: Division | None = None,
) -> None:
    """Raise ``PermissionDenied`` (403) unless ``has_permission``."""
    if not has_permission(actor, permission, enterprise=enterprise, site=site, division=division):
        raise PermissionDenied
