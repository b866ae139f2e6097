"""Collectors, the hardware behind them, points and meters 数采仪、监测点、电表.

The gateway reads who may send every few seconds (``meters.ingest.directory``): a new collector or
point is known within its refresh, a retired one forgotten, and with the collector's points its
remembered frame layouts change too. Nothing needs to be told to it here.
"""

import re
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from enterprises.dated import (
    check_unchanged,
    check_valid_from,
    constraint,
    overlap,
    text_of,
)
from enterprises.models import Facility, Site
from enterprises.operations import lock, mark
from meters.models import Collector, CollectorDevice, Meter, MonitoringPoint, WorkOrder
from tenancy.models import User

COLLECTOR_FIELDS = ("password", "profile", "expected_interval_s")
DEVICE_FIELDS = ("vendor", "model", "serial")
METER_FIELDS = (
    "serial",
    "model",
    "accuracy_class",
    "ct_ratio",
    "pt_ratio",
    "ct_class",
    "certificate_number",
    "certified_on",
    "certificate_expires_on",
    "wiring_checked_on",
    "seal_numbers",
)
#: HJ 212-2025: 24 characters 0-9 A-F, given by the platform. Older devices keep what they were
#: given: 14 or more letters and digits, some with dashes.
STANDARD_MN = re.compile(r"[0-9A-F]{24}")
OLDER_MN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{5,39}")
CIRCUIT = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,19}")


# --- collectors ---


@transaction.atomic
def add_collector(
    site: Site,
    *,
    mn: str,
    actor: User | None,
    now: datetime,
    **values: Any,
) -> Collector:
    """Return a new collector on the site; ``values`` are ``COLLECTOR_FIELDS``.

    An MN exists once in the whole system. Whose it is is said only to who sees that one anyway.
    """
    collector = Collector(site=site, enterprise_id=site.enterprise_id, mn=_read_mn(mn))
    _fill(collector, COLLECTOR_FIELDS, values)
    with constraint("meters_collector_mn_key", _taken(collector.mn, actor)):
        collector.save()
    return collector


def _read_mn(text: str) -> str:
    text = text.strip()
    # Hex digits typed small are meant as the standard's; any other form is kept as it is.
    if STANDARD_MN.fullmatch(text.upper()):
        return text.upper()
    if OLDER_MN.fullmatch(text):
        return text
    raise ValidationError(
        {
            "mn": _(
                "An MN has 24 characters 0-9 and A-F (HJ 212-2025); older devices have 6 to 40 "
                "letters and digits."
            )
        },
        code="mn",
    )


def _taken(mn: str, actor: User | None) -> ValidationError:
    words = _(
        "This MN is in use already. Look for a typing error; if it is right, ask the bureau's "
        "administrator."
    )
    if actor is not None:
        other = Collector.objects.visible_to(actor).filter(mn=mn).select_related("enterprise")
        if found := other.first():
            words = _("This MN belongs to a collector of %(enterprise)s already.") % {
                "enterprise": found.enterprise.name
            }
    return ValidationError({"mn": words}, code="taken")


@transaction.atomic
def update_collector(
    collector: Collector,
    *,
    actor: User | None,
    now: datetime,
    seen: str | None = None,
    **values: Any,
) -> Collector:
    """Return the collector with password, profile or interval changed; its MN never changes."""
    row = lock(collector)
    check_unchanged(seen, mark(row, COLLECTOR_FIELDS))
    _fill(row, COLLECTOR_FIELDS, values)
    row.save()
    return row


@transaction.atomic
def set_collector_enabled(
    collector: Collector, *, is_enabled: bool, actor: User | None, now: datetime
) -> Collector:
    """Let the gateway take the collector's frames, or refuse them from now on."""
    row = lock(collector)
    row.is_enabled = is_enabled
    row.save(update_fields=["is_enabled"])
    return row


@transaction.atomic
def replace_device(
    collector: Collector,
    *,
    serial: str,
    vendor: str = "",
    model: str = "",
    valid_from: datetime,
    reason: str = "",
    seen: str | None = None,
    actor: User | None,
    now: datetime,
) -> CollectorDevice:
    """Return the hardware that stands behind the MN from ``valid_from``; ends the one before."""
    collector = lock(collector)
    rows = list(collector.devices.order_by("valid_from"))
    check_unchanged(seen, newest_mark(rows))
    row = CollectorDevice(collector=collector, valid_from=valid_from, recorded_by=actor)
    _follow(
        row,
        rows,
        DEVICE_FIELDS,
        {"serial": serial, "vendor": vendor, "model": model},
        reason=reason,
        now=now,
        constraint_name="meters_device_one_at_a_time",
    )
    return row


# --- points ---


@transaction.atomic
def add_point(
    collector: Collector,
    *,
    circuit: str,
    facility: Facility,
    actor: User | None,
    now: datetime,
) -> MonitoringPoint:
    """Return a new point: the circuit as the wire names it, on one facility for good.

    It counts as accepted when its installation is.
    """
    collector = lock(collector)
    circuit = circuit.strip()
    errors = {}
    if not CIRCUIT.fullmatch(circuit):
        errors["circuit"] = _("A circuit is named by up to 20 letters and digits, as sent.")
    if facility.site_id != collector.site_id:
        errors["facility"] = _("This facility is on another site than the collector.")
    elif facility.retired_at is not None:
        errors["facility"] = _("This facility was taken out of use.")
    if errors:
        raise ValidationError(errors)
    refusal = ValidationError(
        {"circuit": _("Another point of this collector has this circuit.")}, code="taken"
    )
    other = collector.points.in_use().filter(circuit=circuit).select_related("facility").first()
    if other is not None:
        raise ValidationError(
            {
                "circuit": _(
                    "This circuit measures %(facility)s. Retire that point first: a point never "
                    "moves to another facility."
                )
                % {"facility": other.facility.name}
            },
            code="taken",
        )
    point = MonitoringPoint(
        collector=collector, circuit=circuit, facility=facility, is_accepted=False
    )
    with constraint("meters_point_circuit_once", refusal):
        point.save()
    return point


@transaction.atomic
def retire_point(
    point: MonitoringPoint, *, reason: str, actor: User | None, now: datetime
) -> MonitoringPoint:
    """Retire the point now: nothing more is taken for it; its readings stay with its facility."""
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the point is retired.")})
    row = lock(point)
    if row.retired_at is not None:
        raise ValidationError(_("This point was retired already."), code="retired")
    row.retired_at = now
    row.save(update_fields=["retired_at"])
    if planned := row.meters.filter(valid_from__gte=now).first():
        raise overlap(planned.valid_from, planned.valid_to, field="reason")
    row.meters.filter(valid_to__isnull=True).update(valid_to=now)
    row.meters.filter(valid_to__gt=now).update(valid_to=now)
    return row


# --- meters ---


@transaction.atomic
def replace_meter(
    point: MonitoringPoint,
    *,
    serial: str,
    valid_from: datetime,
    reason: str = "",
    work_order: WorkOrder | None = None,
    seen: str | None = None,
    actor: User | None,
    now: datetime,
    **values: Any,
) -> Meter:
    """Return the point's new meter record and end the one in force; also for a ratio or a seal.

    ``values`` are ``METER_FIELDS``; what is not given is taken over from the record before if the
    serial number is the same meter's, else it is empty. Another record in place of one needs a
    reason. Readings are in kW as the collector sent them and are not computed again.
    """
    point = lock(point)
    if point.retired_at is not None:
        raise ValidationError(_("This point was retired already."), code="retired")
    if work_order is not None and work_order.site_id != point.collector.site_id:
        raise ValidationError({"work_order": _("This work order is for another site.")})
    rows = list(point.meters.order_by("valid_from"))
    check_unchanged(seen, newest_mark(rows))
    row = Meter(point=point, valid_from=valid_from, work_order=work_order, recorded_by=actor)
    if rows and rows[-1].serial == serial.strip():
        values = {name: getattr(rows[-1], name) for name in METER_FIELDS} | values
    values = {**values, "serial": serial}
    _check_meter(values)
    _follow(
        row,
        rows,
        METER_FIELDS,
        values,
        reason=reason,
        now=now,
        constraint_name="meters_meter_one_at_a_time",
    )
    return row


def _check_meter(values: dict[str, Any]) -> None:
    errors = {}
    for name in ("ct_ratio", "pt_ratio"):
        if (ratio := values.get(name)) is not None and ratio <= 0:
            errors[name] = _("A ratio is more than zero; 1 means without a transformer.")
    certified, expires = values.get("certified_on"), values.get("certificate_expires_on")
    if certified and expires and expires <= certified:
        errors["certificate_expires_on"] = _("The certificate expires after it was issued.")
    if errors:
        raise ValidationError(errors)


def newest_mark(rows: list[Any]) -> str:
    """Return the mark of dated rows (ascending), by which a second writer is noticed."""
    if not rows:
        return "none"
    newest = rows[-1]
    return f"{newest.pk}:{newest.valid_to.isoformat() if newest.valid_to else ''}"


def _follow(
    row: Any,
    rows: list[Any],
    fields: tuple[str, ...],
    values: dict[str, Any],
    *,
    reason: str,
    now: datetime,
    constraint_name: str,
) -> None:
    """Save ``row`` as the newest of the dated ``rows`` and end the one it follows.

    A record that began at or after the new one stands in its way, and so does one that ended after.
    """
    check_valid_from(row.valid_from, reason=reason, now=now, is_first=not rows)
    if rows and not reason.strip():
        raise ValidationError({"reason": _("Say why it is changed.")})
    for other in rows:
        if other.valid_from >= row.valid_from or (
            other.valid_to is not None and other.valid_to > row.valid_from
        ):
            raise overlap(other.valid_from, other.valid_to)
    row.reason = reason.strip()
    _fill(row, fields, values)
    refusal = overlap(row.valid_from, None)
    with constraint(constraint_name, refusal):
        for other in rows:
            if other.valid_to is None:
                other.valid_to = row.valid_from
                other.save(update_fields=["valid_to"])
        row.save()


def _fill(row: models.Model, fields: tuple[str, ...], values: dict[str, Any]) -> None:
    """As ``fill``, leaving constraints to the database, whose word comes in ours."""
    if strange := values.keys() - set(fields):
        raise TypeError(f"not to be set: {', '.join(sorted(strange))}")
    for name, value in text_of(values).items():
        setattr(row, name, value)
    row.clean_fields()
