"""Template filters over ``common.formats`` in the language of the page."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from django import template
from django.utils import timezone
from django.utils.translation import get_language

from common import formats

register = template.Library()
Size = TypeVar("Size", int, float, Decimal, timedelta)


@register.filter
def local_dt(moment: datetime | None) -> str:
    return formats.local_dt(moment, language=get_language())


@register.filter
def local_date(moment: date | None) -> str:
    return formats.local_date(moment, language=get_language())


@register.filter
def local_time(moment: datetime | None) -> str:
    return formats.local_time(moment)


@register.filter
def duration(length: timedelta | formats.Number | None) -> str:
    return formats.duration(length, language=get_language())


@register.filter
def number(value: formats.Number | None, decimals: int | None = None) -> str:
    return formats.number(value, decimals)


@register.filter
def kw(value: formats.Number | None) -> str:
    return formats.kw(value)


@register.filter
def rate(part: formats.Number | None, whole: formats.Number | None) -> str:
    """``{{ online|rate:accepted }}``"""
    return formats.rate(part, whole, language=get_language())


@register.filter
def percent(part: formats.Number | None, whole: formats.Number | None) -> str:
    return formats.percent(part, whole)


@register.filter
def fraction(part: formats.Number | None, whole: formats.Number | None) -> str:
    return formats.fraction(part, whole)


@register.filter
def magnitude(value: Size) -> Size:
    """The size without the sign, where words already say which way."""
    return abs(value)


@register.simple_tag
def server_now() -> datetime:
    return timezone.now()
