"""Tables in and out as Excel workbooks and CSV: nothing that comes in is trusted, nothing that goes
out can act.

Reading. A workbook is a zip of XML: before openpyxl sees it, entries, unpacked size, ratio and
document types are checked; then rows and columns are counted while they are read. A formula is kept
apart (``Formula``) and never worked out. A CSV is UTF-8, UTF-16 with a mark, or GB18030 as Chinese
Excel saves it; its delimiter is the one that parts its first line most often.

Writing. Text goes into a workbook as text and never as formula or link. In a CSV, which has no
types, a cell that a spreadsheet would take for a formula gets an apostrophe in front, and reading
takes it off again, so that what goes out comes back.
"""

import csv
import io
import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

import openpyxl
import xlsxwriter
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from openpyxl.cell.read_only import EMPTY_CELL
from openpyxl.utils import get_column_letter

from common.localtime import to_local

__all__ = ["Formula", "Row", "SheetRefused", "Table", "get_column_letter", "read_tables"]

MOST_ENTRIES = 300
MOST_UNPACKED = 300 * 1024 * 1024
MOST_RATIO = 250  # of an entry above a megabyte; repeated cells pack 20 to 60 times
MOST_SHEETS = 20
MOST_ROWS = 200_000  # of all sheets together
MOST_COLUMNS = 60
LONGEST_CELL = 2_000

#: What makes a spreadsheet take a cell for a formula; wide forms come from Chinese keyboards.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_APOSTROPHE = "'"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_DOCUMENT_TYPE = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


class SheetRefused(ValueError):
    """A file cannot be read as a table; the text says why and what to do."""


class Formula(str):
    """The text of a formula, as it stood in a cell."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the reader of the file counts it, from 1; cells are as wide as the table."""

    number: int
    cells: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet: its name (empty for CSV) and its rows that are not blank."""

    name: str
    rows: list[Row]


# --- reading --------------------------------------------------------------------------------


def read_tables(file: Path | IO[bytes]) -> list[Table]:
    """Return the sheets of a workbook, or the one table of a CSV, told apart by the content.

    Cells are text, numbers, dates, booleans, ``Formula`` or None. Raises ``SheetRefused``.
    """
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return read_tables(opened)
    file.seek(0)
    head = file.read(8)
    file.seek(0)
    if head.startswith(b"PK"):
        return _read_workbook(file)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise SheetRefused(
            _(
                "This workbook is of the old kind (.xls) or locked by a password. Please save it "
                "as .xlsx without a password."
            )
        )
    return [_read_csv(file.read())]


def _refuse_damaged() -> SheetRefused:
    return SheetRefused(_("The workbook is damaged. Please open it in Excel and save it anew."))


def check_archive(file: IO[bytes]) -> None:
    """Refuse a zip that would unpack to more than a table can be. Reads the directory alone,
    and the start of each XML part.
    """
    too_much = SheetRefused(
        _("The workbook would unpack to far more than a table holds, so it was not opened.")
    )
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_ENTRIES or sum(e.file_size for e in entries) > MOST_UNPACKED:
                raise too_much
            for entry in entries:
                if entry.flag_bits & 0x1:
                    raise SheetRefused(_("The workbook is locked. Please save it without a lock."))
                ratio = entry.file_size / max(entry.compress_size, 1)
                if entry.file_size > 1024 * 1024 and ratio > MOST_RATIO:
                    raise too_much
                if not entry.filename.lower().endswith((".xml", ".rels")):
                    continue
                with archive.open(entry) as part:
                    start = part.read(4096).replace(b"\0", b"")
                if _DOCUMENT_TYPE.search(start):
                    raise _refuse_damaged()
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
        raise _refuse_damaged() from error


def _read_workbook(file: IO[bytes]) -> list[Table]:
    check_archive(file)
    file.seek(0)
    try:
        book = openpyxl.load_workbook(file, read_only=True, keep_links=False)
    except Exception as error:  # a parser fed with foreign bytes raises anything
        raise _refuse_damaged() from error
    try:
        if len(book.worksheets) > MOST_SHEETS:
            text = _("The workbook has more than %(most)s sheets.")
            raise SheetRefused(text % {"most": MOST_SHEETS})
        tables: list[Table] = []
        left = MOST_ROWS
        for sheet in book.worksheets:
            if sheet.sheet_state != "visible":
                continue
            rows = list(_rows_of(sheet, left))
            left -= len(rows)
            tables.append(Table(sheet.title, rows))
        return tables
    except SheetRefused:
        raise
    except Exception as error:
        raise _refuse_damaged() from error
    finally:
        book.close()


def _too_many_rows() -> SheetRefused:
    return SheetRefused(
        _("The table has more than %(most)s rows. Please split it.") % {"most": MOST_ROWS}
    )


def _rows_of(sheet: Any, left: int) -> Iterator[Row]:
    sheet.reset_dimensions()  # what the file says of its size is only its word
    seen = 0
    for number, cells in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS), start=1):
        if number > MOST_ROWS + 1000:
            raise _too_many_rows()
        # Most cells of the width are empty: those stay as they are.
        values: list[object] = [None] * len(cells)
        is_blank = True
        for column, cell in enumerate(cells):
            if cell is EMPTY_CELL or cell.value is None:
                continue
            value = _plain(Formula(cell.value) if cell.data_type == "f" else cell.value)
            if value is not None:
                values[column], is_blank = value, False
        if is_blank:
            continue
        seen += 1
        if seen > left:
            raise _too_many_rows()
        yield Row(number, tuple(values))


def _plain(value: object) -> object:
    if isinstance(value, Formula):
        return Formula(value[:LONGEST_CELL])
    if isinstance(value, str):
        # Excel writes a carriage return like this (ECMA-376, 22.9.2.19, ST_Xstring).
        value = _CONTROL.sub("", value.replace("_x000D_", "\r"))[:LONGEST_CELL]
        return value if value.strip() else None
    return value


def _decode(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise SheetRefused(
        _("The file is neither an Excel workbook (.xlsx) nor a CSV in UTF-8 or GB18030.")
    )


def _read_csv(content: bytes) -> Table:
    text = _decode(content)
    if not text.strip():
        raise SheetRefused(_("The file is empty."))
    first = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    rows: list[Row] = []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        for cells in reader:
            values = tuple(_read_cell(cell) for cell in cells[:MOST_COLUMNS])
            if all(value is None for value in values):
                continue
            if len(rows) >= MOST_ROWS:
                raise _too_many_rows()
            rows.append(Row(reader.line_num, values))
    except csv.Error as error:
        raise SheetRefused(_("The CSV is damaged: a quotation mark is not closed.")) from error
    return Table("", rows)


def _read_cell(cell: str) -> object:
    if cell.startswith(_APOSTROPHE) and cell[1:].startswith((*FORMULA_STARTS, _APOSTROPHE)):
        return _plain(cell[1:])
    return _plain(Formula(cell) if cell.startswith(("=", "＝")) else cell)


# --- writing --------------------------------------------------------------------------------

Cells = Sequence[object]


def guard(text: str) -> str:
    """Return a text as a CSV cell that no spreadsheet takes for a formula."""
    if text.startswith((*FORMULA_STARTS, _APOSTROPHE)):
        return _APOSTROPHE + text
    return text


def _for_csv(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return "" if isinstance(value, float) and not math.isfinite(value) else repr(value)
    if isinstance(value, datetime):
        return (to_local(value) if value.tzinfo else value).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    return guard(_CONTROL.sub("", str(value)))


def write_csv(file: IO[bytes], headings: Cells, rows: Iterable[Cells]) -> int:
    """Write a CSV with a byte order mark, as Excel wants it; return the number of rows.

    Aware times are written on Shanghai's clock.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow([_for_csv(str(heading)) for heading in headings])
    count = 0
    for row in rows:
        writer.writerow([_for_csv(value) for value in row])
        count += 1
    text.flush()
    text.detach()
    return count


def write_workbook(file: IO[bytes], title: str, headings: Cells, rows: Iterable[Cells]) -> int:
    """Write a workbook of one sheet, row by row in constant memory; return the number of rows."""
    book = new_workbook(file)
    heading_style = book.add_format({"bold": True, "bg_color": "#E9F1FA", "border": 1})
    styles = {
        datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
        date: book.add_format({"num_format": "yyyy-mm-dd"}),
    }
    sheet = book.add_worksheet(clean_title(title))
    sheet.freeze_panes(1, 0)
    for column, heading in enumerate(headings):
        sheet.set_column(column, column, max(12, min(40, 2 * len(str(heading)) + 4)))
    for column, heading in enumerate(headings):
        sheet.write_string(0, column, str(heading), heading_style)
    count = 0
    for count, row in enumerate(rows, start=1):
        for column, value in enumerate(row):
            write_cell(sheet, count, column, value, styles)
    book.close()
    return count


def new_workbook(file: IO[bytes]) -> Any:
    """Return an XlsxWriter workbook that makes nothing of a text but text."""
    return xlsxwriter.Workbook(
        file,
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "nan_inf_to_errors": False,
        },
    )


def clean_title(title: str) -> str:
    """Return a title that Excel takes for a sheet's name."""
    return re.sub(r"[\[\]:*?/\\']", " ", title)[:31] or "1"


def write_cell(sheet: Any, row: int, column: int, value: object, styles: Any) -> None:
    """Write a value by its type; what is not a number or a date goes in as text."""
    if value is None or value == "" or (isinstance(value, float) and not math.isfinite(value)):
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int | float):
        sheet.write_number(row, column, value)
    elif isinstance(value, datetime):
        local = to_local(value).replace(tzinfo=None) if value.tzinfo else value
        sheet.write_datetime(row, column, local, styles[datetime])
    elif isinstance(value, date):
        sheet.write_datetime(
            row, column, datetime(value.year, value.month, value.day), styles[date]
        )
    else:
        text = value if isinstance(value, str | Promise) else str(value)
        sheet.write_string(row, column, _CONTROL.sub("", str(text))[:32_000])
