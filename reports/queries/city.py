"""The city overview in four queries, however many enterprises there are."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, IntegerField, Max, Q, QuerySet, Value
from django.utils.translation import get_language

from alerts.models import Alert, AlertLog, Level
from alerts.models.alert import UNREVIEWED_STATUSES
from common.localtime import day_start, local_date
from enterprises.models import INSTALLED_STATUSES, NOT_COUNTED_STATUSES, Enterprise
from meters.models import Collector
from reports.queries.alerts import AlertRow, by_urgency, describe, in_county, with_newest
from reports.queries.online import is_online
from tenancy.access import Scope, get_scope
from tenancy.models import User

SHOWN_NOW = 8
SHOWN_OFFLINE = 6


@dataclass(slots=True)
class CountyRow:
    """What one county counts."""

    code: str
    name: str
    required: int = 0  # enterprises that must have devices
    installed: int = 0  # of these, devices stand and send
    collectors: int = 0
    online: int = 0
    suspected: int = 0  # unreviewed alerts
    red: int = 0  # of these, level 1
    today: int = 0  # alerts raised since midnight
    yesterday: int = 0  # alerts raised yesterday until the same hour

    def add(self, other: "CountyRow") -> None:
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))


COUNTED = (
    "required",
    "installed",
    "collectors",
    "online",
    "suspected",
    "red",
    "today",
    "yesterday",
)


@dataclass(frozen=True, slots=True)
class Offline:
    """A collector that is silent, since when."""

    enterprise_id: int
    enterprise: str
    county: str
    mn: str
    site: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class CityView:
    """What the overview shows."""

    counties: list[CountyRow]
    total: CountyRow
    now_list: list[AlertRow]
    offline: list[Offline]


def get_city(actor: User, *, now: datetime, county: str = "") -> CityView:
    """Return the overview of what the actor may see, lists narrowed to a county where one is named.

    Four queries and the actor's grants.
    """
    scope = get_scope(actor)
    counties = _count(scope, now)
    total = CountyRow("", "")
    for row in counties:
        if not county or row.code == county:
            total.add(row)
    alerts = Alert.objects.within(scope).unreviewed()
    collectors = Collector.objects.within(scope)
    if county:
        alerts = alerts.filter(in_county(county))
        collectors = collectors.filter(in_county(county, "enterprise__county__"))
    suspected = with_newest(alerts)
    return CityView(
        counties=counties,
        total=total,
        now_list=describe(by_urgency(suspected)[:SHOWN_NOW]),
        offline=_offline(collectors, now),
    )


def _count(scope: Scope, now: datetime) -> list[CountyRow]:
    """Return the counts of each county; one query of three parts in one round trip."""
    today = day_start(local_date(now))
    yesterday, same_hour = today - timedelta(days=1), now - timedelta(days=1)
    unreviewed = Q(status__in=UNREVIEWED_STATUSES)
    enterprises = Enterprise.objects.within(scope)
    # Each by its own door: held against the enterprises all would be looked through twice more.
    collectors = Collector.objects.within(scope).filter(is_enabled=True)
    alerts = Alert.objects.within(scope).filter(unreviewed | Q(detected_at__gte=yesterday))
    parts = [
        _part(
            enterprises,
            "county__",
            required=~Q(installation_status__in=NOT_COUNTED_STATUSES),
            installed=Q(installation_status__in=INSTALLED_STATUSES),
        ),
        _part(
            collectors,
            "enterprise__county__",
            collectors=Q(pk__isnull=False),
            online=is_online("", now=now),
        ),
        _part(
            alerts,
            "county__",
            suspected=unreviewed,
            red=unreviewed & Q(level=Level.RED),
            today=Q(detected_at__gte=today),
            yesterday=Q(detected_at__gte=yesterday, detected_at__lt=same_hour),
        ),
    ]
    rows: dict[str, CountyRow] = {}
    english = (get_language() or "").startswith("en")
    for code, name, name_en, *counts in parts[0].union(*parts[1:], all=True):
        row = rows.setdefault(code, CountyRow(code, name_en if english and name_en else name))
        for key, count in zip(COUNTED, counts, strict=True):
            setattr(row, key, getattr(row, key) + count)
    return sorted(rows.values(), key=lambda row: row.code)


def _part(queryset: QuerySet, county: str, **conditions: Q) -> QuerySet:
    """Return code, name, English name and the eight counts by county; zero without a condition."""
    counts = {
        f"n_{key}": Count("pk", filter=conditions[key])
        if key in conditions
        else Value(0, output_field=IntegerField())
        for key in COUNTED
    }
    return (
        queryset.order_by()
        .annotate(
            at_code=F(f"{county}code"), at_name=F(f"{county}name"), at_en=F(f"{county}name_en")
        )
        .values("at_code", "at_name", "at_en")
        .annotate(**counts)
        .values_list("at_code", "at_name", "at_en", *counts)
    )


def _offline(collectors: QuerySet[Collector], now: datetime) -> list[Offline]:
    """Return collectors that have gone silent, the latest first; never connected ones last."""
    silent = (
        collectors.filter(
            enterprise__installation_status__in=INSTALLED_STATUSES,
            is_enabled=True,
        )
        .exclude(is_online("", now=now))
        .order_by(F("status__latest_received_at").desc(nulls_last=True), "pk")
        .values_list(
            "enterprise_id",
            "enterprise__name",
            "enterprise__county__name",
            "mn",
            "site__name",
            "status__latest_received_at",
        )
    )
    return [Offline(*row) for row in silent[:SHOWN_OFFLINE]]


def get_city_token(*, now: datetime, seconds: int = 30) -> str:
    """Return a mark that changes when the overview may have changed. One query.

    Every move of an alert appends to its log; what only time changes (silence) is looked at every
    ``seconds``. The mark is hashed: it says nothing of what happens outside the reader's scope.
    """
    newest = AlertLog.objects.aggregate(newest=Max("pk"))["newest"] or 0
    return short_hash([newest, int(now.timestamp()) // seconds])


def short_hash(parts: Iterable[object]) -> str:
    return hashlib.blake2s(repr(list(parts)).encode(), digest_size=8).hexdigest()
