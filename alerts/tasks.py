"""Celery's way in: one task a tick, never one a reading; run twice, each has the effect of once."""

from celery import shared_task
from django.utils import timezone

from alerts import dispatch
from alerts.calendar import evaluate_calendar as judge_calendar
from alerts.drain import drain_changes, evaluate_silent


@shared_task(name="alerts.evaluate_changed")
def evaluate_changed(**kwargs: object) -> None:
    """Evaluate the enterprises with changed windows; rung by ingest, and every few seconds."""
    drain_changes(clock=timezone.now)


@shared_task(name="alerts.evaluate_clock")
def evaluate_clock(**kwargs: object) -> None:
    """Judge what happens because nothing comes: collectors that fell silent."""
    evaluate_silent(now=timezone.now())


@shared_task(name="alerts.evaluate_calendar")
def evaluate_calendar(**kwargs: object) -> None:
    """Judge what happens because a day comes: certificates that end, due days that pass."""
    judge_calendar(now=timezone.now())


@shared_task(name="alerts.dispatch_notifications")
def dispatch_notifications(**kwargs: object) -> None:
    """Send the messages that are due."""
    dispatch.dispatch()


@shared_task(name="alerts.sweep_notifications")
def sweep_notifications(**kwargs: object) -> None:
    """Free messages stuck in flight, and send what is due again."""
    if dispatch.sweep(now=timezone.now()):
        dispatch.dispatch()
