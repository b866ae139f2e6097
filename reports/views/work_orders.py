"""Work orders and the operator's page: what is to be done, by when, and the acts on it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from alerts.models import DEVICE_RULES, Alert, Occurrence, RuleCode
from alerts.wording import get_sentence
from common.web import chip, clear_url, page_query
from enterprises.attachments import get_attachments
from enterprises.models import Enterprise, Site
from meters.models import Meter, WorkOrder, WorkOrderKind
from meters.work_orders import (
    EVENT_WORDS,
    NOTE_OWED,
    Event,
    WorkOrderRefused,
    get_events,
    may,
    move_work_order,
    needs_meter,
    open_work_order,
)
from reports.queries.work_orders import (
    STATES,
    as_row,
    by_urgency,
    count_states,
    get_work,
    is_overdue,
    with_names,
)
from reports.work_order_forms import (
    MeterForm,
    WorkOrderForm,
    get_devices,
    meter_initial,
    say_points,
)
from tenancy.access import Permission, has_permission, require
from tenancy.audit import note_look
from tenancy.eyes import get_eyes, person

PAGE = 25
STYLES = {Event.CONFIRM: "primary", Event.ACCEPT: "primary", Event.FINISH: "primary"}


@require_GET
def work(request: HttpRequest) -> HttpResponse:
    """Show an operator what is to be done now."""
    actor = person(request)
    require(actor, Permission.DO_WORK_ORDERS)
    now = timezone.now()
    return render(request, "reports/work.html", {"work": get_work(actor, now), "now": now})


@require_GET
def work_order_list(request: HttpRequest) -> HttpResponse:
    """List the work orders that the reader sees, what is owed first."""
    now = timezone.now()
    actor = person(request)
    visible = WorkOrder.objects.visible_to(actor)
    enterprise = _enterprise(request)
    if enterprise:
        visible = visible.filter(site__enterprise=enterprise)
    counts = count_states(visible, now)
    state = request.GET.get("state", "")
    filtered = visible
    if state in STATES:
        filtered = visible.filter(STATES[state])
    elif state == "overdue":
        filtered = visible.filter(is_overdue(now))
    if (kind := request.GET.get("kind", "")) in WorkOrderKind.values:
        filtered = filtered.filter(kind=kind)
    page = Paginator(by_urgency(with_names(filtered)), PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [as_row(order, now) for order in page.object_list],
        "chips": [
            chip(request, "state", "todo", _("To be done"), counts["todo"]),
            chip(request, "state", "overdue", _("Overdue"), counts["overdue"]),
            chip(request, "state", "waiting", _("To be confirmed"), counts["waiting"]),
            chip(request, "state", "finished", _("Finished"), counts["finished"]),
            *(chip(request, "kind", value, label) for value, label in WorkOrderKind.choices),
        ],
        "enterprise": enterprise,
        "clear_url": clear_url(request, ("state", "kind", "enterprise")),
        "query": page_query(request),
        "may_open": enterprise is not None
        and has_permission(actor, Permission.OPEN_WORK_ORDERS, enterprise=enterprise),
    }
    return render(request, "reports/work_order_list.html", context)


def _enterprise(request: HttpRequest) -> Enterprise | None:
    """Return the enterprise of ``?enterprise=``; raises 404 for what the reader cannot see."""
    pk = request.GET.get("enterprise", "")
    if not pk:
        return None
    if not (pk.isdecimal() and len(pk) <= 18):
        raise Http404
    visible = Enterprise.objects.visible_to(person(request)).select_related("county")
    return get_object_or_404(visible, pk=pk)


@require_http_methods(["GET", "POST"])
def work_order_new(request: HttpRequest) -> HttpResponse:
    """Open a work order for ``?site=``, or for the device of ``?alert=`` with the form filled."""
    actor = person(request)
    site, initial = _subject(request)
    require(actor, Permission.OPEN_WORK_ORDERS, enterprise=site.enterprise)
    note_look(request, site.enterprise, "devices")
    form = WorkOrderForm(
        request.POST if request.method == "POST" else None, initial=initial, **get_devices(site)
    )
    if request.method == "POST" and form.is_valid():
        try:
            order = open_work_order(
                site,
                kind=form.cleaned_data["kind"],
                text=form.cleaned_data["text"],
                **form.chosen,  # type: ignore[arg-type]
                actor=actor,
                now=timezone.now(),
                body=get_eyes(request).label,
            )
        except WorkOrderRefused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("The work order is open; the operator sees it at once."))
            return redirect("work_order", order.number)
    context = {
        "site": site,
        "others": Site.objects.visible_to(actor)
        .filter(enterprise=site.enterprise_id)
        .exclude(pk=site.pk)
        .order_by("name", "pk"),
        "form": form,
        "crumbs": [
            {"label": _("Work orders"), "url": reverse("work_orders")},
            {"label": _("New work order"), "url": ""},
        ],
    }
    status = 400 if form.errors else 200
    return render(request, "reports/work_order_new.html", context, status=status)


def _subject(request: HttpRequest) -> tuple[Site, dict[str, Any]]:
    """Return the site and what the form begins with. Raises 404 for what the reader cannot see."""
    actor = person(request)
    sites = Site.objects.visible_to(actor).select_related("enterprise__county")
    if number := request.GET.get("alert"):
        found = get_object_or_404(
            Alert.objects.visible_to(actor).filter(
                rule__in=[str(rule) for rule in DEVICE_RULES], collector__isnull=False
            ),
            number=number,
        )
        assert found.collector is not None  # noqa: S101
        newest = found.occurrences.order_by("-started_at").first()
        device, text = (
            f"collector:{found.collector_id}",
            get_sentence(found, newest) if newest else "",
        )
        if found.rule == RuleCode.R18 and newest and (meters := _meters_named(found, newest)):
            device = f"point:{meters[0].point_id}"  # so that its new record is asked for
            text = f"{text} {say_points(meters)}"
        initial = {
            "kind": WorkOrderKind.CALIBRATION
            if found.rule == RuleCode.R18
            else WorkOrderKind.FAULT,
            "device": device,
            "text": f"{text} {found.number}".strip(),
        }
        return get_object_or_404(sites, pk=found.collector.site_id), initial
    for name, lookup in (("site", "pk"), ("enterprise", "enterprise")):
        if pk := request.GET.get(name, ""):
            found_site = None
            if pk.isdecimal() and len(pk) <= 18:
                found_site = sites.filter(**{lookup: pk}).order_by("name", "pk").first()
            if found_site is None:
                break
            return found_site, {}
    raise Http404


def _meters_named(alert: Alert, occurrence: Occurrence) -> list[Meter]:
    """Return the meters in force behind the collector that the alert names, by point; one query."""
    serials = [row["serial"] for row in occurrence.evidence.get("meters", ())]
    meters = Meter.objects.filter(
        point__collector=alert.collector_id,
        point__retired_at__isnull=True,
        valid_to__isnull=True,
        serial__in=serials,
        certificate_expires_on=occurrence.evidence.get("expires_on"),
    )
    return list(meters.select_related("point__facility").order_by("point"))


@require_GET
def work_order(request: HttpRequest, number: str) -> HttpResponse:
    """Show the order: its clock, what happened, the photos and the acts."""
    found = _get(request, number)
    return render(request, "reports/work_order.html", _context(request, found))


@require_POST
def work_order_act(request: HttpRequest, number: str) -> HttpResponse:
    """Bring one event about, or say why it cannot be."""
    found = _get(request, number)
    actor = person(request)
    try:
        event = Event(request.POST.get("act", ""))
    except ValueError as error:
        raise PermissionDenied from error
    if not may(found, event, actor):
        raise PermissionDenied
    form = None
    if event is Event.FINISH and needs_meter(found):
        form = MeterForm(request.POST)
        if not form.is_valid():
            context = _context(request, found, meter_form=form, typed=request.POST)
            return render(request, "reports/work_order.html", context, status=400)
    try:
        move_work_order(
            found,
            event,
            actor=actor,
            now=timezone.now(),
            note=request.POST.get("note", "")[:2000],
            body=get_eyes(request).label,
            meter=form.cleaned_data if form else None,
        )
    except (WorkOrderRefused, ValidationError) as refused:
        words = refused.messages if isinstance(refused, ValidationError) else [str(refused)]
        messages.error(request, " ".join(words))
        fresh = _get(request, number)
        context = _context(request, fresh, meter_form=form, typed=request.POST)
        return render(request, "reports/work_order.html", context, status=409)
    messages.success(request, _("Recorded under your name."))
    return redirect("work_order", found.number)


def _get(request: HttpRequest, number: str) -> WorkOrder:
    visible = with_names(WorkOrder.objects.visible_to(person(request)))
    found = get_object_or_404(visible, number=number)
    note_look(
        request,
        found.site.enterprise,
        "work_order",
        object_type="meters_workorder",
        object_id=found.pk,
        object_label=found.number,
    )
    return found


def _context(
    request: HttpRequest, order: WorkOrder, meter_form: MeterForm | None = None, typed: Any = None
) -> dict[str, Any]:
    actor = person(request)
    now = timezone.now()
    events = get_events(order, actor)
    if Event.FINISH in events and needs_meter(order) and meter_form is None:
        current = Meter.objects.filter(point=order.point, valid_to__isnull=True).first()
        keeps = order.kind == WorkOrderKind.CALIBRATION
        meter_form = MeterForm(initial=meter_initial(current, keeps_meter=keeps))
    enterprise = order.site.enterprise
    typed = typed or {}
    return {
        "row": as_row(order, now),
        "order": order,
        "enterprise": enterprise,
        "acts": [
            {
                "name": event.value,
                "label": EVENT_WORDS[event],
                "style": STYLES.get(event, ""),
                "note_owed": event in NOTE_OWED,
                "meter": meter_form if event is Event.FINISH else None,
                "open": typed.get("act") == event.value,
                "typed": typed.get("note", "") if typed.get("act") == event.value else "",
            }
            for event in events
        ],
        "timeline_acts": [
            {
                "what": step.get_to_status_display(),
                "at": step.at,
                "who": f"{step.actor} · {step.body}" if step.body else str(step.actor),
                "detail": step.note,
                "tone": "bad" if step.to_status in ("RETURNED", "CANCELLED") else "done",
            }
            for step in order.log.select_related("actor").order_by("at", "pk")
        ],
        "meters": order.meters.select_related("point__facility").order_by("pk"),
        "attachments": get_attachments(
            actor, enterprise, subject_type="work_order", subject_ids=[order.pk]
        ),
        "attach_url": reverse("attach", args=[enterprise.pk]),
        "may_attach": _may_attach(actor, order),
        "crumbs": [
            {"label": _("Work orders"), "url": reverse("work_orders")},
            {"label": order.number, "url": ""},
        ],
    }


def _may_attach(actor: Any, order: WorkOrder) -> bool:
    return has_permission(actor, Permission.ATTACH, site=order.site)
