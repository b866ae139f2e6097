"""Withdrawing a planned record: one that has not begun is taken off as if it had never been made.

Nothing was judged or measured by it yet, so no evidence loses its ground. What it would have ended
goes on until the next record, or for good. A record that has begun stays: a change is a new record
(ADR 0015). The audit log keeps the row, who withdrew it and why.
"""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from enterprises.dated import overlap, record_withdrawal
from enterprises.models import Attachment, Pairing, Threshold
from enterprises.operations import lock
from meters.models import CollectorDevice, Meter
from tenancy.models import User


@transaction.atomic
def withdraw_threshold(
    threshold: Threshold, *, reason: str, actor: User | None, now: datetime
) -> None:
    """Take a planned threshold off; the one in force goes on."""
    facility = lock(threshold.facility)
    row = _again(threshold)
    record_withdrawal(row, enterprise=facility.site.enterprise, reason=reason, actor=actor, now=now)
    row.delete()


@transaction.atomic
def withdraw_meter(meter: Meter, *, reason: str, actor: User | None, now: datetime) -> None:
    """Take a planned meter record off; the one in force goes on, its papers stay on file."""
    point = lock(meter.point)
    row = _again(meter)
    enterprise = point.collector.enterprise
    record_withdrawal(row, enterprise=enterprise, reason=reason, actor=actor, now=now)
    # What hung on the record would hang on nothing.
    Attachment.objects.filter(
        enterprise=enterprise, subject_type="meter", subject_id=row.pk
    ).update(subject_type="", subject_id=None)
    _take_off(row, point.meters.all())


@transaction.atomic
def withdraw_device(
    device: CollectorDevice, *, reason: str, actor: User | None, now: datetime
) -> None:
    """Take a planned record of a collector's hardware off; the one in force goes on."""
    collector = lock(device.collector)
    row = _again(device)
    record_withdrawal(row, enterprise=collector.enterprise, reason=reason, actor=actor, now=now)
    _take_off(row, collector.devices.all())


@transaction.atomic
def withdraw_pairing(pairing: Pairing, *, reason: str, actor: User | None, now: datetime) -> None:
    """Take a planned pairing off; the one that it was to follow goes on.

    That is the pairing of the same production facilities that ends when this one begins. Raises
    ``ValidationError`` where yet another pairing of its stage stands in its way.
    """
    site = lock(pairing.site)
    row = _again(pairing)
    record_withdrawal(row, enterprise=site.enterprise, reason=reason, actor=actor, now=now)
    followed = list(
        Pairing.objects.filter(
            site=site, valid_to=row.valid_from, productions__in=row.productions.all()
        ).distinct()
    )
    end = row.valid_to
    row.delete()
    for before in followed:
        in_the_way = Pairing.objects.filter(
            Q(valid_to__isnull=True) | Q(valid_to__gt=before.valid_to),
            site=site,
            stage=before.stage,
            productions__in=before.productions.all(),
        ).exclude(pk=before.pk)
        if end is not None:
            in_the_way = in_the_way.filter(valid_from__lt=end)
        if other := in_the_way.first():
            raise overlap(other.valid_from, other.valid_to, field="reason")
        before.valid_to = end
        before.save(update_fields=["valid_to"])


def _again(row: Any) -> Any:
    """Return the row as it stands now; one that is gone was withdrawn by somebody else."""
    found = type(row).objects.select_for_update(of=("self",)).filter(pk=row.pk).first()
    if found is None:
        raise ValidationError(_("This record was withdrawn already."), code="changed")
    return found


def _take_off(row: Any, rows: Any) -> None:
    """Delete the row and let the one that it ended go on until this one's own end."""
    before = rows.filter(valid_to=row.valid_from).first()
    end = row.valid_to
    row.delete()
    if before is not None:
        before.valid_to = end
        before.save(update_fields=["valid_to"])
