"""Whose eyes look at the page: what the frame says of them and what their pages offer.

What rows they may see is ``visible_to`` alone; this only decides what to show.
"""

from dataclasses import dataclass, field

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tenancy.access import AUTHORITY_ROLES, ROLE_PERMISSIONS, Permission, keep_authority
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
    grants = list(
        Grant.objects.in_force(timezone.now())
        .filter(user=user)
        .select_related("division", "enterprise")
        .order_by("pk")
    )
    if not grants:
        return Eyes(label=_("No duty granted yet"))
    authority = [grant for grant in grants if grant.role in AUTHORITY_ROLES]
    divisions = [grant.division for grant in authority if grant.division]
    first = (authority or grants)[0]
    place = division_name(first.division) if first.division else str(first.enterprise)
    wide = {DivisionKind.PROVINCE, DivisionKind.CITY}
    return Eyes(
        label=f"{place} · {first.get_role_display()}",
        role=first.role,
        is_authority=bool(authority),
        enterprise_ids=tuple(grant.enterprise_id for grant in grants if grant.enterprise_id),
        division_path=divisions[0].path if divisions else "",
        sees_many_counties=len(divisions) > 1 or any(d.kind in wide for d in divisions),
        permissions=frozenset().union(*(ROLE_PERMISSIONS[grant.role] for grant in grants)),
    )
