"""Readings in PostgreSQL's binary forms; a third of the time of handing rows to the driver.

Source: PostgreSQL's documentation of COPY, "Binary Format", and the send functions of its types.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from math import nan
from operator import itemgetter
from struct import Struct
from typing import Any, Final

from meters.ingest.entries import NewReading

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_microseconds(at: datetime) -> int:
    """Return an aware instant as PostgreSQL counts: microseconds since 2000 UTC."""
    return (at - _EPOCH) // _MICROSECOND


# ------------------------------------------------------------------- into the staging table

# Each column is its size and its bytes: the number of columns, an integer, four of 64 bits
# (enterprise, point and two times), the values, and then what _staged_tail gives.
_STAGED_COLUMNS: Final = 2 + len(NewReading._fields)
_STAGED_ROW: Final = Struct(f">hii{'iq' * 4}{'id' * 9}")


def staging_form(rows: Iterable[tuple[int, NewReading]]) -> bytes:
    """Return (enterprise_id, reading) rows as the contents of one COPY into the staging table.

    Each row gets its position as first column. What is unknown travels as NaN, which the door
    refuses as a value (``meters.profiles``).
    """
    parts = [_HEADER]
    for position, (enterprise_id, reading) in enumerate(rows):
        point_id, measured_at, received_at, *values, flag, is_backfill = reading
        p_kw, ua, ub, uc, ia, ib, ic, pf, energy = (nan if v is None else v for v in values)
        # fmt: off
        parts += (
            _STAGED_ROW.pack(
                _STAGED_COLUMNS, 4, position, 8, enterprise_id, 8, point_id,
                8, to_microseconds(measured_at), 8, to_microseconds(received_at),
                8, p_kw, 8, ua, 8, ub, 8, uc, 8, ia, 8, ib, 8, ic, 8, pf, 8, energy,
            ),
            _flags(flag, is_backfill),
        )
        # fmt: on
    parts.append(_TRAILER)
    return b"".join(parts)


# ---------------------------------------------------------------- into meters_reading itself

_READING_COLUMNS: Final = len(NewReading._fields) + 1  # and chunk_id
_NO_NUMERIC: Final = Struct(">i").pack(-1)
# numeric: size, groups of four digits, weight of the first, sign, digits after the point, groups.
_NUMERIC: Final = Struct(">ihhHH4h")
_GROUP: Final = 10_000
_TEN_THOUSANDTH: Final = Decimal("0.0001")


def reading_form(readings: Iterable[NewReading], chunk_id: int) -> bytes:
    """Return readings as the contents of one COPY into ``meters_reading``."""
    parts = [_HEADER]
    micros: dict[datetime, int] = {}
    chunk = Struct(">iq").pack(8, chunk_id)
    tails: dict[tuple[str, bool], bytes] = {}
    for reading in readings:
        point_id, measured_at, received_at, *values, energy, flag, is_backfill = reading
        if (measured := micros.get(measured_at)) is None:
            measured = micros[measured_at] = to_microseconds(measured_at)
        if (received := micros.get(received_at)) is None:
            received = micros[received_at] = to_microseconds(received_at)
        if (tail := tails.get((flag, is_backfill))) is None:
            tail = tails[flag, is_backfill] = _flags(flag, is_backfill) + chunk
        pack, pick = _packer(tuple([value is None for value in values]))
        parts += (
            pack(*pick((8, -1, _READING_COLUMNS, point_id, measured, received, *values))),
            _NO_NUMERIC if energy is None else _numeric(energy),
            tail,
        )
    parts.append(_TRAILER)
    return b"".join(parts)


@lru_cache(maxsize=256)
def _packer(
    are_unknown: tuple[bool, ...],
) -> tuple[Callable[..., bytes], Callable[[Sequence[Any]], tuple[Any, ...]]]:
    """Return how to pack a row up to its energy, and how to pick for it from the values.

    They stand behind 8 (the size of all that is known), -1 (that of the unknown), the number of
    columns, the point and the two times.
    """
    form, places = ">hiqiqiq", [2, 0, 3, 0, 4, 0, 5]
    for place, is_unknown in enumerate(are_unknown, 6):
        form += "i" if is_unknown else "id"
        places += [1] if is_unknown else [0, place]
    return Struct(form).pack, itemgetter(*places)


def _numeric(value: float) -> bytes:
    """Return a value from 0 to 1e11 as numeric(16, 4), rounded as PostgreSQL rounds a double."""
    exact = value * _GROUP
    whole = round(exact)
    if abs(exact - whole) > 0.25:  # so far from a whole one that it matters how it is rounded
        text = Decimal(f"{value:.15g}")  # as PostgreSQL's cast from double precision
        whole = int(text.quantize(_TEN_THOUSANDTH, ROUND_HALF_UP) * _GROUP)
    rest, fraction = divmod(whole, _GROUP)
    rest, low = divmod(rest, _GROUP)
    high, middle = divmod(rest, _GROUP)
    return _NUMERIC.pack(16, 4, 2, 0, 4, high, middle, low, fraction)


@lru_cache(maxsize=1024)
def _flags(flag: str, is_backfill: bool) -> bytes:
    text = flag.encode()
    return Struct(f">i{len(text)}si?").pack(len(text), text, 1, is_backfill)
