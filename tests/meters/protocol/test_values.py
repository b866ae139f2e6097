"""Times and numbers of the wire."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meters.protocol import LocalError, format_datetime, format_qn, parse_datetime, parse_number


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("20260304101530", datetime(2026, 3, 4, 2, 15, 30, tzinfo=UTC)),
        ("20260304000000", datetime(2026, 3, 3, 16, 0, tzinfo=UTC)),
        ("20210305003817000", datetime(2021, 3, 4, 16, 38, 17, tzinfo=UTC)),
        ("20260304101530999", datetime(2026, 3, 4, 2, 15, 30, 999000, tzinfo=UTC)),
        ("20240229000000", datetime(2024, 2, 28, 16, 0, tzinfo=UTC)),
    ],
)
def test_it_reads_beijing_time_as_utc(text: str, instant: datetime) -> None:
    found = parse_datetime(text)
    assert found == instant
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        None, "", "2026", "1617936069734", "202603041015300", "20260230000000", "20250229000000",
        "20260304240000", "20260304101560", "20261304101530", "00000000000000", "00010101000000",
        "2026030410153O", "2026030410153０", "20260304101530\n", " 20260304101530",
        "+2026030410153", "2026_030410153",
    ],
)  # fmt: skip
def test_what_is_no_time_is_none(text: str | None) -> None:
    assert parse_datetime(text) is None


@given(st.datetimes(datetime(1970, 1, 2), datetime(2099, 1, 1), timezones=st.just(UTC)))
def test_a_written_time_reads_back(at: datetime) -> None:
    assert parse_datetime(format_datetime(at)) == at.replace(microsecond=0)
    assert parse_datetime(format_qn(at)) == at - timedelta(microseconds=at.microsecond % 1000)


def test_a_written_time_is_beijing_time_whatever_its_zone() -> None:
    at = datetime(2026, 3, 4, 5, 0, 0, 7000, tzinfo=timezone(timedelta(hours=-3)))
    assert format_datetime(at) == "20260304160000"
    assert format_qn(at) == "20260304160000007"
    assert format_datetime(datetime(212, 1, 2, tzinfo=UTC)) == "02120102080000"


def test_a_naive_time_is_our_mistake() -> None:
    with pytest.raises(LocalError):
        format_qn(datetime(2026, 3, 4))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0.0), ("12.500", 12.5), ("-3.2", -3.2), ("+1", 1.0),
        ("7.01256476892743", 7.01256476892743),
        ("99999999999999.99", 99999999999999.99), (".5", 0.5), ("5.", 5.0), ("000.0", 0.0),
    ],
)  # fmt: skip
def test_it_reads_plain_decimals(text: str, number: float) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        None, "", "NaN", "nan", "inf", "-Infinity", "1e308", "1E5", "1_000", " 1", "1 ", "1\n",
        "１２", "٣", "0x10", ".", "-", "+-1", "1.2.3", "1,5", "9" * 15, "0." + "1" * 21, "½", "St",
    ],
)  # fmt: skip
def test_what_is_no_plain_decimal_is_none(text: str | None) -> None:
    assert parse_number(text) is None


@given(st.text(max_size=20))
def test_no_text_raises(text: str) -> None:
    parse_datetime(text)
    number = parse_number(text)
    assert number is None or abs(number) < 1e14
