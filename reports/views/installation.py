"""The programme's progress and the names behind each of its figures."""

from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from common import formats
from common.localtime import local_date
from common.sheets import write_workbook
from common.web import chip, clear_url, page_query
from enterprises.batches import visible_batches
from enterprises.models import Enterprise, Industry
from enterprises.models import InstallationStatus as Status
from reports.maps import get_map
from reports.queries.installation import (
    GROUPINGS,
    STEPS,
    InstallationView,
    Progress,
    get_installation,
    kinds_of,
)
from reports.queries.programme_names import (
    SORTS,
    STATES,
    NameFilter,
    days_words,
    describe_names,
    in_order,
    soon,
    with_steps,
)
from tenancy import audit
from tenancy.access import Permission, require
from tenancy.eyes import get_eyes, person

PAGE = 50
#: The least share of accepted enterprises, in per cent, of each shade of the map.
BANDS = (0, 50, 80, 95, 100)
FIGURES = ("required", "surveyed", "installed", "accepted", "overdue")
#: The width of a bar of the chart, in its own units.
BAR = 1000


@dataclass(frozen=True, slots=True)
class MapCounty:
    """A county as ``components/county_map.html`` draws it."""

    code: str
    name: str
    path: str
    label: tuple[float, float]
    value: str
    band: int | None
    suspected: int  # what the component flags: here the overdue
    url: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One stacked bar: (status, words, count, x, width) of each step that has any."""

    parts: list[tuple[str, str, int, float, float]]


@require_GET
def installation(request: HttpRequest) -> HttpResponse:
    """Show who must install, who has, who is late."""
    actor = person(request)
    require(actor, Permission.SEE_PROGRAMME)
    by = request.GET.get("by", "")
    by = by if by in GROUPINGS else "county"
    county = _code(request.GET.get("county", ""))
    now = timezone.now()
    view = get_installation(actor, now=now, by=by, county=county)
    rows = _sorted(view.rows, request.GET.get("sort", ""))
    widest = max((row.required for row in rows), default=0)
    context: dict[str, Any] = {
        "view": view,
        "total": view.total,
        "by": by,
        "county": county,
        "county_name": _county_name(view, county),
        "now": now,
        "tabs": _tabs(request, by),
        "rows": [(row, _bar(row, widest), _links(by, row.key, county)) for row in rows],
        "total_links": _links("county", county, ""),
        "heads": _heads(request),
        "has_cities": any(row.above for row in view.rows),
        "kinds": kinds_of(view.total),
        "legend": [(str(step), step.label) for step in STEPS],
        "notes": _notes(view.total),
        "may_manage": get_eyes(request).may(Permission.MANAGE_PROGRAMME),
        **_map(request, view),
    }
    return render(request, "reports/installation.html", context)


@require_GET
def installation_list(request: HttpRequest) -> HttpResponse:
    """List the names behind a figure. Five queries and the person's grants."""
    actor = person(request)
    require(actor, Permission.SEE_PROGRAMME)
    now = timezone.now()
    chosen = _chosen(request)
    found = chosen.apply(Enterprise.objects.visible_to(actor), now=now)
    ordered = in_order(with_steps(found), request.GET.get("sort", ""))
    page = Paginator(ordered, PAGE).get_page(request.GET.get("page"))
    batches = list(visible_batches(actor).order_by("-issued_on", "pk").values_list("pk", "name"))
    context = {
        "page": page,
        "rows": [
            (row, days_words(row.days_over), soon(row.days_over))
            for row in describe_names(page.object_list, now=now)
        ],
        "chips": [chip(request, "state", state, label) for state, label in STATES.items()],
        "clear_url": clear_url(request, ("county", "industry", "batch", "state")),
        "query": page_query(request),
        "heads": _list_heads(request),
        "what": str(STATES.get(chosen.state, "")) or _status_label(chosen.state),
        "export_url": f"{reverse('installation_export')}?{request.GET.urlencode()}"
        if get_eyes(request).may(Permission.EXPORT)
        else "",
        "industries": [
            {"value": value, "label": label, "active": value == chosen.industry}
            for value, label in Industry.choices
        ],
        "batches": [
            {"value": str(pk), "label": name, "active": str(pk) == chosen.batch}
            for pk, name in batches
        ],
        "is_in_no_batch": chosen.batch == "none",
        "kept": [
            (key, value)
            for key, value in request.GET.items()
            if key in ("county", "state", "sort") and value
        ],
        "installed_statuses": (Status.CONNECTED, Status.ACCEPTED),
    }
    return render(request, "reports/installation_list.html", context)


@require_GET
def installation_export(request: HttpRequest) -> HttpResponse:
    """Answer the list of names, as it is filtered and sorted, as a workbook."""
    actor = person(request)
    require(actor, Permission.SEE_PROGRAMME)
    require(actor, Permission.EXPORT)
    now = timezone.now()
    found = _chosen(request).apply(Enterprise.objects.visible_to(actor), now=now)
    ordered = in_order(with_steps(found), request.GET.get("sort", ""))
    headings = [
        _("Enterprise"),
        _("Internal number"),
        _("County"),
        _("Industry"),
        _("Status"),
        _("Batch"),
        _("Due"),
        _("Days overdue"),
        _("Operator company"),
        _("Last step"),
        _("When"),
        _("Next step"),
    ]
    cells = (
        (
            row.name,
            row.code,
            row.county,
            row.industry,
            row.status_label,
            row.batch,
            row.due_on,
            row.days_over if row.days_over and row.days_over > 0 else None,
            row.company,
            row.latest,
            row.latest_at,
            row.next_step,
        )
        for row in describe_names(ordered, now=now)
    )
    book = BytesIO()
    count = write_workbook(book, _("Installation programme"), headings, cells)
    audit.record(
        "list.export",
        object_type="installation",
        object_label=_("Installation programme"),
        new={"rows": count, "format": "xlsx", "filters": request.GET.urlencode()[:1000]},
        request=request,
    )
    response = HttpResponse(
        book.getvalue(),
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )
    name = f"installation-{local_date(now):%Y%m%d}.xlsx"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _chosen(request: HttpRequest) -> NameFilter:
    return NameFilter(
        county=_code(request.GET.get("county", "")),
        industry=request.GET.get("industry", ""),
        batch=request.GET.get("batch", ""),
        state=request.GET.get("state", ""),
    )


def _code(text: str) -> str:
    return "".join(char for char in text if char.isalnum())[:12]


def _status_label(state: str) -> str:
    return str(Status(state).label) if state in Status.values else _("All of your area")


def _county_name(view: InstallationView, county: str) -> str:
    return next((row.name for row in view.counties if row.key == county), county)


def _tabs(request: HttpRequest, by: str) -> list[dict[str, object]]:
    labels = {"county": _("By county"), "industry": _("By industry"), "batch": _("By batch")}
    params = request.GET.copy()
    params.pop("sort", None)
    tabs = []
    for key, label in labels.items():
        params["by"] = key
        tabs.append({"label": label, "url": f"?{params.urlencode()}", "active": key == by})
    return tabs


COLUMNS = ("name", *FIGURES, "points_accepted", "points_online")


def _sorted(rows: list[Progress], sort: str) -> list[Progress]:
    key = sort.removeprefix("-")
    if key not in COLUMNS:
        return rows
    return sorted(rows, key=lambda row: getattr(row, key), reverse=sort.startswith("-"))


def _heads(request: HttpRequest) -> list[dict[str, object]]:
    labels = {
        "required": _("Must install"),
        "surveyed": _("Surveyed"),
        "installed": _("Installed"),
        "accepted": _("Accepted"),
        "overdue": _("Overdue"),
        "points_accepted": _("Accepted points"),
        "points_online": _("Online rate"),
    }
    return [_head(request, key, label) for key, label in labels.items()]


def _list_heads(request: HttpRequest) -> dict[str, dict[str, object]]:
    labels = {
        "name": _("Enterprise"),
        "county": _("County"),
        "status": _("Status"),
        "due": _("Due"),
        "company": _("Operator company"),
    }
    return {key: _head(request, key, labels[key]) for key in SORTS}


def _head(request: HttpRequest, key: str, label: str) -> dict[str, object]:
    """Return a column's head: a click sorts downwards, another upwards."""
    params = request.GET.copy()
    params.pop("page", None)
    now = params.get("sort", "")
    params["sort"] = key if now == f"-{key}" else f"-{key}"
    order = {key: "ascending", f"-{key}": "descending"}.get(now, "")
    return {"key": key, "label": label, "url": f"?{params.urlencode()}", "order": order}


def _links(by: str, key: str, county: str) -> dict[str, str]:
    """Return where each figure of a row leads."""
    narrowing = {"county": county, by: key} if county else {by: key}
    kept = {name: value for name, value in narrowing.items() if value}
    page = reverse("installation_list")
    return {state: f"{page}?{urlencode({**kept, 'state': state})}" for state in (*STATES, *STEPS)}


def _bar(row: Progress, widest: int) -> Bar:
    parts, x = [], 0.0
    for step in STEPS:
        count = row.statuses.get(step, 0)
        width = BAR * count / widest if widest else 0.0
        if count:
            parts.append((step.value.lower(), str(step.label), count, round(x, 1), round(width, 1)))
        x += width
    return Bar(parts)


def _notes(total: Progress) -> dict[str, str]:
    """Return what changed since a week ago, in words, for each figure."""
    changes = {
        figure: total.reached(figure) - total.reached_before(figure)
        for figure in ("required", "surveyed", "installed", "accepted")
    }
    changes["overdue"] = total.overdue - total.overdue_before
    return {figure: _change_words(change) for figure, change in changes.items()}


def _change_words(change: int) -> str:
    if change > 0:
        return _("%(count)d more than a week ago") % {"count": change}
    if change < 0:
        return _("%(count)d fewer than a week ago") % {"count": -change}
    return _("as a week ago")


def _map(request: HttpRequest, view: InstallationView) -> dict[str, Any]:
    eyes = get_eyes(request)
    city_map = get_map(eyes.division_path) if eyes.sees_many_counties else None
    if city_map is None:
        return {"map_counties": []}
    counted = {row.key: row for row in view.counties}
    counties = []
    for county in city_map.counties:
        row = counted.get(county.code)
        counties.append(
            MapCounty(
                code=county.code,
                name=row.name if row else county.name,
                path=county.path,
                label=county.label,
                value=formats.percent(row.accepted, row.required) if row else formats.MISSING,
                band=_band(row) if row and row.required else None,
                suspected=row.overdue if row else 0,
                url=f"{reverse('installation')}?county={county.code}",
            )
        )
    labels = [f"{low}–{high}%" for low, high in pairwise(BANDS)] + ["100%"]
    return {
        "map_counties": counties,
        "view_box": city_map.view_box,
        "bands": [{"band": band, "label": label} for band, label in enumerate(labels)],
    }


def _band(row: Progress) -> int:
    share = 100 * row.accepted / row.required
    return max(band for band, least in enumerate(BANDS) if share >= least)
