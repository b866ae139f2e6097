"""Books as people fill them in."""

import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import openpyxl

from enterprises.credit_code import get_check_character
from meters.importing.book import FORMS

_FORMS = {form.key: form for form in FORMS}
Sheets = Mapping[str, Sequence[Mapping[str, Any]]]


def credit_code(number: int) -> str:
    first = f"91141023MA{number:07d}"
    return first + get_check_character(first)


def workbook(sheets: Sheets, *, language: str = "zh-hans") -> io.BytesIO:
    """Return a workbook with the rows, by the keys of sheets and columns."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for key, rows in sheets.items():
        form = _FORMS[key]
        sheet = book.create_sheet(form.get_title(language))
        keys = [column.key for column in form.columns if any(column.key in row for row in rows)]
        sheet.append([form.get_heading(name, language) for name in keys])
        for row in rows:
            sheet.append([row.get(name) for name in keys])
    out = io.BytesIO()
    book.save(out)
    out.seek(0)
    return out


ONE = credit_code(1)


def foundry(code: str = ONE, county: str = "襄汾县") -> dict[str, list[dict[str, Any]]]:
    """Return the book of one enterprise with everything."""
    return {
        "enterprises": [
            {
                "credit_code": code,
                "name": "襄汾县新星铸造有限公司（示例）",
                "county": county,
                "industry": "铸造",
                "industry_code": "C3391",
                "is_key": "是",
                "contact_name": "李工",
                "contact_phone": 13900000001,
            }
        ],
        "lines": [{"enterprise": code, "name": "熔炼线", "grade": "B", "since": date(2026, 1, 1)}],
        "facilities": [
            {
                "enterprise": code,
                "line": "熔炼线",
                "code": "F01",
                "name": "1号中频炉",
                "kind": "产污设施",
                "load_class": "FURNACE",
                "rated_kw": "1,250",
                "off_below_kw": 25,
                "on_from_kw": 500,
                "since": "2026-01-01",
            },
            {"enterprise": code, "code": "F11", "name": "除尘风机", "kind": "CONTROL",
             "rated_kw": 132},
        ],
        "pairings": [
            {"enterprise": code, "stage": "除尘", "productions": "F01", "controls": "F11",
             "min_ratio": "30%", "since": "2026年1月1日"},
        ],
        "collectors": [
            {"mn": "141023000000001", "enterprise": code, "expected_interval_s": 60,
             "vendor": "某某仪表", "serial": "SN1", "since": "2026/1/1"},
        ],
        "points": [
            {"mn": "141023000000001", "circuit": "01", "facility": "F01", "serial": "DB1",
             "ct_ratio": "400/5", "since": "2026-01-01"},
            {"mn": "141023000000001", "circuit": "02", "facility": "F11", "serial": "DB2",
             "ct_ratio": 20, "since": "2026-01-01"},
        ],
    }  # fmt: skip
