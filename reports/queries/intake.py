"""What came in and could not be used, as far as the reader may know of it."""

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from meters.models import Collector, IntakeIssue, IntakeReason, MonitoringPoint, ReadingConflict
from tenancy.models import User

SHOWN = 100
SAMPLE_BYTES = 160


@dataclass(frozen=True, slots=True)
class ReasonCount:
    reason: str
    label: str
    kinds: int
    count: int


def get_issues(actor: User) -> QuerySet[IntakeIssue]:
    """Return the problems of collectors that the actor sees, and of senders registered nowhere.

    What came from another city's collector is that city's business.
    """
    registered = Collector.objects.filter(mn=OuterRef("mn"))
    own = Collector.objects.visible_to(actor).filter(mn=OuterRef("mn"))
    return IntakeIssue.objects.filter(~Exists(registered) | Exists(own))


def count_by_reason(issues: QuerySet[IntakeIssue]) -> list[ReasonCount]:
    """Return how often each reason came, the most frequent first. One query."""
    rows = (
        issues.order_by()
        .values_list("reason")
        .annotate(kinds=Count("pk"), total=Sum("count"))
        .order_by("-total", "reason")
    )
    return [
        ReasonCount(reason, str(IntakeReason(reason).label), kinds, total)
        for reason, kinds, total in rows
    ]


def newest(issues: QuerySet[IntakeIssue], reason: str = "") -> list[IntakeIssue]:
    """Return the newest problems, of one reason where one is named."""
    condition = Q(reason=reason) if reason else Q()
    return list(issues.filter(condition).order_by("-latest_at", "-pk")[:SHOWN])


def get_conflicts(actor: User, *, shown: int = 20) -> list[ReadingConflict]:
    """Return the latest conflicting readings of collectors that the actor sees."""
    points = MonitoringPoint.objects.filter(collector__in=Collector.objects.visible_to(actor))
    return list(
        ReadingConflict.objects.filter(point__in=points)
        .select_related("point__facility__site__enterprise", "point__collector")
        .order_by("-received_at", "-pk")[:shown]
    )


def get_differences(conflict: ReadingConflict) -> list[tuple[str, object, object]]:
    """Return (quantity, kept, refused) of what differs between the two readings."""
    return [
        (name, conflict.kept.get(name), conflict.refused.get(name))
        for name in sorted(conflict.kept | conflict.refused)
        if conflict.kept.get(name) != conflict.refused.get(name)
    ]


def as_hex(sample: bytes) -> str:
    """Return the first bytes as pairs of hex digits."""
    return sample[:SAMPLE_BYTES].hex(" ")


def as_text(sample: bytes) -> str:
    """Return the first bytes as text; what is no printable character shows as a dot."""
    text = sample[:SAMPLE_BYTES].decode("gbk", errors="replace")
    return "".join(char if char.isprintable() else "·" for char in text)
