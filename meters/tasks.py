"""Tasks of the metering tables."""

from celery import shared_task
from django.utils import timezone

from meters.partitions import make_partitions_ahead


@shared_task(name="meters.make_partitions")
def make_partitions() -> int:
    """Make the partitions that the coming days need; return how many were missing."""
    return make_partitions_ahead(timezone.now().date())
