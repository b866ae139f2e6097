"""Alerts as lists and pages show them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import JSONObject

from alerts.models import Alert, AlertLog, AlertStatus, Notification, Occurrence
from alerts.wording import get_headline, get_sentence, rule_title
from enterprises.models import Enterprise, Facility
from orders.models import Declaration, DeclarationStatus
from tenancy.eyes import division_name
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


def with_newest(alerts: QuerySet[Alert]) -> QuerySet[Alert, Any]:
    """Return the alerts with their newest occurrence for ``describe``, in the same query."""
    newest = (
        Occurrence.objects.filter(alert=OuterRef("pk"))
        .order_by("-started_at", "-pk")
        .values(
            said=JSONObject(
                state="state", started_at="started_at", ended_at="ended_at", evidence="evidence"
            )
        )[:1]
    )
    return with_names(alerts).annotate(newest=Subquery(newest))


def describe(alerts: Iterable[Alert]) -> list[AlertRow]:
    """Return alerts of ``with_newest`` as rows, in the words of their newest occurrence."""
    return [
        AlertRow(alert, _say(alert, getattr(alert, "newest", None)), get_headline(alert))
        for alert in alerts
    ]


def _say(alert: Alert, newest: dict[str, Any] | None) -> str:
    if newest is None:
        return rule_title(alert.rule)
    occurrence = Occurrence(
        alert=alert,
        rule=alert.rule,
        state=newest["state"],
        started_at=datetime.fromisoformat(newest["started_at"]),
        ended_at=datetime.fromisoformat(newest["ended_at"]),
        evidence=newest["evidence"],
    )
    return get_sentence(alert, occurrence)


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

    @property
    def occurrence(self) -> Occurrence | None:
        return self.occurrences[0] if self.occurrences else None


def get_alert_file(alert: Alert, *, actor: User) -> AlertFile:
    """Return what is known of the alert; its messages as far as the actor may see them.

    Three queries and the actor's grants.
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
    )


def get_declarations(
    enterprise: Enterprise, start: datetime, end: datetime, *, actor: User
) -> list[Declaration]:
    """Return the enterprise's declarations that touch the stretch, withdrawn ones left out.

    Each with ``facility_rows``, ``{"id", "name"}`` of what it declares. One query.
    """
    declared = (
        Facility.objects.filter(declarations=OuterRef("pk"))
        .order_by("pk")
        .values(row=JSONObject(id="pk", name="name"))
    )
    return list(
        Declaration.objects.visible_to(actor)
        .filter(enterprise=enterprise, starts_at__lt=end, ends_at__gt=start)
        .exclude(status=DeclarationStatus.WITHDRAWN)
        .annotate(facility_rows=ArraySubquery(declared))
        .order_by("starts_at", "pk")
    )


def touching(rows: Iterable[Declaration], start: datetime, end: datetime) -> list[Declaration]:
    """Return those of the declarations that touch the stretch, as ``get_declarations`` does."""
    return [row for row in rows if row.starts_at < end and row.ends_at > start]
