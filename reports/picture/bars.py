"""From state segments to the bars of a lane: several points, holes, the live edge. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from reports.picture.model import OFF, ON, POWER_CUT, STANDBY, UNKNOWN, Bar, Window

#: Of the points of one facility the first of these wins: one motor running means it runs, and a
#: point without data leaves the facility unknown rather than off.
STRENGTH = {ON: 4, STANDBY: 3, UNKNOWN: 2, POWER_CUT: 1, OFF: 0}


def complete(bars: Sequence[Bar], window: Window, *, stale_after: timedelta) -> list[Bar]:
    """Return the bars of one point with no stretch left out between window start and now.

    bars: ascending, not overlapping. What no bar covers becomes UNKNOWN: a hole must look like a
    hole. The newest bar reaches to now while its end is not older than ``stale_after``, because
    nothing newer is due yet. After now there is nothing.
    """
    until = min(window.end, window.now)
    out: list[Bar] = []
    at = window.start
    for bar in _reach_now(bars, window.now, stale_after):
        start, end = max(bar.start, at), min(bar.end, until)
        if start >= end:
            continue
        if start > at:
            out.append(Bar(UNKNOWN, at, start))
        out.append(replace(bar, start=start, end=end))
        at = end
    if at < until:
        out.append(Bar(UNKNOWN, at, until))
    return join(out)


def _reach_now(bars: Sequence[Bar], now: datetime, stale_after: timedelta) -> list[Bar]:
    if not bars or bars[-1].end >= now or now - bars[-1].end > stale_after:
        return list(bars)
    return [*bars[:-1], replace(bars[-1], end=now)]


def join(bars: Iterable[Bar]) -> list[Bar]:
    """Return the bars with touching ones of the same state and origin as one.

    The mean is weighted by time; a part without a mean leaves the other's.
    """
    out: list[Bar] = []
    for bar in bars:
        latest = out[-1] if out else None
        if (
            latest
            and latest.end == bar.start
            and (latest.state, latest.is_backfilled) == (bar.state, bar.is_backfilled)
        ):
            out[-1] = replace(
                latest,
                end=bar.end,
                mean_kw=_mean(latest, bar),
                max_kw=max(
                    (kw for kw in (latest.max_kw, bar.max_kw) if kw is not None), default=None
                ),
            )
        else:
            out.append(bar)
    return out


def _mean(left: Bar, right: Bar) -> float | None:
    if left.mean_kw is None or right.mean_kw is None:
        return right.mean_kw if left.mean_kw is None else left.mean_kw
    a, b = (left.end - left.start).total_seconds(), (right.end - right.start).total_seconds()
    return (left.mean_kw * a + right.mean_kw * b) / (a + b)


def combine(points: Sequence[Sequence[Bar]]) -> list[Bar]:
    """Return the bars of a facility from those of its points, each complete over one window.

    The strongest state wins at every moment; the loads of the points add up.
    """
    if len(points) == 1:
        return list(points[0])
    edges = sorted({edge for bars in points for bar in bars for edge in (bar.start, bar.end)})
    positions = [0] * len(points)
    out: list[Bar] = []
    for start, end in pairwise(edges):
        over: list[Bar] = []
        for index, bars in enumerate(points):
            while positions[index] < len(bars) and bars[positions[index]].end <= start:
                positions[index] += 1
            if positions[index] < len(bars) and bars[positions[index]].start <= start:
                over.append(bars[positions[index]])
        if over:
            strongest = max(over, key=lambda bar: STRENGTH[bar.state])
            means = [bar.mean_kw for bar in over if bar.mean_kw is not None]
            peaks = [bar.max_kw for bar in over if bar.max_kw is not None]
            out.append(
                Bar(
                    strongest.state,
                    start,
                    end,
                    mean_kw=sum(means) if means else None,
                    max_kw=sum(peaks) if peaks else None,
                    is_backfilled=any(bar.is_backfilled for bar in over),
                )
            )
    return join(out)


def thin(bars: Sequence[Bar], shortest: timedelta) -> list[Bar]:
    """Return bars no shorter than ``shortest`` (the time of a pixel), for drawing only.

    A run of shorter ones becomes one bar of the strongest state among them, so that a short start
    of a furnace still shows on the picture of a month.
    """
    out: list[Bar] = []
    run: list[Bar] = []
    for bar in bars:
        if run and bar.end - run[0].start > shortest:
            out.append(_strongest(run))
            run = []
        if bar.end - bar.start < shortest:
            run.append(bar)
        else:
            if run:
                out.append(_strongest(run))
                run = []
            out.append(bar)
    if run:
        out.append(_strongest(run))
    return out


def _strongest(run: Sequence[Bar]) -> Bar:
    strongest = max(run, key=lambda bar: STRENGTH[bar.state])
    return replace(strongest, start=run[0].start, end=run[-1].end)
