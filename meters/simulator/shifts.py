"""When a line works: shift patterns by industry, in Shanghai's time (assumption, configurable)."""

from enum import StrEnum

from enterprises.models import Industry
from meters.simulator.noise import seed_of, share
from meters.simulator.seconds import Stretches, clip, normalise

DAY_S = 86_400
_SHANGHAI_S = 8 * 3600  # one zone without summer time since 1991


class Pattern(StrEnum):
    CONTINUOUS = "CONTINUOUS"
    THREE_SHIFTS = "THREE_SHIFTS"
    TWO_SHIFTS = "TWO_SHIFTS"
    DAY = "DAY"
    NIGHT = "NIGHT"  # melting at the night price


# Hours of the local day; past 24 is the next morning.
_HOURS: dict[Pattern, tuple[tuple[float, float], ...]] = {
    Pattern.CONTINUOUS: ((0.0, 24.0),),
    Pattern.THREE_SHIFTS: ((0.2, 7.75), (8.25, 15.75), (16.25, 23.8)),
    Pattern.TWO_SHIFTS: ((6.0, 13.75), (14.25, 21.75)),
    Pattern.DAY: ((7.5, 12.0), (13.0, 18.5)),
    Pattern.NIGHT: ((21.5, 31.0),),
}
_USUAL: dict[str, tuple[Pattern, ...]] = {
    Industry.COKING: (Pattern.CONTINUOUS,),
    Industry.STEEL: (Pattern.CONTINUOUS,),
    Industry.CEMENT: (Pattern.CONTINUOUS, Pattern.THREE_SHIFTS),
    Industry.LIME: (Pattern.CONTINUOUS,),
    Industry.CHEMICAL: (Pattern.CONTINUOUS, Pattern.THREE_SHIFTS),
    Industry.COAL_WASHING: (Pattern.THREE_SHIFTS, Pattern.TWO_SHIFTS),
    Industry.FOUNDRY: (Pattern.NIGHT, Pattern.TWO_SHIFTS, Pattern.THREE_SHIFTS),
    Industry.BRICK: (Pattern.TWO_SHIFTS, Pattern.DAY),
    Industry.REFRACTORY: (Pattern.TWO_SHIFTS, Pattern.DAY),
}
_RESTS = 0.02  # share of days on which a line that could work does not
_JITTER_S = 900  # shifts begin and end up to this much later than planned


def pattern_of(industry: str, line: str, *, is_held_hot: bool) -> Pattern:
    """Return a line's pattern; a line with a kiln is never let go cold."""
    if is_held_hot:
        return Pattern.CONTINUOUS
    usual = _USUAL.get(industry, (Pattern.DAY,))
    return usual[seed_of(line, "pattern") % len(usual)]


def working_spans(pattern: Pattern, line: str, since: int, until: int) -> Stretches:
    """Return when the line works within ``[since, until)``, in seconds since the epoch."""
    first = (since + _SHANGHAI_S) // DAY_S - 1
    last = (until + _SHANGHAI_S) // DAY_S
    spans: list[tuple[int, int]] = []
    for day in range(first, last + 1):
        midnight = day * DAY_S - _SHANGHAI_S
        seed = seed_of(line, day)
        if pattern is not Pattern.CONTINUOUS and share(seed, 0) < _RESTS:
            continue
        for number, (start_h, end_h) in enumerate(_HOURS[pattern]):
            late = early = 0
            if pattern is not Pattern.CONTINUOUS:
                late = int(share(seed, 2 * number + 1) * _JITTER_S)
                early = int(share(seed, 2 * number + 2) * _JITTER_S)
            spans.append(
                (midnight + int(start_h * 3600) + late, midnight + int(end_h * 3600) - early)
            )
    return clip(normalise(spans), since, until)
