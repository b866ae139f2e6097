"""Operating states: what each point was seen to do, as segments."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from meters.models.devices import MonitoringPoint


class OperatingState(models.TextChoices):
    """What a facility does 工况. The same words as ``meters.states.State``, which has no Django."""

    OFF = "OFF", _("Off")
    STANDBY = "STANDBY", _("Standby")
    ON = "ON", _("Running")
    UNKNOWN = "UNKNOWN", _("No data")
    POWER_CUT = "POWER_CUT", _("Power cut")


class StateSegment(models.Model):
    """A stretch in which a point kept one state; half open, a point's segments do not overlap.

    ``ended_at`` of the newest segment is the moment of the newest reading that is accounted for.
    ``meters.segments`` writes the rows from readings and can write them again at any time.
    """

    point = models.ForeignKey(MonitoringPoint, on_delete=models.CASCADE, related_name="segments")
    state = models.CharField(max_length=10, choices=OperatingState)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    mean_kw = models.FloatField(null=True)
    max_kw = models.FloatField(null=True)
    reading_count = models.IntegerField(default=0)
    backfill_count = models.IntegerField(default=0)

    class Meta:
        verbose_name = _("state segment")
        verbose_name_plural = _("state segments")
        constraints = [
            models.UniqueConstraint(
                fields=["point", "started_at"], name="meters_segment_starts_once"
            ),
            models.CheckConstraint(
                name="meters_segment_ends_after_start", condition=Q(ended_at__gte=F("started_at"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.point_id} {self.state} {self.started_at}"
