"""The names behind each figure of the programme, and the way of one enterprise through it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.localtime import local_date
from enterprises.models import (
    Enterprise,
    Industry,
    InstallationLog,
)
from enterprises.models import InstallationStatus as Status
from enterprises.programme import EVENT_WORDS, OPEN_STATUSES, Event, overdue
from reports.queries.alerts import in_county
from reports.queries.installation import REACHED, WEEK, newly_overdue

#: What each status waits for, and of whom.
NEXT_STEPS: dict[str, str | Promise] = {
    Status.NOT_REQUIRED: gettext_lazy("Nothing; a notice may name it"),
    Status.REQUIRED: gettext_lazy("Survey on site"),
    Status.SURVEYED: gettext_lazy("Operator begins to install"),
    Status.INSTALLING: gettext_lazy("Operator connects the devices"),
    Status.CONNECTED: gettext_lazy("Acceptance by the authority"),
    Status.ACCEPTED: gettext_lazy("Nothing; keep it running"),
    Status.EXEMPT: gettext_lazy("Nothing while the exemption stands"),
    Status.DISMANTLED: gettext_lazy("Nothing; a notice may name it again"),
}

#: ``?state=``: the figures of the page and the single statuses.
STATES: dict[str, str | Promise] = {
    "required": gettext_lazy("Must install"),
    "missing": gettext_lazy("Not installed yet"),
    "surveyed": gettext_lazy("Surveyed or further"),
    "installed": gettext_lazy("Installed"),
    "accepted": gettext_lazy("Accepted"),
    "overdue": gettext_lazy("Overdue"),
    "newly_overdue": gettext_lazy("Overdue since this week"),
    "newly_accepted": gettext_lazy("Accepted this week"),
    "exempt": gettext_lazy("Exempt"),
}
#: ``?sort=``; a minus before it turns the order round.
SORTS = {
    "due": "installation__due_on",
    "name": "name_pinyin",
    "county": "county__code",
    "status": "installation_status",
    "company": "installation__company__name",
}


def in_state(state: str, *, now: datetime) -> Q:
    """Return the condition of a state of the list; of all for one that it does not know."""
    today = local_date(now)
    if state == "overdue":
        return overdue(today)
    if state == "newly_overdue":
        return newly_overdue(today)
    if state == "newly_accepted":
        moved = InstallationLog.objects.filter(at__gte=now - WEEK, event=Event.ACCEPT)
        return Q(installation_status=Status.ACCEPTED, pk__in=moved.values("enterprise"))
    if state == "missing":
        return Q(installation_status__in=[s for s in OPEN_STATUSES if s != Status.CONNECTED])
    if state in REACHED:
        return Q(installation_status__in=REACHED[state])
    if state in Status.values:
        return Q(installation_status=state)
    return Q()


@dataclass(frozen=True, slots=True)
class NameFilter:
    """What narrows a list of the programme, as it stands in the URL."""

    county: str = ""
    industry: str = ""
    batch: str = ""  # key, or "none"
    state: str = ""

    def apply(self, enterprises: QuerySet[Enterprise], *, now: datetime) -> QuerySet[Enterprise]:
        if self.county:
            enterprises = enterprises.filter(in_county(self.county))
        if self.industry in Industry.values:
            enterprises = enterprises.filter(industry=self.industry)
        if self.batch == "none":
            enterprises = enterprises.filter(installation__batch__isnull=True)
        elif self.batch.isdecimal():
            enterprises = enterprises.filter(installation__batch=int(self.batch[:12]))
        return enterprises.filter(in_state(self.state, now=now))


def with_steps(enterprises: QuerySet[Enterprise]) -> QuerySet[Enterprise, Any]:
    """Return the enterprises with their part in the programme and the latest log row."""
    latest = InstallationLog.objects.filter(enterprise=OuterRef("pk")).order_by("-at", "-pk")
    return enterprises.select_related(
        "county", "installation", "installation__batch", "installation__company"
    ).annotate(
        latest_event=Subquery(latest.values("event")[:1]),
        latest_at=Subquery(latest.values("at")[:1]),
    )


def in_order(enterprises: QuerySet[Enterprise], sort: str) -> QuerySet[Enterprise]:
    """Return them by ``sort`` (a key of ``SORTS``); without one the longest overdue first."""
    key = SORTS.get(sort.removeprefix("-"), SORTS["due"])
    order = F(key).desc(nulls_last=True) if sort.startswith("-") else F(key).asc(nulls_last=True)
    return enterprises.order_by(order, "county__code", "code", "pk")


@dataclass(frozen=True, slots=True)
class NameRow:
    """One enterprise in the list."""

    pk: int
    name: str
    code: str
    county: str
    industry: str
    status: str
    status_label: str
    batch: str
    company: str
    due_on: date | None
    days_over: int | None  # negative: days left; None without a day or a duty
    latest: str
    latest_at: datetime | None
    next_step: str


def describe_names(rows: Iterable[Any], *, now: datetime) -> list[NameRow]:
    """Return the rows of ``with_steps`` in words."""
    today = local_date(now)
    out = []
    for row in rows:
        # Nobody may have acted on it yet: then there is no row.
        part = getattr(row, "installation", None)
        due_on = part.due_on if part else None
        is_open = row.installation_status in OPEN_STATUSES
        out.append(
            NameRow(
                pk=row.pk,
                name=row.name,
                code=row.code,
                county=row.county.name,
                industry=row.get_industry_display(),
                status=row.installation_status,
                status_label=row.get_installation_status_display(),
                batch=part.batch.name if part and part.batch else "",
                company=part.company.name if part and part.company else "",
                due_on=due_on,
                days_over=(today - due_on).days if due_on and is_open else None,
                latest=str(EVENT_WORDS.get(row.latest_event or "", "")),
                latest_at=row.latest_at,
                next_step=str(NEXT_STEPS[row.installation_status]),
            )
        )
    return out


def days_words(days_over: int | None) -> str:
    """Return “12 days overdue”, “due today” or “5 days left”."""
    if days_over is None:
        return ""
    if days_over > 0:
        return _("%(count)d days overdue") % {"count": days_over}
    if days_over == 0:
        return _("due today")
    return _("%(count)d days left") % {"count": -days_over}


def soon(days_over: int | None, within: timedelta = timedelta(days=14)) -> bool:
    return days_over is not None and -within.days <= days_over <= 0
