"""Lists as files: the same rows as on the page, in a workbook or a CSV that cannot act.

The file is written whole within the request, whose transaction sees what the person may see (an
answer that streams from the database would run after it), and noted in the audit log.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from django.http import FileResponse, HttpRequest
from django.utils import timezone
from django.utils.functional import Promise

from common.localtime import to_local
from common.sheets import write_csv, write_workbook
from tenancy import audit
from tenancy.access import Permission, require
from tenancy.eyes import person

Format = Literal["xlsx", "csv"]
CONTENT_TYPES: dict[Format, str] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
_IN_MEMORY = 5 * 1024 * 1024


class ExportColumn(NamedTuple):
    """A column of the file: its heading, and what it shows of a row."""

    heading: str | Promise
    value: Callable[[Any], object]


def export(
    request: HttpRequest,
    kind: Format,
    *,
    name: str,
    title: str,
    columns: Sequence[ExportColumn],
    rows: Iterable[Any],
) -> FileResponse:
    """Answer the rows as a file; 403 without the right to export.

    ``rows`` are already within what the person may see. ``name`` goes into the audit log with the
    number of rows and the filters, ``title`` into the sheet and the file's name.
    """
    actor = person(request)
    require(actor, Permission.EXPORT)
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  the response closes it
    headings = [str(column.heading) for column in columns]
    cells = ([column.value(row) for column in columns] for row in rows)
    if kind == "csv":
        count = write_csv(file, headings, cells)
    else:
        count = write_workbook(file, title, headings, cells)
    file.seek(0)
    audit.record(
        "list.export",
        actor=actor,
        object_type=name,
        object_label=title,
        new={"rows": count, "format": kind, "filters": request.GET.urlencode()},
        request=request,
    )
    stamp = to_local(timezone.now()).strftime("%Y%m%d-%H%M")
    response = FileResponse(
        file,
        as_attachment=True,
        filename=f"{title}-{stamp}.{kind}",
        content_type=CONTENT_TYPES[kind],
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response
