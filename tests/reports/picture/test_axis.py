"""Ticks stand on round times of Shanghai's clock."""

from datetime import UTC, datetime, timedelta

import pytest

from reports.picture.axis import choose_step, ticks
from reports.picture.model import Window

NOW = datetime(2026, 11, 23, 18, 20, tzinfo=UTC)  # 02:20 in Shanghai


def window(hours: float) -> Window:
    return Window(NOW - timedelta(hours=hours), NOW, NOW)


def labels(hours: float, width: float = 1000, language: str = "zh-hans") -> list[str]:
    return [tick.label for tick in ticks(window(hours), width, room=72, language=language)]


def test_a_short_window_has_minutes():
    assert labels(1)[:3] == ["01:20", "01:25", "01:30"]


def test_a_night_names_the_day_at_midnight():
    assert labels(12) == [
        *(f"{hour}:00" for hour in range(15, 24)), "11月24日", "01:00", "02:00",
    ]  # fmt: skip


def test_english_names_the_day_its_own_way():
    assert "24 Nov" in labels(12, language="en")


def test_a_month_has_days_alone():
    shown = ticks(window(24 * 30), 1000, room=72, language="zh-hans")
    assert all(tick.is_day for tick in shown)
    assert len(shown) <= 1000 / 72


@pytest.mark.parametrize("hours", [0.2, 1, 3, 12, 24, 168, 744])
@pytest.mark.parametrize("width", [330, 1000, 1600])
def test_ticks_never_stand_closer_than_their_room(hours, width):
    step = choose_step(window(hours), width, room=58)
    assert width * (step / window(hours).length) >= 58
