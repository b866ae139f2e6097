"""People and grants: who has an account, what it holds, and the acts of those who look after it."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from common.web import chip, clear_url, page_query
from tenancy import operations, people, second_factor, sessions, signin, walls
from tenancy.access import AUTHORITY_ROLES
from tenancy.eyes import get_body, person
from tenancy.forms import AssignmentForm, CompanyForm, GrantForm, PersonForm
from tenancy.middleware import describe
from tenancy.models import Grant, SiteAssignment, User
from tenancy.models.people import SEPARATED_ROLES
from tenancy.people import Manager, get_manager
from tenancy.stepup import require_recent_proof

PAGE = 25
FILTERS = ("kind", "state", "q")


def _manager(request: HttpRequest) -> Manager:
    """Return whom the person looks after; 403 for who looks after nobody."""
    manager = get_manager(person(request))
    if not (manager.everything or manager.all_paths):
        raise PermissionDenied
    return manager


def _in_sight(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a security administrator's page see which enterprise a grant is for.

    The three administrators see no enterprise's data, so the walls hide even its name and county
    from them; without these nobody could tell whose account it is. What they get is bounded by
    ``people.Manager`` alone, and enterprises to choose from still come through ``visible_to``.
    """

    @wraps(view)
    def seeing(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not get_manager(person(request)).paths:
            return view(request, *args, **kwargs)
        with walls.as_system("people and grants"):
            walls.set_audit(describe(request) | {"body": get_body(request)})
            return view(request, *args, **kwargs)

    return seeing


def _kinds() -> dict[str, tuple[str, frozenset[Any]]]:
    return {
        "authority": (_("Authorities"), frozenset(AUTHORITY_ROLES)),
        "administrators": (_("The three administrators"), frozenset(SEPARATED_ROLES)),
        "enterprise": (_("Enterprises"), frozenset(people.ENTERPRISE_ROLES)),
        "operator": (_("Operators"), frozenset({"operator"})),
    }


def _locked_names() -> QuerySet[AccessAttempt, Any]:
    """Return the user names whose sign-in rests at the moment."""
    since = timezone.now() - settings.AXES_COOLOFF_TIME
    return (
        AccessAttempt.objects.filter(attempt_time__gte=since)
        .values("username")
        .annotate(all=Sum("failures_since_start"))
        .filter(all__gte=settings.AXES_FAILURE_LIMIT)
        .values("username")
    )


def _filtered(request: HttpRequest, found: QuerySet[User], grants: QuerySet[Grant]) -> Any:
    now = timezone.now()
    mine = grants.filter(user=OuterRef("pk"))
    in_force = mine.filter(Q(ends_at=None) | Q(ends_at__gt=now))
    kinds = _kinds()
    if (kind := request.GET.get("kind", "")) in kinds:
        found = found.filter(Exists(in_force.filter(role__in=kinds[kind][1])))
    match request.GET.get("state", ""):
        case "closed":
            found = found.filter(is_active=False)
        case "locked":
            found = found.filter(username__in=_locked_names())
        case "ended":
            found = found.exclude(Exists(in_force))
        case "ending":
            soon = now + timedelta(days=30)
            found = found.filter(Exists(mine.filter(ends_at__gt=now, ends_at__lte=soon)))
    if words := request.GET.get("q", "").strip():
        found = found.filter(
            Q(username__icontains=words)
            | Q(full_name__icontains=words)
            | Q(phone__icontains=words)
            | Exists(mine.filter(enterprise__name__icontains=words))
            | Exists(mine.filter(company__name__icontains=words))
            | Exists(mine.filter(division__name__icontains=words))
        )
    return found


@require_GET
@_in_sight
def people_list(request: HttpRequest) -> HttpResponse:
    """List the accounts in the person's care, filtered by chips that stand in the URL."""
    manager, now = _manager(request), timezone.now()
    grants = people.grants_for(manager)
    found = _filtered(request, people.people_for(manager), grants)
    shown_grants = (
        grants.filter(Q(ends_at=None) | Q(ends_at__gt=now))
        .select_related("division", "enterprise", "company")
        .order_by("starts_at", "pk")
    )
    ordered = found.order_by("full_name", "username").prefetch_related(
        Prefetch("grants", queryset=shown_grants, to_attr="shown_grants")
    )
    page = Paginator(ordered, PAGE).get_page(request.GET.get("page"))
    locked = set(
        _locked_names()
        .filter(username__in=[one.username for one in page.object_list])
        .values_list("username", flat=True)
    )
    chips = [
        *(chip(request, "kind", value, label) for value, (label, _roles) in _kinds().items()),
        chip(request, "state", "locked", _("Locked")),
        chip(request, "state", "closed", _("Account closed")),
        chip(request, "state", "ended", _("Without a grant in force")),
        chip(request, "state", "ending", _("Ends within 30 days")),
    ]
    context = {
        "page": page,
        "rows": [{"person": one, "locked": one.username in locked} for one in page.object_list],
        "chips": chips,
        "clear_url": clear_url(request, FILTERS),
        "query": page_query(request),
        "words": request.GET.get("q", ""),
        "kept": [(key, request.GET[key]) for key in ("kind", "state") if request.GET.get(key)],
    }
    return render(request, "people/list.html", context)


def _person_or_404(manager: Manager, pk: int) -> User:
    return get_object_or_404(people.people_for(manager), pk=pk)


@require_GET
@_in_sight
def person_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one account: its grants in the person's care, its state, what can be done."""
    manager, actor, now = _manager(request), person(request), timezone.now()
    user = _person_or_404(manager, pk)
    grants = (
        people.grants_for(manager)
        .filter(user=user)
        .select_related("division", "enterprise", "company")
        .order_by("-starts_at", "-pk")
    )
    rows = [
        {
            "grant": grant,
            "is_over": bool(grant.ends_at and grant.ends_at <= now),
            "is_ahead": grant.starts_at > now,
        }
        for grant in grants
    ]
    context = {
        "who": user,
        "rows": [row for row in rows if not row["is_over"]],
        "past": [row for row in rows if row["is_over"]],
        "is_self": user.pk == actor.pk,
        "has_whole": people.has_whole_account(manager, user, now=now),
        "locked": signin.is_locked(user.username, now=now),
        "has_factor": second_factor.has_device(user),
        "session_count": sessions.open_sessions(user, now=now).count(),
        "crumbs": [{"label": _("People"), "url": ".."}, {"label": str(user)}],
    }
    return render(request, "people/person.html", context)


@sensitive_variables("password")
@require_recent_proof
@_in_sight
def person_new(request: HttpRequest) -> HttpResponse:
    """Make an account with its first grant; the starting password is shown in the answer."""
    _manager(request)
    actor, now = person(request), timezone.now()
    form = PersonForm(actor, request.POST or None, now=now)
    if request.method == "POST" and form.is_valid():
        try:
            user, password = operations.make_person(
                **form.person(), **form.grant(now=now), actor=actor, now=now
            )
        except operations.Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return _show_password(request, user, password)
    return render(request, "people/person_new.html", {"form": form})


@sensitive_variables("password")
def _show_password(request: HttpRequest, user: User, password: str) -> HttpResponse:
    response = render(request, "people/password.html", {"who": user, "password": password})
    response.headers["Cache-Control"] = "no-store, private"
    return response


@require_recent_proof
@_in_sight
def grant_give(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a person another grant."""
    user = _person_or_404(_manager(request), pk)
    actor, now = person(request), timezone.now()
    form = GrantForm(actor, request.POST or None, now=now)
    if request.method == "POST" and form.is_valid():
        try:
            operations.give_grant(user=user, **form.grant(now=now), actor=actor, now=now)
        except operations.Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("The grant is given; it works from the next request on."))
            return redirect("person", pk)
    return render(request, "people/grant_new.html", {"form": form, "who": user})


@require_POST
@require_recent_proof
@_in_sight
def grant_end(request: HttpRequest, pk: int) -> HttpResponse:
    """End a grant now."""
    grant = get_object_or_404(people.grants_for(_manager(request)), pk=pk)
    try:
        operations.end_grant(grant=grant, actor=person(request), now=timezone.now())
    except operations.Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The grant is ended; the person's next request is without it."))
    return redirect("person", grant.user_id)


_ACTS: dict[str, Callable[..., Any]] = {
    "deactivate": operations.deactivate,
    "reactivate": operations.reactivate,
    "unlock": operations.unlock,
    "end_sessions": operations.end_sessions,
    "remove_second_factor": operations.remove_second_factor,
    "new_password": operations.give_new_password,
}


@sensitive_variables("password")
@require_POST
@require_recent_proof
@_in_sight
def person_act(request: HttpRequest, pk: int) -> HttpResponse:
    """Do one act upon the account: ``act`` names it."""
    user = _person_or_404(_manager(request), pk)
    name = request.POST.get("act", "")
    if name not in _ACTS:
        raise Http404
    done = {
        "deactivate": _("The account is closed and signed out everywhere."),
        "reactivate": _("The account is open again; the person chooses a new password."),
        "unlock": _("The person may try to sign in again."),
        "end_sessions": _("The person is signed out everywhere."),
        "remove_second_factor": _("The second factor is taken off."),
    }
    try:
        result = _ACTS[name](user=user, actor=person(request), now=timezone.now())
    except operations.Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("person", pk)
    if name == "new_password":
        return _show_password(request, user, result)
    messages.success(request, done[name])
    return redirect("person", pk)


@require_GET
def company_list(request: HttpRequest) -> HttpResponse:
    """List the operator companies in the person's care."""
    manager = _manager(request)
    companies = people.companies_for(manager)
    words = request.GET.get("q", "").strip()
    if words:
        companies = companies.filter(Q(name__icontains=words) | Q(credit_code__iexact=words))
    page = Paginator(companies, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "words": words,
        "query": page_query(request),
        "clear_url": clear_url(request, ("q",)),
        "may_assign": bool(manager.outer_paths) or manager.everything,
    }
    return render(request, "people/companies.html", context)


@require_recent_proof
def company_new(request: HttpRequest) -> HttpResponse:
    """Register an operator company."""
    _manager(request)
    actor = person(request)
    form = CompanyForm(actor, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            company = operations.make_company(**form.cleaned_data, actor=actor, now=timezone.now())
        except operations.Refused as refusal:
            form.add_error("name", str(refusal))
        else:
            messages.success(request, _("The company is registered."))
            return redirect("company", company.pk)
    return render(request, "people/company_new.html", {"form": form})


@require_GET
@_in_sight
def company_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a company: its people, and the sites it looks after."""
    return _company_page(request, pk, None)


def _company_page(request: HttpRequest, pk: int, form: AssignmentForm | None) -> HttpResponse:
    manager, actor, now = _manager(request), person(request), timezone.now()
    company = get_object_or_404(people.companies_for(manager), pk=pk)
    assignments = people.assignments_for(company, actor)
    page = Paginator(assignments, PAGE).get_page(request.GET.get("page"))
    may_assign = bool(manager.outer_paths) or manager.everything
    context = {
        "company": company,
        "page": page,
        "query": page_query(request),
        "rows": [
            {"assignment": one, "is_over": bool(one.ends_at and one.ends_at <= now)}
            for one in page.object_list
        ],
        "grants": company.grants.filter(Q(ends_at=None) | Q(ends_at__gt=now))
        .select_related("user")
        .order_by("user__full_name"),
        "form": (form or AssignmentForm(actor, now=now)) if may_assign else None,
    }
    return render(request, "people/company.html", context)


@require_POST
@require_recent_proof
def assignment_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Put an enterprise's sites into the company's care."""
    manager, actor, now = _manager(request), person(request), timezone.now()
    company = get_object_or_404(people.companies_for(manager), pk=pk)
    form = AssignmentForm(actor, request.POST, now=now)
    if form.is_valid():
        span: dict[str, Any] = form.span(now=now)
        try:
            operations.assign_sites(
                company=company,
                enterprise=form.cleaned_data["enterprise"],
                **span,
                actor=actor,
                now=now,
            )
        except operations.Refused as refusal:
            form.add_error("enterprise", str(refusal))
        else:
            messages.success(request, _("The company looks after the enterprise's sites."))
            return redirect("company", pk)
    return _company_page(request, pk, form)


@require_POST
@require_recent_proof
@_in_sight
def assignment_end(request: HttpRequest, pk: int) -> HttpResponse:
    """End a company's care for a site."""
    manager, actor = _manager(request), person(request)
    found = SiteAssignment.objects.filter(company__in=people.companies_for(manager))
    found = found.select_related("company", "site__enterprise__county")
    assignment = get_object_or_404(found, pk=pk)
    try:
        operations.end_assignment(assignment=assignment, actor=actor, now=timezone.now())
    except operations.Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The company no longer looks after this site."))
    return redirect("company", assignment.company_id)
