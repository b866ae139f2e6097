"""The empty book: headings with notes, an example row, drop-down lists, and a sheet of words."""

from typing import IO, Any

from django.utils.translation import gettext as _

from common.sheets import clean_title, new_workbook
from enterprises.importing.forms import INSTRUCTIONS, Column, Kind, SheetForm, list_labels
from meters.importing.book import FORMS

_LISTED_ROWS = 5000  # so far down the drop-down lists reach
#: Excel's limit for a list that stands in the rule itself.
_LONGEST_LIST = 255


def write_template(file: IO[bytes], *, language: str) -> None:
    """Write the template with headings in the language (``zh-hans`` or ``en``)."""
    book = new_workbook(file)
    styles = {
        "head": book.add_format({"bold": True, "bg_color": "#E9F1FA", "border": 1}),
        "required": book.add_format(
            {"bold": True, "bg_color": "#FDF4E6", "border": 1, "font_color": "#8A4B00"}
        ),
        "example": book.add_format({"italic": True, "font_color": "#5F6B7B"}),
        "wrap": book.add_format({"text_wrap": True, "valign": "top"}),
    }
    _write_instructions(book, styles, language)
    lists: dict[str, str] = {}
    choices = book.add_worksheet("lists")
    choices.hide()
    _write_lists(choices, lists, language)
    for form in FORMS:
        _write_form(book.add_worksheet(clean_title(form.get_title(language))), form, styles,
                    lists, language)  # fmt: skip
    book.close()


def _is_chinese(language: str) -> bool:
    return language.startswith("zh")


def get_labels_of(column: Column, language: str) -> list[str]:
    """Return what a column with a fixed choice takes, in the language; else nothing."""
    if column.kind is Kind.CHOICE and column.choices is not None:
        return list_labels(column.choices, language)
    if column.kind is Kind.FLAG:
        return ["是", "否"] if _is_chinese(language) else ["yes", "no"]
    return []


def _write_lists(sheet: Any, lists: dict[str, str], language: str) -> None:
    """Put the long lists onto a hidden sheet, one a row; the rules point there."""
    row = 0
    for form in FORMS:
        for column in form.columns:
            labels = get_labels_of(column, language)
            if len(",".join(labels)) <= _LONGEST_LIST - 50:
                continue
            for place, label in enumerate(labels):
                sheet.write_string(row, place, label)
            last = chr(ord("A") + len(labels) - 1)
            lists[f"{form.key}.{column.key}"] = f"=lists!$A${row + 1}:${last}${row + 1}"
            row += 1


def _write_form(
    sheet: Any, form: SheetForm, styles: dict[str, Any], lists: dict[str, str], language: str
) -> None:
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(form.columns):
        heading = form.get_heading(column.key, language)
        sheet.set_column(place, place, max(14, min(36, 2 * len(heading) + 6)))
    for place, column in enumerate(form.columns):
        heading = form.get_heading(column.key, language) + ("*" if column.required else "")
        sheet.write_string(0, place, heading, styles["required" if column.required else "head"])
        if words := get_note(column, language):
            sheet.write_comment(0, place, words, {"x_scale": 2})
        if labels := get_labels_of(column, language):
            source = lists.get(f"{form.key}.{column.key}", labels)
            sheet.data_validation(
                1, place, _LISTED_ROWS, place, {"validate": "list", "source": source}
            )
    for place, column in enumerate(form.columns):
        sheet.write_string(1, place, get_example(column, language), styles["example"])


def get_note(column: Column, language: str) -> str:
    """Return what a column's note says: whether it is needed, and of what kind it is."""
    note = column.note if _is_chinese(language) else column.note_english
    kinds = {
        Kind.DATE: "2026-11-23",
        Kind.RATIO: "400/5, 80",
        Kind.SHARE: "0.3, 30%",
    }
    words = [_("Required.") if column.required else "", note, kinds.get(column.kind, "")]
    if labels := get_labels_of(column, language):
        words.append("、".join(labels))
    return "\n".join(word for word in words if word)


def get_example(column: Column, language: str) -> str:
    """Return the example as it would be typed; choices by their label."""
    if column.example is None:
        return ""
    if column.kind is Kind.CHOICE and column.choices is not None:
        labels = list_labels(column.choices, language)
        return labels[[member.value for member in column.choices].index(column.example)]
    if column.kind is Kind.FLAG and not _is_chinese(language):
        return "yes" if column.example == "是" else "no"
    return str(column.example)


def _write_instructions(book: Any, styles: dict[str, Any], language: str) -> None:
    sheet = book.add_worksheet(INSTRUCTIONS[0 if _is_chinese(language) else 1])
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, 1, 26)
    sheet.set_column(2, 2, 10)
    sheet.set_column(3, 3, 80, styles["wrap"])
    lines = [
        _("Fill in only the sheets that you need; a file may hold a single one."),
        _("Columns with a star must be filled in. An empty cell leaves what is on file."),
        _("The grey example rows are not read; you may leave or delete them."),
        _(
            "Changed meters, ratios, devices, thresholds, grades and pairings become new records "
            "from “Valid from” on (empty: from now). What was before stays on file."
        ),
        _("Nothing is written before the whole file is without errors and you have said so."),
    ]
    for row, line in enumerate(lines):
        sheet.write_string(row, 0, line)
    row = len(lines) + 1
    for place, heading in enumerate([_("Sheet"), _("Column"), _("Required"), _("What it holds")]):
        sheet.write_string(row, place, heading, styles["head"])
    for form in FORMS:
        for column in form.columns:
            row += 1
            sheet.write_string(row, 0, form.get_title(language))
            sheet.write_string(row, 1, form.get_heading(column.key, language))
            sheet.write_string(row, 2, _("yes") if column.required else "")
            note = get_note(column, language).replace("\n", " · ")
            sheet.write_string(row, 3, note, styles["wrap"])
