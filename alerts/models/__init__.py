"""Alerts, their occurrences and log, the rules' parameters and the outbox."""

from alerts.models.alert import (
    CALENDAR_RULES,
    DEVICE_RULES,
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
    "CALENDAR_RULES",
    "DEVICE_RULES",
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
