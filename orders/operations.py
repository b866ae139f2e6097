"""What happens to declarations, one function each."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from enterprises.models import Enterprise, Facility
from orders.models import Declaration
from tenancy.models import User

REASON_CHARACTERS = 2_000
LONGEST = timedelta(days=366)


class DeclarationRefused(ValueError):
    """It cannot be declared so; ``field`` names what is wrong, the text says why."""

    def __init__(self, field: str, words: str | Promise) -> None:
        super().__init__(words)
        self.field = field


def submit_declaration(
    enterprise: Enterprise,
    *,
    facilities: Sequence[Facility] = (),
    kind: str,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    actor: User,
    now: datetime,
) -> Declaration:
    """Record what the enterprise announces about its facilities 报备; none: all of it.

    It waits for an officer's decision. Raises ``DeclarationRefused`` without a reason, for a
    facility of another enterprise, and for a span that is empty, over already, or longer than a
    year (assumption: what is over is not announced but explained).
    """
    if not reason.strip():
        raise DeclarationRefused("reason", _("Say why."))
    if ends_at <= starts_at:
        raise DeclarationRefused("ends_at", _("The end lies before the start."))
    if ends_at <= now:
        raise DeclarationRefused("ends_at", _("This is over already; explain the alert instead."))
    if ends_at - starts_at > LONGEST:
        raise DeclarationRefused("ends_at", _("Longer than a year."))
    if any(facility.site.enterprise_id != enterprise.pk for facility in facilities):
        raise DeclarationRefused("facilities", _("One of them is not the enterprise's."))
    with transaction.atomic():
        declaration = Declaration.objects.create(
            enterprise=enterprise,
            kind=kind,
            starts_at=starts_at,
            ends_at=ends_at,
            reason=reason.strip()[:REASON_CHARACTERS],
        )
        declaration.facilities.set(facilities)
    return declaration
