"""Counts beside the lists."""

from datetime import datetime
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from alerts.models import Alert, Level
from alerts.models.alert import UNREVIEWED_STATUSES
from enterprises.models import Enterprise
from meters.models import Collector
from reports.queries.online import is_online


def count_alerts(alerts: QuerySet[Alert]) -> dict[str, int]:
    """Return how many alerts stand behind each chip of the list. One query."""
    unreviewed = Q(status__in=UNREVIEWED_STATUSES)
    return alerts.aggregate(
        unreviewed=Count("pk", filter=unreviewed),
        ongoing=Count("pk", filter=Q(is_ongoing=True)),
        **{f"level{level.value}": Count("pk", filter=Q(level=level)) for level in Level},
    )


def with_counts(enterprises: QuerySet[Enterprise], *, now: datetime) -> QuerySet[Enterprise, Any]:
    """Return the enterprises with collectors, how many are online, and suspected alerts.

    The counts are subqueries: PostgreSQL works them out for the rows of one page only.
    """
    collectors = Collector.objects.filter(enterprise=OuterRef("pk"), is_enabled=True)
    suspected = Alert.objects.filter(enterprise=OuterRef("pk")).unreviewed()
    return enterprises.select_related("county").annotate(
        collector_count=_counted(collectors),
        online_count=_counted(collectors.filter(is_online("", now=now))),
        suspected_count=_counted(suspected),
    )


def _counted(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().values("enterprise").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
