"""What a plan holds in memory: who imports, the rows that stand or will stand, what is changed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection
from django.utils.translation import gettext as _

from common.formats import local_date as show_date
from common.localtime import day_start, local_date
from enterprises.importing.dated import Change, Clash, decide
from enterprises.importing.forms import Record, Report
from enterprises.models import Contact, LineGrade, Pairing, Threshold
from tenancy.access import Permission, get_authority
from tenancy.models import Division, User

BATCH = 1000
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Taken:
    """Keys that are in use anywhere, also outside the importer's area."""

    credit_codes: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    mns: frozenset[str] = frozenset()


@dataclass(slots=True)
class Context:
    """Who imports, when, and what came of it so far."""

    actor: User
    now: datetime
    report: Report
    taken: Taken
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    _paths: tuple[str, ...] | None = None

    @property
    def start(self) -> datetime:
        """When today began in Shanghai: from then a first record counts."""
        return day_start(local_date(self.now))

    @property
    def paths(self) -> tuple[str, ...]:
        """The divisions in which the actor may import."""
        if self._paths is None:
            authority = get_authority(self.actor)
            holdings = authority.holdings_with(Permission.IMPORT)
            paths = tuple(h.division_path for h in holdings if h.division_path)
            self._paths = ("",) if authority.is_superuser else paths
        return self._paths

    def covers(self, division: Division) -> bool:
        return any(division.path.startswith(path) for path in self.paths)

    def count(self, record: Record, what: str) -> None:
        of_sheet = self.counts.setdefault(record.form.key, {"new": 0, "changed": 0, "same": 0})
        of_sheet[what] += 1

    def since(self, record: Record) -> datetime | None:
        day = record.get("since")
        return day_start(day) if day else None

    def decide(
        self, record: Record, records: Sequence[Any], given: dict[str, Any], names: Sequence[str]
    ) -> Change | None:
        """Decide about a dated record; a clash becomes a problem of the row."""
        try:
            return decide(
                records,
                given,
                names=names,
                since=self.since(record),
                start=self.start,
                now=self.now,
            )
        except Clash as clash:
            text = _(
                "A record that begins on %(date)s stands already with other values, and this one "
                "would overlap it. Please give a later date in “Valid from”."
            )
            date = show_date(clash.since, language=None)
            self.report.add(record, "since", text % {"date": date})
            return None


@dataclass(slots=True, eq=False)
class Node:
    """A row of a table that stands or will stand, and which of its fields the book changes."""

    instance: Any
    is_new: bool = False
    changed: set[str] = field(default_factory=set)
    first_row: int | None = None  # where the book names it
    is_touched: bool = False  # something that hangs on it is new or changed

    def put(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            stands = getattr(self.instance, name)
            if self.is_new or stands != value:
                setattr(self.instance, name, value)
                if not self.is_new:
                    self.changed.add(name)

    @property
    def outcome(self) -> str:
        return "new" if self.is_new else "changed" if self.changed or self.is_touched else "same"


@dataclass(slots=True, eq=False)
class FacilityNode(Node):
    site: "SiteNode" = None  # type: ignore[assignment]
    thresholds: list[Threshold] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class LineNode(Node):
    grades: list[LineGrade] = field(default_factory=list)


@dataclass(slots=True)
class PairingState:
    """A pairing as it stands, with its facilities as nodes."""

    instance: Pairing
    stage: str
    productions: frozenset[FacilityNode]
    controls: frozenset[FacilityNode]
    mode: str
    at_least: int
    lead_s: int | None
    lag_s: int | None
    min_ratio: float | None
    valid_from: datetime
    valid_to: datetime | None


PAIRING_NAMES = ("productions", "controls", "mode", "at_least", "lead_s", "lag_s", "min_ratio")


@dataclass(slots=True, eq=False)
class SiteNode(Node):
    enterprise: "EnterpriseNode" = None  # type: ignore[assignment]
    lines: dict[str, LineNode] = field(default_factory=dict)
    pairings: list[PairingState] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class EnterpriseNode(Node):
    sites: dict[str, SiteNode] = field(default_factory=dict)
    facilities: dict[str, list[FacilityNode]] = field(default_factory=lambda: defaultdict(list))
    contacts: list[Contact] = field(default_factory=list)
    is_doubtful: bool = False  # its own row is wrong: what hangs on it is not blamed again


def create_all(model: Any, rows: Sequence[Any], progress: Progress = lambda rows: None) -> None:
    """Insert rows in batches, telling after each how many they were."""
    for first in range(0, len(rows), BATCH):
        part = rows[first : first + BATCH]
        model.objects.bulk_create(part)
        progress(len(part))


def update_all(
    model: Any,
    rows: Sequence[Any],
    names: Iterable[str],
    progress: Progress = lambda rows: None,
) -> None:
    """Write these fields of rows that stand, in batches, telling after each how many they were.

    ``names`` as the model calls the fields. Unlike ``bulk_update``, which asks row by row with a
    CASE for each field, the work grows with the rows and not with their square. Raises
    IntegrityError where a row stands no longer, or is out of sight.
    """
    quote = connection.ops.quote_name
    fields = [model._meta.pk, *(model._meta.get_field(name) for name in names)]
    columns = [quote(field.column) for field in fields]
    key, *others = columns
    # A length belongs to the column; the cast only says of what kind the array is.
    arrays = [f"%s::{field.db_type(connection).split('(')[0]}[]" for field in fields]
    statement = (
        f"UPDATE {quote(model._meta.db_table)} AS stands"  # noqa: S608  names of our models
        f" SET {', '.join(f'{column} = told.{column}' for column in others)}"
        f" FROM unnest({', '.join(arrays)}) AS told ({', '.join(columns)})"
        f" WHERE stands.{key} = told.{key}"
    )
    for first in range(0, len(rows), BATCH):
        part = rows[first : first + BATCH]
        values = [
            [field.get_db_prep_save(_get_stored(field, row), connection) for row in part]
            for field in fields
        ]
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            if cursor.rowcount != len(part):
                raise IntegrityError(f"{len(part) - cursor.rowcount} rows to be changed are gone")
        progress(len(part))


def _get_stored(field: Any, row: Any) -> Any:
    """Return a field's value; a related row may have got its key after it was assigned."""
    if field.is_relation and field.is_cached(row):
        related = field.get_cached_value(row)
        return None if related is None else related.pk
    return getattr(row, field.attname)


def count_unsaved(nodes: Iterable[Node]) -> int:
    """Return how many rows ``save_nodes`` would write."""
    return sum(1 for node in nodes if node.is_new or node.changed)


def save_nodes(model: Any, nodes: Iterable[Node], progress: Progress = lambda rows: None) -> None:
    """Insert what is new and update the changed fields of what stands."""
    nodes = list(nodes)
    create_all(model, [node.instance for node in nodes if node.is_new], progress)
    by_fields: dict[frozenset[str], list[Any]] = defaultdict(list)
    for node in nodes:
        if node.changed and not node.is_new:
            names = frozenset(name.removesuffix("_id") for name in node.changed)
            by_fields[names].append(node.instance)
    for names, rows in by_fields.items():
        update_all(model, rows, sorted(names), progress)
