"""Times of the people (Asia/Shanghai) and of the record (UTC). One place converts.

China has kept one zone without summer time since 1991, so a fixed offset is exact for every date
that the system can meet, and the pure core needs no zone data.
"""

from datetime import UTC, date, datetime, time, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


def to_local(instant: datetime) -> datetime:
    """Return the aware instant on the wall clock of Asia/Shanghai; refuses a naive one."""
    if instant.tzinfo is None:
        raise ValueError("a naive datetime names no instant")
    return instant.astimezone(SHANGHAI)


def from_local(wall_clock: datetime) -> datetime:
    """Return the UTC instant at which Shanghai's wall clock shows this naive datetime."""
    if wall_clock.tzinfo is not None:
        raise ValueError("expected wall-clock time without a zone")
    return wall_clock.replace(tzinfo=SHANGHAI).astimezone(UTC)


def local_date(instant: datetime) -> date:
    """Return the day in Asia/Shanghai on which the instant falls."""
    return to_local(instant).date()


def day_start(day: date) -> datetime:
    """Return the UTC instant at which the day begins in Asia/Shanghai."""
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)
