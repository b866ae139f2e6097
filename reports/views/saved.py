"""Filters that people keep: saved and deleted here, opened as plain links."""

from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from tenancy.eyes import person
from tenancy.models import SavedFilter, User

#: Lists whose filters can be kept, by URL name.
PAGES = ("enterprises", "alerts")
MOST = 30  # of one person and list


def clean_query(query: str) -> str:
    """Return a query as it is kept: sorted, without the page and what is empty."""
    pairs = [(key, value) for key, value in parse_qsl(query[:1000]) if key != "page"]
    return urlencode(sorted(pairs))


def get_saved(request: HttpRequest, page: str, actor: User) -> dict[str, object]:
    """Return what ``components/saved_filters.html`` shows. One query."""
    current = clean_query(request.GET.urlencode())
    rows = SavedFilter.objects.filter(user=actor, page=page).order_by("name", "pk")[:MOST]
    saved = [
        {
            "pk": row.pk,
            "name": row.name,
            "url": f"{reverse(page)}?{row.query}" if row.query else reverse(page),
            "active": row.query == current and bool(current),
        }
        for row in rows
    ]
    is_known = any(row["active"] for row in saved)
    return {"page": page, "rows": saved, "query": current, "may_save": current and not is_known}


@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep the filters of a list under a name; the same name again replaces them."""
    actor = person(request)
    page, name = request.POST.get("page", ""), request.POST.get("name", "").strip()[:40]
    if page not in PAGES:
        raise Http404
    query = clean_query(request.POST.get("query", ""))
    if not name or not query:
        messages.error(request, _("Please choose filters and give them a name."))
    elif SavedFilter.objects.filter(user=actor, page=page).exclude(name=name).count() >= MOST:
        messages.error(request, _("Please delete a saved filter first; thirty are kept."))
    else:
        try:
            with transaction.atomic():
                SavedFilter.objects.update_or_create(
                    user=actor, page=page, name=name, defaults={"query": query}
                )
        except IntegrityError:  # saved twice at one moment: it stands
            pass
        messages.success(request, _("Saved as “%(name)s”.") % {"name": name})
    return redirect(f"{reverse(page)}?{query}" if query else reverse(page))


@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete one of the person's own saved filters."""
    found = get_object_or_404(SavedFilter, pk=pk, user=person(request))
    page = found.page if found.page in PAGES else PAGES[0]
    found.delete()
    messages.success(request, _("“%(name)s” was deleted.") % {"name": found.name})
    return redirect(page)
