"""Working days in China: Monday to Friday, unless the State Council's notice of the year says else.

Holidays and the working weekends for them are set anew each autumn, so they are settings:
``POWERWATCH_HOLIDAYS`` and ``POWERWATCH_EXTRA_WORKDAYS``, days of Asia/Shanghai. For a year that
nobody has entered Monday to Friday count (assumption, configurable).
"""

from datetime import date, datetime, timedelta

from django.conf import settings

from common.localtime import day_start, local_date


def is_working_day(day: date) -> bool:
    """Tell whether the day is a working day."""
    if day in settings.EXTRA_WORKDAYS:
        return True
    return day.weekday() < 5 and day not in settings.HOLIDAYS


def after_working_days(instant: datetime, count: int) -> datetime:
    """Return the UTC instant at which the ``count``-th working day after the local day ends.

    The day of the instant itself is not counted.
    """
    day, left = local_date(instant), count
    while left > 0:
        day += timedelta(days=1)
        left -= is_working_day(day)
    return day_start(day + timedelta(days=1))
