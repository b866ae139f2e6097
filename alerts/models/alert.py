"""Alerts: what the rules found, as people handle it."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from enterprises.models import Enterprise, Facility, Pairing, Site
from meters.models import Collector
from tenancy.models import Division, User
from tenancy.scoping import Reach, ScopedQuerySet


class RuleCode(models.TextChoices):
    """The rules in force; the code is the catalogue's."""

    R01 = "R01", _("Control facility not running")
    R10 = "R10", _("Collector offline")
    R12 = "R12", _("Power cut")
    R18 = "R18", _("Meter certificate expired or expiring")
    R19 = "R19", _("Metering installation overdue")


#: Rules that follow from dates and records, not from readings: ``alerts.calendar`` judges them.
CALENDAR_RULES = (RuleCode.R18, RuleCode.R19)
#: Rules on devices, whose alerts name a collector: all that an operator company sees and is told.
DEVICE_RULES = (RuleCode.R10, RuleCode.R18)


class Level(models.IntegerChoices):
    """Red, orange, yellow."""

    RED = 1, _("Level 1")
    ORANGE = 2, _("Level 2")
    YELLOW = 3, _("Level 3")


class AlertStatus(models.TextChoices):
    """Where an alert stands in its loop; ``alerts.loop`` holds the table of moves."""

    OPEN = "OPEN", _("Open")
    ACKNOWLEDGED = "ACKNOWLEDGED", _("Acknowledged")
    EXPLAINED = "EXPLAINED", _("Explained by the enterprise")
    VERIFYING = "VERIFYING", _("Being verified")
    CONFIRMED = "CONFIRMED", _("Confirmed")
    DISMISSED = "DISMISSED", _("Dismissed")
    EXPLAINED_OK = "EXPLAINED_OK", _("Explanation accepted")
    WITHDRAWN = "WITHDRAWN", _("Withdrawn: later data show otherwise")
    CLOSED = "CLOSED", _("Closed")


#: Statuses in which nobody has reviewed the alert yet: it is called suspected 疑似.
UNREVIEWED_STATUSES = (
    AlertStatus.OPEN,
    AlertStatus.ACKNOWLEDGED,
    AlertStatus.EXPLAINED,
    AlertStatus.VERIFYING,
)


class AlertQuerySet(ScopedQuerySet["Alert"]):
    reach = Reach(county="county", enterprise="enterprise", site="collector__site")

    def unreviewed(self) -> "AlertQuerySet":
        """Return the alerts that nobody has decided yet."""
        return self.filter(status__in=UNREVIEWED_STATUSES)


class Alert(models.Model):
    """A suspected matter of one rule on one subject, with its occurrences 报警.

    The subject is the production facility for R01, the collector for R10, the site for R12, the
    certificates behind a collector that end on one day for R18, the enterprise for R19.
    Occurrences of the same rule and subject within ``group_hours`` join one alert.
    """

    number = models.CharField(_("number"), max_length=20, unique=True)
    rule = models.CharField(_("rule"), max_length=5, choices=RuleCode)
    level = models.PositiveSmallIntegerField(_("level"), choices=Level)
    status = models.CharField(
        _("status"), max_length=15, choices=AlertStatus, default=AlertStatus.OPEN
    )
    enterprise = models.ForeignKey(
        Enterprise, on_delete=models.PROTECT, related_name="alerts", verbose_name=_("enterprise")
    )
    county = models.ForeignKey(
        Division, on_delete=models.PROTECT, related_name="+", verbose_name=_("county")
    )
    facility = models.ForeignKey(
        Facility,
        on_delete=models.PROTECT,
        null=True,
        related_name="alerts",
        verbose_name=_("facility"),
    )
    pairing = models.ForeignKey(
        Pairing, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("pairing")
    )
    collector = models.ForeignKey(
        Collector,
        on_delete=models.PROTECT,
        null=True,
        related_name="alerts",
        verbose_name=_("collector"),
    )
    site = models.ForeignKey(
        Site, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("site")
    )
    subject_key = models.CharField(
        max_length=60, verbose_name=_("subject")
    )  # e.g. "facility:12/pairing:3", "collector:7"
    first_started_at = models.DateTimeField(_("first seen"))  # event time
    latest_ended_at = models.DateTimeField(_("last seen"))  # event time, grows while it goes on
    is_ongoing = models.BooleanField(_("going on"), default=True)
    detected_at = models.DateTimeField(_("detected"))  # our clock
    occurrence_count = models.PositiveIntegerField(
        default=1, verbose_name=_("number of occurrences")
    )

    objects = AlertQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [
            models.CheckConstraint(
                name="alerts_alert_ends_after_start",
                condition=Q(latest_ended_at__gte=F("first_started_at")),
            ),
            models.CheckConstraint(
                name="alerts_alert_level_known", condition=Q(level__gte=1) & Q(level__lte=3)
            ),
        ]
        indexes = [
            # reconciliation: the newest alert of a rule and subject
            models.Index(
                fields=["rule", "subject_key", "-latest_ended_at"], name="alerts_by_subject"
            ),
            # now-list and overview: unreviewed alerts of a county, newest first
            models.Index(fields=["county", "status", "-detected_at"], name="alerts_by_county"),
            # enterprise page
            models.Index(fields=["enterprise", "-first_started_at"], name="alerts_by_enterprise"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_suspected(self) -> bool:
        """Tell whether nobody has decided the alert yet, so that it must be called suspected."""
        return self.status in UNREVIEWED_STATUSES


class OccurrenceState(models.TextChoices):
    FIRING = "FIRING", _("Going on")
    ENDED = "ENDED", _("Ended")
    SUPPRESSED = "SUPPRESSED", _("Suppressed")
    WITHDRAWN = "WITHDRAWN", _("Withdrawn")


class OccurrenceQuerySet(ScopedQuerySet["Occurrence"]):
    reach = Reach("enterprise__county", "enterprise", site="alert__collector__site")


class Occurrence(models.Model):
    """One stretch in which the rule held 一次报警事件, with the numbers that made the verdict."""

    alert = models.ForeignKey(
        Alert,
        on_delete=models.CASCADE,
        null=True,
        related_name="occurrences",
        verbose_name=_("alert"),
    )
    # The same keys as on the alert, because a suppressed finding has no alert.
    enterprise = models.ForeignKey(
        Enterprise, on_delete=models.PROTECT, related_name="+", verbose_name=_("enterprise")
    )
    rule = models.CharField(max_length=5, choices=RuleCode, verbose_name=_("rule"))
    subject_key = models.CharField(max_length=60, verbose_name=_("subject"))
    state = models.CharField(max_length=12, choices=OccurrenceState, verbose_name=_("state"))
    level = models.PositiveSmallIntegerField(choices=Level, verbose_name=_("level"))
    started_at = models.DateTimeField(verbose_name=_("began at"))  # event time
    ended_at = models.DateTimeField(verbose_name=_("ended at"))  # event time
    detected_at = models.DateTimeField(
        verbose_name=_("noticed at")
    )  # our clock, when first written
    evidence = models.JSONField(
        default=dict, verbose_name=_("evidence")
    )  # see alerts.evaluation.findings

    objects = OccurrenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("occurrence")
        verbose_name_plural = _("occurrences")
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "subject_key", "started_at"], name="alerts_occurrence_starts_once"
            ),
            models.CheckConstraint(
                name="alerts_occurrence_ends_after_start",
                condition=Q(ended_at__gte=F("started_at")),
            ),
            models.CheckConstraint(
                name="alerts_occurrence_alert_unless_suppressed",
                condition=Q(alert__isnull=False) | Q(state="SUPPRESSED"),
            ),
        ]
        indexes = [
            # reconciliation: what an enterprise's window already holds
            models.Index(fields=["enterprise", "ended_at"], name="alerts_occurrence_window"),
            # the calendar: which of the few that go on no longer hold
            models.Index(
                fields=["rule", "enterprise"],
                name="alerts_occurrence_firing",
                condition=Q(state="FIRING"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.subject_key} {self.started_at}"


class AlertLogQuerySet(ScopedQuerySet["AlertLog"]):
    reach = Reach("alert__county", "alert__enterprise", site="alert__collector__site")


class AlertLog(models.Model):
    """What happened to an alert, by whom and why; appended in the same commit, never edited."""

    alert = models.ForeignKey(
        Alert, on_delete=models.CASCADE, related_name="log", verbose_name=_("alert")
    )
    at = models.DateTimeField(verbose_name=_("time"))
    actor = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("done by")
    )
    event = models.CharField(
        max_length=30, verbose_name=_("event")
    )  # opened, occurrence_added, level_raised, ended, ...
    from_status = models.CharField(
        max_length=15, choices=AlertStatus, blank=True, verbose_name=_("status before")
    )
    to_status = models.CharField(max_length=15, choices=AlertStatus, verbose_name=_("status after"))
    detail = models.JSONField(default=dict, verbose_name=_("details"))

    objects = AlertLogQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert log entry")
        verbose_name_plural = _("alert log")
        indexes = [models.Index(fields=["alert", "at"], name="alerts_log_of_alert")]

    def __str__(self) -> str:
        return f"{self.alert_id} {self.event}"
