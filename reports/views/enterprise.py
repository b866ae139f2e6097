"""The page of one enterprise: its picture, what it does now, and the power of a facility."""

from typing import Any

from django.db.models import Count, Window
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe

from alerts.models import Alert
from common.localtime import to_local
from common.web import nothing_new
from enterprises.models import Enterprise, Facility, FacilityKind
from meters.models import OperatingState
from reports.picture import Drawing, Picture, lay_out, render_svg
from reports.queries.alerts import by_urgency, describe, with_newest
from reports.queries.audit import get_looks
from reports.queries.city import short_hash
from reports.queries.devices import get_devices, get_enterprise_token
from reports.queries.picture import EnterpriseView, FacilityNow, get_enterprise_view
from reports.queries.power import get_power
from reports.views.audit import look_rows
from reports.views.common import picture_width
from reports.window import FORM, RANGES, Choice, choose_window, neighbours
from tenancy.access import Permission
from tenancy.audit import note_look
from tenancy.eyes import get_eyes, person

SHOWN_ALERTS = 5
SHOWN_LOOKS = 3


def enterprise(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what the enterprise does and did."""
    context = _context(request, pk)
    own = pk in context["eyes"].enterprise_ids and context["eyes"].may(Permission.SEE_LOOKS)
    if own:
        newest = get_looks(pk, now=timezone.now()).order_by("-at", "-pk")[:SHOWN_LOOKS]
        context["looks"] = look_rows(list(newest))
    return render(request, "reports/enterprise.html", context | {"shows_looks": own})


def enterprise_live(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer the part of the page that renews itself; 204 while nothing to see has changed."""
    found = get_object_or_404(Enterprise.objects.visible_to(person(request)), pk=pk)
    note_look(request, found, "enterprise")
    if unchanged := nothing_new(request, _token(request, found, _choice(request))):
        return unchanged
    return render(request, "reports/enterprise_live.html", _context(request, pk, found))


def facility_power(request: HttpRequest, pk: int) -> JsonResponse:
    """Answer the power of a facility in the window as numbers for the line chart."""
    visible = Facility.objects.visible_to(person(request)).select_related("site__enterprise")
    facility = get_object_or_404(visible, pk=pk)
    note_look(
        request,
        facility.site.enterprise,
        "power",
        object_type="enterprises_facility",
        object_id=facility.pk,
        object_label=facility.name,
    )
    return JsonResponse(get_power(facility, _choice(request).window))


def _choice(request: HttpRequest) -> Choice:
    return choose_window(request.GET, now=timezone.now())


def _token(request: HttpRequest, found: Enterprise, choice: Choice) -> str:
    """Return a mark that changes when the page would: data, alerts, or a pixel of time.

    States follow readings by some seconds, so the picture is drawn anew every half minute anyway.
    """
    width = picture_width(request)
    pixel = min(max(choice.window.length.total_seconds() / width, 10), 30)
    moved = int(choice.window.now.timestamp() / pixel) if choice.window.is_live else 0
    return short_hash([get_enterprise_token(found), moved, width, choice.query])


def _context(request: HttpRequest, pk: int, found: Enterprise | None = None) -> dict[str, Any]:
    if found is None:
        visible = Enterprise.objects.visible_to(person(request)).select_related("county")
        found = get_object_or_404(visible, pk=pk)
        note_look(request, found, "enterprise")
    actor = person(request)
    choice = _choice(request)
    token = _token(request, found, choice)
    view = get_enterprise_view(found, choice.window, actor=actor, lane_query=choice.query)
    suspected = list(
        by_urgency(
            with_newest(Alert.objects.visible_to(actor).filter(enterprise=found).unreviewed())
        ).annotate(in_all=Window(Count("*")))[:SHOWN_ALERTS]
    )
    devices = get_devices(found, actor=actor, now=choice.window.now)
    return {
        "enterprise": found,
        "eyes": get_eyes(request),
        "view": view,
        "choice": choice,
        "ranges": _ranges(choice),
        "moves": neighbours(choice.window),
        "from_value": to_local(choice.window.start).strftime(FORM),
        "to_value": to_local(choice.window.end).strftime(FORM),
        "suspected": describe(suspected),
        "suspected_count": suspected[0].in_all if suspected else 0,
        "enterprise_key": str(found.pk),
        "devices": devices,
        "online": sum(device.is_online for device in devices),
        "latest_at": max((d.latest_at for d in devices if d.latest_at), default=None),
        "load": _load(view.facilities),
        **table(request, view, choice.query),
        "power_facility": request.GET.get("facility", ""),
        "live_url": f"{reverse('enterprise_live', args=[found.pk])}?{choice.query}&v={token}"
        + kept(request),
        **draw(request, view.picture),
    }


def _ranges(choice: Choice) -> list[dict[str, object]]:
    return [
        {"label": label, "query": f"range={name}", "active": name == choice.name}
        for name, label in RANGES.items()
    ]


def _load(facilities: list[FacilityNow]) -> float | None:
    """Return the load now: the main meter's where there is one, else that of all other meters."""
    main = [row for row in facilities if row.facility.kind == FacilityKind.MAIN and row.points]
    counted = main or [row for row in facilities if row.points]
    loads = [row.load_kw for row in counted]
    known = [load for load in loads if load is not None]
    return sum(known) if known and len(known) == len(loads) else None


def draw(request: HttpRequest, picture: Picture) -> dict[str, Any]:
    """Return the picture drawn for the reader's width, as ``reports/picture.html`` wants it."""
    drawing: Drawing = lay_out(picture, picture_width(request))
    axis = render_svg(
        drawing.axis, width=drawing.width, height=drawing.axis_height, css="pic pic--axis"
    )
    lanes = render_svg(
        drawing.lanes,
        width=drawing.width,
        height=drawing.lanes_height,
        css="pic pic--lanes",
        label=picture.label,
    )
    return {
        "picture": picture,
        "drawing": drawing,
        # Safe: svg.render_svg escapes every word that it writes.
        "axis_svg": mark_safe(axis),  # noqa: S308
        "lanes_svg": mark_safe(lanes),  # noqa: S308
    }


def kept(request: HttpRequest) -> str:
    """Return the parameter by which a page keeps its table open, to follow others."""
    return "&table=1" if request.GET.get("table") else ""


def table(request: HttpRequest, view: EnterpriseView, query: str) -> dict[str, Any]:
    """Return the spans as a table where the reader asked for it, and the link that toggles it.

    Only then, because a week of a busy plant has thousands of rows and the page renews itself.
    """
    shown = bool(request.GET.get("table"))
    return {
        "spans": spans(view) if shown else [],
        "table_shown": shown,
        "table_url": f"?{query}#spans" if shown else f"?{query}&table=1#spans",
        "kept": kept(request),
    }


def spans(view: EnterpriseView) -> list[dict[str, Any]]:
    """Return the bars as rows for the table behind the picture, in the picture's order."""
    return [
        {
            "lane": lane,
            "bar": bar,
            "state": OperatingState(bar.state).label,
            "length": bar.end - bar.start,
        }
        for lane in view.picture.lanes
        for bar in lane.bars
    ]
