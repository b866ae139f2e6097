"""The lists: alerts and enterprises, filtered by chips that stand in the URL."""

from collections.abc import Iterable, Iterator
from itertools import islice
from operator import attrgetter
from typing import Any

from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alerts.models import Alert, Level, RuleCode
from common.web import chip, clear_url, page_query
from enterprises.models import INSTALLED_STATUSES, Enterprise, Industry, InstallationStatus
from reports.exports import CONTENT_TYPES, ExportColumn, export
from reports.filters import UNREVIEWED, AlertFilter, EnterpriseFilter, Standing
from reports.queries.alerts import by_urgency, describe, with_newest
from reports.queries.lists import count_alerts, with_counts
from reports.views import saved
from tenancy.access import Permission, has_permission
from tenancy.eyes import division_name, get_eyes, person

PAGE = 25
#: Offered in the list; the grades themselves are data of the yearly guide (enterprises.LineGrade).
GRADES = ("A", "B", "B-", "C", "D", "LEADING", "NOT_LEADING")
GRADE_NAMES = {"LEADING": gettext_lazy("Leading"), "NOT_LEADING": gettext_lazy("Not leading")}


def alert_list(request: HttpRequest) -> HttpResponse:
    """List alerts, those first that nobody has taken. Six queries
    and the person's grants."""
    visible = Alert.objects.visible_to(person(request))
    filtered = AlertFilter(request.GET, queryset=visible)
    # Keys first: sorting a year of alerts with all their names would cost ten times as much.
    keys = by_urgency(filtered.qs).values_list("pk", flat=True)
    page = Paginator(keys, PAGE).get_page(request.GET.get("page"))
    shown = Alert.objects.filter(pk__in=list(page.object_list))
    counts = count_alerts(visible)
    chips = [
        chip(request, "status", UNREVIEWED, _("Suspected, to be handled"), counts["unreviewed"]),
        chip(request, "ongoing", "true", _("Going on"), counts["ongoing"]),
        *(
            chip(request, "level", str(level.value), level.label, counts[f"level{level.value}"])
            for level in Level
        ),
        *(chip(request, "rule", rule.value, rule.label) for rule in RuleCode),
    ]
    context = {
        "page": page,
        "rows": describe(by_urgency(with_newest(shown))),
        "chips": chips,
        "clear_url": clear_url(request, AlertFilter.Meta.fields),
        "query": page_query(request),
        **_tools(request, "alerts"),
        "all_count": sum(counts[f"level{level.value}"] for level in Level),
    }
    return render(request, "reports/alert_list.html", context)


def enterprise_list(request: HttpRequest) -> HttpResponse:
    """List enterprises; an alert's number in the search leads to its page."""
    actor = person(request)
    words = request.GET.get("q", "").strip()
    if words and (found := Alert.objects.visible_to(actor).filter(number__iexact=words).first()):
        return redirect("alert", found.number)
    visible = Enterprise.objects.visible_to(actor)
    filtered = EnterpriseFilter(request.GET, queryset=visible)
    keys = filtered.qs.order_by("county__code", "code", "pk").values_list("pk", flat=True)
    page = Paginator(keys, PAGE).get_page(request.GET.get("page"))
    shown = Enterprise.objects.filter(pk__in=list(page.object_list))
    rows = with_counts(shown, now=timezone.now()).order_by("county__code", "code", "pk")
    context: dict[str, Any] = {
        "page": page,
        "rows": rows,
        "chips": _enterprise_chips(request),
        "clear_url": clear_url(request, EnterpriseFilter.Meta.fields),
        "query": page_query(request),
        "words": words,
        "selects": [
            _select(request, "industry", _("Industry"), _("All industries"), Industry.choices),
            _select(
                request, "status", _("Installation"), _("Any state"), InstallationStatus.choices
            ),
            _select(
                request,
                "grade",
                _("Performance grade"),
                _("Any grade"),
                [(grade, GRADE_NAMES.get(grade, grade)) for grade in GRADES],
            ),
        ],
        "kept": [
            (key, value)
            for key, value in request.GET.items()
            if key in ("county", "standing", "key", "trouble") and value
        ],
        "installed_statuses": [status.value for status in INSTALLED_STATUSES],
        "may_add": has_permission(actor, Permission.ADMINISTER),
        "may_import": get_eyes(request).may(Permission.IMPORT),
        **_tools(request, "enterprises"),
    }
    return render(request, "reports/enterprise_list.html", context)


def _enterprise_chips(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the chips: what one often looks for, and what was chosen in the search's selects."""
    chips = [chip(request, "standing", value, label) for value, label in Standing.CHOICES]
    chips.append(chip(request, "key", "true", _("Key enterprise")))
    chips.append(chip(request, "trouble", "true", _("Device trouble")))
    for key, labels in (
        ("industry", dict(Industry.choices)),
        ("status", dict(InstallationStatus.choices)),
        ("grade", GRADE_NAMES),
    ):
        if chosen := request.GET.get(key):
            chips.append(chip(request, key, chosen, labels.get(chosen, chosen)))
    return chips


def _select(
    request: HttpRequest, name: str, label: str, nothing: str, choices: Iterable[tuple[str, Any]]
) -> dict[str, Any]:
    chosen = request.GET.get(name, "")
    options = [
        {"value": value, "label": words, "active": value == chosen} for value, words in choices
    ]
    return {"name": name, "label": label, "nothing": nothing, "options": options}


def _tools(request: HttpRequest, page: str) -> dict[str, Any]:
    """Return what stands above a list: saved filters, and the exports for who may."""
    context: dict[str, Any] = {"saved": saved.get_saved(request, page, person(request))}
    if get_eyes(request).may(Permission.EXPORT):
        query = saved.clean_query(request.GET.urlencode())
        for name, kind in (("export_url", "xlsx"), ("export_csv_url", "csv")):
            url = reverse(f"{page}_export", args=[kind])
            context[name] = f"{url}?{query}" if query else url
    return context


def enterprise_export(request: HttpRequest, kind: str) -> FileResponse:
    """Send the filtered enterprises as a file."""
    if kind not in CONTENT_TYPES:
        raise Http404
    visible = Enterprise.objects.visible_to(person(request))
    filtered = EnterpriseFilter(request.GET, queryset=visible)
    rows = with_counts(filtered.qs, now=timezone.now()).order_by("county__code", "code", "pk")
    return export(
        request,
        kind,
        name="enterprises",
        title=_("Enterprises"),
        columns=[
            ExportColumn(_("Name"), attrgetter("name")),
            ExportColumn(_("Internal number"), attrgetter("code")),
            ExportColumn(_("Unified social credit code"), attrgetter("credit_code")),
            ExportColumn(_("County"), lambda row: division_name(row.county)),
            ExportColumn(_("Industry"), lambda row: row.get_industry_display()),
            ExportColumn(_("Performance grade"), attrgetter("performance_grade")),
            ExportColumn(_("Key enterprise"), lambda row: _("yes") if row.is_key else _("no")),
            ExportColumn(_("Installation"), lambda row: row.get_installation_status_display()),
            ExportColumn(_("Permit number"), attrgetter("permit_number")),
            ExportColumn(_("Address"), attrgetter("address")),
            ExportColumn(_("Collectors"), attrgetter("collector_count")),
            ExportColumn(_("Collectors online"), attrgetter("online_count")),
            ExportColumn(_("Suspected now"), attrgetter("suspected_count")),
        ],
        rows=rows.iterator(chunk_size=2000),
    )


def alert_export(request: HttpRequest, kind: str) -> FileResponse:
    """Send the filtered alerts as a file."""
    if kind not in CONTENT_TYPES:
        raise Http404
    visible = Alert.objects.visible_to(person(request))
    filtered = by_urgency(with_newest(AlertFilter(request.GET, queryset=visible).qs))
    return export(
        request,
        kind,
        name="alerts",
        title=_("Alerts"),
        columns=[
            ExportColumn(_("Number"), lambda row: row.alert.number),
            ExportColumn(_("What is suspected"), attrgetter("sentence")),
            ExportColumn(_("Rule"), lambda row: row.alert.get_rule_display()),
            ExportColumn(_("Level"), lambda row: row.alert.level),
            ExportColumn(_("Status"), lambda row: row.alert.get_status_display()),
            ExportColumn(_("Enterprise"), lambda row: row.alert.enterprise.name),
            ExportColumn(_("County"), attrgetter("county")),
            ExportColumn(_("Began"), lambda row: row.alert.first_started_at),
            ExportColumn(_("Lasted until"), lambda row: row.alert.latest_ended_at),
            ExportColumn(_("Minutes"), lambda row: int(row.length.total_seconds() // 60)),
            ExportColumn(_("Going on"), lambda row: _("yes") if row.alert.is_ongoing else _("no")),
            ExportColumn(_("Times"), lambda row: row.alert.occurrence_count),
        ],
        rows=(
            row for part in batched(filtered.iterator(chunk_size=1000)) for row in describe(part)
        ),
    )


def batched(rows: Iterator[Alert]) -> Iterator[list[Alert]]:
    """Yield the rows in lists of at most a thousand."""
    while part := list(islice(rows, 1000)):
        yield part
