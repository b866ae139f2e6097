"""The interval algebra of ``common.intervals`` on whole seconds since the epoch."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from common import intervals


class Stretch(NamedTuple):
    """A half-open stretch ``[start, end)`` of seconds since the epoch."""

    start: int
    end: int


Stretches = list[Stretch]

# That algebra takes anything that orders and subtracts; its annotations speak of datetimes.
normalise = cast(Callable[[Any], Stretches], intervals.normalise)
union = cast(Callable[..., Stretches], intervals.union)
intersect = cast(Callable[[Any, Any], Stretches], intervals.intersect)
subtract = cast(Callable[[Any, Any], Stretches], intervals.subtract)
clip = cast(Callable[[Any, int, int], Stretches], intervals.clip)
