"""Work orders for operator companies 运维工单: one table of moves, one function that makes them.

Opened by an authority or the enterprise, done by the operator to whom the site is assigned,
confirmed by the side that opened it. Each move appends its log row in the same transaction.
Source: domain reference 8 (offline and repair duties); the moves are an assumption, the clocks are
limits of ``meters.limits``.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import connection, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.localtime import local_date
from common.workdays import after_working_days
from enterprises.models import Site
from meters.limits import Limits, load_limits
from meters.models import (
    Collector,
    Meter,
    MonitoringPoint,
    WorkOrder,
    WorkOrderKind,
    WorkOrderLog,
    WorkOrderStatus,
)
from meters.operations import replace_meter
from tenancy.access import Permission, get_authority, has_permission
from tenancy.models import OperatorCompany, SiteAssignment, User

BODY_CHARACTERS = 150


class WorkOrderRefused(Exception):
    """It cannot be done; the text is a sentence for the person who asked. Nothing was recorded."""


class Event(StrEnum):
    """What can happen to a work order."""

    ACCEPT = "accept"
    FINISH = "finish"
    CONFIRM = "confirm"
    RETURN = "return"
    CANCEL = "cancel"


S, E = WorkOrderStatus, Event

#: (status, event) -> status. What is not here is refused.
MOVES: dict[tuple[str, Event], WorkOrderStatus] = {
    (S.OPEN, E.ACCEPT): S.ACCEPTED,
    (S.ACCEPTED, E.FINISH): S.DONE,
    (S.RETURNED, E.FINISH): S.DONE,
    (S.DONE, E.CONFIRM): S.CONFIRMED,
    (S.DONE, E.RETURN): S.RETURNED,
    (S.OPEN, E.CANCEL): S.CANCELLED,
    (S.ACCEPTED, E.CANCEL): S.CANCELLED,
    (S.RETURNED, E.CANCEL): S.CANCELLED,
}
#: Statuses in which the operator owes something, and all in which somebody does.
TO_DO = (S.OPEN, S.ACCEPTED, S.RETURNED)
UNFINISHED = (*TO_DO, S.DONE)
#: What the operator does; the rest is the side's that opened the order.
OPERATORS_EVENTS = frozenset({E.ACCEPT, E.FINISH})
NOTE_OWED = frozenset({E.FINISH, E.RETURN, E.CANCEL})
#: Kinds that end with a new record of the meter, where a point is named.
METER_KINDS = frozenset({WorkOrderKind.REPLACEMENT, WorkOrderKind.CALIBRATION})

EVENT_WORDS: dict[str, str | Promise] = {
    E.ACCEPT: gettext_lazy("Take it on"),
    E.FINISH: gettext_lazy("Report done"),
    E.CONFIRM: gettext_lazy("Confirm"),
    E.RETURN: gettext_lazy("Send back"),
    E.CANCEL: gettext_lazy("Cancel the order"),
}
#: kind -> the limit that says by when, in hours or (``_days``) in working days.
DUE_LIMITS = {
    WorkOrderKind.FAULT: "fault_repair_hours",
    WorkOrderKind.REPLACEMENT: "replacement_hours",
    WorkOrderKind.CALIBRATION: "calibration_days",
    WorkOrderKind.INSTALLATION: "installation_days",
    WorkOrderKind.INSPECTION: "inspection_days",
}


def find_company(site: Site, *, at: datetime) -> OperatorCompany | None:
    """Return the company that looks after the site, the latest assigned; one query."""
    assignment = (
        SiteAssignment.objects.in_force(at)
        .filter(site=site)
        .select_related("company")
        .order_by("-starts_at", "-pk")
        .first()
    )
    return assignment.company if assignment else None


@transaction.atomic
def open_work_order(
    site: Site,
    *,
    kind: str,
    text: str,
    collector: Collector | None = None,
    point: MonitoringPoint | None = None,
    actor: User,
    now: datetime,
    body: str = "",
) -> WorkOrder:
    """Open a work order for the site's operator and return it.

    site: with its enterprise and that one's county. Due by the limit of the kind. Whether the
    person may is asked before (``Permission.OPEN_WORK_ORDERS``). Raises ``WorkOrderRefused``: no
    operator is assigned, nothing said, a device of another site.
    """
    if kind not in WorkOrderKind.values:
        raise WorkOrderRefused(_("Choose what kind of work it is."))
    if not text.strip():
        raise WorkOrderRefused(_("Say what is to be done."))
    if point is not None:
        collector = collector or point.collector
        if point.collector_id != collector.pk:
            raise WorkOrderRefused(_("This point is not behind that collector."))
    if collector is not None and collector.site_id != site.pk:
        raise WorkOrderRefused(_("This device stands at another site."))
    company = find_company(site, at=now)
    if company is None:
        raise WorkOrderRefused(
            _("No operator company is assigned to this site. Assign one first, then open it.")
        )
    limits = load_limits(site.enterprise.county.path, at=now)
    order = WorkOrder.objects.create(
        number=next_number(now),
        kind=kind,
        site=site,
        collector=collector,
        point=point,
        company=company,
        text=text.strip(),
        opened_by=actor,
        is_official=get_authority(actor).is_official,
        opened_at=now,
        due_at=due_at(WorkOrderKind(kind), limits, now),
    )
    _log(order, "", actor=actor, now=now, body=body, note="")
    return order


def due_at(kind: WorkOrderKind, limits: Limits, now: datetime) -> datetime:
    """Return by when work of the kind is owed: some hours on, or the end of some working day."""
    key = DUE_LIMITS[kind]
    if key.endswith("_days"):
        return after_working_days(now, int(limits[key]))
    return now + timedelta(hours=limits[key])


def next_number(now: datetime) -> str:
    """Return ``GD-20261123-0007``: the next of the local day; two at one moment wait in line."""
    day = local_date(now)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO meters_workorderserial (day, latest) VALUES (%s, 1)
            ON CONFLICT (day) DO UPDATE SET latest = meters_workorderserial.latest + 1
            RETURNING latest
            """,
            [day],
        )
        return f"GD-{day:%Y%m%d}-{cursor.fetchone()[0]:04d}"


def target_of(status: str, event: Event) -> WorkOrderStatus | None:
    """Return the status to which the event leads, None where the table has no such move."""
    return MOVES.get((status, event))


def get_events(order: WorkOrder, actor: User) -> list[Event]:
    """Return what the person may do with the order as it stands."""
    return [
        event
        for event in Event
        if target_of(order.status, event) is not None and may(order, event, actor)
    ]


def may(order: WorkOrder, event: Event, actor: User) -> bool:
    """Tell whether the person may bring the event about, whatever the status.

    order: with site, enterprise and county. What an authority opened the enterprise does not
    confirm.
    """
    if event in OPERATORS_EVENTS:
        return has_permission(actor, Permission.DO_WORK_ORDERS, site=order.site)
    enterprise = order.site.enterprise
    if not has_permission(actor, Permission.OPEN_WORK_ORDERS, enterprise=enterprise):
        return False
    return not order.is_official or get_authority(actor).is_official


@transaction.atomic
def move_work_order(
    order: WorkOrder,
    event: Event,
    *,
    actor: User,
    now: datetime,
    note: str = "",
    body: str = "",
    meter: Mapping[str, Any] | None = None,
) -> WorkOrderLog:
    """Move the order by the table, append its log row, and write the new meter record if one goes
    with it.

    meter: for FINISH of a replacement or calibration with a point, what ``replace_meter`` takes
    (``serial``, ``certificate_number``...); required there. The move holds only from the status
    that the caller saw. Whether the person may is asked before (``may``).
    Raises ``WorkOrderRefused``, and ``ValidationError`` where the meter record is not sound.
    """
    current = (
        WorkOrder.objects.select_for_update(of=("self",))
        .values_list("status", flat=True)
        .get(pk=order.pk)
    )
    target = target_of(current, event)
    if current != order.status or target is None:
        raise WorkOrderRefused(
            _("The order has moved on meanwhile: it is now “%(status)s”. Nothing was recorded.")
            % {"status": S(current).label}
        )
    note = note.strip()
    if event in NOTE_OWED and not note:
        raise WorkOrderRefused(_("Say in a few words what was done or why. Nothing was recorded."))
    if event is E.FINISH and needs_meter(order):
        if not meter:
            raise WorkOrderRefused(_("Record the new meter or certificate with it."))
        write_meter(order, meter, actor=actor, now=now)
    WorkOrder.objects.filter(pk=order.pk).update(status=target)
    order.status = target
    return _log(order, current, actor=actor, now=now, body=body, note=note)


def needs_meter(order: WorkOrder) -> bool:
    """Tell whether the order ends with a new meter record."""
    return order.kind in METER_KINDS and order.point_id is not None


def write_meter(
    order: WorkOrder, values: Mapping[str, Any], *, actor: User, now: datetime
) -> Meter:
    """Write the meter record that the work brought about, in the order's name."""
    assert order.point is not None  # noqa: S101  (needs_meter)
    reason = f"{order.get_kind_display()} {order.number}"
    return replace_meter(
        order.point, valid_from=now, reason=reason, work_order=order, actor=actor, now=now, **values
    )


def _log(
    order: WorkOrder, before: str, *, actor: User, now: datetime, body: str, note: str
) -> WorkOrderLog:
    return WorkOrderLog.objects.create(
        work_order=order,
        from_status=before,
        to_status=order.status,
        at=now,
        actor=actor,
        body=body[:BODY_CHARACTERS],
        note=note,
    )
