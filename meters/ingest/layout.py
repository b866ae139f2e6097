"""The layouts of a collector's frames: the same names in the same order, minute after minute.

The general parser learns a layout from a frame; the next frame of that layout is read in a few
steps over whole lists instead of one step for each value. A layout reads plain frames only: what
is not exactly as learned, or not a plain number within its bounds, is left to the general parser.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import itemgetter, mul
from typing import Any, Final, NamedTuple

from meters.ingest.entries import NewReading
from meters.profiles import GOOD_FLAG, QUANTITIES, CompiledProfile
from meters.protocol import Frame, parse_datetime

#: ``parse_datetime`` with a memory: a city sends the same minute 300 times.
read_time = lru_cache(maxsize=4096)(parse_datetime)

_MAX_LAYOUTS: Final = 8  # of one collector; a frame split over packets has one for each
_MAX_DIGITS: Final = 14  # the shortest limit of ``parse_number``: so many characters always fit
_MARKS: Final = b"=;,"
_ALL_BUT_MARKS: Final = bytes(set(range(256)) - set(_MARKS))
_BLANKS: Final = " \t\r\n"
_TIME: Final = "DataTime"

_le: Callable[[float, float], bool] = operator.le
_Key = tuple[str | None, str | None, bytes, tuple[str, ...]]
_Picker = Callable[[Sequence[Any]], tuple[Any, ...]]


class Row(NamedTuple):
    """Where the values of one reading stand among the numbers of a frame."""

    point_id: int
    pick: _Picker


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read a frame whose names are known."""

    profile: CompiledProfile
    time: int  # where DataTime stands among the values, as the others below
    pick_fixed: _Picker
    fixed: tuple[str, ...]  # flags, which must be as learned
    pick_numbers: _Picker
    scales: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    rows: tuple[Row, ...]

    def read(self, values: list[str]) -> "Recalled | None":
        """Return what the values say, None if the general parser must look."""
        texts = self.pick_numbers(values)
        if (
            self.pick_fixed(values) != self.fixed
            or not "".join(texts).replace(".", "").replace("-", "").isdigit()
            or max(map(len, texts)) > _MAX_DIGITS
        ):
            return None
        try:
            numbers = list(map(mul, map(float, texts), self.scales))
        except ValueError:  # empty, or dots and signs at odd places
            return None
        if not (all(map(_le, self.lows, numbers)) and all(map(_le, numbers, self.highs))):
            return None
        return Recalled(self, values[self.time], [*numbers, None])


class Recalled(NamedTuple):
    """A frame read by a layout."""

    layout: Layout
    time_text: str
    numbers: list[float | None]  # and None at the end, for what a circuit does not have

    @property
    def measured_at(self) -> datetime | None:
        return read_time(self.time_text)

    def readings(
        self, measured_at: datetime, received_at: datetime, is_backfill: bool
    ) -> tuple[NewReading, ...]:
        """Return the readings, in the order of the frame."""
        numbers = self.numbers
        return tuple(
            [
                NewReading._make(
                    (point, measured_at, received_at, *pick(numbers), GOOD_FLAG, is_backfill)
                )
                for point, pick in self.layout.rows
            ]
        )


class Layouts:
    """The layouts that one collector uses."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[_Key, Layout | None] = {}  # None: one that only the parser can read

    def recall(self, frame: Frame) -> Recalled | None:
        """Return what a frame says if its layout is known and it is plain."""
        if not self._known or (split := _split(frame)) is None:
            return None
        key, values = split
        layout = self._known.get(key)
        return layout.read(values) if layout is not None else None

    def learn(
        self,
        frame: Frame,
        profile: CompiledProfile,
        points: Mapping[str, int],
        readings: tuple[NewReading, ...],
    ) -> None:
        """Remember the layout of a frame in which nothing was odd; readings: what it says."""
        if len(self._known) >= _MAX_LAYOUTS or (split := _split(frame)) is None:
            return
        key, values = split
        if key in self._known or not readings:
            return
        layout = _make_layout(key, values, profile, points)
        if layout is not None:
            _, measured_at, received_at, *_, is_backfill = readings[0]
            recalled = layout.read(values)
            if recalled is None:
                return  # perhaps the next is plainer
            if recalled.readings(measured_at, received_at, is_backfill) != readings:
                layout = None
        self._known[key] = layout


def _split(frame: Frame) -> tuple[_Key, list[str]] | None:
    """Return what the layout is known by and the values; None for text that needs the parser."""
    body = frame.body
    if not body.isascii() or b"//" in body:  # `//` opens log text, in which marks do not count
        return None
    parts = body.decode().replace("=", ";").replace(",", ";").split(";")
    marks = body.translate(None, _ALL_BUT_MARKS)
    return (frame.st, frame.cn, marks, tuple(parts[0::2])), parts[1::2]


def _make_layout(
    key: _Key, values: list[str], profile: CompiledProfile, points: Mapping[str, int]
) -> Layout | None:
    """Return the layout of a frame, None if it has one that only the parser can read."""
    _, _, marks, names = key
    alternating = set(marks[0::2]) <= set(b"=") and set(marks[1::2]) <= set(b";,")
    if not alternating or len(values) != len(names) or len(set(names)) < len(names):
        return None
    if _TIME not in names or any(blank in name for name in names for blank in _BLANKS):
        return None
    fixed: list[int] = []
    cells: dict[tuple[str, int], int] = {}  # circuit and column -> number
    numbers: list[int] = []
    scales: list[tuple[float, float, float]] = []
    for place, name in enumerate(names):
        code, _, field = name.partition("-")
        if not (code and field):
            continue
        if field == "Flag":
            fixed.append(place)
        elif (found := profile.locate(code, field)) is not None:
            circuit, position, scale, low, high = found
            if (circuit, position) in cells:
                return None  # which of two counts is the parser's to say
            cells[circuit, position] = len(numbers)
            numbers.append(place)
            scales.append((scale, low, high))
    if not numbers:
        return None
    circuits = dict.fromkeys(circuit for circuit, _ in cells)
    if not circuits.keys() <= points.keys():
        return None
    nothing = len(numbers)
    columns = range(len(QUANTITIES))
    return Layout(
        profile,
        names.index(_TIME),
        _picker(fixed),
        _picker(fixed)(values),
        _picker(numbers),
        tuple(scale for scale, _, _ in scales),
        tuple(low for _, low, _ in scales),
        tuple(high for _, _, high in scales),
        tuple(
            Row(points[circuit], _picker(cells.get((circuit, at), nothing) for at in columns))
            for circuit in circuits
        ),
    )


def _picker(places: Iterable[int]) -> _Picker:
    """Return a function that picks the items at these places, as a tuple however many they are."""
    wanted = tuple(places)
    if len(wanted) > 1:
        return itemgetter(*wanted)
    return lambda items: tuple(items[place] for place in wanted)
