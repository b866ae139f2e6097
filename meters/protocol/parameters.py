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
_ITEM = re.compile(rf"[^=;,]*=[{_BLANKS}]*//.*?//(?=[{_BLANKS}]*(?:[;,]|\Z))|[^;,]+", re.DOTALL)
_BLANK = re.compile(rf"[{_BLANKS}]")


def parse_cp(text: str) -> tuple[Fields, Factors]:
    """Return the plain fields and the factors of a CP body, all values as text.

    ``DataTime=..`` becomes ``fields["DataTime"]``; ``w01018-Rtd=..`` becomes
    ``factors["w01018"]["Rtd"]``. Order is that of first appearance; of a name given twice the
    later value stays. Text without ``=`` is passed over. Never raises.
    """
    fields: Fields = {}
    factors: Factors = {}
    # Only log text needs the slower pattern, and only senders of blanks have them stripped.
    items = _ITEM.findall(text) if "//" in text else text.replace(",", ";").split(";")
    has_blanks = _BLANK.search(text) is not None
    for item in items:
        name, equals, value = item.partition("=")
        if not equals:
            continue
        # Leniency: the standard itself prints a blank after `&&`.
        if has_blanks:
            name, value = name.strip(_BLANKS), value.strip(_BLANKS)
        code, _, field = name.partition("-")
        if code and field:
            if code in factors:
                factors[code][field] = value
            else:
                factors[code] = {field: value}
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
