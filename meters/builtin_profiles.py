"""The profiles that ship: specifications for ``meters.profiles.compile_profile``, as data.

Where a meaning was not found in a public text it says so in ``notes``; an administrator can edit
the rows in the database, or add others, without a line of code.
"""

from typing import Any, Final, NamedTuple


class BuiltinProfile(NamedTuple):
    name: str
    title: str
    spec: dict[str, Any]


# HJ 212-2017, data flags, and J of local electricity rules: only N is a good value.
_FLAGS: Final = {
    "N": "good",
    "J": "doubtful",
    "D": "fault",
    "F": "stopped",
    "M": "maintenance",
    "C": "calibration",
    "T": "over_range",
    "B": "no_communication",
    "S": "manual",
    "Td": "key_parameters_at_fault",
}
_TIME: Final = {"digits": [14, 17], "max_future_s": 600}


def _kept(quantity: str, scale: float = 1, *, fallback: bool = False) -> dict[str, Any]:
    entry: dict[str, Any] = {"quantity": quantity, "scale": scale}
    return {**entry, "fallback": True} if fallback else entry


def _known(*names: str) -> dict[str, Any]:
    """Return parameters that are known and not kept."""
    return {name: {"quantity": None} for name in names}


def _family_b(power_scale: float, *, automatic: bool, notes: str) -> dict[str, Any]:
    return {
        "match": {"st": ["80"], "cn": ["2011"], "automatic": automatic},
        "item": {"pattern": "^(?P<circuit>[0-9A-Za-z]{6})$", "parameter": "field"},
        "parameters": {
            **{name.title(): _kept(name) for name in ("ua", "ub", "uc", "ia", "ib", "ic")},
            "Pt": _kept("p_kw", power_scale),
            "cos": _kept("pf"),
            "Ept": _kept("energy_kwh"),
            **_known("Pa", "Pb", "Pc", "Qt", "Qa", "Qb", "Qc", "Epa", "Epb", "Epc"),
            **_known("Pga", "Pgb", "Pgc", "Eg1", "Eg2", "Eg3", "Eg4", "Pdem"),
            **_known("Pa_ave", "Pb_ave", "Pc_ave", "Pt_ave", "Tpa", "Tpb", "Tpc", "EFlag"),
        },
        "flags": _FLAGS,
        "missing_flag": "good",
        "interval_s": 60 if power_scale != 1 else 900,
        "data_time": _TIME,
        "notes": notes,
    }


ST44_2025: Final = BuiltinProfile(
    "st44-2025",
    "HJ 212-2025 用电监控 (ST=44)",
    {
        "match": {"st": ["44"], "cn": ["2011"]},
        # Class 2 is production, 3 treatment: it belongs to the circuit, or 01 of both would be one.
        "item": {
            "pattern": r"^d(?P<class>\d)(?P<parameter>\d\d)(?P<facility>\d\d)$",
            "circuit": "{class}{facility}",
            "value": "Rtd",
        },
        "parameters": {
            "01": _kept("ua"),
            "02": _kept("ub"),
            "03": _kept("uc"),
            "04": _kept("ia"),
            "05": _kept("ib"),
            "06": _kept("ic"),
            "07": _kept("p_kw"),
            "08": _kept("pf"),
            "09": _kept("energy_kwh"),
        },
        "flags": _FLAGS,
        "missing_flag": "good",
        "interval_s": 900,
        "data_time": _TIME,
        "notes": "01-04: from examples C.37 and C.38 as quoted in public; 05, 06: by analogy. "
        "07 active power (kW), 08 power factor, 09 active energy (kWh): assumption, configurable; "
        "the factor table of the standard was not found in public.",
    },
)

ST80_FAMILY_A: Final = BuiltinProfile(
    "st80-family-a",
    "ST=80 ea3001 + 回路 + 参数",
    {
        "match": {"st": ["80"], "cn": ["2011"]},
        "item": {
            "pattern": r"^ea3001(?P<circuit>\d\d)(?P<parameter>\d\d)$",
            "value": "Rtd",
        },
        "parameters": {
            "01": _kept("ia"),
            "02": _kept("ib"),
            "03": _kept("ic"),
            "04": _kept("ia", fallback=True),  # single-phase meters
            "05": _kept("p_kw", 0.001),  # W on the wire: 0.99 A at 220 V is sent as 220
            "07": _kept("energy_kwh"),
            "09": _kept("pf"),
            "10": _kept("ua"),
            "11": _kept("ub"),
            "12": _kept("uc"),
            "13": _kept("ua", fallback=True),
            **_known("06", "08", "14", "15", "16"),
        },
        "flags": _FLAGS,
        "missing_flag": "good",
        "interval_s": 60,
        "data_time": _TIME,
        "notes": "From public receivers of ST=80 frames; the unit W is worked out from their "
        "values. One frame a circuit; the frames of a minute share DataTime and QN.",
    },
)

ST80_FAMILY_B: Final = BuiltinProfile(
    "st80-family-b",
    "ST=80 点位 + 参数名 (kW)",
    _family_b(
        1,
        automatic=True,
        notes="From public receivers of ST=80 frames; that Pt is kW is worked out from their "
        "values (the sum of U x I times the power factor fits).",
    ),
)

ST80_FAMILY_B_WATT: Final = BuiltinProfile(
    "st80-family-b-watt",
    "ST=80 点位 + 参数名 (W)",
    _family_b(
        0.001,
        automatic=False,
        notes="As st80-family-b, for senders whose Pt is in W. Nothing in a frame tells the two "
        "apart, so a collector must name this profile.",
    ),
)

BUILTIN_PROFILES: Final = (ST44_2025, ST80_FAMILY_A, ST80_FAMILY_B, ST80_FAMILY_B_WATT)
