"""What came in as it came, what was odd about it, and what must be looked at again."""

import re

from django.db import models
from django.utils.translation import gettext_lazy as _

from enterprises.models import Enterprise
from meters.models.devices import MonitoringPoint
from tenancy.scoping import Reach, ScopedQuerySet

_PASSWORD = re.compile(rb"(?<=PW=)[^;&]*")


class RawChunk(models.Model):
    """The frames of one ingest commit as they came, compressed 原始报文.

    ``meters.archive`` packs and unpacks ``payload``; ``sha256`` covers it and ``previous_sha256``
    of the same stream, so that the chunks of a stream form a chain. Range-partitioned by
    ``received_at``; append-only; made by SQL in the migration.
    """

    pk = models.CompositePrimaryKey("id", "received_at")
    id = models.BigIntegerField()
    received_at = models.DateTimeField()
    stream = models.CharField(max_length=60)
    frame_count = models.IntegerField()
    payload = models.BinaryField()
    previous_sha256 = models.BinaryField()
    sha256 = models.BinaryField()

    class Meta:
        managed = False
        db_table = "meters_rawchunk"

    def __str__(self) -> str:
        return f"{self.stream} {self.id}"


class IntakeReason(models.TextChoices):
    """Why something that came in could not become a reading, or not fully."""

    GARBAGE = "GARBAGE", _("Bytes outside any frame")
    BAD_LENGTH = "BAD_LENGTH", _("Length field wrong")
    OVERLONG = "OVERLONG", _("Longer than allowed")
    BAD_CRC = "BAD_CRC", _("Check sum wrong")
    TRUNCATED = "TRUNCATED", _("Frame not finished")
    BAD_SEGMENT = "BAD_SEGMENT", _("Data segment not readable")
    UNKNOWN_MN = "UNKNOWN_MN", _("Collector not registered (MN)")
    DISABLED_MN = "DISABLED_MN", _("Collector disabled")
    WRONG_PASSWORD = "WRONG_PASSWORD", _("Password wrong (PW)")
    UNKNOWN_COMMAND = "UNKNOWN_COMMAND", _("Command not handled (CN)")
    NO_PROFILE = "NO_PROFILE", _("No profile matches the frame")
    UNKNOWN_CODE = "UNKNOWN_CODE", _("Code not in the profile")
    UNKNOWN_CIRCUIT = "UNKNOWN_CIRCUIT", _("Circuit without a monitoring point")
    BAD_TIME = "BAD_TIME", _("DataTime is no time or missing")
    FUTURE_TIME = "FUTURE_TIME", _("DataTime lies in the future")
    ANCIENT_TIME = "ANCIENT_TIME", _("DataTime lies before the kept period")
    BAD_VALUE = "BAD_VALUE", _("Value is no usable number")
    TOO_MANY_CONNECTIONS = "TOO_MANY_CONNECTIONS", _("Connection refused: too many")
    CONFLICT = "CONFLICT", _("A second, different value for the same moment")


class IntakeIssue(models.Model):
    """A kind of trouble with input, counted 接入异常: nothing is dropped in silence.

    One row for each (reason, mn, code, peer address); counts and the newest sample grow. The whole
    frame stays in the raw archive.
    """

    reason = models.CharField(_("reason"), max_length=24, choices=IntakeReason)
    mn = models.CharField(_("MN"), max_length=40, blank=True)
    code = models.CharField(_("code"), max_length=40, blank=True)
    peer = models.CharField(_("sender's address"), max_length=60, blank=True)
    first_at = models.DateTimeField(_("first"))
    latest_at = models.DateTimeField(_("latest"))
    count = models.BigIntegerField(_("count"), default=0)
    sample = models.BinaryField(_("sample"), default=bytes)

    class Meta:
        verbose_name = _("input problem")
        verbose_name_plural = _("input problems")
        constraints = [
            models.UniqueConstraint(
                fields=["reason", "mn", "code", "peer"], name="meters_intakeissue_counted_once"
            )
        ]
        indexes = [
            # the intake page: newest first
            models.Index(fields=["-latest_at"], name="meters_intakeissue_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.mn} {self.code}"

    @property
    def shown_sample(self) -> bytes:
        """The sample without its sender's password, which a frame carries in clear."""
        return _PASSWORD.sub(b"******", bytes(self.sample))


class ReadingConflictQuerySet(ScopedQuerySet["ReadingConflict"]):
    reach = Reach(
        "point__collector__enterprise__county",
        "point__collector__enterprise",
        site="point__collector__site",
    )


class ReadingConflict(models.Model):
    """A value that came second for a moment already stored, and differs 读数冲突."""

    point = models.ForeignKey(
        MonitoringPoint, on_delete=models.CASCADE, related_name="conflicts", verbose_name=_("point")
    )
    measured_at = models.DateTimeField(_("measured"))
    received_at = models.DateTimeField(_("received"))
    kept = models.JSONField(_("kept values"))
    refused = models.JSONField(_("refused values"))
    chunk_id = models.BigIntegerField()

    objects = ReadingConflictQuerySet.as_manager()

    class Meta:
        verbose_name = _("conflicting reading")
        verbose_name_plural = _("conflicting readings")
        indexes = [
            models.Index(fields=["point", "measured_at"], name="meters_conflict_by_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.point_id} {self.measured_at}"


class ListeningSpan(models.Model):
    """A stretch in which a gateway was up and could hear collectors 接收时段.

    Our own silence is no collector's: where no span reaches, nobody listened. ``alive_at`` moves
    on every few seconds while the process lives. Times are our clock.
    """

    stream = models.CharField(max_length=60)
    started_at = models.DateTimeField()
    alive_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="meters_listening_ends_after_start",
                condition=models.Q(alive_at__gte=models.F("started_at")),
            )
        ]
        indexes = [
            # evaluation: the spans that reach into a window
            models.Index(fields=["alive_at"], name="meters_listening_reaches"),
        ]

    def __str__(self) -> str:
        return f"{self.stream} {self.started_at}"


class ChangedWindow(models.Model):
    """A stretch of an enterprise's time that new readings touched and evaluation must look at.

    A queue: ingest only inserts, evaluation takes and deletes, so neither waits for the other.
    """

    enterprise = models.ForeignKey(Enterprise, on_delete=models.CASCADE, related_name="+")
    since = models.DateTimeField()
    until = models.DateTimeField()
    received_at = models.DateTimeField()  # when the oldest frame of it reached us

    class Meta:
        indexes = [
            # evaluation: the windows of one enterprise
            models.Index(fields=["enterprise"], name="meters_changedwindow_of"),
        ]

    def __str__(self) -> str:
        return f"{self.enterprise_id} {self.since}"
