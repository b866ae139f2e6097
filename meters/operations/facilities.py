"""Changing a machine on file, where readings, points and pairings hang on it."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from enterprises.dated import check_unchanged, say_span
from enterprises.models import Facility, Pairing, PairingMode
from enterprises.operations import FACILITY_FIELDS, fill_facility, lock, mark
from meters.models import LatestReading
from meters.operations.devices import retire_point
from meters.operations.judging import judge_again
from meters.operations.pairings import end_pairing
from tenancy.models import User

#: What the shares of a load class are taken of; where no threshold is set they judge.
JUDGED_BY = ("load_class", "rated_kw", "nominal_voltage_v")


@transaction.atomic
def update_facility(
    facility: Facility,
    *,
    actor: User | None,
    now: datetime,
    seen: str | None = None,
    **values: Any,
) -> Facility:
    """Return the facility with the values changed (``enterprises.operations.FACILITY_FIELDS``).

    Its kind cannot change once it has pairings or readings: they say what it is. A change of
    class, rated power or voltage has all that it sent judged again.
    """
    row = lock(facility)
    check_unchanged(seen, mark(row, FACILITY_FIELDS))
    before = {name: getattr(row, name) for name in (*JUDGED_BY, "kind")}
    fill_facility(row, values)
    if row.kind != before["kind"]:
        _check_kind_is_free(row)
    row.save()
    if any(getattr(row, name) != before[name] for name in JUDGED_BY):
        judge_again(
            enterprise_id=row.site.enterprise_id, facility_ids=[row.pk], since=None, now=now
        )
    return row


def _check_kind_is_free(facility: Facility) -> None:
    if facility.pairings_as_production.exists() or facility.pairings_as_control.exists():
        raise ValidationError(
            {
                "kind": _(
                    "The kind cannot change while pairings name this facility. Take it out of use "
                    "and enter a new one."
                )
            },
            code="kind",
        )
    if LatestReading.objects.filter(point__facility=facility).exists():
        raise ValidationError(
            {
                "kind": _(
                    "The kind cannot change once the facility has readings. Take it out of use "
                    "and enter a new one."
                )
            },
            code="kind",
        )


@transaction.atomic
def retire_facility(
    facility: Facility, *, reason: str, actor: User | None, now: datetime
) -> Facility:
    """Take the facility out of use now: its points are retired, its pairings end or go on without.

    A pairing that still has production and controls enough is replaced by one without this
    facility, which is shown as not yet approved; any other ends. Readings and records stay.
    """
    if not reason.strip():
        raise ValidationError({"reason": _("Say why it is taken out of use.")})
    lock(facility.site)
    row = lock(facility)
    if row.retired_at is not None:
        raise ValidationError(_("This facility was taken out of use."), code="retired")
    row.retired_at = now
    row.save(update_fields=["retired_at"])
    for pairing in _pairings_of(row, now):
        _go_on_without(pairing, row, reason=reason, actor=actor, now=now)
    for point in row.points.in_use():
        retire_point(point, reason=reason, actor=actor, now=now)
    return row


def _pairings_of(facility: Facility, now: datetime) -> list[Pairing]:
    found = Pairing.objects.filter(
        pk__in=[
            *facility.pairings_as_production.values_list("pk", flat=True),
            *facility.pairings_as_control.values_list("pk", flat=True),
        ]
    )
    return [row for row in found.order_by("pk") if row.valid_to is None or row.valid_to > now]


def _go_on_without(
    pairing: Pairing, facility: Facility, *, reason: str, actor: User | None, now: datetime
) -> None:
    if pairing.valid_from >= now:
        raise ValidationError(
            _("A pairing of it is planned %(dates)s. Change that one first.")
            % {"dates": say_span(pairing.valid_from, pairing.valid_to)},
            code="planned",
        )
    productions = [f for f in pairing.productions.all() if f.pk != facility.pk]
    controls = [f for f in pairing.controls.all() if f.pk != facility.pk]
    ends_at = pairing.valid_to
    end_pairing(pairing, valid_to=now, reason=reason, actor=actor, now=now)
    needed = pairing.at_least if pairing.mode == PairingMode.AT_LEAST else 1
    if not productions or len(controls) < needed:
        return
    following = Pairing(
        site_id=pairing.site_id,
        stage=pairing.stage,
        mode=pairing.mode,
        at_least=pairing.at_least,
        lead_s=pairing.lead_s,
        lag_s=pairing.lag_s,
        min_ratio=pairing.min_ratio,
        valid_from=now,
        valid_to=ends_at,
        reason=reason.strip(),
        recorded_by=actor,
    )
    following.save()
    following.productions.set(productions)
    following.controls.set(controls)
