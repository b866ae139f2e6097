"""Sheets as people fill them in: columns, values, and every error by row and column.

A sheet is found by its name and a column by its heading, both in Chinese or English. A blank cell
says nothing: what stands stays as it is, and what is new gets its default.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from django.db.models import Choices
from django.utils import translation
from django.utils.translation import gettext as _

from common.sheets import Formula, Row, Table, get_column_letter

LANGUAGES = ("zh-hans", "en")


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    NUMBER = "number"
    COUNT = "count"  # whole, not negative
    RATIO = "ratio"  # 80 or 400/5
    SHARE = "share"  # 0.3 or 30%
    DATE = "date"
    CHOICE = "choice"
    FLAG = "flag"
    LIST = "list"  # several texts in one cell


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a sheet. ``heading`` and ``english`` are both understood, whatever the page's
    language; ``check`` raises ValidationError or ValueError with a sentence.
    """

    key: str
    heading: str
    english: str
    kind: Kind = Kind.TEXT
    required: bool = False  # in every row, of what is new and what stands
    longest: int = 0
    choices: type[Choices] | None = None
    least: float | None = None
    most: float | None = None
    upper: bool = False
    check: Callable[[str], None] | None = None
    example: object = None
    note: str = ""
    note_english: str = ""


@dataclass(frozen=True, slots=True)
class SheetForm:
    """A sheet of the book and its columns."""

    key: str
    title: str
    english: str
    columns: tuple[Column, ...]

    def get_title(self, language: str) -> str:
        return self.title if language.startswith("zh") else self.english

    def get_heading(self, key: str, language: str) -> str:
        column = next(column for column in self.columns if column.key == key)
        return column.heading if language.startswith("zh") else column.english


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one cell, or with a row or sheet where column or row are empty."""

    sheet: str
    row: int | None
    column: str  # its letter and heading: "C 区县"
    value: str
    text: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "sheet": self.sheet,
            "row": self.row,
            "column": self.column,
            "value": self.value,
            "problem": self.text,
        }


@dataclass(slots=True)
class Record:
    """A row of a sheet as values; a key that was not filled in is not there."""

    form: SheetForm
    number: int
    values: dict[str, Any]
    letters: dict[str, str]  # key -> column letter, shared by the sheet's rows
    title: str
    is_faulty: bool = False
    refused: dict[str, str] = field(default_factory=dict)  # key -> text of a cell that is wrong

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def given(self, *keys: str) -> dict[str, Any]:
        """Return those of the keys that were filled in."""
        return {key: self.values[key] for key in keys if key in self.values}


@dataclass(slots=True)
class Report:
    """All problems found so far."""

    problems: list[Problem] = field(default_factory=list)

    def add(self, record: Record, key: str, text: object, *, value: object = None) -> None:
        """Note a problem of a row's cell (``key`` empty: of the row)."""
        record.is_faulty = True
        shown = record.get(key) if value is None and key else value
        column = ""
        if key:
            heading = record.form.get_heading(key, translation.get_language() or "zh-hans")
            column = f"{record.letters.get(key, '')} {heading}".strip()
        self.problems.append(
            Problem(record.title, record.number, column, show(shown)[:120], str(text))
        )

    def add_sheet(
        self, title: str, text: object, *, row: int | None = None, value: str = ""
    ) -> None:
        self.problems.append(Problem(title, row, "", value[:120], str(text)))


def show(value: object) -> str:
    """Return a value as it stood in its cell, near enough to find it."""
    if value is None:
        return ""
    if isinstance(value, list | tuple | set | frozenset):
        return "、".join(str(item) for item in value)
    if isinstance(value, Choices):
        return str(value.label)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


# --- values ---------------------------------------------------------------------------------

_LIST_MARKS = re.compile(r"[、,，;；\n]+")
_YES = {"是", "有", "yes", "y", "true", "1", "√", "✓"}
_NO = {"否", "无", "no", "n", "false", "0", "×"}
_DATE = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:\s+00:00(?::00)?)?"
)


def as_text(value: object) -> str:
    """Return a cell as text; a number loses the ``.0`` that a spreadsheet gave it."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime) and value.time() == value.time().min:
        return value.date().isoformat()
    return str(value).strip()


def read_value(column: Column, cell: object) -> Any:
    """Return a cell's value by its column's kind. Raises ValueError with a sentence."""
    if isinstance(cell, Formula):
        raise ValueError(_("The cell holds a formula. Paste its value in its place."))
    text = as_text(cell)
    if column.kind is Kind.TEXT:
        return _read_text(column, text)
    if column.kind is Kind.LIST:
        items = [item.strip() for item in _LIST_MARKS.split(text) if item.strip()]
        return list(dict.fromkeys(items))
    if column.kind is Kind.FLAG:
        if text.lower() in _YES | _NO:
            return text.lower() in _YES
        raise ValueError(_("Please write 是 or 否 (yes or no)."))
    if column.kind is Kind.CHOICE:
        return _read_choice(column, text)
    if column.kind is Kind.DATE:
        return _read_date(cell, text)
    return _read_number(column, text)


def _read_text(column: Column, text: str) -> str:
    text = re.sub(r"\s+", " ", text)
    if column.upper:
        text = text.upper()
    if column.longest and len(text) > column.longest:
        raise ValueError(
            _("Too long: at most %(most)s characters, this has %(count)s.")
            % {"most": column.longest, "count": len(text)}
        )
    if column.check is not None:
        column.check(text)
    return text


def _read_date(cell: object, text: str) -> date:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    found = _DATE.fullmatch(text) or re.fullmatch(r"(\d{4})(\d\d)(\d\d)", text)
    try:
        if found:
            return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        pass
    raise ValueError(_("This is no date. Please write it like 2026-11-23."))


def _read_number(column: Column, text: str) -> float | int:
    words = text.replace(",", "").replace("，", "").replace(" ", "")
    scale = 1.0
    if column.kind is Kind.SHARE and words.endswith(("%", "％")):
        words, scale = words[:-1], 0.01
    try:
        if column.kind is Kind.RATIO and (found := re.fullmatch(r"([\d.]+)[/:：]([\d.]+)", words)):
            value = float(found[1]) / float(found[2])
        else:
            value = float(words) * scale
        if not abs(value) < 1e12:
            raise ValueError
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(_("This is no number.")) from error
    if column.kind is Kind.COUNT and not (value.is_integer() and value >= 0):
        raise ValueError(_("Please write a whole number."))
    if (column.least is not None and value < column.least) or (
        column.most is not None and value > column.most
    ):
        if column.most is None:
            raise ValueError(_("At least %(least)s.") % {"least": show(column.least)})
        raise ValueError(
            _("Please write a number from %(least)s to %(most)s.")
            % {"least": show(column.least), "most": show(column.most)}
        )
    return int(value) if column.kind is Kind.COUNT else round(value, 9)


@lru_cache(maxsize=64)
def get_labels(choices: type[Choices]) -> dict[str, Any]:
    """Return every word by which a choice may be written: its code, its label in each language."""
    words: dict[str, Any] = {}
    for member in choices:
        words[str(member.value).lower()] = member
        for language in LANGUAGES:
            with translation.override(language):
                words[str(member.label).lower()] = member
    return words


def list_labels(choices: type[Choices], language: str) -> list[str]:
    """Return the choices' labels in a language, for a drop-down list."""
    with translation.override(language):
        return [str(member.label) for member in choices]


def _read_choice(column: Column, text: str) -> Any:
    assert column.choices is not None  # noqa: S101  a mistake in the book
    found = get_labels(column.choices).get(text.lower())
    if found is None:
        labels = list_labels(column.choices, translation.get_language() or "zh-hans")
        raise ValueError(_("Please choose one of: %(labels)s.") % {"labels": "、".join(labels)})
    return found


# --- sheets ---------------------------------------------------------------------------------

#: The sheet that the template brings along to explain itself.
INSTRUCTIONS = ("填写说明", "Instructions")
_EXAMPLE = re.compile(r"^(示例|例[:：]|example\b)", re.IGNORECASE)


def _normal(words: object) -> str:
    """Return a heading or sheet name so that marks and widths do not matter."""
    text = str(words or "").strip().lower().replace("（", "(").replace("）", ")")
    return re.sub(r"[\s*＊]+", "", text)


def read_book(
    tables: Sequence[Table], forms: Sequence[SheetForm], report: Report
) -> dict[str, list[Record]]:
    """Return the records of each sheet by the sheet's key, in the order of the rows.

    What is wrong goes into the report: cells, headings, sheets that nobody knows.
    """
    records: dict[str, list[Record]] = {form.key: [] for form in forms}
    names = {_normal(name): form for form in forms for name in (form.title, form.english)}
    known = 0
    for table in tables:
        if not table.rows or _normal(table.name) in map(_normal, INSTRUCTIONS):
            continue
        form = names.get(_normal(table.name)) if table.name else _guess(table, forms)
        if form is None and len(tables) == 1:
            form = _guess(table, forms)
        if form is None:
            report.add_sheet(
                table.name,
                _("This sheet is none of the book's: %(names)s.")
                % {"names": "、".join(form.title for form in forms)},
            )
            continue
        known += 1
        records[form.key] += read_sheet(table, form, report)
    if not known and not report.problems:
        report.add_sheet("", _("The file holds no sheet of the book. Please use the template."))
    return records


def _headings(form: SheetForm) -> dict[str, Column]:
    return {
        _normal(words): column
        for column in form.columns
        for words in (column.heading, column.english)
    }


def _guess(table: Table, forms: Iterable[SheetForm]) -> SheetForm | None:
    """Return the sheet whose headings the first row has most of; a CSV has no name."""
    first = {_normal(cell) for cell in table.rows[0].cells if cell is not None}
    best = max(forms, key=lambda form: len(first & _headings(form).keys()))
    return best if len(first & _headings(best).keys()) >= 2 else None


def read_sheet(table: Table, form: SheetForm, report: Report) -> list[Record]:
    """Return the rows of a table as records; the first row holds the headings."""
    head, *rows = table.rows
    title = table.name or form.title
    by_name = _headings(form)
    columns: list[tuple[int, Column]] = []
    letters: dict[str, str] = {}
    for index, cell in enumerate(head.cells):
        if cell is None:
            continue
        column, letter = by_name.get(_normal(cell)), get_column_letter(index + 1)
        if column is None:
            text = _("Column %(letter)s: no column of this sheet has this heading.")
            report.add_sheet(title, text % {"letter": letter}, row=head.number, value=str(cell))
        elif column.key in letters:
            text = _("Column %(letter)s: this heading stands twice.")
            report.add_sheet(title, text % {"letter": letter}, row=head.number, value=str(cell))
        else:
            letters[column.key] = letter
            columns.append((index, column))
    missing = [c.heading for c in form.columns if c.required and c.key not in letters]
    if missing:
        text = _("These columns are missing: %(columns)s.") % {"columns": "、".join(missing)}
        report.add_sheet(title, text, row=head.number)
        return []
    known: dict[tuple[int, str], Any] = {}
    return [
        _read_row(row, form, columns, letters, title, report, known)
        for row in rows
        if not _is_example(row)
    ]


def _is_example(row: Row) -> bool:
    first = next((cell for cell in row.cells if cell is not None), None)
    return isinstance(first, str) and bool(_EXAMPLE.match(first.strip()))


def _read_row(
    row: Row,
    form: SheetForm,
    columns: Sequence[tuple[int, Column]],
    letters: dict[str, str],
    title: str,
    report: Report,
    known: dict[tuple[int, str], Any],
) -> Record:
    """Return a row as values. ``known``: texts that were read before, as most of a column's are."""
    record = Record(form, row.number, {}, letters, title)
    width = len(row.cells)
    for index, column in columns:
        cell = row.cells[index] if index < width else None
        if cell is None:
            if column.required:
                report.add(record, column.key, _("This must be filled in."))
            continue
        if type(cell) is str and (index, cell) in known:  # not a Formula
            record.values[column.key] = known[index, cell]
            continue
        try:
            value = read_value(column, cell)
        except Exception as error:
            record.refused[column.key] = as_text(cell)
            report.add(record, column.key, _sentence(error), value=as_text(cell))
            continue
        if value not in ("", []):
            record.values[column.key] = value
            if type(cell) is str and not isinstance(value, list):  # which its owner may change
                known[index, cell] = value
        elif column.required:
            report.add(record, column.key, _("This must be filled in."))
    return record


def _sentence(error: Exception) -> str:
    messages = getattr(error, "messages", None)  # of a ValidationError
    return " ".join(messages) if messages else str(error)
