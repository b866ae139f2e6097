"""The auditor's pages, and the enterprise's page of who looked at its data."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from common.formats import SHANGHAI, local_dt
from enterprises.models import Enterprise
from reports.queries.audit import (
    KINDS,
    AuditSearch,
    find_enterprises,
    get_audit_paths,
    get_differences,
    get_looks,
    get_models,
    get_page,
    get_tables,
    get_visible_entries,
    say_action,
    say_label,
    say_note,
    say_object,
)
from tenancy.access import Permission, require
from tenancy.audit import note_export
from tenancy.eyes import person
from tenancy.models import AuditEntry

#: How far back the list looks unless asked; keeps every first look at it quick.
SHOWN = timedelta(days=30)
EXPORT_LIMIT = 50_000
APPS = ("tenancy", "enterprises", "meters", "orders", "alerts")
TEXTS = ("person", "object", "enterprise")


@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    """List the entries that the auditor may see, newest first, searched by the parameters."""
    paths = _paths(request)
    search, shown, problem = _search(request)
    found = search.apply(get_visible_entries(paths), paths)
    page = get_page(found, request.GET.get("before", ""))
    params = request.GET.copy()
    params.pop("before", None)
    query = params.urlencode()
    params["before"] = page.older
    tables = [name for name, model in get_models().items() if model._meta.app_label in APPS]
    return render(
        request,
        "reports/audit.html",
        {
            "rows": _rows(page.entries, paths),
            "older_url": f"?{params.urlencode()}" if page.older else "",
            "is_first": not request.GET.get("before"),
            "newest_url": f"{request.path}?{query}" if query else request.path,
            "export_url": f"{reverse('audit_export')}?{query}",
            "export_limit": EXPORT_LIMIT,
            "shown": shown,
            "problem": problem,
            "is_filtered": bool(request.GET),
            "kinds": [(value, label) for value, (label, _q) in KINDS.items()],
            "tables": get_tables(tables),
        },
    )


@require_safe
def audit_entry(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one entry with old and new side by side, and what the same request did besides."""
    paths = _paths(request)
    visible = get_visible_entries(paths)
    entry = get_object_or_404(visible, pk=pk)
    others: list[AuditEntry] = []
    if entry.request:
        around = timedelta(minutes=5)
        same = visible.filter(
            request=entry.request, at__range=(entry.at - around, entry.at + around)
        )
        others = list(same.exclude(pk=entry.pk).order_by("at", "pk")[:50])
    return render(
        request,
        "reports/audit_entry.html",
        {
            "row": _rows([entry], paths)[0],
            "differences": get_differences(entry, language=get_language()),
            "others": _rows(others, paths),
            "crumbs": [
                {"label": _("Audit log"), "url": reverse("audit")},
                {"label": str(entry.pk), "url": ""},
            ],
        },
    )


@require_safe
def audit_export(request: HttpRequest) -> HttpResponse:
    """Answer what the search finds as CSV (UTF-8 with mark), and note the export itself."""
    paths = _paths(request)
    search = _search(request)[0]
    found = search.apply(get_visible_entries(paths), paths)
    entries = list(found.order_by("-at", "-pk")[:EXPORT_LIMIT])
    note_export(request, "audit", count=len(entries), filters=request.GET.urlencode())
    text = io.StringIO()
    writer = csv.writer(text)
    for line in _lines(entries, paths):
        writer.writerow([_safe(str(cell)) for cell in line])
    response = HttpResponse("\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="audit-log.csv"'
    return response


@require_safe
def looks(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the enterprise who of the authorities and operators looked at its data."""
    actor = person(request)
    visible = Enterprise.objects.visible_to(actor).select_related("county")
    enterprise = get_object_or_404(visible, pk=pk)
    require(actor, Permission.SEE_LOOKS, enterprise=enterprise)
    page = get_page(get_looks(pk, now=timezone.now()), request.GET.get("before", ""))
    return render(
        request,
        "reports/looks.html",
        {
            "enterprise": enterprise,
            "rows": look_rows(page.entries),
            "older_url": f"?before={page.older.replace('+', '%2B')}" if page.older else "",
            "is_first": not request.GET.get("before"),
            "crumbs": [
                {"label": enterprise.name, "url": reverse("enterprise", args=[pk])},
                {"label": _("Who looked at our data"), "url": ""},
            ],
        },
    )


def look_rows(entries: list[AuditEntry]) -> list[dict[str, Any]]:
    """Return looks as the enterprise sees them: body, what, when, and the name where allowed."""
    return [
        {
            "at": entry.at,
            "body": entry.body or _("System"),
            "name": entry.actor_name if settings.LOOKS_SHOW_NAMES else "",
            "what": say_object(entry) or entry.action,
            "label": entry.object_label if entry.object_type else "",
        }
        for entry in entries
    ]


def _paths(request: HttpRequest) -> tuple[str, ...]:
    require(person(request), Permission.SEE_AUDIT)
    return get_audit_paths(person(request))


def _search(request: HttpRequest) -> tuple[AuditSearch, dict[str, str], str]:
    """Return the search, what the form shows, and in words what of it could not be read."""
    get = request.GET.get
    shown = {name: get(name, "").strip()[:120] for name in TEXTS}
    shown |= {name: get(name, "") for name in ("kind", "table", "address", "until")}
    default = (timezone.now().astimezone(SHANGHAI) - SHOWN).date().isoformat()
    shown["since"] = get("since", default)
    problems = []
    address = shown["address"].strip()
    try:
        address = str(ip_address(address)) if address else ""
    except ValueError:
        problems.append(
            _("“%(value)s” is no address; write it like 10.0.3.7.") % {"value": address}
        )
        address = ""
    days: dict[str, datetime | None] = {}
    for name in ("since", "until"):
        days[name] = _midnight(shown[name])
        if shown[name] and days[name] is None:
            problems.append(
                _("“%(value)s” is no date; write it like 2026-11-23.") % {"value": shown[name]}
            )
    until = days["until"]
    search = AuditSearch(
        person=shown["person"],
        kind=shown["kind"],
        table=shown["table"],
        object=shown["object"],
        enterprise=shown["enterprise"],
        address=address,
        since=days["since"],
        until=until + timedelta(days=1) if until else None,
    )
    return search, shown, " ".join(problems)


def _midnight(text: str) -> datetime | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return datetime.combine(day, time(), SHANGHAI) if day else None


def _rows(entries: list[AuditEntry], paths: tuple[str, ...]) -> list[dict[str, Any]]:
    names = find_enterprises(paths, ids=[e.enterprise_id for e in entries if e.enterprise_id])
    return [
        {
            "entry": entry,
            "action": say_action(entry),
            "object": say_object(entry),
            "label": say_label(entry),
            "note": say_note(entry),
            "enterprise": names.get(entry.enterprise_id or 0, ""),
            "who": _("System") if entry.actor_name == "system" else entry.actor_name,
        }
        for entry in entries
    ]


def _lines(entries: list[AuditEntry], paths: tuple[str, ...]) -> Iterator[list[object]]:
    yield [
        _("number"),
        _("at"),
        _("who"),
        _("for which body"),
        _("action"),
        _("object's name"),
        _("enterprise"),
        _("from address"),
        _("done"),
        _("before"),
        _("after"),
        _("note"),
    ]
    language = get_language()
    for row in _rows(entries, paths):
        entry = row["entry"]
        differences = get_differences(entry, language=language)
        yield [
            entry.pk,
            local_dt(entry.at, language=language),
            row["who"],
            entry.body,
            row["action"],
            row["label"] or entry.object_id,
            row["enterprise"],
            entry.address or "",
            _("yes") if entry.is_success else _("no"),
            "; ".join(f"{d.label}: {d.old}" for d in differences if d.old),
            "; ".join(f"{d.label}: {d.new}" for d in differences if d.new),
            row["note"],
        ]


def _safe(cell: str) -> str:
    """Return the cell so that no spreadsheet takes it for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
