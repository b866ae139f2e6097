from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from common import formats

ZH, EN = "zh-hans", "en"
NIGHT = datetime(2026, 11, 22, 18, 13, 59, tzinfo=UTC)


def test_moments_are_written_on_shanghais_clock():
    assert formats.local_dt(NIGHT, language=ZH) == "2026年11月23日 02:13"
    assert formats.local_dt(NIGHT, language=EN) == "23 Nov 2026 02:13"
    assert formats.local_date(NIGHT, language=ZH) == "2026年11月23日"
    assert formats.local_time(NIGHT) == "02:13"


def test_the_day_turns_at_shanghais_midnight():
    assert formats.local_dt(datetime(2026, 12, 31, 16, 0, tzinfo=UTC), language=ZH) == (
        "2027年1月1日 00:00"
    )


def test_a_naive_moment_is_refused():
    with pytest.raises(ValueError, match="without a zone"):
        formats.local_time(datetime(2026, 11, 23, 2, 13))


@pytest.mark.parametrize(
    ("length", "chinese", "english"),
    [
        (timedelta(hours=1, minutes=47), "1小时47分", "1 h 47 min"),
        (107, "1小时47分", "1 h 47 min"),
        (47, "47分钟", "47 min"),
        (timedelta(minutes=47, seconds=59), "47分钟", "47 min"),
        (60, "1小时", "1 h"),
        (timedelta(days=2, minutes=5), "2天5分", "2 d 5 min"),
        (timedelta(days=1, hours=3), "1天3小时", "1 d 3 h"),
        (timedelta(seconds=59), "59秒", "59 s"),
        (0.5, "30秒", "30 s"),
        (0, "0秒", "0 s"),
        (timedelta(milliseconds=-1), "0秒", "0 s"),
        (timedelta(minutes=-90), "−1小时30分", "−1 h 30 min"),
        (None, "—", "—"),
    ],
)
def test_durations(length, chinese, english):
    assert formats.duration(length, language=ZH) == chinese
    assert formats.duration(length, language=EN) == english


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234.5, "1,234.5 kW"),
        (Decimal("0.25"), "0.3 kW"),
        (0, "0.0 kW"),
        (-0.04, "0.0 kW"),
        (-3.25, "−3.3 kW"),
        (None, "—"),
        (float("nan"), "—"),
    ],
)
def test_powers_have_one_decimal_and_halves_go_up(value, shown):
    assert formats.kw(value) == shown


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [(1204, None, "1,204"), (0, None, "0"), (1204.25, None, "1,204.25"), (1204.25, 1, "1,204.3")],
)
def test_numbers_have_thousands_separators(value, decimals, shown):
    assert formats.number(value, decimals) == shown


@pytest.mark.parametrize(
    ("part", "whole", "chinese", "english"),
    [
        (1204, 1249, "96.4%（1,204 / 1,249）", "96.4% (1,204 / 1,249)"),
        (0, 0, "—（0 / 0）", "— (0 / 0)"),
        (0, 12, "0.0%（0 / 12）", "0.0% (0 / 12)"),
        (12, 12, "100.0%（12 / 12）", "100.0% (12 / 12)"),
        (99_999, 100_000, "99.9%（99,999 / 100,000）", "99.9% (99,999 / 100,000)"),
        (1, 100_000, "0.1%（1 / 100,000）", "0.1% (1 / 100,000)"),
        (None, 12, "—（— / 12）", "— (— / 12)"),
    ],
)
def test_rates_show_both_numbers_and_never_round_to_all_or_nothing(part, whole, chinese, english):
    assert formats.rate(part, whole, language=ZH) == chinese
    assert formats.rate(part, whole, language=EN) == english
