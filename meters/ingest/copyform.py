"""Readings in PostgreSQL's binary COPY form; a third of the time of handing rows to the driver.

Source: PostgreSQL's documentation of COPY, "Binary Format", and the send functions of its types.
All rows have one fixed layout, packed in one step. What is unknown travels as NaN, which the door
refuses as a value (``meters.profiles``); ``statements.STORE_INCOMING`` makes it NULL.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import nan
from struct import Struct
from typing import Final

from meters.ingest.entries import NewReading

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
#: Columns of a row, in this order: position, enterprise_id, then those of NewReading.
_COLUMN_COUNT: Final = 2 + len(NewReading._fields)
_VALUE_COUNT: Final = 9  # p_kw .. energy_kwh
# Each column is its size and its bytes: the number of columns, an integer, four of 64 bits
# (enterprise, point and two times), the values, and then what _tail gives.
_ROW: Final = Struct(f">hii{'iq' * 4}{'id' * _VALUE_COUNT}")


def copy_form(rows: Iterable[tuple[int, NewReading]]) -> bytes:
    """Return (enterprise_id, reading) rows as the contents of one COPY .. (FORMAT binary).

    Each row gets its position as first column.
    """
    parts = [_HEADER]
    micros: dict[datetime, int] = {}
    pack = _ROW.pack
    for position, (enterprise_id, reading) in enumerate(rows):
        point_id, measured_at, received_at, *values, flag, is_backfill = reading
        if (measured := micros.get(measured_at)) is None:
            measured = micros[measured_at] = (measured_at - _EPOCH) // _MICROSECOND
        if (received := micros.get(received_at)) is None:
            received = micros[received_at] = (received_at - _EPOCH) // _MICROSECOND
        if None in values:
            values = [nan if value is None else value for value in values]
        p_kw, ua, ub, uc, ia, ib, ic, pf, energy_kwh = values
        # fmt: off
        parts.append(pack(
            _COLUMN_COUNT, 4, position, 8, enterprise_id, 8, point_id, 8, measured, 8, received,
            8, p_kw, 8, ua, 8, ub, 8, uc, 8, ia, 8, ib, 8, ic, 8, pf, 8, energy_kwh,
        ))
        # fmt: on
        parts.append(_tail(flag, is_backfill))
    parts.append(_TRAILER)
    return b"".join(parts)


@lru_cache(maxsize=1024)
def _tail(flag: str, is_backfill: bool) -> bytes:
    text = flag.encode()
    return Struct(f">i{len(text)}si?").pack(len(text), text, 1, is_backfill)
