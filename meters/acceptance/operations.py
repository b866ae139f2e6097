"""Accepting an installation, or sending it back: the checks run again in the same transaction."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from enterprises.models import AcceptanceSheet, Enterprise
from enterprises.programme import Event, MoveRefused, move
from meters.acceptance.checks import Check, is_passed
from meters.acceptance.loading import Declared, run_checks
from meters.models import MonitoringPoint
from tenancy.models import User


class AcceptanceRefused(Exception):
    """It cannot be signed; the text is a sentence for the officer. Nothing was recorded."""


@transaction.atomic
def accept_installation(
    enterprise: Enterprise,
    *,
    actor: User,
    signed_name: str,
    remark: str = "",
    body: str = "",
    declared: Sequence[Declared] = (),
    now: datetime,
) -> AcceptanceSheet:
    """Accept the installation under the officer's signature and return the sheet.

    enterprise: with its county. The checks run anew; what they said is frozen in the sheet, the
    points count as accepted and the programme moves to ACCEPTED. Whether the person may is asked
    before (``Permission.ACCEPT_INSTALLATION``).
    Raises ``AcceptanceRefused``: name not the officer's own, a check fails, not connected.
    """
    _check_signature(actor, signed_name)
    Enterprise.objects.select_for_update(of=("self",)).get(pk=enterprise.pk)
    checks = run_checks(enterprise, declared=declared, now=now)
    if not is_passed(checks):
        raise AcceptanceRefused(
            _("The checks were run again and not all of them hold. Nothing was recorded.")
        )
    try:
        move(enterprise, Event.ACCEPT, actor=actor, now=now, reason=remark, body=body)
    except MoveRefused as error:
        raise AcceptanceRefused(str(error)) from error
    MonitoringPoint.objects.in_use().filter(collector__enterprise=enterprise).update(
        is_accepted=True
    )
    return _write_sheet(enterprise, checks, True, actor, signed_name, remark, body, now)


@transaction.atomic
def reject_installation(
    enterprise: Enterprise,
    *,
    actor: User,
    signed_name: str,
    reason: str,
    body: str = "",
    declared: Sequence[Declared] = (),
    now: datetime,
) -> AcceptanceSheet:
    """Send the installation back to the operator with reasons and return the sheet.

    Raises ``AcceptanceRefused``: name not the officer's own, no reason, not connected.
    """
    _check_signature(actor, signed_name)
    Enterprise.objects.select_for_update(of=("self",)).get(pk=enterprise.pk)
    checks = run_checks(enterprise, declared=declared, now=now)
    try:
        move(enterprise, Event.REJECT, actor=actor, now=now, reason=reason, body=body)
    except MoveRefused as error:
        raise AcceptanceRefused(str(error)) from error
    return _write_sheet(enterprise, checks, False, actor, signed_name, reason, body, now)


def _check_signature(actor: User, signed_name: str) -> None:
    if not actor.full_name or signed_name.strip() != actor.full_name:
        raise AcceptanceRefused(
            _("Sign with your own full name, “%(name)s”. Nothing was recorded.")
            % {"name": actor.full_name or "—"}
        )


def _write_sheet(
    enterprise: Enterprise,
    checks: Sequence[Check],
    accepted: bool,
    actor: User,
    signed_name: str,
    remark: str,
    body: str,
    now: datetime,
) -> AcceptanceSheet:
    return AcceptanceSheet.objects.create(
        enterprise=enterprise,
        checks=[check.as_json() for check in checks],
        is_passed=accepted,
        signed_by=actor,
        signed_name=signed_name.strip(),
        body=body[:150],
        signed_at=now,
        remark=remark,
    )
