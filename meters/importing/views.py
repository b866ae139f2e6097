"""The pages of the importer: hand in, look, write; and the template."""

import io

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from common.sheets import SheetRefused
from common.uploads import describe_bound
from common.web import nothing_new
from enterprises.models import ImportJob, ImportStatus
from meters.importing import job as jobs
from meters.importing.book import FORMS
from meters.importing.template import write_template
from tenancy.access import Permission, require
from tenancy.eyes import person

SHOWN_JOBS = 20
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@require_http_methods(["GET", "HEAD", "POST"])
def imports(request: HttpRequest) -> HttpResponse:
    """Offer the template and take a file; list the person's own imports, newest first."""
    actor = person(request)
    require(actor, Permission.IMPORT)
    if request.method == "POST":
        file = request.FILES.get("file")
        if getattr(request, "upload_was_cut", False):
            messages.error(request, describe_bound())
        elif file is None or isinstance(file, list):
            messages.error(request, _("Please choose a file first."))
        else:
            try:
                made = jobs.hand_in(file, actor=actor, now=timezone.now())
                return redirect("import", made.pk)
            except SheetRefused as refusal:
                messages.error(request, str(refusal))
        return redirect("imports")
    rows = ImportJob.objects.visible_to(actor).order_by("-created_at", "-pk")[:SHOWN_JOBS]
    return render(
        request, "imports/list.html", {"jobs": [(row, _tone(row.status)) for row in rows]}
    )


def _tone(status: str) -> str:
    return {"DONE": "good", "CHECKED": "active", "FAULTY": "bad", "FAILED": "bad"}.get(status, "")


def _find(request: HttpRequest, pk: int) -> ImportJob:
    actor = person(request)
    found = get_object_or_404(ImportJob.objects.visible_to(actor), pk=pk)
    require(actor, Permission.IMPORT)
    return found


def _context(job: ImportJob) -> dict[str, object]:
    language = get_language() or "zh-hans"
    counted = [
        {"title": form.get_title(language), **job.counts[form.key]}
        for form in FORMS
        if form.key in job.counts
    ]
    token = f"{job.status}-{job.rows_done}-{job.rows_total}"
    return {
        "job": job,
        "tone": _tone(job.status),
        "is_under_way": job.status in jobs.UNDER_WAY,
        "percent": min(100, 100 * job.rows_done // job.rows_total) if job.rows_total else 0,
        "counted": counted,
        "to_write": sum(row["new"] + row["changed"] for row in counted),
        "hidden_count": max(0, job.error_count - len(job.errors)),
        "live_url": f"{reverse('import_live', args=[job.pk])}?v={token}",
        "token": token,
    }


@require_GET
def import_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how far an import is, what it would change, and what is wrong with it."""
    return render(request, "imports/job.html", _context(_find(request, pk)))


@require_GET
def import_live(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer the part of the page that renews itself; 204 while nothing has changed."""
    context = _context(_find(request, pk))
    if unchanged := nothing_new(request, str(context["token"])):
        return unchanged
    return render(request, "imports/job_live.html", context)


@require_POST
def import_write(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a clean import to be written."""
    found = _find(request, pk)
    if not jobs.ask_to_write(found):
        messages.error(request, _("Only a file that was checked without errors can be written."))
    return redirect("import", found.pk)


@require_GET
def import_errors(request: HttpRequest, pk: int) -> FileResponse:
    """Send all problems of an import as CSV."""
    found = _find(request, pk)
    if found.status != ImportStatus.FAULTY:
        raise Http404
    try:
        file = jobs.get_problems_path(found).open("rb")
    except FileNotFoundError as gone:
        raise Http404 from gone
    words = _("errors")
    name = f"{found.file_name.rsplit('.', 1)[0]}-{words}.csv"
    return FileResponse(file, as_attachment=True, filename=name, content_type="text/csv")


@require_GET
def import_template(request: HttpRequest) -> FileResponse:
    """Send the empty book in the language of the page."""
    require(person(request), Permission.IMPORT)
    out = io.BytesIO()
    write_template(out, language=get_language() or "zh-hans")
    out.seek(0)
    name = _("PowerWatch import template") + ".xlsx"
    return FileResponse(out, as_attachment=True, filename=name, content_type=XLSX)
