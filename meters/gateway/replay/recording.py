"""Recorded readings: the two forms of files, the plants beside them, and the uploads they make.

A recording is a CSV file, gzipped or not, of rows in order of arrival. Its plants stand in tables
in the same folder: ``enterprises.csv`` and ``facilities.csv`` for a scenario (columns ``recv_ts,
ts, enterprise, facility, ..``), ``channels.csv`` for a plain recording (``ts, plant, channel,
..``). Times are wall clock in Asia/Shanghai.
"""

import csv
import gzip
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TextIO

from common.localtime import from_local
from meters.protocol import Version, encode, format_datetime, uploads

PASSWORD: Final = "123456"  # noqa: S105 - the default of nearly every public HJ 212 frame
SYSTEM: Final = "80"
#: Rows of one enterprise and moment go into one frame if they arrived within this time.
_TOGETHER: Final = timedelta(seconds=30)
_LATE: Final = timedelta(minutes=5)
# Family B: the code is the circuit, the fields are parameters.
_FIELDS: Final = (
    ("Ua", "voltage_v"),
    ("Ia", "current_a"),
    ("Pt", "active_power_kw"),
    ("Ept", "energy_kwh"),
)


class RecordingError(ValueError):
    """The file, or a table beside it, cannot be read as a recording."""


@dataclass(frozen=True, slots=True)
class RecordedFacility:
    """A facility of a plant. pair: codes of its control facility, or the reverse."""

    code: str
    circuit: str
    role: str  # production, control, auxiliary, total
    pair: str
    rated_kw: float
    off_below_kw: float
    load_above_kw: float


@dataclass(frozen=True, slots=True)
class Plant:
    """An enterprise of a recording, with one collector."""

    code: str  # as the rows name it
    enterprise_code: str  # as we register it
    name: str
    county: str
    industry: str
    interval_s: int
    facilities: tuple[RecordedFacility, ...]

    @property
    def mn(self) -> str:
        """Return the collector's MN: 24 characters 0-9 A-F, always the same for the code."""
        digest = hashlib.sha256(f"collector of {self.enterprise_code}".encode())
        return digest.hexdigest()[:24].upper()


@dataclass(frozen=True, slots=True)
class Row:
    """One recorded reading; the values are the text of the file, "" where it has none."""

    arrived_at: datetime
    measured_at: datetime
    plant: str
    facility: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Upload:
    """One frame to send. row_keys: (facility, measured_at) of the rows in it."""

    mn: str
    qn: str
    data: bytes
    arrived_at: datetime
    row_keys: tuple[tuple[str, datetime], ...]


@dataclass(slots=True)
class Recording:
    """A recording: its plants by the code that the rows use, and its rows when asked for."""

    path: Path
    plants: dict[str, Plant] = field(default_factory=dict)

    def rows(self) -> Iterator[Row]:
        """Yield the rows in order of arrival. Raises RecordingError naming the line."""
        with _open(self.path) as file:
            for line in csv.DictReader(file):
                try:
                    measured_at = _instant(line["ts"])
                    yield Row(
                        _instant(line["recv_ts"]) if "recv_ts" in line else measured_at,
                        measured_at,
                        line.get("enterprise") or line["plant"],
                        line.get("facility") or line["channel"],
                        {name: line.get(name) or "" for _, name in _FIELDS},
                    )
                except (KeyError, ValueError, TypeError) as error:
                    raise RecordingError(f"{self.path.name}: bad row {line}: {error}") from error

    def uploads(self, *, sent_at: datetime) -> Iterator[Upload]:
        """Yield the frames, each plant's in order of arrival.

        sent_at: aware; the QNs count up from it in milliseconds, so each is used once.
        """
        open_groups: dict[str, list[Row]] = {}
        count = 0
        for row in self.rows():
            group = open_groups.setdefault(row.plant, [])
            if group and not _belongs(row, group):
                for upload in self._encode(group, sent_at + timedelta(milliseconds=count)):
                    count += 1
                    yield upload
                group.clear()
            group.append(row)
        for group in open_groups.values():
            for upload in self._encode(group, sent_at + timedelta(milliseconds=count)):
                count += 1
                yield upload

    def _encode(self, rows: list[Row], at: datetime) -> Iterator[Upload]:
        plant = self.plants.get(rows[0].plant)
        if plant is None:
            raise RecordingError(f"{self.path.name}: {rows[0].plant} is in no table beside it")
        circuits = {facility.code: facility.circuit for facility in plant.facilities}
        factors: dict[str, dict[str, str]] = {}
        keys: dict[str, tuple[str, datetime]] = {}
        for row in rows:
            if (circuit := circuits.get(row.facility)) is None:
                raise RecordingError(f"{self.path.name}: {row.facility} is in no table beside it")
            # What the file lacks is left out: unknown is not zero. Nothing at all is a fault (D).
            texts = {name: row.values[column] for name, column in _FIELDS if row.values[column]}
            factors[circuit] = {**texts, "Flag": "N" if texts else "D"}
            keys[circuit] = (row.facility, row.measured_at)
        arrived_at = rows[-1].arrived_at
        for message in uploads(
            at=at,
            st=SYSTEM,
            cn="2011",
            pw=PASSWORD,
            mn=plant.mn,
            fields={"DataTime": format_datetime(rows[0].measured_at)},
            factors=factors,
            version=Version.V2025,
            is_backfill=arrived_at - rows[0].measured_at > _LATE,
        ):
            inside = tuple(key for circuit, key in keys.items() if f"{circuit}-" in message.cp)
            yield Upload(plant.mn, message.qn or "", encode(message), arrived_at, inside)


def open_recording(path: Path) -> Recording:
    """Return the recording with the plants that stand beside it. Raises RecordingError."""
    try:
        with _open(path) as file:
            columns = next(csv.reader(file), [])
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise RecordingError(f"cannot read {path}: {error}") from error
    if {"recv_ts", "ts", "enterprise", "facility"} <= set(columns):
        return Recording(path, _scenario_plants(path.parent))
    if {"ts", "plant", "channel"} <= set(columns):
        recording = Recording(path)
        recording.plants = _channel_plants(path.parent, _interval_s(recording))
        return recording
    raise RecordingError(
        f"{path.name}: neither recv_ts,ts,enterprise,facility nor ts,plant,channel"
    )


def _scenario_plants(folder: Path) -> dict[str, Plant]:
    facilities: dict[str, list[RecordedFacility]] = {}
    for line in _table(folder / "facilities.csv"):
        of_plant = facilities.setdefault(line["enterprise"], [])
        of_plant.append(_facility(line, line["facility"], line["pair"], len(of_plant)))
    return {
        line["enterprise"]: Plant(
            line["enterprise"],
            f"SCN-{line['enterprise']}",
            line["name"],
            line["county"],
            line["industry"],
            int(line["interval_s"]),
            tuple(facilities.get(line["enterprise"], ())),
        )
        for line in _table(folder / "enterprises.csv")
    }


def _channel_plants(folder: Path, interval_s: int) -> dict[str, Plant]:
    facilities: dict[str, list[RecordedFacility]] = {}
    for line in _table(folder / "channels.csv"):
        of_plant = facilities.setdefault(line["plant"], [])
        of_plant.append(_facility(line, line["channel"], line["paired_with"], len(of_plant)))
    return {
        code: Plant(code, f"RPL-{code}", code, "", "", interval_s, tuple(of_plant))
        for code, of_plant in facilities.items()
    }


def _facility(line: Mapping[str, str], code: str, pair: str, position: int) -> RecordedFacility:
    return RecordedFacility(
        code,
        f"{100_001 + position}",
        line["role"],
        pair,
        float(line["rated_kw"]),
        float(line["off_below_kw"]),
        float(line["load_above_kw"]),
    )


def _belongs(row: Row, group: list[Row]) -> bool:
    """Return whether a row can go into the frame of the rows that came before it."""
    first = group[0]
    return (
        row.measured_at == first.measured_at
        and row.arrived_at - first.arrived_at <= _TOGETHER
        and all(row.facility != other.facility for other in group)
    )


def _interval_s(recording: Recording) -> int:
    """Return the seconds between the first two moments of a recording."""
    first: datetime | None = None
    for row in recording.rows():
        if first is not None and row.measured_at > first:
            return int((row.measured_at - first).total_seconds())
        first = first or row.measured_at
    return 60


def _table(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise RecordingError(f"beside the recording {path.name} is needed: {error}") from error


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path, "rb"), encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _instant(text: str) -> datetime:
    return from_local(datetime.fromisoformat(text)).astimezone(UTC)
