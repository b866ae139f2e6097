"""Profiles 配置模板: how one platform's or vendor's frames name circuits and quantities.

Pure: a specification (JSON) is compiled once, and a compiled profile reads frames. No public text
fixes these codes for electricity, so nothing here knows a code: they are all data.

The keys of a specification (only ``match``, ``item`` and ``parameters`` must be there)::

    match       {"st": ["80"], "cn": ["2011"], "automatic": true}
                automatic: false is used only by collectors that name the profile
    item        {"pattern": "^ea3001(?P<circuit>\\d\\d)(?P<parameter>\\d\\d)$", "value": "Rtd"}
                the code is circuit and parameter, the field ``value`` holds the number
                {"pattern": "^(?P<circuit>[0-9A-Za-z]{6})$", "parameter": "field"}
                the code is the circuit, each field a parameter
                "circuit": "{class}{facility}" builds the circuit from other named groups
    parameters  {"Pt": {"quantity": "p_kw", "scale": 1}}; quantity: one of QUANTITIES, or null for
                what is known and not kept; scale: from the wire's unit to kW, V, A, kWh;
                fallback: true takes the value only where no other parameter gave one
    flags       {"N": "good", "D": "fault"}: only "good" leaves the values; the rest makes them NULL
    missing_flag  meaning of no flag at all, "good" by default
    bounds      {"p_kw": [-100000, 100000]}: beyond them a value is refused (DEFAULT_BOUNDS)
    data_time   {"digits": [14, 17], "max_future_s": 600}
    interval_s  the interval the platform expects; for those who register collectors
    frame       {"crc": ["hj212"], "max_segment": 1024, "crlf_required": true,
                 "short_length": false, "length_plus_6": false}; see protocol.FrameProfile
    answer      {"uploads": "by-flag", "unknown_commands": true, "login_cn": null,
                 "login_answer": "9022", "heartbeat_cn": ["9015"]}; see protocol.AnswerProfile
    notes       free text: where the table comes from, what is assumed
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final, NamedTuple

from meters.protocol import (
    AnswerProfile,
    AnswerUploads,
    CrcKind,
    Frame,
    FrameProfile,
    LocalError,
    parse_number,
)

QUANTITIES: Final = ("p_kw", "ua", "ub", "uc", "ia", "ib", "ic", "pf", "energy_kwh")
_UNKNOWN: Final = (None,) * len(QUANTITIES)

_VOLTAGE, _CURRENT = (0.0, 50_000.0), (0.0, 20_000.0)
#: Physical bounds of a reading, in kW, V, A, 1, kWh (assumption, configurable).
DEFAULT_BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "p_kw": (-100_000.0, 100_000.0),
    **dict.fromkeys(("ua", "ub", "uc"), _VOLTAGE),
    **dict.fromkeys(("ia", "ib", "ic"), _CURRENT),
    "pf": (-1.0, 1.0),
    "energy_kwh": (0.0, 1e11),
}
GOOD = "good"
GOOD_FLAG = "N"  # HJ 212-2017, data flags: N is normal
MAX_FLAG = 4  # HJ 212-2017: EFlag is C4; a longer flag is cut
MAX_CIRCUIT = 20
MAX_CODE = 40
_MAX_KNOWN_CODES = 10_000  # codes whose match is remembered; a vendor has some hundreds

_KEYS = frozenset(
    {"match", "item", "parameters", "flags", "missing_flag", "bounds", "data_time", "interval_s"}
    | {"frame", "answer", "notes"}
)


class ProfileError(ValueError):
    """The specification cannot be used; the text names the key and what was expected."""


class CircuitReading(NamedTuple):
    """What one circuit measured: the values in the order of QUANTITIES, None where unknown."""

    circuit: str
    values: tuple[float | None, ...]
    flag: str


class FrameReadings(NamedTuple):
    """What a profile reads in a frame.

    circuits: in the order of the frame.
    unknown_codes: codes (or fields, where these are the parameters) that the profile lacks.
    bad_values: parameters whose value is no number or beyond the physical bounds; stored as NULL.
    """

    circuits: list[CircuitReading]
    unknown_codes: list[str]
    bad_values: list[str]


class _Parameter(NamedTuple):
    """position: in QUANTITIES; None for what is known and not kept."""

    position: int | None
    scale: float
    low: float
    high: float
    is_fallback: bool


@dataclass(frozen=True)
class CompiledProfile:
    """A specification made ready; ``compile_profile`` makes it."""

    name: str
    systems: frozenset[str]
    commands: frozenset[str]
    is_automatic: bool
    pattern: re.Pattern[str]
    circuit_form: str
    value_field: str | None  # None: the fields are the parameters
    parameters: Mapping[str, _Parameter]
    good_flags: frozenset[str]
    is_missing_flag_good: bool
    time_digits: frozenset[int]
    max_future_s: int
    frame: FrameProfile
    answer: AnswerProfile
    # code -> (circuit, parameter), or None for a code that is not the profile's; a memory only
    _codes: dict[str, tuple[str, str] | None] = field(default_factory=dict, compare=False)

    def matches(self, frame: Frame) -> bool:
        """Return whether ST, CN and at least one code of the frame are the profile's."""
        return (
            frame.st in self.systems
            and frame.cn in self.commands
            and any(self.split_code(code) for code in frame.factors)
        )

    def split_code(self, code: str) -> tuple[str, str] | None:
        """Return the circuit and the parameter ("" where fields are) a code names, else None."""
        try:
            return self._codes[code]
        except KeyError:
            found = self._split_unseen(code)
            if len(self._codes) < _MAX_KNOWN_CODES:
                self._codes[code] = found
            return found

    def locate(self, code: str, field: str) -> tuple[str, int, float, float, float] | None:
        """Return circuit, place in QUANTITIES, scale and bounds of an item's value.

        None for what is not the profile's, or is known and not kept.
        """
        split = self.split_code(code)
        if split is None or self.value_field not in {None, field}:
            return None
        parameter = self.parameters.get(field if self.value_field is None else split[1])
        if parameter is None or parameter.position is None:
            return None
        return split[0], parameter.position, parameter.scale, parameter.low, parameter.high

    def _split_unseen(self, code: str) -> tuple[str, str] | None:
        match = self.pattern.fullmatch(code) if len(code) <= MAX_CODE else None
        if match is None:
            return None
        groups = match.groupdict(default="")
        circuit = self.circuit_form.format_map(groups)
        return (circuit, groups.get("parameter", "")) if len(circuit) <= MAX_CIRCUIT else None


def find_profile(profiles: Iterable[CompiledProfile], frame: Frame) -> CompiledProfile | None:
    """Return the first automatic profile that matches the frame."""
    return next((p for p in profiles if p.is_automatic and p.matches(frame)), None)


# --------------------------------------------------------------------------------- reading


def read_frame(profile: CompiledProfile, frame: Frame) -> FrameReadings:
    """Return what the circuits of a frame measured, in kW, V, A and kWh.

    A value is None where the frame has none, where its flag is not good (the flag is kept), and
    where it is no number or out of bounds. Never raises on what a peer sent.
    """
    if profile.value_field is None:
        return _read_circuits(profile, frame)
    return _read_values(profile, profile.value_field, frame)


def _read_circuits(profile: CompiledProfile, frame: Frame) -> FrameReadings:
    """Read items whose code is the circuit and whose fields are parameters, with one flag."""
    out = FrameReadings([], [], [])
    for code, texts in frame.factors.items():
        split = profile.split_code(code)
        if split is None:
            out.unknown_codes.append(code)
            continue
        flag = texts.get("Flag")
        values: list[float | None] = list(_UNKNOWN)
        _take(values, texts, profile, _is_good(profile, flag), out)
        out.circuits.append(CircuitReading(split[0], tuple(values), _stored(flag)))
    return out


def _read_values(profile: CompiledProfile, value_field: str, frame: Frame) -> FrameReadings:
    """Read items whose code is circuit and parameter, each with a flag of its own."""
    out = FrameReadings([], [], [])
    circuits: dict[str, tuple[list[float | None], list[str]]] = {}
    for code, texts in frame.factors.items():
        split = profile.split_code(code)
        if split is None or split[1] not in profile.parameters:
            out.unknown_codes.append(code)
            continue
        if profile.parameters[split[1]].position is None:
            continue
        values, bad_flags = circuits.setdefault(split[0], (list(_UNKNOWN), []))
        flag = texts.get("Flag")
        if not _is_good(profile, flag):
            bad_flags.append(_stored(flag))
        elif value_field in texts:
            _take(values, {split[1]: texts[value_field]}, profile, True, out)
    for circuit, (values, bad_flags) in circuits.items():
        flag = bad_flags[0] if bad_flags else GOOD_FLAG
        out.circuits.append(CircuitReading(circuit, tuple(values), flag))
    return out


def _take(
    values: list[float | None],
    texts: Mapping[str, str],
    profile: CompiledProfile,
    is_good: bool,
    out: FrameReadings,
) -> None:
    """Fill in the values of parameters; one loop without calls, for it runs for each number."""
    parameters = profile.parameters
    for name, text in texts.items():
        if name == "Flag":
            continue
        if name not in parameters:
            out.unknown_codes.append(name)
            continue
        position, scale, low, high, is_fallback = parameters[name]
        if position is None or not is_good or not text:
            continue
        number = parse_number(text)
        if number is None or not low <= number * scale <= high:
            out.bad_values.append(name)
        elif not is_fallback or values[position] is None:
            values[position] = number * scale


def _is_good(profile: CompiledProfile, flag: str | None) -> bool:
    return flag in profile.good_flags if flag else profile.is_missing_flag_good


def _stored(flag: str | None) -> str:
    if not flag or flag == GOOD_FLAG:
        return GOOD_FLAG
    return flag.replace("\0", "")[:MAX_FLAG]  # PostgreSQL holds no NUL in text


# ------------------------------------------------------------------------------- compiling


def compile_profile(spec: object, *, name: str = "") -> CompiledProfile:
    """Return the specification made ready. Raises ProfileError naming the key that is wrong."""
    table = _table("the specification", spec)
    if unknown := sorted(set(table) - _KEYS):
        raise ProfileError(f"{unknown[0]}: no such key; expected one of {', '.join(sorted(_KEYS))}")
    match = _table("match", table.get("match"))
    item = _table("item", table.get("item"))
    pattern, circuit_form = _item_pattern(item)
    by_field = item.get("parameter") == "field"
    if not by_field and "parameter" not in pattern.groupindex:
        raise ProfileError('item: expected a group "parameter", or "parameter": "field"')
    time = _table("data_time", table.get("data_time", {}))
    flags = _table("flags", table.get("flags", {GOOD_FLAG: GOOD}))
    return CompiledProfile(
        name=name,
        systems=_words("match.st", match.get("st")),
        commands=_words("match.cn", match.get("cn")),
        is_automatic=_flag("match.automatic", match.get("automatic", True)),
        pattern=pattern,
        circuit_form=circuit_form,
        value_field=None if by_field else _word("item.value", item.get("value", "Rtd")),
        parameters=_parameters(table.get("parameters"), _bounds(table.get("bounds", {}))),
        good_flags=frozenset(flag for flag, meaning in flags.items() if meaning == GOOD),
        is_missing_flag_good=table.get("missing_flag", GOOD) == GOOD,
        time_digits=_digits(time.get("digits", [14, 17])),
        max_future_s=_whole("data_time.max_future_s", time.get("max_future_s", 600)),
        frame=_frame_profile(_table("frame", table.get("frame", {}))),
        answer=_answer_profile(_table("answer", table.get("answer", {}))),
    )


def _item_pattern(item: Mapping[str, Any]) -> tuple[re.Pattern[str], str]:
    try:
        pattern = re.compile(_word("item.pattern", item.get("pattern")), re.ASCII)
    except re.error as error:
        raise ProfileError(f"item.pattern: no regular expression ({error})") from error
    form = _word("item.circuit", item.get("circuit", "{circuit}"))
    named = re.findall(r"\{(\w+)\}", form)
    if not named or re.sub(r"\{\w+\}", "", form).count("{"):
        raise ProfileError("item.circuit: expected names in braces, such as {circuit}")
    if missing := [group for group in named if group not in pattern.groupindex]:
        raise ProfileError(f"item.pattern: the group {missing[0]} is missing")
    return pattern, form


def _bounds(given: object) -> dict[str, tuple[float, float]]:
    bounds = dict(DEFAULT_BOUNDS)
    for quantity, pair in _table("bounds", given).items():
        where = f"bounds.{quantity}"
        if quantity not in bounds:
            raise ProfileError(f"{where}: expected one of {', '.join(QUANTITIES)}")
        if not isinstance(pair, list) or len(pair) != 2:
            raise ProfileError(f"{where}: expected [least, greatest]")
        low, high = (_number(where, end) for end in pair)
        if low >= high:
            raise ProfileError(f"{where}: the least must be below the greatest")
        if quantity == "energy_kwh" and (low < 0 or high > DEFAULT_BOUNDS[quantity][1]):
            raise ProfileError(f"{where}: the table keeps 0 to 1e11 kWh")
        bounds[quantity] = (low, high)
    return bounds


def _parameters(given: object, bounds: Mapping[str, tuple[float, float]]) -> dict[str, _Parameter]:
    out: dict[str, _Parameter] = {}
    for name, entry in _table("parameters", given).items():
        where = f"parameters.{name}"
        row = _table(where, entry)
        quantity = row.get("quantity")
        if quantity is None:
            out[name] = _Parameter(None, 1.0, 0.0, 0.0, False)
            continue
        if quantity not in QUANTITIES:
            raise ProfileError(f"{where}.quantity: expected null or one of {', '.join(QUANTITIES)}")
        scale = _number(f"{where}.scale", row.get("scale", 1))
        if scale == 0:
            raise ProfileError(f"{where}.scale: expected a number other than 0")
        is_fallback = _flag(f"{where}.fallback", row.get("fallback", False))
        position = QUANTITIES.index(quantity)
        out[name] = _Parameter(position, scale, *bounds[quantity], is_fallback)
    if not any(parameter.position is not None for parameter in out.values()):
        raise ProfileError("parameters: expected at least one that names a quantity")
    return out


def _frame_profile(given: Mapping[str, Any]) -> FrameProfile:
    _only("frame", given, "crc", "max_segment", "crlf_required", "short_length", "length_plus_6")
    try:
        return FrameProfile(
            crc=tuple(CrcKind(kind) for kind in given.get("crc", ["hj212"])),
            max_segment=_whole("frame.max_segment", given.get("max_segment", 1024)),
            crlf_required=_flag("frame.crlf_required", given.get("crlf_required", True)),
            short_length=_flag("frame.short_length", given.get("short_length", False)),
            length_plus_6=_flag("frame.length_plus_6", given.get("length_plus_6", False)),
        )
    except (LocalError, ValueError, TypeError) as error:
        if isinstance(error, ProfileError):
            raise
        raise ProfileError(f"frame: {error}") from error


def _answer_profile(given: Mapping[str, Any]) -> AnswerProfile:
    _only(
        "answer", given, "uploads", "unknown_commands", "login_cn", "login_answer", "heartbeat_cn"
    )
    uploads = given.get("uploads", AnswerUploads.BY_FLAG.value)
    if uploads not in {kind.value for kind in AnswerUploads}:
        raise ProfileError("answer.uploads: expected by-flag, always or never")
    login = given.get("login_cn")
    heartbeats = _words("answer.heartbeat_cn", given.get("heartbeat_cn", ["9015"]))
    return AnswerProfile(
        uploads=AnswerUploads(uploads),
        unknown_commands=_flag("answer.unknown_commands", given.get("unknown_commands", True)),
        login_cn=None if login is None else _word("answer.login_cn", login),
        login_answer=_word("answer.login_answer", given.get("login_answer", "9022")),
        notifications=frozenset({"1013"}) | heartbeats,
    )


def _table(where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ProfileError(f"{where}: expected an object")
    return value


def _only(where: str, given: Mapping[str, Any], *keys: str) -> None:
    if unknown := sorted(set(given) - set(keys)):
        raise ProfileError(f"{where}.{unknown[0]}: no such key; expected one of {', '.join(keys)}")


def _word(where: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ProfileError(f"{where}: expected text")
    return value


def _words(where: str, value: object) -> frozenset[str]:
    if not isinstance(value, list) or not value:
        raise ProfileError(f"{where}: expected a list of texts")
    return frozenset(_word(where, each) for each in value)


def _flag(where: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ProfileError(f"{where}: expected true or false")
    return value


def _whole(where: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ProfileError(f"{where}: expected a whole number, 0 or more")
    return value


def _digits(value: object) -> frozenset[int]:
    if not isinstance(value, list) or not value or not set(value) <= {14, 17}:
        raise ProfileError("data_time.digits: expected [14], [17] or [14, 17]")
    return frozenset(value)


def _number(where: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise ProfileError(f"{where}: expected a number")
    return float(value)
