"""Noise that is a function of a seed and a time: no state, so that history can be told twice."""

from random import Random
from zlib import crc32

_SIZE = 8191  # prime: steps of any interval walk through the whole table
_TABLE = tuple(max(-2.5, min(2.5, Random(i).gauss(0.0, 1.0))) for i in range(_SIZE))


def seed_of(*parts: object) -> int:
    """Return a number that stays the same for these words on every machine and in every run."""
    return crc32("/".join(map(str, parts)).encode())


def jitter(seed: int, t: int) -> float:
    """Return noise of mean 0 and deviation 1, within +-2.5; unlike from second to second."""
    return _TABLE[(seed + t * 40503) % _SIZE]


def drift(seed: int, t: int, period_s: int = 900) -> float:
    """Return noise that wanders from one value to the next within ``period_s`` seconds."""
    step, into = divmod(t, period_s)
    here = _TABLE[(seed + step * 7919) % _SIZE]
    there = _TABLE[(seed + step * 7919 + 7919) % _SIZE]
    return here + (there - here) * into / period_s


def share(seed: int, number: int) -> float:
    """Return a share of one, 0 <= x < 1, for the ``number``-th of something."""
    mixed = (seed ^ (number * 2654435761)) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    return (mixed ^ (mixed >> 16)) / 2**32
