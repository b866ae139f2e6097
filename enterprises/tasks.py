"""Tasks of the enterprise file."""

from celery import shared_task
from django.utils import timezone

from enterprises import attachments


@shared_task(name="enterprises.sweep_files")
def sweep_files(**kwargs: object) -> int:
    """Remove files that no row names; return how many."""
    return attachments.sweep_files(now=timezone.now())
