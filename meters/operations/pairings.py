"""Which controls must run with which production 产治对应关系: dated, one for each stage."""

from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from enterprises.dated import check_unchanged, check_valid_from, say_span
from enterprises.models import Facility, FacilityKind, Pairing, PairingMode, Site
from enterprises.operations import lock
from meters.operations.judging import judge_again
from tenancy.models import User

PRODUCES = (FacilityKind.PRODUCTION, FacilityKind.COMBINED)
CONTROLS = (FacilityKind.CONTROL, FacilityKind.COMBINED)


def pairing_mark(pairing: Pairing | None) -> str:
    """Return the mark of a pairing as it stands, by which a second writer is noticed."""
    if pairing is None:
        return "none"
    return f"{pairing.pk}:{pairing.valid_to.isoformat() if pairing.valid_to else ''}"


@transaction.atomic
def set_pairing(
    site: Site,
    *,
    stage: str,
    productions: Collection[Facility],
    controls: Collection[Facility],
    mode: str = PairingMode.ANY,
    at_least: int | None = None,
    lead_s: int | None = None,
    lag_s: int | None = None,
    min_ratio: float | None = None,
    valid_from: datetime,
    reason: str = "",
    replaces: Pairing | None = None,
    seen: str | None = None,
    actor: User | None,
    now: datetime,
) -> Pairing:
    """Return a new pairing in force from ``valid_from``; ``replaces`` ends at that moment.

    ``lead_s`` and ``lag_s`` in seconds (None: the rule's own), ``min_ratio`` from 0 to 1 of the
    control's normal load. It counts at once and is shown as not yet approved. A date in the past
    needs a reason and has the time since then judged again.
    """
    site = lock(site)  # whoever writes pairings of this site waits here
    old = Pairing.objects.select_for_update().get(pk=replaces.pk) if replaces else None
    check_unchanged(seen, pairing_mark(old))
    productions, controls = list(productions), list(controls)
    _check_sides(site, productions, controls)
    at_least = _check_mode(mode, at_least, len(controls))
    had_data = any(f.points.filter(segments__isnull=False).exists() for f in productions)
    check_valid_from(valid_from, reason=reason, now=now, is_first=old is None and not had_data)
    if old is not None:
        _end(old, valid_from)
    row = Pairing(
        site=site,
        stage=stage.strip(),
        mode=mode,
        at_least=at_least,
        lead_s=lead_s,
        lag_s=lag_s,
        min_ratio=min_ratio,
        valid_from=valid_from,
        reason=reason.strip(),
        recorded_by=actor,
    )
    row.clean_fields()
    _check_overlap(row, productions)
    row.save()
    row.productions.set(productions)
    row.controls.set(controls)
    touched = {*productions, *controls}
    if old is not None:
        touched |= {*old.productions.all(), *old.controls.all()}
    _judge(site, touched, valid_from, now)
    return row


@transaction.atomic
def end_pairing(
    pairing: Pairing,
    *,
    valid_to: datetime,
    reason: str,
    seen: str | None = None,
    actor: User | None,
    now: datetime,
) -> Pairing:
    """End the pairing without another in its place; a reason is always needed."""
    site = lock(pairing.site)
    row = Pairing.objects.select_for_update().get(pk=pairing.pk)
    check_unchanged(seen, pairing_mark(row))
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the production needs this control no longer.")})
    try:
        check_valid_from(valid_to, reason=reason, now=now)
        _end(row, valid_to)
    except ValidationError as error:
        if "valid_from" not in error.message_dict:
            raise
        raise ValidationError({"valid_to": error.message_dict["valid_from"]}) from error
    row.reason = reason.strip()
    row.save(update_fields=["reason"])
    _judge(site, {*row.productions.all(), *row.controls.all()}, valid_to, now)
    return row


@transaction.atomic
def approve_pairing(pairing: Pairing, *, actor: User, now: datetime) -> Pairing:
    """Put the actor's name under the pairing; once only."""
    row = lock(pairing)
    if row.approved_at is not None:
        raise ValidationError(_("This was approved already."), code="approved")
    row.approved_by, row.approved_at = actor, now
    row.save(update_fields=["approved_by", "approved_at"])
    return row


def _end(pairing: Pairing, at: datetime) -> None:
    if at <= pairing.valid_from or (pairing.valid_to is not None and at > pairing.valid_to):
        raise ValidationError(
            {
                "valid_from": _("The pairing that it ends holds %(dates)s; choose a time in it.")
                % {"dates": say_span(pairing.valid_from, pairing.valid_to)}
            },
            code="overlap",
        )
    pairing.valid_to = at
    pairing.save(update_fields=["valid_to"])


def _check_sides(
    site: Site, productions: Collection[Facility], controls: Collection[Facility]
) -> None:
    errors: dict[str, str] = {}
    sides = (
        ("productions", productions, PRODUCES, _("%(names)s is no production facility.")),
        ("controls", controls, CONTROLS, _("%(names)s is no control facility.")),
    )
    for field, facilities, kinds, words in sides:
        if not facilities:
            errors[field] = _("Choose at least one facility.")
        elif any(facility.site_id != site.pk for facility in facilities):
            errors[field] = _("All facilities of a pairing stand on the same site.")
        elif retired := [f for f in facilities if f.retired_at is not None]:
            errors[field] = _("%(names)s was taken out of use.") % {"names": _names(retired)}
        elif wrong := [f for f in facilities if f.kind not in kinds]:
            errors[field] = words % {"names": _names(wrong)}
    if both := {f.pk for f in productions} & {f.pk for f in controls}:
        names = _names([f for f in controls if f.pk in both])
        errors.setdefault("controls", _("%(names)s cannot stand on both sides.") % {"names": names})
    if errors:
        raise ValidationError(errors)


def _names(facilities: Collection[Facility]) -> str:
    return ", ".join(facility.name for facility in facilities)


def _check_mode(mode: str, at_least: int | None, controls: int) -> int:
    if mode != PairingMode.AT_LEAST:
        return 1
    if at_least is None or at_least < 1:
        raise ValidationError({"at_least": _("Say how many controls must run at least.")})
    if at_least > controls:
        raise ValidationError(
            {
                "at_least": _("Only %(count)s controls are chosen; so many cannot run.")
                % {"count": controls}
            }
        )
    return at_least


def _check_overlap(row: Pairing, productions: Collection[Facility]) -> None:
    """Refuse a second pairing of the same stage on a production facility at one time."""
    other = (
        Pairing.objects.filter(
            Q(valid_to__isnull=True) | Q(valid_to__gt=row.valid_from),
            site=row.site_id,
            stage=row.stage,
            productions__in=[facility.pk for facility in productions],
        )
        .order_by("valid_from")
        .first()
    )
    if other is not None:
        shared = other.productions.filter(pk__in=[f.pk for f in productions])
        raise ValidationError(
            {
                "valid_from": _(
                    "%(names)s has a pairing for the stage %(stage)s already, %(dates)s. "
                    "Change or end that one."
                )
                % {
                    "names": _names(list(shared)),
                    "stage": row.stage,
                    "dates": say_span(other.valid_from, other.valid_to),
                }
            },
            code="overlap",
        )


def _judge(site: Site, facilities: Collection[Facility], since: datetime, now: datetime) -> None:
    if since < now:
        judge_again(
            enterprise_id=site.enterprise_id,
            facility_ids=[facility.pk for facility in facilities],
            since=since,
            now=now,
        )
