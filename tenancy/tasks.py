"""What the clock does for the tenancy."""

from celery import shared_task
from django.utils import timezone

from tenancy.idempotency import sweep_answers


@shared_task(name="tenancy.sweep_idempotent_answers")
def sweep_idempotent_answers() -> int:
    """Remove answers that no repeated write gets any more; return how many."""
    return sweep_answers(now=timezone.now())
