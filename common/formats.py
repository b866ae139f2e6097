"""How PowerWatch writes times, durations, powers and rates, in Chinese and in English.

Pure functions: the language comes in as a parameter (``zh-hans`` or ``en``; anything that does not
begin with ``zh`` is English), so pages, messages, PDFs and tests write the same thing alike. All
clocks are Asia/Shanghai. A missing value is written ``—``, never as zero.
"""

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
MISSING = "—"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Number = int | float | Decimal


def is_chinese(language: str | None) -> bool:
    return (language or "").lower().startswith("zh")


def in_shanghai(moment: datetime) -> datetime:
    """Return the aware moment on Shanghai's clock. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be shown: it could be any moment")
    return moment.astimezone(SHANGHAI)


def local_date(moment: date | None, *, language: str | None) -> str:
    """``2026年11月23日`` or ``23 Nov 2026``, of an instant (its day in China) or of a day."""
    if moment is None:
        return MISSING
    local = in_shanghai(moment) if isinstance(moment, datetime) else moment
    if is_chinese(language):
        return f"{local.year}年{local.month}月{local.day}日"
    return f"{local.day} {MONTHS[local.month - 1]} {local.year}"


def local_time(moment: datetime | None) -> str:
    """``02:13``, the same in both languages."""
    return MISSING if moment is None else in_shanghai(moment).strftime("%H:%M")


def local_dt(moment: datetime | None, *, language: str | None) -> str:
    """``2026年11月23日 02:13`` or ``23 Nov 2026 02:13``."""
    if moment is None:
        return MISSING
    return f"{local_date(moment, language=language)} {local_time(moment)}"


def duration(length: timedelta | Number | None, *, language: str | None) -> str:
    """``1小时47分`` or ``1 h 47 min``; a plain number means minutes.

    Whole minutes, cut and not rounded: a clock must not show a minute that has not passed. Under
    one minute the seconds are shown. A negative length carries a minus sign.
    """
    if length is None:
        return MISSING
    if not isinstance(length, timedelta):
        length = timedelta(minutes=float(length))
    sign = "−" if length < timedelta(0) else ""
    total = int(abs(length).total_seconds())
    chinese = is_chinese(language)
    if total < 60:
        if total == 0:
            sign = ""
        return f"{sign}{total}秒" if chinese else f"{sign}{total} s"
    days, rest = divmod(total // 60, 24 * 60)
    hours, minutes = divmod(rest, 60)
    alone = not days and not hours
    units = ("天", "小时", "分钟" if alone else "分") if chinese else (" d", " h", " min")
    parts = [
        f"{amount}{unit}"
        for amount, unit in zip((days, hours, minutes), units, strict=True)
        if amount
    ]
    return sign + ("" if chinese else " ").join(parts)


def number(value: Number | None, decimals: int | None = None) -> str:
    """``1,204`` or, with decimals, ``1,204.5``; halves go up, as in official figures."""
    if value is None or not isfinite(value):
        return MISSING
    exact = Decimal(str(value))
    if decimals is None:
        return f"{exact:,f}"
    rounded = exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    return f"{rounded:,f}".replace("-", "−") if rounded else f"{abs(rounded):,f}"


def kw(value: Number | None) -> str:
    """``1,234.5 kW``."""
    shown = number(value, 1)
    return shown if shown == MISSING else f"{shown} kW"


def percent(part: Number | None, whole: Number | None) -> str:
    """``96.4%``; ``—`` where there is nothing to divide by.

    Rounding never says more than the truth: one missing in a million is 99.9%, one present 0.1%.
    """
    if part is None or not whole:
        return MISSING
    share = (Decimal(str(part)) * 100 / Decimal(str(whole))).quantize(
        Decimal("0.1"), rounding=ROUND_HALF_UP
    )
    if share == 100 and part < whole:
        share = Decimal("99.9")
    elif share == 0 and part > 0:
        share = Decimal("0.1")
    return f"{share}%"


def fraction(part: Number | None, whole: Number | None) -> str:
    """``1,204 / 1,249``."""
    return f"{number(part)} / {number(whole)}"


def rate(part: Number | None, whole: Number | None, *, language: str | None) -> str:
    """``96.4%（1,204 / 1,249）`` or ``96.4% (1,204 / 1,249)``: a rate shows both its numbers."""
    left, right = ("（", "）") if is_chinese(language) else (" (", ")")
    return f"{percent(part, whole)}{left}{fraction(part, whole)}{right}"
