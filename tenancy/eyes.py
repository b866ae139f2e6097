"""Whose eyes look at the page: what the frame says of them and what their pages offer.

What rows they may see is ``visible_to`` alone; this only decides what to show.
"""

from dataclasses import dataclass, field

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from tenancy.access import (
    AUTHORITY_ROLES,
    ROLE_PERMISSIONS,
    Permission,
    get_authority,
    keep_authority,
)
from tenancy.models import Division, DivisionKind, Grant, User


@dataclass(frozen=True, slots=True)
class Eyes:
    """A signed-in person's place in the world."""

    label: str = ""  # 临汾市 · 执法队
    role: str = ""  # of the grant that the label names
    is_authority: bool = False
    enterprise_ids: tuple[int, ...] = ()
    division_path: str = ""  # of the first authority grant; empty for the whole country
    sees_many_counties: bool = False
    permissions: frozenset[Permission] = field(default_factory=frozenset)

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions


def person(request: HttpRequest) -> User:
    """Return the signed-in user; every page but sign-in has one (LoginRequiredMiddleware)."""
    user = request.user
    if not isinstance(user, User):
        raise TypeError("a page without a signed-in user")
    if not hasattr(user, "_kept_authority"):
        keep_authority(user)  # the user is this request's own: one page asks for the grants once
    return user


def division_name(division: Division) -> str:
    """Return the division's name in the language of the page."""
    english = (get_language() or "").startswith("en")
    return division.name_en if english and division.name_en else division.name


def get_eyes(request: HttpRequest) -> Eyes:
    """Return whose eyes these are; reads the grants once for each request."""
    if not hasattr(request, "_eyes"):
        request._eyes = _look(request.user)  # type: ignore[attr-defined]
    return request._eyes  # type: ignore[attr-defined]


def get_body(request: HttpRequest) -> str:
    """Return for which body the person acts, in the language of the files and not of the page."""
    with override(settings.LANGUAGE_CODE):
        return _look(request.user).label


def _label(grant: Grant) -> str:
    division, enterprise = grant.division, grant.enterprise
    place = division_name(division) if division else str(enterprise or grant.company)
    return f"{place} · {grant.get_role_display()}"


def _look(user: object) -> Eyes:
    if not isinstance(user, User) or not user.is_active:
        return Eyes()
    if user.is_superuser:
        return Eyes(
            label=_("System administrator"),
            is_authority=True,
            sees_many_counties=True,
            permissions=frozenset(Permission),
        )
    grants = get_authority(user).grants
    if not grants:
        return Eyes(label=_("No duty granted yet"))
    authority = [grant for grant in grants if grant.role in AUTHORITY_ROLES]
    divisions = [grant.division for grant in authority if grant.division]
    first = (authority or grants)[0]
    wide = {DivisionKind.PROVINCE, DivisionKind.CITY}
    return Eyes(
        label=_label(first),
        role=first.role,
        is_authority=bool(authority),
        enterprise_ids=tuple(grant.enterprise_id for grant in grants if grant.enterprise_id),
        division_path=divisions[0].path if divisions else "",
        sees_many_counties=len(divisions) > 1 or any(d.kind in wide for d in divisions),
        permissions=frozenset().union(*(ROLE_PERMISSIONS[grant.role] for grant in grants)),
    )
