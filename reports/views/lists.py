"""The lists: alerts and enterprises, filtered by chips that stand in the URL."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from alerts.models import Alert, Level, RuleCode
from common.web import chip, clear_url, page_query
from enterprises.models import INSTALLED_STATUSES, Enterprise, Industry
from reports.filters import UNREVIEWED, AlertFilter, EnterpriseFilter, Standing
from reports.queries.alerts import by_urgency, describe, with_newest
from reports.queries.lists import count_alerts, with_counts
from tenancy.access import Permission, has_permission
from tenancy.eyes import person

PAGE = 25


def alert_list(request: HttpRequest) -> HttpResponse:
    """List alerts, those first that nobody has taken. Five queries
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
    ordered = with_counts(filtered.qs, now=timezone.now()).order_by("county__code", "code", "pk")
    page = Paginator(ordered, PAGE).get_page(request.GET.get("page"))
    chips = [chip(request, "standing", value, label) for value, label in Standing.CHOICES]
    chosen = request.GET.get("industry", "")
    context: dict[str, Any] = {
        "page": page,
        "chips": chips,
        "clear_url": clear_url(request, EnterpriseFilter.Meta.fields),
        "query": page_query(request),
        "words": words,
        "industries": [
            {"value": value, "label": label, "active": value == chosen}
            for value, label in Industry.choices
        ],
        "kept": [
            (key, value)
            for key, value in request.GET.items()
            if key in ("county", "standing") and value
        ],
        "installed_statuses": [status.value for status in INSTALLED_STATUSES],
        "may_add": has_permission(actor, Permission.ADMINISTER),
    }
    return render(request, "reports/enterprise_list.html", context)
