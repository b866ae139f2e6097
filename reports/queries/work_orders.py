"""Work orders as lists show them, and what an operator must do now."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When

from common.localtime import local_date
from enterprises.models import Enterprise, InstallationStatus
from meters.models import Collector, Meter, WorkOrder, WorkOrderStatus
from meters.work_orders import TO_DO, UNFINISHED
from reports.queries.online import is_online
from reports.queries.programme_names import NEXT_STEPS, days_words
from tenancy.models import User

SOON = timedelta(hours=12)
NOTICE_DAYS = 30
#: Statuses in which the next step is the operator's.
OPERATORS_TURN = (
    InstallationStatus.REQUIRED,
    InstallationStatus.SURVEYED,
    InstallationStatus.INSTALLING,
)
SHOWN = 20

TONES = {
    WorkOrderStatus.OPEN: "warn",
    WorkOrderStatus.ACCEPTED: "active",
    WorkOrderStatus.DONE: "active",
    WorkOrderStatus.CONFIRMED: "good",
    WorkOrderStatus.RETURNED: "bad",
    WorkOrderStatus.CANCELLED: "none",
}


@dataclass(frozen=True, slots=True)
class WorkOrderRow:
    """A work order with its clock; ``remaining`` is None where nothing is owed any more."""

    order: WorkOrder
    tone: str
    remaining: timedelta | None
    is_soon: bool


def as_row(order: WorkOrder, now: datetime) -> WorkOrderRow:
    owed = order.status in TO_DO
    remaining = order.due_at - now if owed else None
    return WorkOrderRow(
        order,
        TONES[WorkOrderStatus(order.status)],
        remaining,
        remaining is not None and timedelta() <= remaining <= SOON,
    )


def with_names(orders: QuerySet[WorkOrder]) -> QuerySet[WorkOrder]:
    """Return the orders with all that a row or page names."""
    return orders.select_related(
        "site__enterprise__county", "company", "collector", "point__facility", "opened_by"
    )


def by_urgency(orders: QuerySet[WorkOrder]) -> QuerySet[WorkOrder]:
    """Return the orders: what somebody owes first, by due time; the finished ones newest first."""
    standing = Case(
        When(status__in=TO_DO, then=Value(0)),
        When(status=WorkOrderStatus.DONE, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return orders.order_by(standing, "due_at", "-pk")


STATES: dict[str, Q] = {
    "todo": Q(status__in=TO_DO),
    "waiting": Q(status=WorkOrderStatus.DONE),
    "finished": ~Q(status__in=UNFINISHED),
}


def is_overdue(now: datetime) -> Q:
    return Q(status__in=TO_DO, due_at__lt=now)


def count_states(orders: QuerySet[WorkOrder], now: datetime) -> dict[str, int]:
    """Return how many orders stand behind each chip; one query."""
    return orders.aggregate(
        overdue=Count("pk", filter=is_overdue(now)),
        **{name: Count("pk", filter=condition) for name, condition in STATES.items()},
    )


@dataclass(frozen=True, slots=True)
class Installing:
    """An enterprise whose next step is the operator's; ``days_over``: negative before the day."""

    enterprise: Enterprise
    next_step: str
    due_on: date | None
    days_over: int | None
    days: str  # the same in words


@dataclass(frozen=True, slots=True)
class Work:
    """What an operator must do now."""

    orders: list[WorkOrderRow]
    installations: list[Installing]
    silent: list[Collector]
    expiring: list[dict[str, Any]]  # {meter, days}


def get_work(actor: User, now: datetime) -> Work:
    """Return open orders, installations, silent collectors and ending certificates.

    All of the actor's sites; installations those that wait for the operator, not for the
    authority's acceptance. Four queries and the actor's grants.
    """
    today = local_date(now)
    orders = by_urgency(with_names(WorkOrder.objects.visible_to(actor).filter(status__in=TO_DO)))[
        :SHOWN
    ]
    installing = (
        Enterprise.objects.visible_to(actor)
        .filter(installation_status__in=OPERATORS_TURN)
        .select_related("county", "installation")
        .order_by(F("installation__due_on").asc(nulls_last=True), "code", "pk")[:SHOWN]
    )
    silent = (
        Collector.objects.visible_to(actor)
        .filter(is_enabled=True, status__isnull=False)
        .exclude(is_online("", now=now))
        .select_related("site__enterprise", "status")
        .order_by("status__latest_received_at", "pk")[:SHOWN]
    )
    expiring = (
        Meter.objects.visible_to(actor)
        .filter(
            valid_to__isnull=True,
            point__retired_at__isnull=True,
            certificate_expires_on__lte=today + timedelta(days=NOTICE_DAYS),
        )
        .select_related("point__facility", "point__collector__site__enterprise")
        .order_by("certificate_expires_on", "pk")[:SHOWN]
    )
    return Work(
        orders=[as_row(order, now) for order in orders],
        installations=[_installing(enterprise, today) for enterprise in installing],
        silent=list(silent),
        expiring=[
            {"meter": meter, "days": (meter.certificate_expires_on - today).days}
            for meter in expiring
            if meter.certificate_expires_on
        ],
    )


def _installing(enterprise: Enterprise, today: date) -> Installing:
    part = getattr(enterprise, "installation", None)  # made with the first act
    due_on = part.due_on if part else None
    days_over = (today - due_on).days if due_on else None
    return Installing(
        enterprise,
        str(NEXT_STEPS[enterprise.installation_status]),
        due_on,
        days_over,
        days_words(days_over),
    )
