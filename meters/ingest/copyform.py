"""Readings in PostgreSQL's binary COPY form; half the time of handing rows to the driver.

Source: PostgreSQL's documentation of COPY, "Binary Format", and the send functions of its types.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct
from typing import Final

from meters.ingest.entries import NewReading

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_NULL: Final = -1
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FLOAT_COUNT: Final = 8  # p_kw .. pf of a NewReading
#: Columns of a row, in this order: position, enterprise_id, then those of NewReading.
_COLUMN_COUNT: Final = 2 + len(NewReading._fields)
# numeric(16, 4): four groups of four digits, the last behind the point. Before them: size, number
# of groups, weight of the first, sign, digits shown behind the point.
_NUMERIC: Final = "ihhHHhhhh"
_NUMERIC_HEAD: Final = (16, 4, 2, 0, 4)


def copy_form(rows: Iterable[tuple[int, NewReading]]) -> bytes:
    """Return (enterprise_id, reading) rows as the contents of one COPY .. (FORMAT binary).

    energy_kwh has to be 0 to 1e11; each row gets its position as first column.
    """
    parts = [_HEADER]
    micros: dict[datetime, int] = {}
    pack_full = _form((1 << _FLOAT_COUNT) - 1, True, 1).pack
    for position, (enterprise_id, reading) in enumerate(rows):
        point_id, measured_at, received_at, *floats, energy_kwh, flag, is_backfill = reading
        if (measured := micros.get(measured_at)) is None:
            measured = micros[measured_at] = (measured_at - _EPOCH) // _MICROSECOND
        if (received := micros.get(received_at)) is None:
            received = micros[received_at] = (received_at - _EPOCH) // _MICROSECOND
        head = (_COLUMN_COUNT, 4, position, 8, enterprise_id, 8, point_id, 8, measured, 8, received)
        text = flag.encode()
        if energy_kwh is None or len(text) != 1 or None in floats:
            parts.append(_unusual_row(head, floats, energy_kwh, text, is_backfill))
            continue
        p_kw, ua, ub, uc, ia, ib, ic, pf = floats
        # fmt: off
        parts.append(pack_full(
            *head,
            8, p_kw, 8, ua, 8, ub, 8, uc, 8, ia, 8, ib, 8, ic, 8, pf,
            *_NUMERIC_HEAD, *_groups(energy_kwh), 1, text, 1, is_backfill,
        ))
        # fmt: on
    parts.append(_TRAILER)
    return b"".join(parts)


def _groups(energy_kwh: float) -> tuple[int, int, int, int]:
    high, fraction = divmod(round(energy_kwh * 10_000), 10_000)
    high, third = divmod(high, 10_000)
    first, second = divmod(high, 10_000)
    return first, second, third, fraction


def _unusual_row(
    head: tuple[int, ...],
    floats: Sequence[float | None],
    energy_kwh: float | None,
    flag: bytes,
    is_backfill: bool,
) -> bytes:
    """Return a row with NULLs or another length of flag."""
    values: list[object] = [*head]
    mask = 0
    for place, value in enumerate(floats):
        if value is None:
            values.append(_NULL)
        else:
            mask |= 1 << place
            values += (8, value)
    if energy_kwh is None:
        values.append(_NULL)
    else:
        values += (*_NUMERIC_HEAD, *_groups(energy_kwh))
    values += (len(flag), flag, 1, is_backfill)
    return _form(mask, energy_kwh is not None, len(flag)).pack(*values)


@lru_cache(maxsize=4096)
def _form(mask: int, has_energy: bool, flag_size: int) -> Struct:
    """Return the layout of a row; bit n of the mask: the n-th of the floats is there."""
    floats = "".join("id" if mask >> place & 1 else "i" for place in range(_FLOAT_COUNT))
    energy = _NUMERIC if has_energy else "i"
    return Struct(f">hii{'iq' * 4}{floats}{energy}i{flag_size}si?")
