"""The devices of one enterprise and whether they live."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Subquery

from alerts.models import AlertLog
from enterprises.models import Enterprise
from meters.models import Collector, CollectorStatus
from reports.queries.online import stale_after
from tenancy.models import User


@dataclass(frozen=True, slots=True)
class Device:
    """A collector with its last sign of life."""

    collector: Collector
    points: int
    latest_at: datetime | None  # our clock
    is_online: bool


def get_devices(enterprise: Enterprise, *, actor: User, now: datetime) -> list[Device]:
    """Return the enterprise's enabled collectors. One query."""
    collectors = (
        Collector.objects.visible_to(actor)
        .filter(enterprise=enterprise, is_enabled=True)
        .select_related("site", "status")
        .annotate(point_count=Count("points"))
        .order_by("mn")
    )
    out = []
    for collector in collectors:
        status: CollectorStatus | None = getattr(collector, "status", None)
        latest = status.latest_received_at if status else None
        fresh = latest is not None and now - latest <= stale_after(collector.expected_interval_s)
        out.append(Device(collector, collector.point_count, latest, fresh))  # type: ignore[attr-defined]
    return out


def get_enterprise_token(enterprise: Enterprise) -> tuple[object, ...]:
    """Return values that change when the enterprise's page would. One cheap query."""
    received = (
        CollectorStatus.objects.filter(collector__enterprise=enterprise)
        .order_by()
        .values("collector__enterprise")
        .values(at=Max("latest_received_at"))
    )
    acts = (
        AlertLog.objects.filter(alert__enterprise=enterprise)
        .order_by()
        .values("alert__enterprise")
        .values(at=Max("pk"))
    )
    row = (
        Enterprise.objects.filter(pk=enterprise.pk)
        .values_list(Subquery(received), Subquery(acts))
        .first()
    )
    return row or ()
