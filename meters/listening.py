"""When we listened: a gateway that was down must not be taken for collectors that fell silent."""

from datetime import datetime, timedelta

from django.db.models import Q, Subquery

from common.intervals import Span, Spans, normalise, subtract
from meters.models import ListeningSpan

#: A living gateway says so at least this often (assumption; its directory is read every 5 s).
ALIVE_FOR = timedelta(seconds=60)

_FIRST = Subquery(ListeningSpan.objects.order_by("pk").values("pk")[:1])


def mark_alive(span_id: int | None, *, stream: str, now: datetime) -> int:
    """Note that the gateway ``stream`` listens now; return the id of its span for the next time.

    A process that was stopped or suspended longer than ``ALIVE_FOR`` begins a new span.
    """
    if span_id is not None and ListeningSpan.objects.filter(
        pk=span_id, alive_at__lte=now, alive_at__gte=now - ALIVE_FOR
    ).update(alive_at=now):
        return span_id
    return ListeningSpan.objects.create(stream=stream, started_at=now, alive_at=now).pk


def get_deaf_spans(start: datetime, end: datetime) -> Spans:
    """Return where in ``[start, end)`` no gateway listened, by our clock; one query.

    Before the first gateway ever started nothing is known, so nothing is claimed.
    """
    rows = (
        ListeningSpan.objects.filter(Q(alive_at__gte=start - ALIVE_FOR) | Q(pk=_FIRST))
        .order_by("pk")
        .values_list("started_at", "alive_at")
    )
    heard = normalise((started, alive + ALIVE_FOR) for started, alive in rows)
    if not heard or heard[0].start >= end:
        return []
    return subtract([Span(max(start, heard[0].start), end)], heard)
