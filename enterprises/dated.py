"""Dated records: what a change of a device, ratio, threshold, pairing or grade must keep to.

A record is in force from ``valid_from`` until ``valid_to`` (or the next one). Nothing is edited: a
change ends the record in force and opens the next, so that what was judged or measured yesterday
keeps yesterday's numbers (ADR 0015). Times are aware; words show Asia/Shanghai.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, models, transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from common import formats
from tenancy import audit
from tenancy.models import User

#: How far ahead a change may be planned (assumption: a record beyond a year is a typing error).
AHEAD_AT_MOST = timedelta(days=366)
#: A form that says "now" is some minutes old when it arrives; that is no change of the past.
GRACE = timedelta(minutes=10)


def say_span(start: datetime, end: datetime | None) -> str:
    """Return the record's dates in words, such as ``from 1 March 2026 to 2 May 2026``."""
    language = get_language()
    words = {"start": formats.local_dt(start, language=language)}
    if end is None:
        return _("from %(start)s on") % words
    words["end"] = formats.local_dt(end, language=language)
    return _("from %(start)s until %(end)s") % words


def is_backdated(valid_from: datetime, now: datetime) -> bool:
    return valid_from < now - GRACE


def check_valid_from(
    valid_from: datetime | None, *, reason: str, now: datetime, is_first: bool = False
) -> None:
    """Refuse a date beyond a year ahead, and one in the past without a reason.

    ``is_first``: nothing stood there before, so recording it late changes no record.
    """
    if valid_from is None:
        raise ValidationError({"valid_from": _("Say from when it holds.")})
    if valid_from > now + AHEAD_AT_MOST:
        raise ValidationError(
            {"valid_from": _("A change can be planned a year ahead at most.")}, code="ahead"
        )
    if is_backdated(valid_from, now) and not is_first and not reason.strip():
        raise ValidationError(
            {"reason": _("This reaches back into the past: say why it is recorded only now.")},
            code="reason",
        )


def overlap(start: datetime, end: datetime | None, *, field: str = "valid_from") -> ValidationError:
    """Return the refusal that names the dates of the record in the way."""
    return ValidationError(
        {
            field: _("Another record holds %(dates)s. Choose a time that does not overlap it.")
            % {"dates": say_span(start, end)}
        },
        code="overlap",
    )


@contextmanager
def constraints(refusals: Mapping[str, ValidationError]) -> Iterator[None]:
    """Run a write whose database constraints have the last word, and say it in ours.

    refusals: by the constraint's name. The write is undone alone (a savepoint); any other
    integrity error stays what it is.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as caught:
        diagnosis = getattr(caught.__cause__, "diag", None)
        error = refusals.get(getattr(diagnosis, "constraint_name", None) or "")
        if error is None:
            raise
        raise error from caught


def constraint(name: str, error: ValidationError) -> AbstractContextManager[None]:
    """Return ``constraints`` for one of them."""
    return constraints({name: error})


def record_withdrawal(
    row: models.Model, *, enterprise: models.Model, reason: str, actor: User | None, now: datetime
) -> None:
    """Write into the audit log that a planned record is withdrawn; refuse one that has begun.

    row: with ``valid_from``, locked. Raises ``ValidationError`` also without a reason.
    """
    valid_from: datetime = row.valid_from  # type: ignore[attr-defined]
    if valid_from <= now:
        raise ValidationError(
            _("This record has begun and stays on file. Enter a new record in its place."),
            code="begun",
        )
    if not reason.strip():
        raise ValidationError({"reason": _("Say why it is withdrawn.")})
    audit.record(
        "record.withdraw",
        actor=actor,
        enterprise=enterprise,
        object_type=row._meta.db_table,
        object_id=row.pk,
        object_label=str(row),
        old={"valid_from": valid_from},
        note=reason.strip(),
    )


def fingerprint(row: models.Model, fields: Iterable[str]) -> str:
    """Return a mark of what the fields hold, for a form to carry and give back."""
    values = [str(row.pk), *(getattr(row, field) for field in fields)]
    text = json.dumps(values, cls=DjangoJSONEncoder, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_unchanged(seen: str | None, now_is: str) -> None:
    """Tell the second of two people who edit the same thing; None: nobody looked before."""
    if seen is not None and seen != now_is:
        raise ValidationError(
            _(
                "Somebody else changed this while you were writing. What you typed is still here; "
                "nothing was saved. Open the form in another window to see how it stands now."
            ),
            code="changed",
        )


def text_of(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with the blanks around texts taken off."""
    return {k: v.strip() if isinstance(v, str) else v for k, v in values.items()}
