"""Collectors, the profiles by which they speak, their points and meters."""

from datetime import datetime

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from enterprises.models import Enterprise, Facility, Site
from tenancy.models import User
from tenancy.scoping import Reach, ScopedQuerySet


class Profile(models.Model):
    """How one platform's or vendor's frames name circuits and quantities 配置模板.

    ``spec`` is checked by ``meters.profiles.compile_profile``, which also documents its keys.
    """

    name = models.SlugField(_("name"), max_length=60, unique=True)
    title = models.CharField(_("title"), max_length=120)
    spec = models.JSONField(_("specification"))
    is_enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("protocol profile")
        verbose_name_plural = _("protocol profiles")

    def __str__(self) -> str:
        return self.title


class CollectorQuerySet(ScopedQuerySet["Collector"]):
    reach = Reach("enterprise__county", "enterprise", site="site")


class Collector(models.Model):
    """A data logger on site 数采仪, known by its MN."""

    mn = models.CharField(_("MN"), max_length=40, unique=True)
    enterprise = models.ForeignKey(
        Enterprise,
        on_delete=models.PROTECT,
        related_name="collectors",
        verbose_name=_("enterprise"),
    )
    site = models.ForeignKey(
        Site, on_delete=models.PROTECT, related_name="collectors", verbose_name=_("site")
    )
    password = models.CharField(_("password (PW)"), max_length=24, default="123456")
    profile = models.ForeignKey(
        Profile,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("protocol profile"),
        help_text=_("Empty: the first enabled profile that matches each frame."),
    )
    expected_interval_s = models.PositiveIntegerField(
        _("expected interval (s)"),
        default=60,
        validators=[MinValueValidator(30), MaxValueValidator(3600)],
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)

    objects = CollectorQuerySet.as_manager()

    class Meta:
        verbose_name = _("collector")
        verbose_name_plural = _("collectors")

    def __str__(self) -> str:
        return self.mn


class CollectorDeviceQuerySet(ScopedQuerySet["CollectorDevice"]):
    reach = Reach("collector__enterprise__county", "collector__enterprise", site="collector__site")


class CollectorDevice(models.Model):
    """The hardware behind an MN, from and until dates; a replacement is a new row."""

    collector = models.ForeignKey(
        Collector, on_delete=models.CASCADE, related_name="devices", verbose_name=_("collector")
    )
    vendor = models.CharField(_("vendor"), max_length=80, blank=True)
    model = models.CharField(_("model"), max_length=60, blank=True)
    serial = models.CharField(_("serial number"), max_length=40)
    valid_from = models.DateTimeField(_("valid from"))
    valid_to = models.DateTimeField(_("valid until"), null=True, blank=True)
    reason = models.CharField(_("reason of the change"), max_length=200, blank=True)
    recorded_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("recorded by"),
    )

    objects = CollectorDeviceQuerySet.as_manager()

    class Meta:
        verbose_name = _("collector device")
        verbose_name_plural = _("collector devices")
        constraints = [
            ExclusionConstraint(
                name="meters_device_one_at_a_time",
                expressions=[
                    ("collector", RangeOperators.EQUAL),
                    (Func("valid_from", "valid_to", function="tstzrange"), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(
                name="meters_device_ends_after_start",
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
            ),
        ]

    def __str__(self) -> str:
        return self.serial


class CollectorStatus(models.Model):
    """The last sign of life of a collector; written by the gateway with each commit.

    ``first_measured_at`` and ``latest_measured_at`` are the collector's own times, the others ours.
    """

    collector = models.OneToOneField(
        Collector, on_delete=models.CASCADE, primary_key=True, related_name="status"
    )
    first_measured_at = models.DateTimeField(null=True)
    latest_measured_at = models.DateTimeField(null=True)
    latest_received_at = models.DateTimeField()
    latest_peer = models.CharField(max_length=60, blank=True)
    frame_count = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("collector status")
        verbose_name_plural = _("collector statuses")

    def __str__(self) -> str:
        return str(self.collector_id)


class MonitoringPointQuerySet(ScopedQuerySet["MonitoringPoint"]):
    reach = Reach("collector__enterprise__county", "collector__enterprise", site="collector__site")

    def in_use(self) -> "MonitoringPointQuerySet":
        """Return the points that stand; retired ones keep their readings and stay on record."""
        return self.filter(retired_at__isnull=True)


class MonitoringPoint(models.Model):
    """One metered circuit 监测点: (collector, circuit) as the wire names it, on one facility.

    A point is never moved to another facility: it is retired and a new one made, so that old
    readings stay with what they measured.
    """

    collector = models.ForeignKey(
        Collector, on_delete=models.PROTECT, related_name="points", verbose_name=_("collector")
    )
    circuit = models.CharField(_("circuit"), max_length=20)
    facility = models.ForeignKey(
        Facility, on_delete=models.PROTECT, related_name="points", verbose_name=_("facility")
    )
    is_accepted = models.BooleanField(_("accepted"), default=True)
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True)

    objects = MonitoringPointQuerySet.as_manager()

    class Meta:
        verbose_name = _("monitoring point")
        verbose_name_plural = _("monitoring points")
        constraints = [
            models.UniqueConstraint(
                fields=["collector", "circuit"],
                condition=Q(retired_at__isnull=True),
                name="meters_point_circuit_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.facility} · {self.circuit}"


class MeterQuerySet(ScopedQuerySet["Meter"]):
    reach = Reach(
        "point__collector__enterprise__county",
        "point__collector__enterprise",
        site="point__collector__site",
    )

    def in_force(self, at: datetime) -> "MeterQuerySet":
        """Return the meter records in force at an instant."""
        return self.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=at), valid_from__lte=at)


class Meter(models.Model):
    """The meter on a point 电表, from and until dates.

    Any change (another meter, another ratio, a new certificate, a new seal) is a new row, made by
    ``meters.operations``: yesterday's evidence keeps yesterday's ratio.
    """

    point = models.ForeignKey(
        MonitoringPoint, on_delete=models.CASCADE, related_name="meters", verbose_name=_("point")
    )
    serial = models.CharField(_("serial number"), max_length=40)
    model = models.CharField(_("model"), max_length=60, blank=True)
    accuracy_class = models.CharField(_("accuracy class"), max_length=10, blank=True)
    ct_ratio = models.FloatField(_("CT ratio"), default=1.0, validators=[MinValueValidator(0.0)])
    pt_ratio = models.FloatField(_("PT ratio"), default=1.0, validators=[MinValueValidator(0.0)])
    ct_class = models.CharField(_("CT accuracy class"), max_length=10, blank=True)
    certificate_number = models.CharField(_("certificate number"), max_length=60, blank=True)
    certified_on = models.DateField(_("verified"), null=True, blank=True)
    certificate_expires_on = models.DateField(_("certificate expires"), null=True, blank=True)
    wiring_checked_on = models.DateField(_("wiring checked"), null=True, blank=True)
    seal_numbers = models.CharField(_("seal numbers"), max_length=120, blank=True)
    valid_from = models.DateTimeField(_("valid from"))
    valid_to = models.DateTimeField(_("valid until"), null=True, blank=True)
    reason = models.CharField(_("reason of the change"), max_length=200, blank=True)
    work_order = models.ForeignKey(
        "meters.WorkOrder",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="meters",
        verbose_name=_("work order"),
    )
    recorded_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("recorded by"),
    )

    objects = MeterQuerySet.as_manager()

    class Meta:
        verbose_name = _("meter")
        verbose_name_plural = _("meters")
        constraints = [
            models.CheckConstraint(
                name="meters_meter_ends_after_start",
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
            ),
            ExclusionConstraint(
                name="meters_meter_one_at_a_time",
                expressions=[
                    ("point", RangeOperators.EQUAL),
                    (Func("valid_from", "valid_to", function="tstzrange"), RangeOperators.OVERLAPS),
                ],
            ),
        ]
        indexes = [
            # search: the enterprise of a meter in one's hand
            models.Index(fields=["serial"], name="meters_by_serial"),
            # R18: what expires next
            models.Index(
                fields=["certificate_expires_on"],
                condition=Q(valid_to__isnull=True),
                name="meters_certificates_ending",
            ),
        ]

    def __str__(self) -> str:
        return self.serial
