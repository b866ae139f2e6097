"""The window of the picture as the URL says it: a named range, or from and to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.localtime import day_start, from_local, local_date, to_local
from reports.picture import Window

HOURS = {"1h": 1, "3h": 3, "12h": 12, "24h": 24, "7d": 7 * 24}
RANGES = {
    "1h": gettext_lazy("1 hour"),
    "3h": gettext_lazy("3 hours"),
    "12h": gettext_lazy("12 hours"),
    "24h": gettext_lazy("24 hours"),
    "7d": gettext_lazy("7 days"),
    "night": gettext_lazy("Last night"),
}
DEFAULT_RANGE = "12h"
SHORTEST, LONGEST = timedelta(minutes=10), timedelta(days=31)
#: The form of ``<input type="datetime-local">``, on Shanghai's clock.
FORM = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True, slots=True)
class Choice:
    """The window and the name under which it was chosen (``custom`` for from and to)."""

    window: Window
    name: str
    error: str = ""

    @property
    def query(self) -> str:
        """The parameters that give this window again."""
        if self.name == "custom":
            return custom_query(self.window.start, self.window.end)
        return urlencode({"range": self.name})


def custom_query(start: datetime, end: datetime) -> str:
    """Return the parameters of a window between two instants, on Shanghai's clock."""
    return urlencode({"from": to_local(start).strftime(FORM), "to": to_local(end).strftime(FORM)})


def choose_window(params: Mapping[str, str], *, now: datetime) -> Choice:
    """Return the window that the URL's parameters name; with a word where they name none."""
    if params.get("from"):
        return _custom(params, now)
    name = params.get("range", DEFAULT_RANGE)
    if name not in RANGES:
        return Choice(_last_hours(DEFAULT_RANGE, now), DEFAULT_RANGE, _("No such range of time."))
    if name == "night":
        start = day_start(local_date(now)) - timedelta(hours=2)
        return Choice(Window(start, start + timedelta(hours=8), now), name)
    return Choice(_last_hours(name, now), name)


def _last_hours(name: str, now: datetime) -> Window:
    return Window(now - timedelta(hours=HOURS[name]), now, now)


def _custom(params: Mapping[str, str], now: datetime) -> Choice:
    default = _last_hours(DEFAULT_RANGE, now)
    try:
        start = from_local(datetime.strptime(params["from"], FORM))
        end = from_local(datetime.strptime(params["to"], FORM)) if params.get("to") else now
    except ValueError:
        return Choice(
            default, DEFAULT_RANGE, _("From and to must be times such as 2026-11-23T02:00.")
        )
    if not SHORTEST <= end - start <= LONGEST:
        words = _("From must lie before to, by ten minutes at least and 31 days at most.")
        return Choice(default, DEFAULT_RANGE, words)
    return Choice(Window(start, end, now), "custom")


def neighbours(window: Window) -> dict[str, str]:
    """Return the parameters of the windows one step away: earlier, later, closer, wider."""
    step = window.length / 2
    quarter = window.length / 4
    middle = window.start + step
    closer = max(window.length / 2, SHORTEST) / 2
    wider = min(window.length * 2, LONGEST) / 2
    last = max(window.now, window.end) if window.end > window.now else window.now
    wide_end = min(middle + wider, last)
    moves = {
        "earlier": (window.start - step, window.end - step),
        "later": (window.start + step, window.end + step),
        "closer": (middle - closer, middle + closer),
        "wider": (wide_end - 2 * wider, wide_end),
    }
    if window.is_live:
        # The live edge is what one looks at: keep it in sight.
        moves["closer"] = (window.end - 2 * closer, window.end)
    if window.end >= window.now:
        del moves["later"]
    if window.length <= SHORTEST + quarter:
        del moves["closer"]
    if window.length >= LONGEST:
        del moves["wider"]
    return {name: custom_query(*span) for name, span in moves.items()}
