"""Timelines written as words: ``"ON 0-30, OFF 30-40"``, minutes after a fixed midnight."""

import re
from datetime import date, timedelta

from common.intervals import Span
from common.localtime import day_start
from meters.states import Segment, State
from meters.timelines import combine_points

T0 = day_start(date(2026, 11, 23))
MINUTE = timedelta(minutes=1)


def minute(n):
    return T0 + n * MINUTE


def segments(words):
    out = []
    for word in filter(None, words.split(", ")):
        state, stretch = word.split(" ")
        start, end = re.fullmatch(r"(-?\d+)-(-?\d+)", stretch).groups()
        out.append(Segment(State(state), minute(int(start)), minute(int(end))))
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
