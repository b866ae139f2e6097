"""The page of one alert: what is suspected, why, what was done, and what can be done next."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from alerts.models import CALENDAR_RULES, DEVICE_RULES, Alert
from alerts.wording import get_advice, get_headline, get_sentence
from common.web import nothing_new
from orders.models import Declaration
from reports.acts import ActRefused, get_acts, perform
from reports.picture import Picture, Window
from reports.queries.alerts import (
    AlertFile,
    get_alert_file,
    get_declarations,
    touching,
    with_names,
)
from reports.queries.city import short_hash
from reports.queries.devices import get_enterprise_token
from reports.queries.picture import finding_lanes, get_enterprise_view
from reports.timeline import get_timeline
from reports.views.common import picture_width
from reports.views.enterprise import draw, kept, table
from reports.why import get_why
from reports.window import LONGEST, custom_query
from tenancy.access import Permission, has_permission
from tenancy.audit import note_look
from tenancy.eyes import get_eyes, person
from tenancy.models import User

AROUND = timedelta(minutes=30)


def alert(request: HttpRequest, number: str) -> HttpResponse:
    """Show the alert."""
    return render(request, "reports/alert.html", _context(request, _get(request, number)))


def alert_short(request: HttpRequest, number: str) -> HttpResponse:
    """Lead from the short address of a message to the page."""
    visible = Alert.objects.visible_to(person(request))
    return redirect("alert", get_object_or_404(visible, number=number).number)


def alert_live(request: HttpRequest, number: str) -> HttpResponse:
    """Answer the part of the page that renews itself; 204 while nothing to see has changed."""
    found = _get(request, number)
    if unchanged := nothing_new(request, _token(request, found)):
        return unchanged
    return render(request, "reports/alert_live.html", _context(request, found))


@require_POST
def alert_act(request: HttpRequest, number: str) -> HttpResponse:
    """Carry out one act on the alert, or say why it cannot be."""
    found = _get(request, number)
    try:
        said = perform(
            found,
            name=request.POST.get("act", ""),
            actor=person(request),
            reason=request.POST.get("reason", ""),
            note=request.POST.get("note", "").strip(),
            now=timezone.now(),
        )
    except PermissionError as error:
        raise PermissionDenied from error
    except ActRefused as refused:
        found.refresh_from_db()
        messages.error(request, str(refused))
        context = _context(request, found, typed=request.POST)
        return render(request, "reports/alert.html", context, status=409)
    messages.success(request, said)
    return redirect("alert", found.number)


def _get(request: HttpRequest, number: str) -> Alert:
    visible = with_names(Alert.objects.visible_to(person(request)))
    visible = visible.select_related("enterprise__county")  # the rights ask where it lies
    found = get_object_or_404(visible, number=number)
    note_look(
        request,
        found.enterprise,
        "alert",
        object_type="alerts_alert",
        object_id=found.pk,
        object_label=found.number,
    )
    return found


def _token(request: HttpRequest, found: Alert) -> str:
    now = timezone.now()
    moved = int(now.timestamp() / 30) if found.is_ongoing else 0
    return short_hash([get_enterprise_token(found.enterprise), moved, picture_width(request)])


def _context(request: HttpRequest, found: Alert, typed: Any = None) -> dict[str, Any]:
    now = timezone.now()
    actor = person(request)
    token = _token(request, found)
    file = get_alert_file(found, actor=actor)
    occurrence = file.occurrence
    window = _window(file, now)
    query = custom_query(window.start, window.end)
    # Of the alert as a whole and of the window, which may begin before it and end after it.
    start, end = found.first_started_at, found.latest_ended_at
    declarations = get_declarations(
        found.enterprise, min(start, window.start), max(end, window.end), actor=actor
    )
    view = get_enterprise_view(
        found.enterprise, window, actor=actor, lane_query=query, declarations=declarations
    )
    eyes = get_eyes(request)
    lanes = finding_lanes(found, occurrence) if occurrence else frozenset()
    picture = focus(view.picture, lanes)
    return {
        "file": file,
        "headline": get_headline(found),
        "sentence": get_sentence(found, occurrence) if occurrence else get_headline(found),
        "advice": get_advice(found, audience="" if eyes.is_authority else eyes.role),
        "crumbs": [
            {"label": _("Alerts"), "url": reverse("alerts")},
            {"label": found.number, "url": ""},
        ],
        **get_why(occurrence),
        "declarations": [it for it in touching(declarations, start, end) if concerns(it, lanes)],
        "work_order_url": _work_order_url(actor, found),
        "has_picture": found.rule not in CALENDAR_RULES,
        "acts": get_acts(found, eyes, typed=typed),
        "timeline_acts": get_timeline(file),
        **table(request, replace(view, picture=picture), ""),
        "whole_query": query,
        "power_facility": request.GET.get("facility", ""),
        "live_url": f"{reverse('alert_live', args=[found.number])}?v={token}{kept(request)}",
        **draw(request, picture),
    }


def _work_order_url(actor: User, found: Alert) -> str:
    """Return where a work order for the alert's device is opened; empty for who may not."""
    may_open = has_permission(actor, Permission.OPEN_WORK_ORDERS, enterprise=found.enterprise)
    if not may_open or found.collector is None or found.rule not in DEVICE_RULES:
        return ""
    return f"{reverse('work_order_new')}?alert={found.number}"


def _window(file: AlertFile, now: datetime) -> Window:
    """Return the newest occurrence with half an hour around it; what goes on ends now."""
    occurrence = file.occurrence
    start = occurrence.started_at if occurrence else file.alert.first_started_at
    end = occurrence.ended_at if occurrence else file.alert.latest_ended_at
    until = now if file.alert.is_ongoing else min(end + AROUND, max(now, end))
    return Window(max(start - AROUND, until - LONGEST), until, now)


def concerns(declaration: Declaration, lanes: frozenset[int]) -> bool:
    """Tell whether the declaration is about one of the lanes, or about the whole enterprise."""
    declared = {row["id"] for row in declaration.facility_rows}  # type: ignore[attr-defined]
    return not declared or not lanes or bool(declared & lanes)


def focus(picture: Picture, lanes: frozenset[int]) -> Picture:
    """Return the picture with only the clusters that the finding concerns; all if it names none."""
    if not lanes:
        return picture
    groups = tuple(
        replace(
            group,
            clusters=tuple(
                cluster
                for cluster in group.clusters
                if any(lane.key in lanes and lane.kind != "control" for lane in cluster.lanes)
            ),
        )
        for group in picture.groups
    )
    kept = tuple(group for group in groups if group.clusters)
    return replace(picture, groups=kept) if kept else picture
