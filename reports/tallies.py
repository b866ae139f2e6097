"""Counts that the worker takes every minute, for pages that may not wait for them."""

from datetime import datetime

from django.db import transaction
from django.db.models import Count

from meters.models import MonitoringPoint
from reports.models import PointTally
from reports.queries.online import is_point_online


@transaction.atomic
def count_points(*, now: datetime) -> int:
    """Count the accepted points in use anew; return how many rows that gave. Runs as the system.

    A point is online while its newest reading arrived within three of its collector's intervals,
    five minutes at least.
    """
    counted = (
        MonitoringPoint.objects.filter(is_accepted=True)
        .in_use()
        .order_by()
        .values_list(
            "collector__enterprise__county",
            "collector__enterprise__industry",
            "collector__enterprise__installation__batch",
            "facility__kind",
        )
        .annotate(
            accepted=Count("pk"),
            online=Count("pk", filter=is_point_online("", now=now)),
        )
    )
    rows = [
        PointTally(
            county_id=county,
            industry=industry,
            batch_id=batch,
            kind=kind,
            accepted=accepted,
            online=online,
            counted_at=now,
        )
        for county, industry, batch, kind, accepted, online in counted
    ]
    # Readers see the old rows until this commits.
    PointTally.objects.all().delete()
    PointTally.objects.bulk_create(rows)
    return len(rows)
