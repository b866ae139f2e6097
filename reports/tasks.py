"""Tasks of the pages' own counts."""

from celery import shared_task
from django.utils import timezone

from reports import tallies


@shared_task(name="reports.count_points")
def count_points(**kwargs: object) -> int:
    """Count the points of the programme anew."""
    return tallies.count_points(now=timezone.now())
