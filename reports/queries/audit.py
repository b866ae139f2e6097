"""Reading the audit log: what an auditor may see of it, its search, its pages and its words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common import formats
from tenancy.access import Permission, get_authority
from tenancy.models import AuditEntry, Division, DivisionKind, Grant, Role, User

PAGE = 50

#: The first words of an action that people ask for, and the entries that they mean.
KINDS: dict[str, tuple[Any, Q]] = {
    "look": (gettext_lazy("Looks"), Q(action__endswith=".look")),
    "add": (gettext_lazy("Added"), Q(action__endswith=".add")),
    "change": (gettext_lazy("Changed"), Q(action__endswith=".change")),
    "delete": (gettext_lazy("Deleted"), Q(action__endswith=".delete")),
    "export": (gettext_lazy("Exports"), Q(action__endswith=".export")),
    "refused": (gettext_lazy("Refused or failed"), Q(is_success=False)),
    "other": (
        gettext_lazy("Sign-in and other"),
        ~Q(action__regex=r"\.(look|add|change|delete|export)$"),
    ),
}

#: What people do or look at, in words; of tables the model's own name is taken.
NOUNS = {
    "enterprise": gettext_lazy("enterprise's page"),
    "alert": gettext_lazy("alert"),
    "power": gettext_lazy("power of a facility"),
    "file": gettext_lazy("enterprise file"),
    "list": gettext_lazy("list"),
    "audit": gettext_lazy("audit log"),
    "attachment": gettext_lazy("attachment"),
    "installation": gettext_lazy("installation"),
    "acceptance": gettext_lazy("acceptance"),
    "work_order": gettext_lazy("work order"),
    "devices": gettext_lazy("devices"),
    "readings": gettext_lazy("readings"),
    "declaration": gettext_lazy("declaration"),
    "admin": gettext_lazy("data in the administration"),
}
#: The notes that the sign-in leaves; other notes are people's own words.
NOTES = {
    "password": gettext_lazy("by password"),
    "password and second factor": gettext_lazy("by password and second factor"),
    "second factor": gettext_lazy("wrong code of the second factor"),
    "unknown name": gettext_lazy("no account of that name"),
    "idle": gettext_lazy("unused for too long"),
    "absolute": gettext_lazy("its time was over"),
    "stepup": gettext_lazy("too many failed proofs"),
}
#: What is recorded by name and by no table.
ACTIONS = {
    "signin.success": gettext_lazy("has signed in"),
    "signin.failure": gettext_lazy("sign-in failed"),
    "signin.locked": gettext_lazy("too many failures: the account rests"),
    "signout": gettext_lazy("signed out"),
    "session.end": gettext_lazy("session ended"),
    "stepup.success": gettext_lazy("proved who they are once more"),
    "stepup.failure": gettext_lazy("could not prove who they are"),
    "second_factor.enrol": gettext_lazy("second factor set up"),
    "second_factor.codes": gettext_lazy("recovery codes made anew"),
    "second_factor.remove": gettext_lazy("second factor taken away"),
    "password.change": gettext_lazy("password changed"),
    "account.break_glass": gettext_lazy("emergency access used"),
    "password.reset": gettext_lazy("password given anew"),
    "account.unlock": gettext_lazy("account unlocked"),
    "account.end_sessions": gettext_lazy("all sessions ended"),
    "attachment.withdraw": gettext_lazy("file withdrawn"),
    "record.withdraw": gettext_lazy("planned record withdrawn"),
    "import.write": gettext_lazy("import written"),
    "access.refused": gettext_lazy("refused: no right to it"),
    "access.missed": gettext_lazy("asked for what is not there or not theirs"),
    "token.refused": gettext_lazy("refused: the API token opens nothing"),
}
VERBS = {
    "look": gettext_lazy("looked at"),
    "add": gettext_lazy("added"),
    "change": gettext_lazy("changed"),
    "delete": gettext_lazy("deleted"),
    "export": gettext_lazy("exported"),
}


def get_audit_paths(actor: User) -> tuple[str, ...]:
    """Return the division trees that the actor audits; ``("",)`` for the whole country."""
    authority = get_authority(actor)
    if authority.is_superuser:
        return ("",)
    return tuple(h.division_path for h in authority.holdings_with(Permission.SEE_AUDIT))


def get_visible_entries(paths: Sequence[str]) -> "QuerySet[AuditEntry]":
    """Return the entries whose object or actor belongs to one of the trees.

    The system's own entries without a place, accounts excepted, belong to auditors of a city or a
    province too.
    """
    if "" in paths:
        return AuditEntry.objects.all()
    seen = Q(pk__in=[])
    for path in paths:
        people = RawSQL("SELECT tenancy_audit_people(%s)", [path])
        seen |= Q(division_path__startswith=path) | Q(actor_id__in=people)
    wide = (DivisionKind.CITY, DivisionKind.PROVINCE)
    if Division.objects.filter(path__in=paths, kind__in=wide).exists():
        # But an account without a place may be another city's.
        seen |= Q(actor_id__isnull=True, division_path="") & ~Q(
            object_type__in=("tenancy_user", "tenancy_savedfilter", "tenancy_apitoken")
        )
    return AuditEntry.objects.filter(seen)


@dataclass(frozen=True, slots=True)
class AuditSearch:
    """What somebody asks of the log. Times are aware; ``until`` is not included."""

    person: str = ""
    kind: str = ""
    table: str = ""
    object: str = ""
    enterprise: str = ""
    address: str = ""
    since: datetime | None = None
    until: datetime | None = None
    request: str = ""

    def apply(
        self, entries: "QuerySet[AuditEntry]", paths: Sequence[str]
    ) -> "QuerySet[AuditEntry]":
        if self.since:
            entries = entries.filter(at__gte=self.since)
        if self.until:
            entries = entries.filter(at__lt=self.until)
        if self.person:
            entries = entries.filter(self._people())
        if self.kind in KINDS:
            entries = entries.filter(KINDS[self.kind][1])
        if self.table:
            entries = entries.filter(object_type=self.table)
        if self.object:
            named = Q(object_label__icontains=self.object) | Q(object_id=self.object)
            entries = entries.filter(named)
        if self.enterprise:
            found = find_enterprises(paths, words=self.enterprise)
            entries = entries.filter(enterprise_id__in=list(found))
        if self.address:
            entries = entries.filter(address=self.address)
        if self.request:
            entries = entries.filter(request=self.request)
        return entries

    def _people(self) -> Q:
        """Return those whom the words name; by the name in the log where no account has it."""
        named = Q(username=self.person) | Q(full_name__icontains=self.person)
        ids = list(User.objects.filter(named).values_list("pk", flat=True)[:500])
        return Q(actor_id__in=ids) if ids else Q(actor_name__icontains=self.person)


def find_enterprises(
    paths: Sequence[str], *, ids: Iterable[int] = (), words: str = ""
) -> dict[int, str]:
    """Return the names of enterprises of the audited trees, by number; one query a tree.

    An auditor sees no enterprise's data; the names beside the log's numbers come by this.
    """
    found: dict[int, str] = {}
    wanted = sorted(set(ids))
    if not wanted and not words:
        return found
    with connection.cursor() as cursor:
        for path in paths:
            cursor.execute(
                "SELECT firm_id, firm_name FROM tenancy_audit_firms(%s::bigint[], %s, %s)",
                [wanted, words.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_"), path],
            )
            found.update(cursor.fetchall())
    return found


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first, and the keys of the next older page."""

    entries: list[AuditEntry]
    older: str = ""


def get_page(entries: "QuerySet[AuditEntry]", before: str = "") -> AuditPage:
    """Return the entries before a key (``"<time>~<number>"``); all from the newest without one.

    By key and not by page number: page 20,000 costs what page 1 costs.
    """
    if before:
        moment, __, number = before.partition("~")
        at = _moment(moment)
        if at is not None and number.isdigit():
            entries = entries.filter(Q(at__lt=at) | Q(at=at, pk__lt=int(number)), at__lte=at)
    rows = list(entries.order_by("-at", "-pk")[: PAGE + 1])
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return AuditPage(rows[:PAGE], f"{last.at.isoformat()}~{last.pk}" if last else "")


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and found.tzinfo else None


@cache
def get_models() -> dict[str, type[Model]]:
    """Return the models by their table's name."""
    return {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}


def get_tables(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the tables that can be chosen, with their names in words, in the words' order.

    A table without a name in words holds no record that a person changes or looks at (raw
    frames, working tables), so no entry ever names it.
    """
    models = get_models()
    return sorted(
        (
            (name, str(models[name]._meta.verbose_name))
            for name in names
            if name in models and "verbose_name" in models[name]._meta.original_attrs
        ),
        key=lambda pair: pair[1],
    )


def say_object(entry: AuditEntry) -> str:
    """Return the kind of the entry's object in words."""
    model = get_models().get(entry.object_type)
    if model is not None:
        return str(model._meta.verbose_name)
    return str(NOUNS.get(entry.action.rpartition(".")[0], ""))


def say_note(entry: AuditEntry) -> str:
    return str(NOTES.get(entry.note, entry.note))


def say_label(entry: AuditEntry) -> str:
    """Return the object's name; of a grant, whose name is its role's code, the role in words."""
    model = get_models().get(entry.object_type)
    if model is Grant and entry.object_label in Role.values:
        return str(Role(entry.object_label).label)
    return entry.object_label


def say_action(entry: AuditEntry) -> str:
    """Return what was done in words; the code where nobody has given it any."""
    if entry.action in ACTIONS:
        return str(ACTIONS[entry.action])
    noun, __, verb = entry.action.rpartition(".")
    if verb not in VERBS:
        return entry.action
    model = get_models().get(entry.object_type)
    words = NOUNS.get(noun) or (model._meta.verbose_name if model else noun)
    return _("%(done)s: %(what)s") % {"done": VERBS[verb], "what": words}


@dataclass(frozen=True, slots=True)
class Difference:
    """One field before and after, in words; ``is_changed`` where both are known and differ."""

    label: str
    old: str
    new: str
    is_changed: bool


def get_differences(entry: AuditEntry, *, language: str | None) -> list[Difference]:
    """Return old and new side by side, with the labels of the model's fields."""
    old, new = _mapping(entry.old), _mapping(entry.new)
    model = get_models().get(entry.object_type)
    return [
        Difference(
            label=_label(model, key),
            old=_value(model, key, old.get(key), language) if key in old else "",
            new=_value(model, key, new.get(key), language) if key in new else "",
            is_changed=key in old and key in new and old[key] != new[key],
        )
        for key in {**old, **new}
    ]


def _mapping(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    return value if isinstance(value, dict) else {"value": value}


def _field(model: type[Model] | None, column: str) -> Any:
    if model is None:
        return None
    for name in (column, column.removesuffix("_id")):
        try:
            return model._meta.get_field(name)
        except FieldDoesNotExist:
            continue
    return None


#: Of entries that no table stands behind.
WORDS = {
    "rows": gettext_lazy("rows"),
    "filter": gettext_lazy("filter"),
    "filters": gettext_lazy("filter"),
    "format": gettext_lazy("format"),
}


#: Of columns that no model of ours names: the links of many to many, and the second factor's.
COLUMNS = {
    "id": gettext_lazy("number"),
    "user": gettext_lazy("user"),
    "group": gettext_lazy("group of rights"),
    "permission": gettext_lazy("right"),
    "facility": gettext_lazy("facility"),
    "pairing": gettext_lazy("pairing"),
    "declaration": gettext_lazy("declaration"),
    "name": gettext_lazy("name"),
    "confirmed": gettext_lazy("confirmed"),
    "created_at": gettext_lazy("created at"),
    "key": gettext_lazy("key"),
}


def _label(model: type[Model] | None, column: str) -> str:
    """Return the column in words: the field's own name, or ours where Django only derived one."""
    field = _field(model, column)
    if field is None:
        return str(WORDS.get(column, column))
    named: Any = getattr(field, "verbose_name", column)
    if isinstance(named, Promise) and not getattr(field, "primary_key", False):
        return str(named)
    return str(COLUMNS.get(field.name, named))


def _value(model: type[Model] | None, column: str, value: Any, language: str | None) -> str:
    if value is None or value == "":
        return formats.MISSING
    if value is True:
        return _("yes")
    if value is False:
        return _("no")
    choices = dict(getattr(_field(model, column), "flatchoices", None) or ())
    if isinstance(value, str | int) and value in choices:
        return str(choices[value])
    if isinstance(value, str) and (moment := _moment(value)):
        return formats.local_dt(moment, language=language)
    if isinstance(value, (dict, list)):
        return str(value)[:500]
    return str(value)


LOOKS_KEPT = timedelta(days=90)


def get_looks(enterprise_id: int, *, now: datetime) -> "QuerySet[AuditEntry]":
    """Return who looked at an enterprise's data in the last 90 days (assumption), newest first."""
    return AuditEntry.objects.filter(
        enterprise_id=enterprise_id, action__endswith=".look", at__gte=now - LOOKS_KEPT
    )
