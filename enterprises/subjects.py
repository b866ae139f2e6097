"""The records that a file can hang on, by the short word that stands in an attachment.

Apps above this one add theirs from their ``AppConfig.ready``, so that a meter or a work order can
carry a photo without this app knowing of meters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from enterprises.models import Enterprise, Site
from tenancy.models import User
from tenancy.scoping import ScopedQuerySet

Rows = Callable[[], ScopedQuerySet[Any]]


class SubjectMissing(LookupError):
    """No such record of that enterprise, as far as the actor sees."""


@dataclass(frozen=True, slots=True)
class SubjectKind:
    """How a kind of record is found, and where it finds its enterprise's and its site's key."""

    rows: Rows
    enterprise: str
    site: str = ""


_KINDS: dict[str, SubjectKind] = {}


def register(name: str, rows: Rows, *, enterprise: str, site: str = "") -> None:
    """Add a kind of record; registering it again replaces it."""
    _KINDS[name] = SubjectKind(rows, enterprise, site)


def get_kinds() -> tuple[str, ...]:
    """Return the words of all kinds."""
    return tuple(sorted(_KINDS))


def find_site(name: str, pk: int, *, enterprise: Enterprise, actor: User) -> Site | None:
    """Return the site of a record of the enterprise, None where it has none.

    Raises ``SubjectMissing`` where the kind is unknown, the record is another enterprise's, or the
    actor does not see it: the three are not told apart.
    """
    kind = _KINDS.get(name)
    if kind is None:
        raise SubjectMissing(name)
    row = (
        kind.rows()
        .visible_to(actor)
        .filter(pk=pk, **{kind.enterprise: enterprise.pk})
        .values_list("pk", *([kind.site] if kind.site else []))
        .first()
    )
    if row is None:
        raise SubjectMissing(name)
    site_id = row[1] if kind.site else None
    return Site.objects.get(pk=site_id) if site_id else None
