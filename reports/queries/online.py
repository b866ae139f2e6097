"""When a collector counts as online: its last sign of life is not older than is due."""

from datetime import datetime, timedelta

from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Func, Q, Value

#: Silence shorter than this is no gap, whatever the interval (assumption; parameter stale_after).
SHORTEST_STALE = timedelta(minutes=5)
INTERVALS_MISSED = 3


def stale_after(expected_interval_s: int) -> timedelta:
    """Return how old the newest reading may be before it counts as stale."""
    return max(timedelta(seconds=INTERVALS_MISSED * expected_interval_s), SHORTEST_STALE)


def is_online(collector: str, *, now: datetime) -> Q:
    """Return the condition that a collector (lookup prefix, such as ``""``) is online; in SQL."""
    return Q(**{f"{collector}status__latest_received_at__gte": _due(collector, now)})


def is_point_online(point: str, *, now: datetime) -> Q:
    """Return the same for a point (lookup prefix): by its own newest reading."""
    return Q(**{f"{point}latest__received_at__gte": _due(f"{point}collector__", now)})


def _due(collector: str, now: datetime) -> ExpressionWrapper:
    """Return since when something must have arrived."""
    allowed = Func(
        F(f"{collector}expected_interval_s"),
        template=f"make_interval(secs => greatest({INTERVALS_MISSED} * %(expressions)s,"
        f" {int(SHORTEST_STALE.total_seconds())}))",
        output_field=DurationField(),
    )
    return ExpressionWrapper(
        Value(now, output_field=DateTimeField()) - allowed, output_field=DateTimeField()
    )
