"""Alerts as lists and pages show them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from alerts.models import Alert, AlertLog, AlertStatus, Notification, Occurrence
from alerts.wording import get_headline, get_sentence, rule_title
from enterprises.models import Enterprise
from orders.models import Declaration, DeclarationStatus
from reports.eyes import division_name
from tenancy.models import User


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert with the sentence that a person would say."""

    alert: Alert
    sentence: str
    headline: str

    @property
    def length(self) -> timedelta:
        return self.alert.latest_ended_at - self.alert.first_started_at

    @property
    def county(self) -> str:
        return division_name(self.alert.county)


def with_names(alerts: QuerySet[Alert]) -> QuerySet[Alert]:
    """Return the alerts with everything that their sentence and row name."""
    return alerts.select_related(
        "enterprise", "county", "facility", "pairing", "collector__site", "site"
    )


def describe(alerts: Iterable[Alert]) -> list[AlertRow]:
    """Return the alerts as rows, each in the words of its newest occurrence. One query."""
    alerts = list(alerts)
    newest = {
        occurrence.alert_id: occurrence
        for occurrence in Occurrence.objects.filter(alert_id__in=[alert.pk for alert in alerts])
        .order_by("alert_id", "-started_at", "-pk")
        .distinct("alert_id")
    }
    return [
        AlertRow(
            alert,
            get_sentence(alert, newest[alert.pk]) if alert.pk in newest else rule_title(alert.rule),
            get_headline(alert),
        )
        for alert in alerts
    ]


def in_county(code: str, prefix: str = "county__") -> Q:
    """Return the condition that rows lie in this county or an area inside it."""
    return Q(**{f"{prefix}code": code}) | Q(**{f"{prefix}parent__code": code})


def by_urgency(alerts: QuerySet[Alert]) -> QuerySet[Alert]:
    """Return the alerts: those that nobody has taken first, red before yellow, newest first."""
    untaken = Case(
        When(status=AlertStatus.OPEN, then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    return alerts.order_by(untaken, "level", "-detected_at", "-pk")


@dataclass(frozen=True, slots=True)
class AlertFile:
    """All that the page of one alert shows beside the picture."""

    alert: Alert
    occurrences: list[Occurrence]  # newest first
    log: list[AlertLog]
    notifications: list[Notification]
    declarations: list[Declaration]

    @property
    def occurrence(self) -> Occurrence | None:
        return self.occurrences[0] if self.occurrences else None


def get_alert_file(alert: Alert, *, actor: User) -> AlertFile:
    """Return what is known of the alert. Five queries and the actor's grants.

    Messages are shown as far as the actor may see them; declarations are those of the enterprise
    that overlap the alert, whether or not the rule took them into account.
    """
    occurrences = list(alert.occurrences.order_by("-started_at", "-pk"))
    return AlertFile(
        alert=alert,
        occurrences=occurrences,
        log=list(alert.log.select_related("actor").order_by("at", "pk")),
        notifications=list(
            Notification.objects.visible_to(actor)
            .filter(alert=alert)
            .select_related("recipient")
            .order_by("created_at", "pk")
        ),
        declarations=get_declarations(
            alert.enterprise, alert.first_started_at, alert.latest_ended_at
        ),
    )


def get_declarations(enterprise: Enterprise, start: datetime, end: datetime) -> list[Declaration]:
    """Return the enterprise's declarations that touch the stretch, withdrawn ones left out."""
    return list(
        enterprise.declarations.filter(starts_at__lt=end, ends_at__gt=start)
        .exclude(status=DeclarationStatus.WITHDRAWN)
        .prefetch_related("facilities")
        .order_by("starts_at", "pk")
    )
