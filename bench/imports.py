"""How long a city's book takes: checked, written, and handed in a second time.

3,000 enterprises with 30,000 facilities, points and meters in one workbook, read by the same
function that the worker runs. The reference is plain COPY of the written rows of the five large
tables into tables without keys, indexes or triggers, on the same server in the same run: what the
disk alone would take.

``BENCH_ENTERPRISES`` (3000) sets the size.
"""

import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
POINTS = 10  # of each enterprise, one facility each
TABLES = (
    "enterprises_enterprise",
    "enterprises_facility",
    "enterprises_threshold",
    "meters_monitoringpoint",
    "meters_meter",
)
#: "In a minute or two" (issue 3): checking and writing together.
GOAL_S = 120.0


def run() -> Iterator[dict[str, object]]:
    """Yield the seconds of each step and the ratio of writing to COPY.

    Raises RuntimeError if the book is not clean, or if its second coming changes anything.
    """
    count = int(os.environ.get("BENCH_ENTERPRISES", "3000"))
    with _scratch_database():
        from meters.importing.job import run_book

        actor = _make_city()
        _say(f"making a book of {count} enterprises with {count * POINTS} points")
        book = _make_book(count)
        seconds: dict[str, float] = {}
        for step, write in (("check", False), ("write", True), ("again", False)):
            _say(step)
            outcome, seconds[step] = _timed(
                lambda write=write: run_book(book, actor=actor, now=NOW, write=write)
            )
            if outcome.problems:
                raise RuntimeError(f"the book is not clean: {outcome.problems[:3]}")
        changed = sum(n["new"] + n["changed"] for n in outcome.counts.values())
        if changed:
            raise RuntimeError(f"the same book changes {changed} rows the second time")
        copy_s = _copy_seconds()
        size = f"{count} enterprises, {count * POINTS} points"
        yield {"name": f"import check ({size})", "value": round(seconds["check"], 1), "unit": "s"}
        yield {
            "name": f"import check and write ({size})",
            "value": round(seconds["write"], 1),
            "unit": "s",
            "ratio": round(seconds["write"] / copy_s, 1),
            "against": f"plain COPY of the same rows: {copy_s:.2f} s",
        }
        yield {
            "name": f"import of the same book again ({size})",
            "value": round(seconds["again"], 1),
            "unit": "s",
        }
        yield {
            "name": "import, all steps of a clean book",
            "value": round(seconds["check"] + seconds["write"], 1),
            "unit": "s",
            "ratio": round((seconds["check"] + seconds["write"]) / GOAL_S, 2),
            "against": f"goal: {GOAL_S:.0f} s",
        }


def _timed(function: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    return function(), time.perf_counter() - began


def _make_city() -> Any:
    from tenancy.models import Division, DivisionKind, Grant, Role, User

    city = Division.objects.create(code="149900", name="测试市", kind=DivisionKind.CITY)
    Division.objects.create(code="149901", name="测试县", kind=DivisionKind.COUNTY, parent=city)
    user = User.objects.create(username="bench")
    Grant.objects.create(user=user, role=Role.CITY_ADMIN, division=city, starts_at=NOW)
    return user


def _credit_code(number: int) -> str:
    from enterprises.credit_code import get_check_character

    first = f"91149901MA{number:07d}"
    return first + get_check_character(first)


def _make_book(count: int) -> io.BytesIO:
    from common.sheets import clean_title, new_workbook
    from meters.importing.book import FORMS

    out = io.BytesIO()
    book = new_workbook(out)
    for form in FORMS:
        keys, rows = _sheet(form.key, count)
        if not keys:
            continue
        sheet = book.add_worksheet(clean_title(form.title))
        for column, key in enumerate(keys):
            sheet.write_string(0, column, form.get_heading(key, "zh-hans"))
        for number, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                sheet.write(number, column, value)
    book.close()
    return out


def _sheet(key: str, count: int) -> tuple[tuple[str, ...], Iterator[tuple[object, ...]]]:
    """Return the columns and rows of a sheet of the book."""
    codes = [_credit_code(number) for number in range(count)]
    if key == "enterprises":
        keys = ("credit_code", "code", "name", "county", "industry")
        return keys, (
            (code, f"B-{n:05d}", f"测试{n}铸造有限公司", "测试县", "FOUNDRY")
            for n, code in enumerate(codes)
        )
    if key == "facilities":
        keys = ("enterprise", "code", "name", "kind", "rated_kw", "off_below_kw", "on_from_kw",
                "since")  # fmt: skip
        return keys, (
            (code, f"F{p:02d}", f"{p}号设施", "CONTROL" if p >= POINTS // 2 else "PRODUCTION",
             100 + p, 5, 50, "2026-01-01")
            for code in codes
            for p in range(POINTS)
        )  # fmt: skip
    if key == "pairings":
        keys = ("enterprise", "stage", "productions", "controls", "since")
        half = POINTS // 2
        return keys, (
            (code, "除尘", "、".join(f"F{p:02d}" for p in range(half)),
             "、".join(f"F{p:02d}" for p in range(half, POINTS)), "2026-01-01")
            for code in codes
        )  # fmt: skip
    if key == "collectors":
        return ("mn", "enterprise", "serial", "since"), (
            (f"149901{n:018d}", code, f"SN{n}", "2026-01-01") for n, code in enumerate(codes)
        )
    if key == "points":
        keys = ("mn", "circuit", "facility", "serial", "accuracy_class", "ct_ratio", "since")
        return keys, (
            (f"149901{n:018d}", f"{p:02d}", f"F{p:02d}", f"DB{n}-{p}", "0.5S", "400/5",
             "2026-01-01")
            for n in range(count)
            for p in range(POINTS)
        )  # fmt: skip
    return (), iter(())


def _copy_seconds() -> float:
    """Return how long COPY takes to write the same rows, alone."""
    from django.db import connection, transaction

    total = 0.0
    for table in TABLES:
        with transaction.atomic(), connection.cursor() as cursor:
            out = io.BytesIO()
            with cursor.copy(f"COPY (SELECT * FROM {table}) TO STDOUT") as source:  # noqa: S608
                for part in source:
                    out.write(part)
            cursor.execute(
                f"CREATE TEMPORARY TABLE plain ON COMMIT DROP AS SELECT * FROM {table}"  # noqa: S608
                " WITH NO DATA"
            )
            began = time.perf_counter()
            with cursor.copy("COPY plain FROM STDIN") as target:
                target.write(out.getvalue())
            total += time.perf_counter() - began
    return total


@contextmanager
def _scratch_database() -> Iterator[None]:
    """Migrate a database of our own beside the one given, and drop it afterwards."""
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"{name}_bench_imports"
    _say("migrating a scratch database")
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def _say(words: str) -> None:
    print(f"  {words}", file=sys.stderr, flush=True)
