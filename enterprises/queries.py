"""What held when: thresholds, pairings and grades at an instant."""

from datetime import datetime

from django.db.models import Q

from enterprises.models import Facility, LineGrade, Pairing, ProductionLine, Site, Threshold


def get_threshold_at(facility: Facility, at: datetime) -> Threshold | None:
    """Return the threshold in force at the instant; None where the class shares apply."""
    return (
        Threshold.objects.filter(facility=facility, valid_from__lte=at)
        .order_by("-valid_from")
        .first()
    )


def get_pairings_at(site: Site, at: datetime) -> list[Pairing]:
    """Return the site's pairings in force at the instant, by stage, with both sides. 3 queries."""
    return list(
        Pairing.objects.filter(
            Q(valid_to__isnull=True) | Q(valid_to__gt=at), site=site, valid_from__lte=at
        )
        .prefetch_related("productions", "controls")
        .order_by("stage", "pk")
    )


def get_grade_at(line: ProductionLine, at: datetime) -> LineGrade | None:
    """Return the line's performance grade in force at the instant."""
    return LineGrade.objects.filter(line=line, valid_from__lte=at).order_by("-valid_from").first()
