"""The whole book as a job: handed in, checked, written, with progress that others can see.

A job is a row (``ImportJob``) and a file in the store. The worker checks it; when it is clean its
owner asks for the writing, which checks once more and writes everything in one transaction. One
import runs at a time, so that alerts keep a worker's process for themselves. The broker only rings:
jobs that were asked for and not done are asked for again by ``resume``.
"""

import hashlib
import io
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from celery import current_app
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from common import filestore
from common.sheets import SheetRefused, read_tables, write_csv
from enterprises.importing.forms import Problem, Record, Report, read_book
from enterprises.importing.nodes import Context, Progress, Taken
from enterprises.importing.plan import FilePlan
from enterprises.models import Enterprise, ImportJob, ImportStatus
from meters.importing.book import FORMS
from meters.importing.plan import DevicePlan, get_references
from meters.models import Collector
from tenancy import audit, walls
from tenancy.access import Permission, get_authority, has_permission
from tenancy.models import Division, User

logger = logging.getLogger(__name__)

FOLDER = "imports"
TASK, QUEUE = "meters.run_import", "report"
SHOWN_PROBLEMS = 200
_LOCK = 4172
_TELL_EVERY_S = 0.5
#: Statuses in which a job waits for the worker or is under its hands.
UNDER_WAY = (ImportStatus.QUEUED, ImportStatus.CHECKING, ImportStatus.WRITING)


@dataclass(slots=True)
class Outcome:
    """What came of checking or writing a book."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    rows: int = 0


# --- the book -------------------------------------------------------------------------------


def run_book(
    file: Path | io.BytesIO,
    *,
    actor: User,
    now: datetime,
    write: bool,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """Check a book, and write it if asked and without a problem.

    All problems are collected; with one of them nothing is written. ``progress`` hears of rows done
    and rows in all. Raises ``SheetRefused`` for a file that cannot be read, ``PermissionDenied``
    where the actor may not import (any more), and IntegrityError where somebody wrote the same
    things at the same moment.
    """
    report = Report()
    records = read_book(read_tables(file), FORMS, report)
    rows = sum(len(of_sheet) for of_sheet in records.values())
    total, done = rows * (2 if write else 1), 0

    def tell(count: int) -> None:
        nonlocal done
        done = min(total, done + count)
        progress(done, total)

    tell(0)
    taken = _get_taken(records)  # asked outside the importer's walls
    with walls.acting_for(actor), transaction.atomic():
        if not has_permission(actor, Permission.IMPORT):
            raise PermissionDenied
        context = Context(actor, now, report, taken)
        file_plan = FilePlan(context, records, references=get_references(context, records))
        file_plan.resolve(tell)
        device_plan = DevicePlan(context, records, file_plan)
        device_plan.resolve(tell)
        if write and not report.problems:
            tell(rows - done)
            _write(file_plan, device_plan, tell, rows)
    report.problems.sort(key=lambda problem: (_order(problem.sheet), problem.row or 0))
    return Outcome(context.counts, report.problems, rows)


def _write(file_plan: FilePlan, device_plan: DevicePlan, tell: Progress, steps: int) -> None:
    """Write both plans; of ``steps`` those are told that the rows written so far amount to.

    A row of a sheet becomes one to four rows of tables, so the sheets' rows would run ahead.
    """
    to_write = max(1, file_plan.count_rows() + device_plan.count_rows())
    written, told = 0, 0

    def tell_share(rows: int) -> None:
        nonlocal written, told
        written += rows
        reached = steps * written // to_write
        tell(reached - told)
        told = reached

    file_plan.write(tell_share)
    device_plan.write(tell_share)


def _order(sheet: str) -> int:
    titles = [title for form in FORMS for title in (form.title, form.english)]
    return titles.index(sheet) if sheet in titles else len(titles)


def _get_taken(records: dict[str, list[Record]]) -> Taken:
    """Return which of the book's keys are in use anywhere, the importer's own area included.

    Only that they are in use is told, as the unique keys of the tables would tell it anyway.
    """

    def given(sheet: str, key: str) -> set[Any]:
        return {record.values[key] for record in records[sheet] if record.get(key)}

    credit_codes = given("enterprises", "credit_code")
    codes = given("enterprises", "code") | credit_codes
    mns = given("collectors", "mn")
    every = Enterprise.objects.order_by()
    return Taken(
        frozenset(every.filter(credit_code__in=credit_codes).values_list("credit_code", flat=True)),
        frozenset(every.filter(code__in=codes).values_list("code", flat=True)),
        frozenset(Collector.objects.filter(mn__in=mns).values_list("mn", flat=True)),
    )


# --- the job --------------------------------------------------------------------------------


def hand_in(file: UploadedFile, *, actor: User, now: datetime) -> ImportJob:
    """Keep a file and ask for it to be checked. Raises ``SheetRefused`` for an empty one."""
    if not file.size:
        raise SheetRefused(_("The file is empty."))
    content = file.read()
    path = filestore.make_path(FOLDER)
    filestore.write(path, content)
    with transaction.atomic():
        job = ImportJob.objects.create(
            user=actor,
            division=_get_division(actor),
            file_name=(file.name or "")[-150:],
            path=path,
            sha256=hashlib.sha256(content).hexdigest(),
            created_at=now,
        )
        _ask(job)
    return job


def _get_division(actor: User) -> Division | None:
    holdings = get_authority(actor).holdings_with(Permission.IMPORT)
    paths = [holding.division_path for holding in holdings if holding.division_path]
    return Division.objects.filter(path=paths[0]).first() if paths else None


def ask_to_write(job: ImportJob) -> bool:
    """Ask for a clean job to be written; False where it is not clean, or was asked for before."""
    with transaction.atomic():
        clean = ImportJob.objects.filter(pk=job.pk, status=ImportStatus.CHECKED)
        if not clean.update(status=ImportStatus.WRITING, rows_done=0, finished_at=None):
            return False
        _ask(job)
    return True


def _ask(job: ImportJob) -> None:
    pk = job.pk
    transaction.on_commit(lambda: _ring(pk), robust=True)


def _ring(pk: int) -> None:
    current_app.send_task(TASK, kwargs={"job_id": pk}, queue=QUEUE, ignore_result=True, retry=False)


def resume() -> int:
    """Ask again for jobs that wait while no import runs; return how many."""
    waiting = list(ImportJob.objects.filter(status__in=UNDER_WAY).values_list("pk", flat=True))
    if not waiting:
        return 0
    with one_at_a_time() as is_free:
        if not is_free:
            return 0
    for pk in waiting:
        _ring(pk)
    return len(waiting)


@contextmanager
def one_at_a_time() -> Iterator[bool]:
    """Hold the importer's lock; False where another import runs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, 0)", [_LOCK])
        is_free = bool(cursor.fetchone()[0])
    try:
        yield is_free
    finally:
        if is_free:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, 0)", [_LOCK])


def run(job_id: int, *, now: datetime, clock: Callable[[], datetime]) -> ImportStatus | None:
    """Check or write a job, as its status asks; None where there is nothing to do.

    May run twice: a job that is done is left alone, and a write that broke off left nothing.
    """
    job = ImportJob.objects.select_related("user").filter(pk=job_id, status__in=UNDER_WAY).first()
    if job is None:
        return None
    write = job.status == ImportStatus.WRITING
    if not write:
        ImportJob.objects.filter(pk=job.pk).update(status=ImportStatus.CHECKING)
    actor = User.objects.get(pk=job.user_id)  # who they are now, not when they handed it in
    with translation.override(actor.language), _progress_of(job) as progress:
        try:
            outcome = run_book(
                filestore.resolve(job.path), actor=actor, now=now, write=write, progress=progress
            )
        except SheetRefused as refusal:
            outcome = Outcome(problems=[Problem("", None, "", "", str(refusal))])
        except PermissionDenied:
            text = _("Your account may not import any more.")
            outcome = Outcome(problems=[Problem("", None, "", "", text)])
        except IntegrityError:
            logger.exception("import.collided", extra={"job": job.pk})
            text = _("Somebody changed the same records meanwhile. Please check the file again.")
            outcome = Outcome(problems=[Problem("", None, "", "", text)])
        except Exception:
            logger.exception("import.failed", extra={"job": job.pk})
            _finish(job, ImportStatus.FAILED, Outcome(), at=clock())
            return ImportStatus.FAILED
    if outcome.problems:
        status = ImportStatus.FAULTY
    else:
        status = ImportStatus.DONE if write else ImportStatus.CHECKED
    _finish(job, status, outcome, at=clock())
    return status


def _finish(job: ImportJob, status: ImportStatus, outcome: Outcome, *, at: datetime) -> None:
    if outcome.problems:
        _write_problems(job, outcome.problems)
    with transaction.atomic():
        rows = outcome.rows * (2 if status == ImportStatus.DONE else 1)
        ImportJob.objects.filter(pk=job.pk).update(
            status=status,
            counts=outcome.counts,
            errors=[problem.as_dict() for problem in outcome.problems[:SHOWN_PROBLEMS]],
            error_count=len(outcome.problems),
            rows_total=rows,
            rows_done=rows,
            finished_at=at,
        )
        if status == ImportStatus.DONE:
            audit.record(
                "import.write",
                actor=job.user,
                object_type=ImportJob._meta.db_table,
                object_id=job.pk,
                object_label=job.file_name,
                new={"counts": outcome.counts, "sha256": job.sha256},
            )


def get_problems_path(job: ImportJob) -> Path:
    """Return where the list of all problems lies."""
    return filestore.resolve(f"{job.path}.errors")


def _write_problems(job: ImportJob, problems: list[Problem]) -> None:
    out = io.BytesIO()
    headings = [_("Sheet"), _("Row"), _("Column"), _("Value"), _("Problem")]
    rows = ([one.sheet, one.row, one.column, one.value, one.text] for one in problems)
    write_csv(out, headings, rows)
    filestore.write(f"{job.path}.errors", out.getvalue())


@contextmanager
def _progress_of(job: ImportJob) -> Iterator[Callable[[int, int], None]]:
    """Give a function that stores how far the job is, on a connection of its own.

    The writing is one long transaction, and what it says of itself nobody could see. Inside a
    transaction of the caller the row may be his own; then nothing is stored.
    """
    if connection.in_atomic_block:
        yield lambda done, total: None
        return
    beside = connection.copy()
    told_at = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal told_at
        if done and time.monotonic() - told_at < _TELL_EVERY_S:
            return
        told_at = time.monotonic()
        with beside.cursor() as cursor:
            cursor.execute(
                "UPDATE enterprises_importjob SET rows_done = %s, rows_total = %s WHERE id = %s",
                [done, total, job.pk],
            )

    try:
        yield tell
    finally:
        beside.close()
