"""The time axis: where the ticks stand and what they say. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from common.formats import MONTHS, is_chinese
from common.localtime import SHANGHAI, to_local
from reports.picture.model import Window

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STEPS = (
    *(n * MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)),
    *(n * DAY for n in (1, 2, 7, 14, 28)),
)


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment on the axis with its words; ``is_day`` where a day of Shanghai begins."""

    at: datetime
    label: str
    is_day: bool


def choose_step(window: Window, plot_width: float, *, room: float) -> timedelta:
    """Return the smallest step that leaves each tick at least ``room`` of the plot's width."""
    for step in STEPS:
        if plot_width * (step / window.length) >= room:
            return step
    return STEPS[-1]


def ticks(window: Window, plot_width: float, *, room: float, language: str) -> list[Tick]:
    """Return the ticks inside the window, on round times of Shanghai's clock, ascending."""
    step = choose_step(window, plot_width, room=room)
    local = to_local(window.start)
    origin = datetime(local.year, local.month, local.day, tzinfo=SHANGHAI)
    at = origin + step * max(0, -((origin - window.start) // step))
    out: list[Tick] = []
    while at <= window.end:
        if at >= window.start:
            is_day = at.hour == 0 and at.minute == 0
            label = day_label(at, language=language) if is_day else f"{at:%H:%M}"
            out.append(Tick(at, label, is_day))
        at += step
    return out


def day_label(at: datetime, *, language: str) -> str:
    """``11月23日`` or ``23 Nov``."""
    local = to_local(at)
    if is_chinese(language):
        return f"{local.month}月{local.day}日"
    return f"{local.day} {MONTHS[local.month - 1]}"
