"""Readings: the wide rows, one for each point and moment."""

from django.db import models

from meters.models.devices import MonitoringPoint


class Reading(models.Model):
    """What a point measured at one moment 读数.

    The table is range-partitioned by ``measured_at`` (one partition a day of UTC) and made by SQL
    in the migration; rows come in by COPY, never by ``save``. The first value of a key wins; a
    conflicting later one goes to ``ReadingConflict``. A quantity that the frame did not carry, or
    that its flag marks invalid, is NULL: unknown is never zero.
    """

    pk = models.CompositePrimaryKey("point_id", "measured_at")
    point = models.ForeignKey(MonitoringPoint, on_delete=models.DO_NOTHING, related_name="+")
    measured_at = models.DateTimeField()
    received_at = models.DateTimeField()
    p_kw = models.FloatField(null=True)
    ua = models.FloatField(null=True)
    ub = models.FloatField(null=True)
    uc = models.FloatField(null=True)
    ia = models.FloatField(null=True)
    ib = models.FloatField(null=True)
    ic = models.FloatField(null=True)
    pf = models.FloatField(null=True)
    energy_kwh = models.DecimalField(max_digits=16, decimal_places=4, null=True)
    flag = models.CharField(max_length=4)  # the wire's own flag; N where every value is good
    is_backfill = models.BooleanField()
    chunk_id = models.BigIntegerField()  # the RawChunk that holds the frame

    class Meta:
        managed = False
        db_table = "meters_reading"

    def __str__(self) -> str:
        return f"{self.point_id} {self.measured_at:%Y-%m-%dT%H:%M:%SZ}"


class LatestReading(models.Model):
    """The newest reading of each point, for the live pages; written with each ingest commit."""

    point = models.OneToOneField(
        MonitoringPoint, on_delete=models.CASCADE, primary_key=True, related_name="latest"
    )
    measured_at = models.DateTimeField()
    received_at = models.DateTimeField()
    p_kw = models.FloatField(null=True)
    ua = models.FloatField(null=True)
    ia = models.FloatField(null=True)
    energy_kwh = models.DecimalField(max_digits=16, decimal_places=4, null=True)

    class Meta:
        # Every ingest commit updates its rows: room on the page keeps the updates in place.
        db_table = "meters_latestreading"

    def __str__(self) -> str:
        return f"{self.point_id} {self.p_kw}"
