"""The command parameters (CP, 指令参数): text to fields and factors, and back."""

import re
from collections.abc import Mapping

Fields = dict[str, str]
Factors = dict[str, dict[str, str]]

_BLANKS = " \t\r\n"

# HJ 212-2017: `;` separates items, `,` separates values of one item, `=` joins name and value.
# The standard breaks this itself (C.23 has a comma between BeginTime and EndTime), so both
# separate alike and values are grouped by the code before the dash.
# HJ 212-2017, CN=3020: log text stands between `//` and `//`. The standard does not say whether
# separators inside it count; as it is free text, they do not.
_PAIR = re.compile(
    rf"(?:\A|[;,])([^=;,]*)=(?:[{_BLANKS}]*(//.*?//)(?=[{_BLANKS}]*(?:[;,]|\Z))|([^;,]*))",
    re.DOTALL,
)
_BLANK = re.compile(rf"[{_BLANKS}]")


def parse_cp(text: str) -> tuple[Fields, Factors]:
    """Return the plain fields and the factors of a CP body, all values as text.

    ``DataTime=..`` becomes ``fields["DataTime"]``; ``w01018-Rtd=..`` becomes
    ``factors["w01018"]["Rtd"]``. Order is that of first appearance; of a name given twice the
    later value stays. Text without ``=`` is passed over. Never raises.
    """
    fields: Fields = {}
    factors: Factors = {}
    pairs = _PAIR.findall(text)
    # Leniency: the standard prints a blank after `&&` in C.2; most senders print none at all.
    if _BLANK.search(text):
        pairs = [[part.strip(_BLANKS) for part in pair] for pair in pairs]
    for name, log, plain in pairs:
        value = log or plain
        code, dash, field = name.partition("-")
        if dash and code and field:
            factor = factors.get(code)
            if factor is None:
                factor = factors[code] = {}
            factor[field] = value
        elif name:
            fields[name] = value
    return fields, factors


def format_cp(fields: Mapping[str, str], factors: Mapping[str, Mapping[str, str]]) -> str:
    """Return the CP text that ``parse_cp`` reads back; fields first, then one item a factor."""
    items = [f"{name}={value}" for name, value in fields.items()]
    items += [format_factor(code, values) for code, values in factors.items()]
    return ";".join(items)


def format_factor(code: str, values: Mapping[str, str]) -> str:
    """Return one item: ``code-Field=value,code-Field=value``."""
    return ",".join(f"{code}-{field}={value}" for field, value in values.items())
