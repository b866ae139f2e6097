"""What managers of people do: accounts, grants, operator companies and their sites.

Every act names its ``actor`` and the moment; the rules stand here, whatever page or program asks:

- nobody gives a grant to themselves or ends their own;
- nobody gives or ends one outside the divisions that they look after (``tenancy.people``);
- a role fits its scope (county roles for counties or areas, enterprise roles for enterprises...);
- nobody holds two of the three administrators: the database itself refuses, in any order of acts;
- a grant is ended, never deleted: that somebody held it stays on record.

``Refused`` says why in words for the person; a row out of the actor's sight is ``PermissionDenied``
here and 404 on the pages. Changes of rows are logged by the database's triggers; what leaves no
row (sessions ended, an account unlocked) is recorded here.
"""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from tenancy import people, second_factor, sessions, signin
from tenancy.audit import record
from tenancy.models import (
    Division,
    Grant,
    OperatorCompany,
    Role,
    SiteAssignment,
    User,
)
from tenancy.passwords import starting_password

#: An ``enterprises.Enterprise`` or ``Site``; their module stands above this one.
Enterprise = Any
Site = Any


class Refused(Exception):
    """The act breaks a rule; the words say which and what to do instead."""


@transaction.atomic
def make_person(
    *,
    username: str,
    full_name: str,
    role: str,
    division: Division | None = None,
    enterprise: Enterprise | None = None,
    company: OperatorCompany | None = None,
    phone: str = "",
    email: str = "",
    starts_at: datetime,
    ends_at: datetime | None = None,
    actor: User,
    now: datetime,
) -> tuple[User, str]:
    """Make an account with its first grant; return it and the starting password.

    The password is nowhere else: it is told once, and the person must change it at first sign-in.
    """
    if User.objects.filter(username__iexact=username).exists():
        raise Refused(_("This user name is taken. Choose another."))
    user = User(username=username, full_name=full_name, phone=phone, email=email)
    user.must_change_password = True
    password = starting_password()
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:  # somebody else took it in the same moment
        raise Refused(_("This user name is taken. Choose another.")) from error
    give_grant(
        user=user,
        role=role,
        division=division,
        enterprise=enterprise,
        company=company,
        starts_at=starts_at,
        ends_at=ends_at,
        actor=actor,
        now=now,
    )
    return user, password


@transaction.atomic
def give_grant(
    *,
    user: User,
    role: str,
    division: Division | None = None,
    enterprise: Enterprise | None = None,
    company: OperatorCompany | None = None,
    starts_at: datetime,
    ends_at: datetime | None = None,
    actor: User,
    now: datetime,
) -> Grant:
    """Give a person a role for one division, enterprise or company, from and until instants."""
    if user.pk == actor.pk:
        raise Refused(_("Nobody gives a grant to themselves. Ask another security administrator."))
    if ends_at is not None and ends_at <= max(starts_at, now):
        raise Refused(_("The last day lies before the first, or in the past."))
    _check_scope(role, division, enterprise, company)
    _check_reach(actor, role, division, enterprise, company)
    grant = Grant(
        user=user,
        role=role,
        division=division,
        enterprise=enterprise,
        company=company,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    if _overlapping(grant).exists():
        raise Refused(_("The person holds this very grant at that time already."))
    try:
        with transaction.atomic():
            grant.save()
    except IntegrityError as error:
        if "tenancy_grant_administrators_apart" in str(error):
            raise Refused(
                _(
                    "This person is another of the three administrators at that time. System, "
                    "security and audit are three different people: choose somebody else, or end "
                    "the other grant first."
                )
            ) from error
        raise
    return grant


def _check_scope(
    role: str,
    division: Division | None,
    enterprise: Enterprise | None,
    company: OperatorCompany | None,
) -> None:
    """Refuse a role that does not fit what it is given for."""
    given = [one for one in (division, enterprise, company) if one is not None]
    if len(given) != 1:
        raise Refused(_("A grant is for one division, one enterprise or one company."))
    if role == Role.OPERATOR:
        if company is None:
            raise Refused(_("An operator's grant is for an operator company."))
    elif role in people.ENTERPRISE_ROLES:
        if enterprise is None:
            raise Refused(_("This role is for an enterprise."))
    elif division is None or division.kind not in people.ROLE_DIVISIONS[role]:
        kinds = people.ROLE_DIVISIONS[role]
        words = _(" or ").join(str(kind.label) for kind in type(next(iter(kinds))) if kind in kinds)
        raise Refused(
            _("The role “%(role)s” is for: %(kinds)s.") % {"role": Role(role).label, "kinds": words}
        )


def _check_reach(
    actor: User,
    role: str,
    division: Division | None,
    enterprise: Enterprise | None,
    company: OperatorCompany | None,
) -> None:
    """Deny a role, or a place, that is not the actor's to give."""
    manager = people.get_manager(actor)
    place = division or (company.division if company else enterprise.county)  # type: ignore[union-attr]
    if role not in manager.roles() or not manager.covers(place, role):
        raise PermissionDenied


def _overlapping(grant: Grant) -> Any:
    same = Grant.objects.filter(
        user=grant.user,
        role=grant.role,
        division=grant.division,
        enterprise=grant.enterprise,
        company=grant.company,
    ).filter(Q(ends_at=None) | Q(ends_at__gt=grant.starts_at))
    return same if grant.ends_at is None else same.filter(starts_at__lt=grant.ends_at)


@transaction.atomic
def end_grant(*, grant: Grant, actor: User, now: datetime) -> Grant:
    """End a grant now; the person's next request is without it.

    One that has not begun is ended at its beginning: it stays on record and is never in force for
    anything a person could do (one microsecond).
    """
    if grant.user_id == actor.pk:
        raise Refused(_("Nobody ends their own grant. Ask another security administrator."))
    grant = Grant.objects.select_for_update(of=("self",)).get(pk=grant.pk)
    if not people.grants_for(people.get_manager(actor)).filter(pk=grant.pk).exists():
        raise PermissionDenied
    if grant.ends_at is not None and grant.ends_at <= now:
        raise Refused(_("This grant has ended already."))
    grant.ends_at = max(now, grant.starts_at + timedelta(microseconds=1))
    grant.save(update_fields=["ends_at"])
    return grant


def _lock_account(user: User, actor: User, now: datetime) -> User:
    """Return the person's row, locked, if the whole account is in the actor's care."""
    if user.pk == actor.pk:
        raise Refused(_("This is your own account: its page is “My account”."))
    manager = people.get_manager(actor)
    if not people.people_for(manager).filter(pk=user.pk).exists():
        raise PermissionDenied
    if not people.has_whole_account(manager, user, now=now):
        raise Refused(
            _("The person also serves elsewhere; there the security administrator has to do this.")
        )
    return User.objects.select_for_update().get(pk=user.pk)


def _note(action: str, user: User, actor: User, note: str = "") -> None:
    record(
        action,
        actor=actor,
        object_type="tenancy_user",
        object_id=user.pk,
        object_label=str(user),
        note=note,
    )


@transaction.atomic
def deactivate(*, user: User, actor: User, now: datetime) -> None:
    """Close an account: no sign-in, and every session of it ends."""
    user = _lock_account(user, actor, now)
    user.is_active = False
    user.save(update_fields=["is_active"])
    sessions.end_all(user, reason="deactivated", now=now)


@transaction.atomic
def reactivate(*, user: User, actor: User, now: datetime) -> None:
    """Open a closed account again; the person chooses a new password at sign-in."""
    user = _lock_account(user, actor, now)
    user.is_active = True
    user.must_change_password = True
    user.save(update_fields=["is_active", "must_change_password"])


@transaction.atomic
def unlock(*, user: User, actor: User, now: datetime) -> None:
    """Let the person try again at once, after too many failures."""
    user = _lock_account(user, actor, now)
    signin.unlock(user.username)
    _note("account.unlock", user, actor)


@transaction.atomic
def end_sessions(*, user: User, actor: User, now: datetime) -> int:
    """Sign the person out everywhere; return how many sessions that were."""
    user = _lock_account(user, actor, now)
    count = sessions.end_all(user, reason="ended", now=now)
    _note("account.end_sessions", user, actor, note=str(count))
    return count


@transaction.atomic
def give_new_password(*, user: User, actor: User, now: datetime) -> str:
    """Return a new starting password, told once; the old one and all sessions end."""
    user = _lock_account(user, actor, now)
    password = starting_password()
    user.set_password(password)
    user.must_change_password = True
    user.save()
    sessions.end_all(user, reason="password", now=now)
    signin.unlock(user.username)
    _note("password.reset", user, actor)
    return password


@transaction.atomic
def remove_second_factor(*, user: User, actor: User, now: datetime) -> None:
    """Take a lost phone off the account, codes and all; sessions end."""
    user = _lock_account(user, actor, now)
    if not second_factor.remove(user):
        raise Refused(_("The account has no second factor."))
    sessions.end_all(user, reason="second_factor", now=now)
    _note("second_factor.remove", user, actor)


@transaction.atomic
def make_company(
    *,
    name: str,
    credit_code: str = "",
    phone: str = "",
    division: Division,
    actor: User,
    now: datetime,
) -> OperatorCompany:
    """Register an operator company with a city."""
    manager = people.get_manager(actor)
    if not people.company_divisions_for(manager).filter(pk=division.pk).exists():
        raise PermissionDenied
    try:
        with transaction.atomic():
            return OperatorCompany.objects.create(
                name=name, credit_code=credit_code, phone=phone, division=division
            )
    except IntegrityError as error:
        raise Refused(_("A company of this name is registered already.")) from error


@transaction.atomic
def assign_sites(
    *,
    company: OperatorCompany,
    enterprise: Enterprise,
    starts_at: datetime,
    ends_at: datetime | None = None,
    actor: User,
    now: datetime,
) -> list[SiteAssignment]:
    """Put all sites of an enterprise into the company's care; those that are already are left out.

    The enterprise must come through ``visible_to`` and lie in the actor's city.
    """
    manager = people.get_manager(actor)
    if not people.companies_for(manager).filter(pk=company.pk).exists():
        raise PermissionDenied
    if not manager.covers(enterprise.county, Role.OPERATOR):
        raise PermissionDenied
    if ends_at is not None and ends_at <= max(starts_at, now):
        raise Refused(_("The last day lies before the first, or in the past."))
    kept = SiteAssignment.objects.filter(company=company, site__enterprise=enterprise)
    kept = kept.filter(Q(ends_at=None) | Q(ends_at__gt=starts_at))
    if ends_at is not None:
        kept = kept.filter(starts_at__lt=ends_at)
    sites = list(enterprise.sites.exclude(pk__in=kept.values("site")).order_by("pk"))
    if not sites:
        raise Refused(_("The company looks after every site of this enterprise already."))
    return [
        SiteAssignment.objects.create(
            company=company, site=site, starts_at=starts_at, ends_at=ends_at
        )
        for site in sites
    ]


@transaction.atomic
def end_assignment(*, assignment: SiteAssignment, actor: User, now: datetime) -> None:
    """End a company's care for a site; its people no longer see the site from now on."""
    manager = people.get_manager(actor)
    site = assignment.site
    if not people.companies_for(manager).filter(pk=assignment.company_id).exists():
        raise PermissionDenied
    if not manager.covers(site.enterprise.county, Role.OPERATOR):
        raise PermissionDenied
    assignment = SiteAssignment.objects.select_for_update(of=("self",)).get(pk=assignment.pk)
    if assignment.ends_at is not None and assignment.ends_at <= now:
        raise Refused(_("This assignment has ended already."))
    assignment.ends_at = max(now, assignment.starts_at + timedelta(microseconds=1))
    assignment.save(update_fields=["ends_at"])
