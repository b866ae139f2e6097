"""The outbox's tasks: one domain call each. Run twice, they have the effect of once."""

from celery import shared_task
from django.utils import timezone

from alerts import dispatch


@shared_task(name="alerts.dispatch_notifications")
def dispatch_notifications(**kwargs: object) -> None:
    """Send the messages that are due."""
    dispatch.dispatch()


@shared_task(name="alerts.sweep_notifications")
def sweep_notifications(**kwargs: object) -> None:
    """Free messages stuck in flight, and send what is due again."""
    if dispatch.sweep(now=timezone.now()):
        dispatch.dispatch()
