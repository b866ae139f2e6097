"""The enterprise file 一企一档: one page that shows it all, and a page for each change of it."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from common.localtime import from_local, to_local
from enterprises.attachments import get_attachments
from enterprises.models import Enterprise
from enterprises.operations import create_enterprise
from reports.file_acts import Prepared, prepare
from reports.forms.file import EnterpriseForm
from reports.queries.file import SiteFile, get_enterprise, get_file, hang_files
from tenancy.access import (
    Authority,
    Permission,
    get_scope,
    has_permission,
    keep_authority,
    require,
)
from tenancy.audit import note_look
from tenancy.eyes import person
from tenancy.models import Role, User


@require_safe
def enterprise_file(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the file, or with ``?on=2026-03-01`` as it stood at the end of that day."""
    actor = person(request)
    authority = _authority(actor)
    scope = get_scope(actor)
    found = get_enterprise(pk, scope=scope)
    if found is None:
        raise Http404
    now = timezone.now()
    day, wrong_day = _read_day(request.GET.get("on", ""), now)
    at = _end_of(day) if day else now
    # An operator looks after devices: no contacts there, and no page with alerts.
    sees_whole = authority.is_superuser or any(
        holding.role != Role.OPERATOR and holding.covers_enterprise(found)
        for holding in authority.holdings
    )
    file = get_file(found, scope=scope, at=at, now=now, with_contacts=sees_whole)
    rights = _rights(actor, found, file.sites, is_past=day is not None)
    note_look(request, found, "file")
    return render(
        request,
        "reports/file.html",
        {
            "file": file,
            "enterprise": found,
            "day": day,
            "day_value": (day or to_local(now).date()).isoformat(),
            "today": to_local(now).date(),
            "wrong_day": wrong_day,
            "at": at,
            "now": now,
            "sees_whole": sees_whole,
            "attachments": hang_files(file, get_attachments(actor, found)) if day is None else [],
            "may_withdraw_all": authority.is_official,
            "attach_url": reverse("attach", args=[found.pk]),
            "may_attach": has_permission(actor, Permission.ATTACH, enterprise=found),
            **rights,
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
def file_act(request: HttpRequest, pk: int, act: str, subject: int | None = None) -> HttpResponse:
    """Show the form of one change, and make it."""
    actor = person(request)
    _authority(actor)
    found = get_enterprise(pk, scope=get_scope(actor))
    if found is None:
        raise Http404
    prepared = prepare(found, act, subject, actor=actor)
    note_look(request, found, "file")
    is_post = request.method == "POST"
    form = prepared.make_form(request.POST if is_post else None)
    if act == "edit-enterprise":
        _only_own_counties(form, actor)
    if is_post and form.is_valid() and _try(request, prepared, form, actor):
        return redirect("enterprise_file", found.pk)
    return _form_page(request, form, found, prepared, 422 if form.errors else 200)


def _try(request: HttpRequest, prepared: Prepared, form: Any, actor: User) -> bool:
    values = form.cleaned_data
    if prepared.act.name == "edit-enterprise":
        _require_county(actor, values["county"])
    try:
        prepared.perform(form, actor=actor, now=timezone.now())
    except ValidationError as error:
        form.refuse(error)
        return False
    messages.success(request, str(prepared.act.done))
    return True


@require_http_methods(["GET", "HEAD", "POST"])
def enterprise_new(request: HttpRequest) -> HttpResponse:
    """Enter a new enterprise, in a county of one's own."""
    actor = person(request)
    _authority(actor)
    require(actor, Permission.EDIT_FILE)
    if not has_permission(actor, Permission.ADMINISTER):
        raise PermissionDenied
    form = EnterpriseForm(request.POST or None)
    _only_own_counties(form, actor)
    if request.method == "POST" and form.is_valid():
        _require_county(actor, form.cleaned_data["county"])
        try:
            made = create_enterprise(actor=actor, now=timezone.now(), **form.values())
        except ValidationError as error:
            form.refuse(error)
        else:
            messages.success(request, _("The enterprise is on file. Add its sites next."))
            return redirect("enterprise_file", made.pk)
    return _form_page(request, form, None, None, 422 if form.errors else 200)


def _form_page(
    request: HttpRequest,
    form: Any,
    enterprise: Enterprise | None,
    prepared: Prepared | None,
    status: int,
) -> HttpResponse:
    act = prepared.act if prepared else None
    title = str(act.title) if act else _("New enterprise")
    back = (
        reverse("enterprise_file", args=[enterprise.pk]) if enterprise else reverse("enterprises")
    )
    subject = prepared.subject if prepared else None
    context = {
        "form": form,
        "act": act,
        "title": title,
        "subject": "" if subject is None or subject == enterprise else str(subject),
        "enterprise": enterprise,
        "back": back,
        "crumbs": [
            {"label": _("Enterprises"), "url": reverse("enterprises")},
            *([{"label": enterprise.name, "url": back}] if enterprise else []),
            {"label": title},
        ],
    }
    return render(request, "reports/file_form.html", context, status=status)


def _authority(actor: User) -> Authority:
    """Return the actor's authority, read once for the request."""
    kept = getattr(actor, "_kept_authority", None)
    return kept if kept is not None else keep_authority(actor)


def _rights(
    actor: User, enterprise: Enterprise, sites: list[SiteFile], *, is_past: bool
) -> dict[str, bool]:
    """Return what the page offers; a day in the past is only looked at."""
    for row in sites:
        row.site.enterprise = enterprise
        row.may_edit_devices = not is_past and has_permission(
            actor, Permission.EDIT_DEVICES, site=row.site
        )
        row.may_attach = not is_past and has_permission(actor, Permission.ATTACH, site=row.site)
    return {
        "may_edit": not is_past
        and has_permission(actor, Permission.EDIT_FILE, enterprise=enterprise),
        "may_approve": not is_past
        and has_permission(actor, Permission.APPROVE_PAIRINGS, enterprise=enterprise),
    }


def _require_county(actor: User, county: Any) -> None:
    require(actor, Permission.EDIT_FILE, division=county)


def _only_own_counties(form: Any, actor: User) -> None:
    """Offer the counties in which the actor may write; others are no choice at all."""
    authority = _authority(actor)
    if authority.is_superuser:
        return
    field = form.fields["county"]
    paths = [h.division_path for h in authority.holdings_with(Permission.EDIT_FILE)]
    own = [row.pk for row in field.queryset if any(p and row.path.startswith(p) for p in paths)]
    field.queryset = field.queryset.filter(pk__in=own)


def _read_day(text: str, now: datetime) -> tuple[date | None, bool]:
    """Return the day asked for (None: today) and whether it could not be read."""
    if not text:
        return None, False
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None, True
    today = to_local(now).date()
    if day.year < 2000 or day > today:
        return None, True
    return (None if day == today else day), False


def _end_of(day: date) -> datetime:
    """Return the last microsecond of the day in Shanghai."""
    midnight = from_local(datetime.combine(day + timedelta(days=1), time()))
    return midnight - timedelta(microseconds=1)
