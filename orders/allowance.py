"""What is allowed when: for now, which declaration excuses which rule for which stretch.

A declaration excuses only what it says, and the table says what that is. Two measures of trust:

* What would excuse running production without its control (R01) counts only once the authority has
  ACCEPTED it. An enterprise must not be able to switch off the alarm by filling in a form.
* What only explains missing data or voltage (R10, R12) counts from SUBMITTED on: these rules allege
  nothing, the law asks for a report within hours and not for leave, and a suppressed finding stays
  visible. Unreviewed, it reaches back no further than ``report_within`` before it was handed in.

A planned stop excuses nothing: if the facility is stopped no rule speaks, and if it runs the
declaration was wrong (R20). Source: domain reference 8, "Suppression before raising".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.text import Truncator

from common.intervals import Span
from meters.models import ChangedWindow
from orders.models import Declaration, DeclarationKind, DeclarationStatus

ACCEPTED, SUBMITTED = DeclarationStatus.ACCEPTED, DeclarationStatus.SUBMITTED

#: kind -> rule -> the status from which the declaration counts.
EXCUSES: dict[str, dict[str, str]] = {
    DeclarationKind.STOP: {},
    DeclarationKind.REPAIR: {"R01": ACCEPTED},
    DeclarationKind.FAULT: {"R01": ACCEPTED},
    DeclarationKind.TEST: {"R01": ACCEPTED},
    DeclarationKind.POWER_CUT: {"R10": SUBMITTED, "R12": SUBMITTED},
    DeclarationKind.DEVICE_WORK: {"R01": ACCEPTED, "R10": SUBMITTED},
}
TEXT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class DeclaredStretch:
    """A stretch that a declaration covers; no facilities: the whole enterprise."""

    declaration_id: int
    kind: str
    span: Span
    rules: frozenset[str]
    facility_ids: frozenset[int]
    text: str


def get_declared_stretches(
    enterprise_id: int, start: datetime, *, report_within: timedelta
) -> list[DeclaredStretch]:
    """Return what the enterprise's declarations excuse from ``start`` on, by first moment.

    One query, one more where there are any.
    """
    declarations = (
        Declaration.objects.filter(
            Q(status=ACCEPTED) | Q(status=SUBMITTED), enterprise=enterprise_id, ends_at__gt=start
        )
        .prefetch_related("facilities")
        .order_by("starts_at", "pk")
    )
    return compile_stretches(declarations, report_within=report_within)


def compile_stretches(
    declarations: Iterable[Declaration], *, report_within: timedelta
) -> list[DeclaredStretch]:
    """Return the stretches of declarations that excuse something; refused ones excuse nothing."""
    out = []
    for declaration in declarations:
        is_accepted = declaration.status == ACCEPTED
        rules = frozenset(
            rule
            for rule, needed in EXCUSES[declaration.kind].items()
            if is_accepted or declaration.status == needed
        )
        start = declaration.starts_at
        if not is_accepted:
            start = max(start, declaration.submitted_at - report_within)
        if rules and start < declaration.ends_at:
            out.append(
                DeclaredStretch(
                    declaration_id=declaration.pk,
                    kind=declaration.kind,
                    span=Span(start, declaration.ends_at),
                    rules=rules,
                    facility_ids=frozenset(f.pk for f in declaration.facilities.all()),
                    text=Truncator(declaration.reason).chars(TEXT_CHARACTERS),
                )
            )
    return out


def judge_again(declaration: Declaration, *, now: datetime) -> None:
    """Have the declaration's time evaluated again; call it after every change of one."""
    if declaration.starts_at <= now:
        ChangedWindow.objects.create(
            enterprise_id=declaration.enterprise_id,
            since=declaration.starts_at,
            until=min(declaration.ends_at, now),
            received_at=now,
        )
