"""Tables come in without trust and go out without teeth."""

import io
import zipfile
from datetime import UTC, date, datetime

import openpyxl
import pytest
from django.utils import translation

from common.sheets import Formula, SheetRefused, read_tables, write_csv, write_workbook

TEXTS = [
    "襄汾铸造", "=1+1", "+86 139", "-5", "@SUM(A1)", "\tx", "\rx", "'quoted", "'=1", "''", "a,b\"c",
    "line\nbreak", "http://x.test", "0123", "＝1", "1e5",
]  # fmt: skip


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


def cells(content):
    return [list(row.cells) for table in read_tables(io.BytesIO(content)) for row in table.rows]


def in_csv(rows):
    out = io.BytesIO()
    write_csv(out, ["名称"], rows)
    return out.getvalue()


def in_workbook(rows):
    out = io.BytesIO()
    write_workbook(out, "企业", ["名称"], rows)
    return out.getvalue()


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("write", [in_csv, in_workbook])
def test_every_text_comes_back_as_it_was(write, text):
    [_heading, [back, *_]] = cells(write([[text]]))
    assert back == text
    assert not isinstance(back, Formula)


@pytest.mark.parametrize("text", TEXTS)
def test_no_csv_cell_begins_like_a_formula(text):
    lines = in_csv([[text]]).decode("utf-8-sig").split("\r\n", 1)[1]
    assert not lines.lstrip('"').startswith(("=", "+", "-", "@", "\t", "\r", "＝"))


def test_no_workbook_cell_is_a_formula_or_a_link():
    book = openpyxl.load_workbook(io.BytesIO(in_workbook([[text] for text in TEXTS])))
    for row in book.worksheets[0].iter_rows():
        assert {cell.data_type for cell in row} == {"s"}
        assert not any(cell.hyperlink for cell in row)


def test_numbers_and_times_keep_their_type():
    moment = datetime(2026, 11, 22, 18, 13, tzinfo=UTC)
    row = [1, -2.5, None, float("nan"), True, moment, date(2026, 11, 23)]
    [_heading, back] = cells(in_workbook([row]))
    assert back[:7] == [
        1, -2.5, None, None, True, datetime(2026, 11, 23, 2, 13), datetime(2026, 11, 23),
    ]  # fmt: skip
    assert in_csv([row]).decode("utf-8-sig").split("\r\n")[1] == (
        "1,-2.5,,,1,2026-11-23 02:13:00,2026-11-23"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_is_read_however_excel_saved_it(encoding, delimiter):
    content = f"名称{delimiter}编号\r\n恒源铸造{delimiter}XF-1\r\n\r\n".encode(encoding)
    [table] = read_tables(io.BytesIO(content))
    assert [(row.number, row.cells) for row in table.rows] == [
        (1, ("名称", "编号")),
        (2, ("恒源铸造", "XF-1")),
    ]


def test_a_formula_is_told_from_a_text_that_looks_like_one():
    book = openpyxl.Workbook()
    book.active["A1"] = "=1+1"
    book.active["A2"] = "=1+1"
    book.active["A2"].data_type = "s"
    out = io.BytesIO()
    book.save(out)
    [[formula, *_], [text, *_]] = cells(out.getvalue())
    assert isinstance(formula, Formula)
    assert not isinstance(text, Formula)
    [[formula]] = cells(b"=cmd()\n")
    assert isinstance(formula, Formula)


def rezip(content: bytes, **changed: bytes) -> bytes:
    """Return the workbook with some parts put in anew."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(name, changed.pop(name, None) or source.read(name))
        for name, part in changed.items():
            target.writestr(name, part)
    return out.getvalue()


BOOK = in_workbook([["a"]])
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old kind"),
        (b"PK\x03\x04nonsense", "damaged"),
        (BOOK[:300], "damaged"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\xff", "neither"),
        (b'a,"b\nc', "not closed"),
        (rezip(BOOK, **{"xl/big.xml": b" " * 3_000_000}), "unpack"),
        (rezip(BOOK, **{f"x/{n}.xml": b"" for n in range(400)}), "unpack"),
        (rezip(BOOK, **{"xl/worksheets/sheet1.xml": LAUGHS}), "damaged"),
        (rezip(BOOK, **{"xl/worksheets/sheet1.xml": b"<broken"}), "damaged"),
        (rezip(BOOK, **{"[Content_Types].xml": b"<Types/>"}), "damaged"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(content, words):
    with pytest.raises(SheetRefused, match=words):
        read_tables(io.BytesIO(content))


def test_a_bomb_that_hides_its_document_type_behind_a_comment_does_not_go_off():
    hidden = LAUGHS.replace(b"<!DOCTYPE", b"<!--" + b" " * 5000 + b"--><!DOCTYPE")
    with pytest.raises(SheetRefused, match="damaged"):
        read_tables(io.BytesIO(rezip(BOOK, **{"xl/worksheets/sheet1.xml": hidden})))


def test_a_row_far_below_is_refused_and_one_far_to_the_right_is_cut():
    part = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="{row}"><c r="{cell}" t="inlineStr"><is><t>x</t></is></c></row>'
        "</sheetData></worksheet>"
    )
    far = part.format(row=1048576, cell="A1048576").encode()
    with pytest.raises(SheetRefused, match="rows"):
        read_tables(io.BytesIO(rezip(BOOK, **{"xl/worksheets/sheet1.xml": far})))
    right = part.format(row=1, cell="XFD1").encode()
    [table] = read_tables(io.BytesIO(rezip(BOOK, **{"xl/worksheets/sheet1.xml": right})))
    assert table.rows == []
