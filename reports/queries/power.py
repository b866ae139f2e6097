"""The power of one facility as a line, thinned so that every spike stays visible."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, Sum

from enterprises.models import Facility, Threshold
from meters.models import MonitoringPoint, Reading
from reports.picture import Window
from reports.queries.online import stale_after

MOST_POINTS = 1500

Sample = tuple[datetime, float | None]


def get_power(facility: Facility, window: Window) -> dict[str, Any]:
    """Return the facility's power in the window: epoch seconds, kW (None: unknown), thresholds.

    At most 1,500 values. A moment at which one of several points is silent is unknown, never a
    smaller sum. Three queries.
    """
    points = list(
        MonitoringPoint.objects.filter(facility=facility).select_related("collector").order_by("pk")
    )
    interval = max((point.collector.expected_interval_s for point in points), default=60)
    rows = (
        Reading.objects.filter(
            point__in=[point.pk for point in points],
            measured_at__gte=window.start,
            measured_at__lt=window.end,
        )
        .order_by("measured_at")
        .values("measured_at")
        .annotate(kw=Sum("p_kw"), known=Count("p_kw"))
        .values_list("measured_at", "kw", "known")
    )
    samples = [(at, kw if known == len(points) else None) for at, kw, known in rows]
    thinned = thin_out(with_holes(samples, stale_after(interval)), MOST_POINTS)
    threshold = _threshold(facility, window.end)
    return {
        "facility": facility.pk,
        "name": facility.name,
        "from": window.start.timestamp(),
        "to": window.end.timestamp(),
        "at": [at.timestamp() for at, __ in thinned],
        "kw": [None if kw is None else round(kw, 3) for __, kw in thinned],
        "on_from_kw": threshold.on_from_kw if threshold else None,
        "off_below_kw": threshold.off_below_kw if threshold else None,
        "reference_kw": threshold.reference_kw if threshold else None,
    }


def _threshold(facility: Facility, at: datetime) -> Threshold | None:
    return facility.thresholds.filter(Q(valid_from__lte=at)).order_by("-valid_from", "-pk").first()


def with_holes(samples: Sequence[Sample], longest: timedelta) -> list[Sample]:
    """Return the samples with an unknown one in each silence longer than ``longest``."""
    out: list[Sample] = []
    for sample in samples:
        if out and sample[0] - out[-1][0] > longest:
            out.append((out[-1][0] + (sample[0] - out[-1][0]) / 2, None))
        out.append(sample)
    return out


def thin_out(samples: Sequence[Sample], most: int) -> list[Sample]:
    """Return at most ``most`` samples: each bucket's lowest and highest, and a hole if it has one.

    samples: ascending. Spikes survive, because a bucket gives its extremes and not its mean.
    """
    if len(samples) <= most:
        return list(samples)
    buckets = most // 3
    out: list[Sample] = []
    for index in range(buckets):
        bucket = samples[index * len(samples) // buckets : (index + 1) * len(samples) // buckets]
        known = [sample for sample in bucket if sample[1] is not None]
        keep = {next((sample for sample in bucket if sample[1] is None), None)}
        if known:
            keep |= {min(known, key=_power), max(known, key=_power)}
        out += sorted(sample for sample in keep if sample is not None)
    return out


def _power(sample: Sample) -> float:
    return sample[1] or 0.0
