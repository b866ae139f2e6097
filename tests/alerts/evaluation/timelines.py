"""Timelines written as words: ``"ON 0-30, OFF 30-40"``, minutes after a fixed midnight."""

from datetime import datetime, timedelta

from common.localtime import day_start
from common.intervals import Span
from meters.states import Segment, State
from meters.timelines import combine_points

T0: datetime = day_start(datetime(2026, 11, 23).date())  # noqa: DTZ001
MINUTE = timedelta(minutes=1)


def minute(n):
    return T0 + n * MINUTE


def segments(words):
    out = []
    for word in filter(None, words.split(", ")):
        state, stretch = word.split(" ")
        start, end = stretch.split("-")
        out.append(Segment(State(state), minute(float(start)), minute(float(end))))
    return out


def timeline(*points):
    return combine_points([segments(words) for words in points])


def span(start, end):
    return Span(minute(start), minute(end))


def shown(findings):
    """Return phase (or why suppressed), first and last minute of each finding."""
    return [
        (
            f"SUPPRESSED {f.suppressed_by.kind}" if f.suppressed_by else f.phase.value,
            (f.span.start - T0) / MINUTE,
            (f.span.end - T0) / MINUTE,
        )
        for f in findings
    ]
