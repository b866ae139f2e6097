"""Celery's way into evaluation: one task a tick, never one a reading."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from alerts.drain import drain_changes, evaluate_silent


@shared_task(name="alerts.evaluate_changed")
def evaluate_changed(**kwargs: Any) -> None:
    """Evaluate the enterprises with changed windows; rung by ingest, and every few seconds."""
    drain_changes(clock=timezone.now)


@shared_task(name="alerts.evaluate_clock")
def evaluate_clock(**kwargs: Any) -> None:
    """Judge what happens because nothing comes: collectors that fell silent."""
    evaluate_silent(now=timezone.now())
