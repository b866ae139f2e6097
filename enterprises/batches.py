"""Acts on many enterprises of the programme at once: require, give a day, assign, exempt.

Each act is one transaction and a handful of statements, however many it touches, and returns to
how many it applied; ``sort_for_batch`` says the same beforehand. Nothing here takes a debt away
silently: who stands in a batch keeps its day, an exemption ends only one by one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from common.localtime import local_date
from enterprises.models import (
    Enterprise,
    Installation,
    InstallationBatch,
    InstallationLog,
    InstallationStatus,
    Site,
)
from enterprises.programme import (
    BODY_CHARACTERS,
    OPEN_STATUSES,
    REASON_CHARACTERS,
    Event,
    MoveRefused,
    Note,
    due_change,
    target_of,
)
from tenancy.access import get_scope
from tenancy.models import OperatorCompany, SiteAssignment, User


@dataclass(frozen=True, slots=True)
class Sorted:
    """What putting enterprises into a batch does to each of them; keys of enterprises."""

    required: tuple[int, ...]  # NOT_REQUIRED until now
    joined: tuple[int, ...]  # on the way already, without a batch until now
    elsewhere: tuple[int, ...]  # in a batch already: they keep its day
    settled: tuple[int, ...]  # accepted, exempt or dismantled: nothing to do, or one by one

    @property
    def count(self) -> int:
        """To how many the act applies."""
        return len(self.required) + len(self.joined)


def sort_for_batch(enterprises: QuerySet[Enterprise]) -> Sorted:
    """Return what ``require_many`` would do. One query."""
    return _sorted(
        enterprises.order_by("pk").values_list(
            "pk", "installation_status", "installation__batch_id"
        )
    )


def _sorted(rows: Iterable[tuple[int, str, int | None]]) -> Sorted:
    found: dict[str, list[int]] = {"required": [], "joined": [], "elsewhere": [], "settled": []}
    for pk, status, batch in rows:
        if status == InstallationStatus.NOT_REQUIRED:
            found["required"].append(pk)
        elif status not in OPEN_STATUSES:
            found["settled"].append(pk)
        else:
            found["elsewhere" if batch else "joined"].append(pk)
    return Sorted(**{key: tuple(keys) for key, keys in found.items()})


@transaction.atomic
def require_many(
    batch: InstallationBatch,
    enterprises: QuerySet[Enterprise],
    *,
    actor: User | None,
    now: datetime,
    body: str = "",
) -> Sorted:
    """Put the enterprises into the batch: they must install by its day. Returns what was done.

    enterprises: as the actor may see them; those outside the batch's division are left alone.
    """
    wanted = enterprises.filter(county__path__startswith=batch.division.path)
    statuses = _lock(wanted)
    _ensure_rows(statuses)
    rows = {row.enterprise_id: row for row in Installation.objects.filter(enterprise__in=statuses)}
    done = _sorted((pk, status, rows[pk].batch_id) for pk, status in statuses.items())
    _write_moves(
        dict.fromkeys(done.required, InstallationStatus.NOT_REQUIRED.value),
        Event.REQUIRE,
        actor=actor,
        now=now,
        reason=_citation(batch),
        body=body,
    )
    members = Installation.objects.filter(enterprise__in=[*done.required, *done.joined])
    # Who had a day of its own without a batch keeps it.
    members.filter(due_on__isnull=True).update(due_on=batch.due_on)
    members.update(batch=batch)
    _log_notes(
        {pk: statuses[pk] for pk in done.joined},
        Note.DUE,
        actor=actor,
        now=now,
        reasons={
            pk: due_change(rows[pk].due_on, rows[pk].due_on or batch.due_on, _citation(batch))
            for pk in done.joined
        },
        body=body,
    )
    return done


def visible_batches(actor: User) -> QuerySet[InstallationBatch]:
    """Return the batches of the actor's divisions and those of enterprises that the actor sees."""
    scope = get_scope(actor)
    if scope.everything:
        return InstallationBatch.objects.all()
    condition = Q(pk__in=Installation.objects.within(scope).order_by().values("batch"))
    for path in scope.division_paths:
        condition |= Q(division__path__startswith=path)
    return InstallationBatch.objects.filter(condition)


def _citation(batch: InstallationBatch) -> str:
    return " ".join(filter(None, [batch.name, batch.document_number]))


@transaction.atomic
def move_many(
    enterprises: QuerySet[Enterprise],
    event: Event,
    *,
    actor: User | None,
    now: datetime,
    reason: str = "",
    body: str = "",
) -> int:
    """Make the move (RELEASE or EXEMPT) where the table has it; return for how many.

    Raises ``MoveRefused`` without a reason.
    """
    if event not in (Event.RELEASE, Event.EXEMPT):
        raise ValueError(f"{event} is made one by one")
    reason = _reason(reason)
    movable = {pk: status for pk, status in _lock(enterprises).items() if target_of(status, event)}
    _ensure_rows(movable)
    if event is Event.RELEASE:
        dated = Installation.objects.filter(enterprise__in=movable, due_on__isnull=False)
        before = dict(dated.values_list("enterprise", "due_on"))
        _log_notes(
            {pk: movable[pk] for pk in before},
            Note.DUE,
            actor=actor,
            now=now,
            reasons={pk: due_change(old, None, reason) for pk, old in before.items()},
            body=body,
        )
        Installation.objects.filter(enterprise__in=movable).update(
            batch=None, due_on=None, extension_reason=""
        )
    _write_moves(movable, event, actor=actor, now=now, reason=reason, body=body)
    return len(movable)


@transaction.atomic
def extend_due(
    enterprises: QuerySet[Enterprise],
    due_on: date,
    *,
    reason: str,
    actor: User | None,
    now: datetime,
    body: str = "",
) -> int:
    """Give the enterprises whose duty is open another due day; return how many had another.

    Raises ``MoveRefused`` without a reason and for a day that has passed in Asia/Shanghai.
    """
    reason = _reason(reason)
    if due_on < local_date(now):
        raise MoveRefused(_("The new due date has passed already; choose a day to come."))
    statuses = {pk: s for pk, s in _lock(enterprises).items() if s in OPEN_STATUSES}
    _ensure_rows(statuses)
    before = dict(
        Installation.objects.filter(enterprise__in=statuses)
        .exclude(due_on=due_on)
        .values_list("enterprise", "due_on")
    )
    Installation.objects.filter(enterprise__in=before).update(
        due_on=due_on, extension_reason=reason[:200]
    )
    _log_notes(
        {pk: statuses[pk] for pk in before},
        Note.DUE,
        actor=actor,
        now=now,
        reasons={pk: due_change(old, due_on, reason) for pk, old in before.items()},
        body=body,
    )
    return len(before)


@transaction.atomic
def assign_company(
    enterprises: QuerySet[Enterprise],
    company: OperatorCompany,
    *,
    actor: User | None,
    now: datetime,
    body: str = "",
) -> int:
    """Let the company install and look after every site of the enterprises; return how many.

    From now on its people see these sites; those of the company that had the task before no
    longer do. Other assignments of the sites stay.
    """
    statuses = _lock(enterprises)
    _ensure_rows(statuses)
    changed = Installation.objects.filter(enterprise__in=statuses).exclude(company=company)
    former = dict(changed.values_list("enterprise", "company"))
    sites = dict(Site.objects.filter(enterprise__in=former).values_list("pk", "enterprise"))
    _end_assignments(
        {(site, former[enterprise]) for site, enterprise in sites.items() if former[enterprise]},
        now,
    )
    standing = set(
        SiteAssignment.objects.filter(company=company, site__in=sites)
        .filter(Q(ends_at__isnull=True) | Q(ends_at__gt=now))
        .values_list("site", flat=True)
    )
    SiteAssignment.objects.bulk_create(
        SiteAssignment(company=company, site_id=site, starts_at=now)
        for site in sorted(sites)
        if site not in standing
    )
    Installation.objects.filter(enterprise__in=former).update(company=company)
    _log_notes(
        {pk: statuses[pk] for pk in former},
        Note.ASSIGN,
        actor=actor,
        now=now,
        reasons=dict.fromkeys(former, company.name),
        body=body,
    )
    return len(former)


def _end_assignments(pairs: set[tuple[int, int | None]], now: datetime) -> None:
    if not pairs:
        return
    rows = SiteAssignment.objects.filter(site__in={site for site, _company in pairs}).filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=now)
    )
    ending = [row for row in rows if (row.site_id, row.company_id) in pairs]
    keys = [row.pk for row in ending]
    # One that would begin only now or later never came to be.
    SiteAssignment.objects.filter(pk__in=keys, starts_at__gte=now).delete()
    SiteAssignment.objects.filter(pk__in=keys).update(ends_at=now)


def _reason(reason: str) -> str:
    reason = reason.strip()[:REASON_CHARACTERS]
    if not reason:
        raise MoveRefused(_("Say why: this step needs a reason. Nothing was recorded."))
    return reason


def _lock(enterprises: QuerySet[Enterprise]) -> dict[int, str]:
    """Lock the enterprises in the order of their keys; return their statuses."""
    keys = enterprises.order_by().values("pk")
    return dict(
        Enterprise.objects.filter(pk__in=keys)
        .select_for_update(of=("self",))
        .order_by("pk")
        .values_list("pk", "installation_status")
    )


def _ensure_rows(enterprises: Iterable[int]) -> None:
    Installation.objects.bulk_create(
        (Installation(enterprise_id=pk) for pk in enterprises), ignore_conflicts=True
    )


def _write_moves(
    statuses: dict[int, str],
    event: Event,
    *,
    actor: User | None,
    now: datetime,
    reason: str,
    body: str,
) -> None:
    """Move enterprises that are locked and whose moves stand in the table."""
    by_target: dict[InstallationStatus, list[int]] = {}
    for pk, status in statuses.items():
        target = target_of(status, event)
        if target is None:
            raise ValueError(f"{event} from {status}")
        by_target.setdefault(target, []).append(pk)
    for target, keys in by_target.items():
        Enterprise.objects.filter(pk__in=keys).update(installation_status=target)
    InstallationLog.objects.bulk_create(
        InstallationLog(
            enterprise_id=pk,
            from_status=statuses[pk],
            to_status=target,
            event=event,
            at=now,
            actor=actor,
            body=body[:BODY_CHARACTERS],
            reason=reason[:REASON_CHARACTERS],
        )
        for target, keys in by_target.items()
        for pk in keys
    )


def _log_notes(
    statuses: dict[int, str],
    note: Note,
    *,
    actor: User | None,
    now: datetime,
    reasons: dict[int, str],
    body: str,
) -> None:
    InstallationLog.objects.bulk_create(
        InstallationLog(
            enterprise_id=pk,
            from_status=status,
            to_status=status,
            event=note,
            at=now,
            actor=actor,
            body=body[:BODY_CHARACTERS],
            reason=reasons[pk][:REASON_CHARACTERS],
        )
        for pk, status in statuses.items()
    )
