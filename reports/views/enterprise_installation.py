"""One enterprise's way through the programme: its steps, its day, what comes next, and the acts."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce, JSONObject
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from common.localtime import day_start, local_date
from enterprises import batches, surveys
from enterprises.attachments import get_attachments
from enterprises.models import (
    Attachment,
    Enterprise,
    Facility,
    Installation,
    InstallationLog,
    SurveySheet,
)
from enterprises.programme import (
    EVENT_PERMISSIONS,
    EVENT_WORDS,
    OPEN_STATUSES,
    Event,
    MoveRefused,
    move,
    owes_reason,
    target_of,
)
from meters.models import MonitoringPoint
from reports.programme_forms import (
    SPARE_ROWS,
    CompanyForm,
    DueForm,
    SurveyForm,
    first_rows,
    survey_rows,
)
from reports.queries.programme_names import NEXT_STEPS
from reports.queries.sheets import read_signed, signed_sheets
from tenancy.access import Permission, has_permission, require
from tenancy.audit import note_look
from tenancy.eyes import get_eyes, person

#: Made by an act of their own: a sheet is signed for the first two, filled in for the third.
ELSEWHERE = (Event.ACCEPT, Event.REJECT, Event.SURVEY)
#: Who may open the page, beside the enterprise's own people.
SEEING = (Permission.SEE_PROGRAMME, Permission.INSTALL, Permission.SURVEY)
SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Move:
    """A move that the reader may make now."""

    event: str
    label: str
    owes_reason: bool
    is_forward: bool
    target: str


def _get(request: HttpRequest, pk: int, *, with_programme: bool = False) -> Enterprise:
    """Return the enterprise: 404 outside the scope, 403 for whom the programme is not.

    with_programme: with its part in it, and of what the reader sees there the ``point_count``
    (points in use), ``registered`` (name and kind of the facilities in use) and ``signed`` (the
    acceptance sheets); one query still.
    """
    actor = person(request)
    visible = Enterprise.objects.visible_to(actor).select_related("county__parent")
    if with_programme:
        points = MonitoringPoint.objects.visible_to(actor).in_use()
        of_enterprise = points.filter(collector__enterprise=OuterRef("pk")).order_by()
        counted = of_enterprise.values("collector__enterprise").annotate(n=Count("pk")).values("n")
        facilities = Facility.objects.visible_to(actor).filter(
            site__enterprise=OuterRef("pk"), retired_at__isnull=True
        )
        visible = visible.select_related("installation__batch", "installation__company").annotate(
            point_count=Coalesce(Subquery(counted), 0),
            registered=ArraySubquery(
                facilities.order_by("pk").values(it=JSONObject(name="name", kind="kind"))
            ),
            signed=signed_sheets(actor),
        )
    found = get_object_or_404(visible, pk=pk)
    is_own = found.pk in get_eyes(request).enterprise_ids
    if not is_own and not any(has_permission(actor, p, enterprise=found) for p in SEEING):
        raise PermissionDenied
    note_look(request, found, "installation")
    return found


@require_GET
def enterprise_installation(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the steps of one enterprise and what the reader can do now."""
    found = _get(request, pk, with_programme=True)
    now = timezone.now()
    part = getattr(found, "installation", None)
    due_on = part.due_on if part else None
    is_open = found.installation_status in OPEN_STATUSES
    remaining = day_start(due_on + timedelta(days=1)) - now if due_on and is_open else None
    moves = _moves(request, found)
    context: dict[str, Any] = {
        "enterprise": found,
        "part": part,
        "due_on": due_on,
        "remaining": remaining,
        "soon": remaining is not None and remaining < SOON,
        "next_step": NEXT_STEPS[found.installation_status],
        "advice": _advice(request, found),
        "acts": _timeline(found, is_open),
        "sheets": _sheets(request, found),
        "may_attach": has_permission(person(request), Permission.ATTACH, enterprise=found),
        "acceptances": read_signed(found),
        "forward": [one for one in moves if one.is_forward],
        "others": [one for one in moves if not one.is_forward],
        "may_open_work_order": has_permission(
            person(request), Permission.OPEN_WORK_ORDERS, enterprise=found
        ),
        "may_survey": _may(request, found, Event.SURVEY)
        and target_of(found.installation_status, Event.SURVEY) is not None,
        "point_count": found.point_count,  # type: ignore[attr-defined]
    }
    if has_permission(person(request), Permission.MANAGE_PROGRAMME, enterprise=found):
        context["company_form"] = CompanyForm(
            division=found.county,
            prefix="company",
            initial={"company": part.company_id if part else None},
        )
        if is_open:
            context["due_form"] = DueForm(prefix="due")
    return render(request, "reports/enterprise_installation.html", context)


def _may(request: HttpRequest, found: Enterprise, event: Event) -> bool:
    actor = person(request)
    return any(has_permission(actor, p, enterprise=found) for p in EVENT_PERMISSIONS[event])


def _moves(request: HttpRequest, found: Enterprise) -> list[Move]:
    labels = {
        Event.REQUIRE: _("Require to install"),
        Event.BEGIN: _("Installation began"),
        Event.CONNECT: _("Devices are connected"),
        Event.RETURN: _("Send one step back"),
        Event.EXEMPT: _("Exempt"),
        Event.RELEASE: _("Release from the duty"),
        Event.DISMANTLE: _("Record the dismantling"),
    }
    status = found.installation_status
    out = []
    for event, label in labels.items():
        target = target_of(status, event)
        if target is not None and _may(request, found, event):
            forward = not owes_reason(status, event)
            out.append(Move(event, label, not forward, forward, str(target.label)))
    return out


def _advice(request: HttpRequest, found: Enterprise) -> str:
    """Return what the reader should do next, in their own words."""
    eyes, status = get_eyes(request), found.installation_status
    if eyes.is_authority:
        return {
            "REQUIRED": _("Assign an operator company and let the site be surveyed."),
            "SURVEYED": _("See that the operator begins; the enterprise frees the cabinets."),
            "INSTALLING": _("The operator connects every point that the survey names."),
            "CONNECTED": _("Check the data and sign the acceptance, or refuse it with a reason."),
        }.get(status, "")
    if found.pk in eyes.enterprise_ids:
        return {
            "REQUIRED": _(
                "Agree on a day for the survey with the operator company, and have the single-line"
                " diagram and the list of facilities ready."
            ),
            "SURVEYED": _("Agree on a day with the operator and free the cabinets for it."),
            "INSTALLING": _("Let the operator work; report changes of facilities to the county."),
            "CONNECTED": _("Keep the devices powered; the authority will check and accept."),
            "ACCEPTED": _("Keep the devices running; report faults and power cuts at once."),
        }.get(status, "")
    return {
        "REQUIRED": _("Survey the site and record every point that must be metered."),
        "SURVEYED": _("Record here when the installation begins."),
        "INSTALLING": _("Record here when every point of the survey sends data."),
        "CONNECTED": _("Answer what the acceptance finds."),
    }.get(status, "")


def _timeline(found: Enterprise, is_open: bool) -> list[dict[str, Any]]:
    log = InstallationLog.objects.filter(enterprise=found).select_related("actor")
    acts: list[dict[str, Any]] = [
        {
            "what": EVENT_WORDS.get(row.event, row.event),
            "at": row.at,
            "who": " · ".join(filter(None, [row.body, str(row.actor or "")])),
            "detail": row.reason,
            "tone": "bad" if row.event in (Event.REJECT, Event.RETURN) else "done",
        }
        for row in log.order_by("at", "pk")
    ]
    if is_open:
        acts.append({"what": NEXT_STEPS[found.installation_status], "at": None, "tone": "waiting"})
    return acts


def _sheets(request: HttpRequest, found: Enterprise) -> list[dict[str, Any]]:
    """Return the surveys, newest first, the newest beside what is registered."""
    facilities = [Facility(**row) for row in found.registered]  # type: ignore[attr-defined]
    photos: dict[int | None, list[Attachment]] = {}
    for file in get_attachments(person(request), found, subject_type="survey"):
        photos.setdefault(file.subject_id, []).append(file)
    out = []
    sheets = SurveySheet.objects.filter(enterprise=found).select_related("recorded_by", "company")
    for number, sheet in enumerate(sheets.order_by("-recorded_at", "-pk")):
        rows = surveys.rows_of(sheet)
        out.append(
            {
                "sheet": sheet,
                "rows": rows,
                "photos": photos.get(sheet.pk, []),
                "comparison": None if number else surveys.compare(rows, facilities),
            }
        )
    return out


@require_POST
def enterprise_installation_act(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a move, change the day, or assign a company; then show the page again."""
    found = _get(request, pk)
    act = request.POST.get("act", "")
    try:
        if act == "due":
            _change_due(request, found)
        elif act == "company":
            _change_company(request, found)
        else:
            _make_move(request, found, act)
    except MoveRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Recorded."))
    return redirect("enterprise_installation", found.pk)


def _make_move(request: HttpRequest, found: Enterprise, act: str) -> None:
    event = next((one for one in Event if one == act), None)
    if event is None or event in ELSEWHERE:
        raise BadRequest("no such act")
    if not _may(request, found, event):
        raise PermissionDenied
    # What the page showed when the button was pressed: an older page decides nothing.
    found.installation_status = request.POST.get("seen", "") or found.installation_status
    move(found, event, reason=request.POST.get("reason", ""), **_by(request))


def _change_due(request: HttpRequest, found: Enterprise) -> None:
    require(person(request), Permission.MANAGE_PROGRAMME, enterprise=found)
    form = DueForm(request.POST, prefix="due")
    if not form.is_valid():
        raise MoveRefused(_("A new due date and a reason are needed. Nothing was recorded."))
    batches.extend_due(
        Enterprise.objects.filter(pk=found.pk),
        form.cleaned_data["due_on"],
        reason=form.cleaned_data["reason"],
        **_by(request),
    )


def _change_company(request: HttpRequest, found: Enterprise) -> None:
    require(person(request), Permission.MANAGE_PROGRAMME, enterprise=found)
    form = CompanyForm(request.POST, division=found.county, prefix="company")
    if not form.is_valid():
        raise MoveRefused(_("Choose an operator company of your city. Nothing was recorded."))
    one = Enterprise.objects.filter(pk=found.pk)
    batches.assign_company(one, form.cleaned_data["company"], **_by(request))


@require_http_methods(["GET", "HEAD", "POST"])
def enterprise_survey(request: HttpRequest, pk: int) -> HttpResponse:
    """Fill in a survey sheet; “more rows” gives the same form back with room for more."""
    found = _get(request, pk)
    if not _may(request, found, Event.SURVEY):
        raise PermissionDenied
    today = local_date(timezone.now())
    refusal = ""
    if request.method == "POST" and "more" in request.POST:
        form = SurveyForm(request.POST, today=today)
        rows = survey_rows()(_with_more(request))
    elif request.method == "POST":
        form, rows = SurveyForm(request.POST, today=today), survey_rows()(request.POST)
        if form.is_valid() and rows.is_valid():
            try:
                _record(request, found, form, rows)
            except MoveRefused as refused:
                refusal = str(refused)
            else:
                messages.success(request, _("The survey is recorded. Add the photos below it."))
                return redirect("enterprise_installation", found.pk)
    else:
        form, rows = SurveyForm(today=today), survey_rows()(initial=first_rows(found))
    is_asking_more = "more" in request.POST
    context = {
        "enterprise": found,
        "form": form,
        "rows": rows,
        "refusal": refusal,
        "shows_errors": request.method == "POST" and not is_asking_more,
        "spare": SPARE_ROWS,
    }
    return render(request, "reports/enterprise_survey.html", context)


def _with_more(request: HttpRequest) -> Any:
    data = request.POST.copy()
    total = data.get("form-TOTAL_FORMS", "")
    count = int(total) if total.isdecimal() and len(total) < 5 else 0
    data["form-TOTAL_FORMS"] = str(min(count + SPARE_ROWS, surveys.MOST_ROWS))
    return data


def _record(request: HttpRequest, found: Enterprise, form: SurveyForm, rows: Any) -> None:
    part = Installation.objects.filter(enterprise=found).select_related("company").first()
    is_operators = not get_eyes(request).is_authority
    surveys.record_survey(
        found,
        rows=rows.rows(),
        surveyed_on=form.cleaned_data["surveyed_on"],
        finding=form.cleaned_data["finding"],
        company=part.company if part and is_operators else None,
        **_by(request),
    )


def _by(request: HttpRequest) -> dict[str, Any]:
    return {
        "actor": person(request),
        "now": timezone.now(),
        "body": get_eyes(request).label,
    }
