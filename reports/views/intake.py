"""What came in and could not become a reading."""

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from common.web import chip, clear_url
from meters.models import IntakeIssue, IntakeReason
from reports.queries.intake import (
    as_hex,
    as_text,
    count_by_reason,
    get_conflicts,
    get_differences,
    get_issues,
    newest,
)
from tenancy.access import Permission, has_permission
from tenancy.eyes import person


def intake(request: HttpRequest) -> HttpResponse:
    """Show input problems counted by reason, each with its newest sample and what mends it."""
    actor = person(request)
    if not has_permission(actor, Permission.SEE_INTAKE):
        raise PermissionDenied
    issues = get_issues(actor)
    reasons = count_by_reason(issues)
    rows = newest(issues, request.GET.get("reason", ""))
    context = {
        "chips": [chip(request, "reason", row.reason, row.label, row.count) for row in reasons],
        "clear_url": clear_url(request, ("reason",)),
        "rows": [_row(issue, staff=request.user.is_staff) for issue in rows],
        "conflicts": [
            {"row": conflict, "differences": get_differences(conflict)}
            for conflict in get_conflicts(actor)
        ],
        "total": sum(row.count for row in reasons),
    }
    return render(request, "reports/intake.html", context)


def _row(issue: IntakeIssue, *, staff: bool) -> dict[str, Any]:
    url, action = _mend(issue) if staff else ("", "")
    return {
        "issue": issue,
        "hex": as_hex(issue.shown_sample),
        "text": as_text(issue.shown_sample),
        "url": url,
        "action": action,
    }


def _mend(issue: IntakeIssue) -> tuple[str, str]:
    """Return where in the administration the cause can be mended, and what the button says."""
    forms = {
        IntakeReason.UNKNOWN_MN: ("collector_add", {"mn": issue.mn}, _("Register the collector")),
        IntakeReason.UNKNOWN_CIRCUIT: (
            "monitoringpoint_add",
            {"circuit": issue.code},
            _("Add the monitoring point"),
        ),
        IntakeReason.UNKNOWN_CODE: ("profile_changelist", {}, _("Open the protocol profiles")),
        IntakeReason.NO_PROFILE: ("profile_changelist", {}, _("Open the protocol profiles")),
        IntakeReason.WRONG_PASSWORD: (
            "collector_changelist",
            {"q": issue.mn},
            _("Open the collector"),
        ),
        IntakeReason.DISABLED_MN: (
            "collector_changelist",
            {"q": issue.mn},
            _("Open the collector"),
        ),
    }
    if issue.reason not in forms:
        return "", ""
    name, params, action = forms[IntakeReason(issue.reason)]
    try:
        url = reverse(f"admin:meters_{name}")
    except NoReverseMatch:  # the meters' administration is not installed
        return "", ""
    return (f"{url}?{urlencode(params)}" if params else url), action
