"""Acceptance: the machine's checks, the officer's signature, and the sheet that keeps both."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from enterprises.models import AcceptanceSheet, Enterprise, InstallationStatus
from meters.acceptance import (
    AcceptanceRefused,
    Declared,
    accept_installation,
    from_json,
    is_passed,
    reject_installation,
    run_checks,
)
from meters.acceptance.words import say
from meters.limits import Limits, load_limits
from orders.allowance import get_declared_stretches
from reports.queries.sheets import read_signed, signed_sheets
from tenancy.access import Permission, get_authority, get_scope, has_permission, require
from tenancy.audit import note_look
from tenancy.eyes import get_eyes, person
from tenancy.models import Role, User

#: Who may open the pages, beside the enterprise's own people.
SEEING = (Permission.SEE_PROGRAMME, Permission.INSTALL, Permission.ACCEPT_INSTALLATION)
#: Longer than any stretch that a bureau would ask for.
DECLARED_SINCE = timedelta(days=31)
SHEETS_SHOWN = 10


@require_GET
def acceptance(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the checks as they stand now; the same queries whatever the number of points."""
    found = _get(request, pk)
    return render(request, "reports/acceptance.html", _context(request, found))


@require_POST
def acceptance_sign(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept or send back under the officer's name, or say why it cannot be."""
    found = _get(request, pk)
    actor = person(request)
    require(actor, Permission.ACCEPT_INSTALLATION, enterprise=found)
    now = timezone.now()
    said: dict[str, Any] = {
        "actor": actor,
        "signed_name": request.POST.get("signed_name", ""),
        "body": get_eyes(request).label,
        "declared": get_declared(found, load_limits(found.county.path, at=now), now),
        "now": now,
    }
    remark = request.POST.get("remark", "").strip()[:2000]
    act: Callable[..., AcceptanceSheet]
    if request.POST.get("act") == "reject":
        act, said["reason"] = reject_installation, remark
    else:
        act, said["remark"] = accept_installation, remark
    try:
        sheet = act(found, **said)
    except AcceptanceRefused as refused:
        found.refresh_from_db()
        messages.error(request, str(refused))
        context = _context(request, found, typed=request.POST)
        return render(request, "reports/acceptance.html", context, status=409)
    if sheet.is_passed:
        messages.success(request, _("The installation is accepted. The sheet is kept below."))
    else:
        messages.success(request, _("The installation is sent back to the operator."))
    return redirect("acceptance", found.pk)


@require_GET
def acceptance_sheet(request: HttpRequest, pk: int, sheet_pk: int) -> HttpResponse:
    """Show one sheet as it was signed; made to be printed."""
    found = _get(request, pk)
    visible = AcceptanceSheet.objects.visible_to(person(request)).select_related("signed_by")
    sheet = get_object_or_404(visible, pk=sheet_pk, enterprise=found)
    sites = _own_sites(person(request), found)
    context = {
        "enterprise": found,
        "sheet": sheet,
        "rows": say(from_json(sheet.checks)) if sites is None else [],
        "own_sites_only": sites is not None,
        "crumbs": _crumbs(found, _("Acceptance sheet")),
    }
    return render(request, "reports/acceptance_sheet.html", context)


def _get(request: HttpRequest, pk: int) -> Enterprise:
    """Return the enterprise: 404 outside the scope, 403 for whom the programme is not."""
    actor = person(request)
    visible = (
        Enterprise.objects.visible_to(actor)
        .select_related("county", "installation")
        .annotate(signed=signed_sheets(actor))
    )
    found = get_object_or_404(visible, pk=pk)
    is_own = found.pk in get_eyes(request).enterprise_ids
    if not is_own and not any(has_permission(actor, p, enterprise=found) for p in SEEING):
        raise PermissionDenied
    note_look(request, found, "acceptance")
    return found


def _own_sites(actor: User, found: Enterprise) -> tuple[int, ...] | None:
    """Return the sites to which the reader's look is bound; None for who sees the whole.

    An operator sees the whole of an enterprise whose installation is its company's task, and of
    any other the sites that are assigned: the checks of the rest are another company's matter.
    """
    part = getattr(found, "installation", None)
    authority = get_authority(actor)
    companies = {grant.company_id for grant in authority.grants if grant.company_id}
    if (
        authority.is_superuser
        or (part is not None and part.company_id in companies)
        or any(h.role != Role.OPERATOR and h.covers_enterprise(found) for h in authority.holdings)
    ):
        return None
    return get_scope(actor).site_ids


def get_declared(enterprise: Enterprise, limits: Limits, now: datetime) -> list[Declared]:
    """Return what the enterprise's declarations excuse missing data for.

    A fault that was reported later than ``fault_report_hours`` after it began excuses nothing
    before the report.
    """
    within = timedelta(hours=limits["fault_report_hours"])
    stretches = get_declared_stretches(enterprise.pk, now - DECLARED_SINCE, report_within=within)
    return [Declared(each.span, each.facility_ids) for each in stretches if "R10" in each.rules]


def _context(request: HttpRequest, found: Enterprise, typed: Any = None) -> dict[str, Any]:
    actor = person(request)
    now = timezone.now()
    sites = _own_sites(actor, found)
    limits = load_limits(found.county.path, at=now)
    declared = get_declared(found, limits, now)
    checks = run_checks(found, declared=declared, site_ids=sites, limits=limits, now=now)
    may_sign = has_permission(actor, Permission.ACCEPT_INSTALLATION, enterprise=found)
    is_connected = found.installation_status == InstallationStatus.CONNECTED
    failing = [check for check in checks if not check.is_passed and not check.is_warning]
    return {
        "enterprise": found,
        "rows": say(checks),
        "own_sites_only": sites is not None,
        "is_passed": is_passed(checks),
        "failing_count": len(failing),
        "check_count": len(checks),
        "is_connected": is_connected,
        "may_sign": may_sign and is_connected,
        "signer": actor.full_name,
        "typed": typed or {},
        "as_of": now,
        "sheets": read_signed(found)[:SHEETS_SHOWN],
        "crumbs": _crumbs(found, _("Acceptance")),
    }


def _crumbs(found: Enterprise, here: str) -> list[dict[str, str]]:
    crumbs = [
        {"label": found.name, "url": reverse("enterprise", args=[found.pk])},
        {"label": _("Installation"), "url": reverse("enterprise_installation", args=[found.pk])},
    ]
    if here != _("Acceptance"):
        crumbs.append({"label": _("Acceptance"), "url": reverse("acceptance", args=[found.pk])})
    return [*crumbs, {"label": here, "url": ""}]
