"""Alerts, their occurrences and log, the rules' parameters and the outbox."""

from alerts.models.alert import (
    Alert,
    AlertLog,
    AlertStatus,
    Level,
    Occurrence,
    OccurrenceState,
    RuleCode,
)
from alerts.models.outbox import Channel, Notification, NotificationState
from alerts.models.parameters import RuleParameter

__all__ = [
    "Alert",
    "AlertLog",
    "AlertStatus",
    "Channel",
    "Level",
    "Notification",
    "NotificationState",
    "Occurrence",
    "OccurrenceState",
    "RuleCode",
    "RuleParameter",
]
