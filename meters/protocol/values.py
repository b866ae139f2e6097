"""Text of the wire into times and numbers, and times back into text. Never raises on wire text."""

import re
from datetime import UTC, datetime, timedelta, timezone

from meters.protocol.errors import LocalError

# HJ 212-2017 gives no zone; its clocks are Beijing time.
BEIJING = timezone(timedelta(hours=8))

# HJ 212-2017: SystemTime and DataTime are N14, YYYYMMDDhhmmss; QN adds three digits of
# milliseconds. Leniency: some collectors put 17 digits into DataTime too (chenqi92/alltobs-hj212).
_TIME = re.compile(r"[0-9]{14}(?:[0-9]{3})?", re.ASCII)

# HJ 212-2017: N14.2 is the widest number, 14 digits before the point. Leniency: negative numbers
# and long fractions (13 decimals from mutoushirana/HJ212Virtual). No exponent is ever printed.
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,14}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})", re.ASCII)


def parse_datetime(text: str | None) -> datetime | None:
    """Return the instant a DataTime, SystemTime, SampleTime or QN names, as aware UTC.

    text: 14 digits ``YYYYMMDDhhmmss`` or 17 with milliseconds, Beijing time (UTC+8).
    None for anything else: other lengths (a QN of 13 digits occurs), no such date, None.
    """
    if text is None or not _TIME.fullmatch(text):
        return None
    try:
        return datetime(
            int(text[0:4]),
            int(text[4:6]),
            int(text[6:8]),
            int(text[8:10]),
            int(text[10:12]),
            int(text[12:14]),
            int(text[14:17] or 0) * 1000,
            tzinfo=BEIJING,
        ).astimezone(UTC)
    except (ValueError, OverflowError):  # no such date, or before the year 1 in UTC
        return None


def parse_number(text: str | None) -> float | None:
    """Return a plain decimal number, or None for whatever is not one.

    Refused: empty, NaN, infinities, exponents, blanks, underscores, digits of other scripts, more
    than 14 digits before or 20 after the point. The unit is the factor's; keep the text as well,
    for a float cannot give back the digits that were sent.
    """
    if text is None or not _NUMBER.fullmatch(text):
        return None
    return float(text)


def format_datetime(at: datetime) -> str:
    """Return an instant as DataTime or SystemTime: 14 digits, Beijing time.

    at: aware, any zone; parts of a second are cut off. Raises LocalError for a naive one.
    """
    return _in_beijing(at).strftime("%Y%m%d%H%M%S").rjust(14, "0")


def format_qn(at: datetime) -> str:
    """Return an instant as QN: 17 digits, Beijing time, milliseconds.

    at: aware, any zone; parts of a millisecond are cut off. Raises LocalError for a naive one.
    """
    return f"{format_datetime(at)}{at.microsecond // 1000:03d}"


def _in_beijing(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise LocalError("a time without a zone cannot be put on the wire")
    return at.astimezone(BEIJING)
