"""On/off thresholds of facilities, from dates 启停阈值."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from enterprises.dated import (
    check_unchanged,
    check_valid_from,
    constraint,
    overlap,
)
from enterprises.models import Facility, Threshold, ThresholdSource
from enterprises.operations import lock
from meters.operations.judging import judge_again
from tenancy.models import User


def newest_mark(facility: Facility) -> str:
    """Return the mark of the newest threshold, by which a second writer is noticed."""
    newest = Threshold.objects.filter(facility=facility).order_by("-pk").first()
    return str(newest.pk) if newest else "none"


@transaction.atomic
def set_threshold(
    facility: Facility,
    *,
    off_below_kw: float,
    on_from_kw: float,
    reference_kw: float | None = None,
    source: str = ThresholdSource.COMMISSIONING,
    valid_from: datetime,
    reason: str = "",
    seen: str | None = None,
    actor: User | None,
    now: datetime,
) -> Threshold:
    """Return the facility's new threshold, in force from ``valid_from`` until a later one.

    Powers in kW of the facility as a whole. It counts for judging at once and is shown as not yet
    approved. A date in the past needs a reason and has what was sent since then judged again;
    ``seen`` is ``newest_mark`` as the actor saw it.
    """
    facility = lock(facility)
    check_unchanged(seen, newest_mark(facility))
    if facility.retired_at is not None:
        raise ValidationError(_("This facility was taken out of use."), code="retired")
    is_first = not facility.thresholds.exists()
    has_data = facility.points.filter(segments__isnull=False).exists()
    check_valid_from(valid_from, reason=reason, now=now, is_first=is_first and not has_data)
    _check_powers(facility, off_below_kw, on_from_kw, reference_kw)
    refusal = overlap(valid_from, None)
    if facility.thresholds.filter(valid_from=valid_from).exists():
        raise refusal
    row = Threshold(
        facility=facility,
        off_below_kw=off_below_kw,
        on_from_kw=on_from_kw,
        reference_kw=reference_kw,
        source=source,
        valid_from=valid_from,
        reason=reason.strip(),
        recorded_by=actor,
    )
    row.clean_fields()
    with constraint("enterprises_threshold_dated_once", refusal):
        row.save()
    if valid_from < now:
        judge_again(
            enterprise_id=facility.site.enterprise_id,
            facility_ids=[facility.pk],
            since=valid_from,
            now=now,
        )
    return row


def _check_powers(
    facility: Facility, off_below_kw: float, on_from_kw: float, reference_kw: float | None
) -> None:
    errors = {}
    if off_below_kw < 0:
        errors["off_below_kw"] = _("A power is not negative.")
    if on_from_kw <= off_below_kw:
        errors["on_from_kw"] = _("Running begins above the power below which it is off.")
    elif facility.rated_kw and on_from_kw > 2 * facility.rated_kw:
        # Twice the nameplate can never be reached for long: the facility would never run (R01).
        errors["on_from_kw"] = _(
            "This is more than twice the rated power; the facility would never count as running."
        )
    if reference_kw is not None and reference_kw < on_from_kw:
        errors["reference_kw"] = _("The normal running load is not below the power of running.")
    if errors:
        raise ValidationError(errors)


@transaction.atomic
def approve_threshold(threshold: Threshold, *, actor: User, now: datetime) -> Threshold:
    """Put the actor's name under the threshold; once only."""
    row = lock(threshold)
    if row.approved_at is not None:
        raise ValidationError(_("This was approved already."), code="approved")
    row.approved_by, row.approved_at = actor, now
    row.save(update_fields=["approved_by", "approved_at"])
    return row
