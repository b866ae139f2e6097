"""Batches of the programme: the notices, who stands in them, and acts on many at once.

An act is asked for, shown with the number and the names it applies to, and only then done; if the
number changed in between, it is shown again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from common.localtime import local_date
from common.web import chip, page_query
from enterprises import batches
from enterprises.models import Enterprise, InstallationBatch
from enterprises.programme import MOVES, OPEN_STATUSES, Event, MoveRefused, overdue
from reports.programme_forms import (
    AddForm,
    BatchForm,
    CompanyForm,
    DueForm,
    ReasonForm,
    divisions_managed,
)
from reports.queries.installation import REACHED
from reports.queries.programme_names import (
    STATES,
    days_words,
    describe_names,
    in_order,
    in_state,
    soon,
    with_steps,
)
from tenancy.access import Permission, has_permission, require
from tenancy.eyes import get_eyes, person
from tenancy.models import User

PAGE = 50
SHOWN_NAMES = 20
MEMBER_STATES = ("overdue", "missing", "installed", "accepted")


@require_GET
def batch_list(request: HttpRequest) -> HttpResponse:
    """List the batches with how far each has come, of what the reader sees."""
    actor = person(request)
    require(actor, Permission.SEE_PROGRAMME)
    seen = Enterprise.objects.visible_to(actor).order_by().values("pk")
    context = {
        "rows": _with_progress(
            batches.visible_batches(actor), Q(installations__enterprise__in=seen)
        ),
        "may_manage": get_eyes(request).may(Permission.MANAGE_PROGRAMME),
    }
    return render(request, "reports/installation_batches.html", context)


def _with_progress(found: QuerySet[InstallationBatch], seen: Q) -> QuerySet[InstallationBatch, Any]:
    status = "installations__enterprise__installation_status__in"
    late = Q(
        installations__due_on__lt=local_date(timezone.now()),
        installations__enterprise__installation_status__in=OPEN_STATUSES,
    )
    return (
        found.select_related("division")
        .annotate(
            members=Count("installations", filter=seen & Q(**{status: REACHED["required"]})),
            accepted=Count("installations", filter=seen & Q(**{status: REACHED["accepted"]})),
            installed=Count("installations", filter=seen & Q(**{status: REACHED["installed"]})),
            late=Count("installations", filter=seen & late),
        )
        .order_by("-issued_on", "-pk")
    )


@require_http_methods(["GET", "HEAD", "POST"])
def batch_new(request: HttpRequest) -> HttpResponse:
    """Register a notice; the enterprises are added on its page."""
    actor = person(request)
    require(actor, Permission.MANAGE_PROGRAMME)
    today = local_date(timezone.now())
    first = divisions_managed(actor).first()
    form = BatchForm(
        request.POST or None, actor=actor, initial={"issued_on": today, "division": first}
    )
    if request.method == "POST" and form.is_valid():
        batch = form.save(commit=False)
        require(actor, Permission.MANAGE_PROGRAMME, division=batch.division)
        batch.created_by = actor
        batch.save()
        messages.success(
            request, _("The batch is registered. Now add the enterprises that it names.")
        )
        return redirect("installation_batch", batch.pk)
    return render(request, "reports/installation_batch_new.html", {"form": form})


def _get_batch(request: HttpRequest, pk: int) -> InstallationBatch:
    actor = person(request)
    found = batches.visible_batches(actor).select_related("division")
    batch = get_object_or_404(found, pk=pk)
    require(actor, Permission.SEE_PROGRAMME)
    return batch


@require_GET
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the notice, its members as far as the reader sees them, and the acts."""
    actor = person(request)
    found = _get_batch(request, pk)
    now = timezone.now()
    everyone = _members(actor, found)
    counts = everyone.aggregate(
        all=Count("pk"), **{s: Count("pk", filter=in_state(s, now=now)) for s in MEMBER_STATES}
    )
    state = request.GET.get("state", "")
    members = everyone.filter(in_state(state, now=now)) if state in MEMBER_STATES else everyone
    ordered = in_order(with_steps(members), "")
    page = Paginator(ordered, PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "batch": found,
        "page": page,
        "rows": [
            (row, days_words(row.days_over), soon(row.days_over))
            for row in describe_names(page.object_list, now=now)
        ],
        "counts": counts,
        "chips": [chip(request, "state", s, STATES[s], counts[s]) for s in MEMBER_STATES],
        "query": page_query(request),
    }
    if has_permission(actor, Permission.MANAGE_PROGRAMME, division=found.division):
        context |= {
            "may_manage": True,
            "add_form": AddForm(division=found.division, prefix="add"),
            "due_form": DueForm(prefix="due"),
            "company_form": CompanyForm(division=found.division, prefix="company"),
            "reason_form": ReasonForm(prefix="reason"),
        }
    return render(request, "reports/installation_batch.html", context)


def _members(actor: User, found: InstallationBatch) -> QuerySet[Enterprise]:
    return Enterprise.objects.visible_to(actor).filter(installation__batch=found)


@dataclass(frozen=True, slots=True)
class Plan:
    """An act as it is shown before it is done."""

    title: str
    touched: QuerySet[Enterprise]
    count: int
    notes: list[str]
    do: Callable[[], int]


@require_POST
def batch_act(request: HttpRequest, pk: int) -> HttpResponse:
    """Show to how many an act applies (first post), or do it (with ``expected``, their number)."""
    actor = person(request)
    found = _get_batch(request, pk)
    require(actor, Permission.MANAGE_PROGRAMME, division=found.division)
    planner = PLANNERS.get(request.POST.get("act", ""))
    if planner is None:
        raise BadRequest("no such act")
    outcome = planner(request, found)
    if isinstance(outcome, forms.Form):
        for errors in outcome.errors.values():
            messages.error(request, " ".join(str(error) for error in errors))
        return redirect("installation_batch", found.pk)
    if request.POST.get("expected") == str(outcome.count) and outcome.count:
        try:
            done = outcome.do()
        except MoveRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Done for %(count)d enterprises.") % {"count": done})
        return redirect("installation_batch", found.pk)
    if request.POST.get("expected"):
        messages.warning(
            request, _("The number changed in the meantime. Look again before you do it.")
        )
    context = {
        "batch": found,
        "plan": outcome,
        "names": outcome.touched.select_related("county").order_by("county__code", "code")[
            :SHOWN_NAMES
        ],
        "more": max(0, outcome.count - SHOWN_NAMES),
        "kept": [
            (key, value)
            for key, values in request.POST.lists()
            if key not in ("csrfmiddlewaretoken", "expected")
            for value in values
        ],
    }
    return render(request, "reports/installation_confirm.html", context)


def _chosen(request: HttpRequest, found: InstallationBatch) -> QuerySet[Enterprise]:
    """Return the members that the form names: ticked ones, all overdue, or all open ones."""
    members = _members(person(request), found)
    whom = request.POST.get("whom", "")
    if whom == "overdue":
        return members.filter(overdue(local_date(timezone.now())))
    if whom == "open":
        return members.filter(installation_status__in=OPEN_STATUSES)
    keys = [int(key) for key in request.POST.getlist("enterprise") if key.isdecimal()]
    return members.filter(pk__in=keys)


def _plan_add(request: HttpRequest, found: InstallationBatch) -> Plan | forms.Form:
    form = AddForm(request.POST, division=found.division, prefix="add")
    if not form.is_valid():
        return form
    actor = person(request)
    visible = Enterprise.objects.visible_to(actor)
    wanted = form.apply(visible.filter(county__path__startswith=found.division.path))
    fate = batches.sort_for_batch(wanted)
    notes = [
        _("%(count)d become obliged to install by %(day)s.")
        % {"count": len(fate.required), "day": found.due_on},
        _("%(count)d are obliged already and stand in no batch: they join this one.")
        % {"count": len(fate.joined)},
        _("%(count)d stand in a batch already and keep its day: left alone.")
        % {"count": len(fate.elsewhere)},
        _("%(count)d are accepted, exempt or dismantled: left alone.")
        % {"count": len(fate.settled)},
    ]
    return Plan(
        title=_("Add enterprises to the batch"),
        touched=visible.filter(pk__in=[*fate.required, *fate.joined]),
        count=fate.count,
        notes=notes,
        do=lambda: batches.require_many(found, wanted, **_by(request)).count,
    )


def _plan_due(request: HttpRequest, found: InstallationBatch) -> Plan | forms.Form:
    form = DueForm(request.POST, prefix="due")
    if not form.is_valid():
        return form
    day, reason = form.cleaned_data["due_on"], form.cleaned_data["reason"]
    touched = _chosen(request, found).filter(installation_status__in=OPEN_STATUSES)
    touched = touched.exclude(installation__due_on=day)
    return Plan(
        title=_("Change the due date to %(day)s") % {"day": day},
        touched=touched,
        count=touched.count(),
        notes=[_("Reason: %(reason)s") % {"reason": reason}],
        do=lambda: batches.extend_due(touched, day, reason=reason, **_by(request)),
    )


def _plan_company(request: HttpRequest, found: InstallationBatch) -> Plan | forms.Form:
    form = CompanyForm(request.POST, division=found.division, prefix="company")
    if not form.is_valid():
        return form
    company = form.cleaned_data["company"]
    touched = _chosen(request, found).exclude(installation__company=company)
    return Plan(
        title=_("Assign %(company)s") % {"company": company},
        touched=touched,
        count=touched.count(),
        notes=[_("Its people see the sites from now on; those of a company before no longer do.")],
        do=lambda: batches.assign_company(touched, company, **_by(request)),
    )


def _plan_move(event: Event) -> Callable[[HttpRequest, InstallationBatch], Plan | forms.Form]:
    def plan(request: HttpRequest, found: InstallationBatch) -> Plan | forms.Form:
        form = ReasonForm(request.POST, prefix="reason")
        if not form.is_valid():
            return form
        reason = form.cleaned_data["reason"]
        movable = [status for status, moved in MOVES if moved is event]
        touched = _chosen(request, found).filter(installation_status__in=movable)
        titles = {
            Event.EXEMPT: _("Exempt from installing"),
            Event.RELEASE: _("Release from the duty and take out of the batch"),
        }
        return Plan(
            title=titles[event],
            touched=touched,
            count=touched.count(),
            notes=[_("Reason: %(reason)s") % {"reason": reason}],
            do=lambda: batches.move_many(touched, event, reason=reason, **_by(request)),
        )

    return plan


PLANNERS: dict[str, Callable[[HttpRequest, InstallationBatch], Plan | forms.Form]] = {
    "add": _plan_add,
    "due": _plan_due,
    "company": _plan_company,
    "exempt": _plan_move(Event.EXEMPT),
    "release": _plan_move(Event.RELEASE),
}


def _by(request: HttpRequest) -> dict[str, Any]:
    return {
        "actor": person(request),
        "now": timezone.now(),
        "body": get_eyes(request).label,
    }
