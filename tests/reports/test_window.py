"""Which stretch of time the URL names."""

from datetime import UTC, datetime, timedelta

import pytest

from reports.window import LONGEST, choose_window, neighbours

NIGHT = datetime(2026, 11, 23, 18, 20, tzinfo=UTC)  # 02:20 on the 24th in Shanghai
HOUR = timedelta(hours=1)


def local(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00").astimezone(UTC)


def test_by_default_it_is_half_a_day_up_to_now():
    choice = choose_window({}, now=NIGHT)
    assert (choice.window.end, choice.window.length, choice.name) == (NIGHT, 12 * HOUR, "12h")
    assert choice.window.is_live


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-11-24T02:20", "2026-11-23T22:00"),
        ("2026-11-24T09:00", "2026-11-23T22:00"),
        ("2026-11-24T23:00", "2026-11-23T22:00"),
        ("2026-12-01T00:00", "2026-11-30T22:00"),
    ],
)
def test_last_night_is_ten_to_six(now, start):
    window = choose_window({"range": "night"}, now=local(now)).window
    assert (window.start, window.length) == (local(start), 8 * HOUR)


def test_from_and_to_are_shanghais_clock():
    params = {"from": "2026-11-23T22:00", "to": "2026-11-24T06:00"}
    window = choose_window(params, now=NIGHT + 24 * HOUR).window
    assert (window.start, window.end) == (local(params["from"]), local(params["to"]))


@pytest.mark.parametrize(
    "params",
    [
        {"from": "yesterday", "to": "2026-11-24T06:00"},
        {"from": "2026-11-24T06:00", "to": "2026-11-23T06:00"},
        {"from": "2020-01-01T00:00", "to": "2026-11-23T06:00"},
        {"from": "2026-11-24T06:00", "to": "2026-11-24T06:05"},
        {"range": "forever"},
    ],
)
def test_a_wrong_stretch_is_said_and_the_usual_one_shown(params):
    choice = choose_window(params, now=NIGHT)
    assert choice.error
    assert choice.window.length == 12 * HOUR


def test_the_query_gives_the_same_window_again():
    params = {"from": "2026-11-23T22:00", "to": "2026-11-24T01:00"}
    choice = choose_window(params, now=NIGHT)
    again = choose_window(
        dict(p.split("=") for p in choice.query.replace("%3A", ":").split("&")), now=NIGHT
    )
    assert again.window == choice.window


def test_live_there_is_no_later_and_closer_keeps_the_live_edge():
    moves = neighbours(choose_window({}, now=NIGHT).window)
    assert set(moves) == {"earlier", "closer", "wider"}
    assert "to=2026-11-24T02%3A20" in moves["closer"]


def test_the_widest_window_cannot_grow():
    params = {"from": "2026-10-01T00:00", "to": "2026-11-01T00:00"}
    choice = choose_window(params, now=NIGHT)
    assert choice.window.length == LONGEST
    assert "wider" not in neighbours(choice.window)
