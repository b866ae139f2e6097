"""Collectors, the profiles by which they speak, their points and meters."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from enterprises.models import Enterprise, Facility, Site
from tenancy.access import get_scope
from tenancy.models import User


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


class CollectorQuerySet(models.QuerySet["Collector"]):
    def visible_to(self, actor: User) -> "CollectorQuerySet":
        """Return the collectors of the enterprises that the actor may see."""
        condition = get_scope(actor).condition(county="enterprise__county", enterprise="enterprise")
        return self.none() if condition is None else self.filter(condition)


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


class MonitoringPoint(models.Model):
    """One metered circuit 监测点: (collector, circuit) as the wire names it, on one facility."""

    collector = models.ForeignKey(
        Collector, on_delete=models.PROTECT, related_name="points", verbose_name=_("collector")
    )
    circuit = models.CharField(_("circuit"), max_length=20)
    facility = models.ForeignKey(
        Facility, on_delete=models.PROTECT, related_name="points", verbose_name=_("facility")
    )
    is_accepted = models.BooleanField(_("accepted"), default=True)

    class Meta:
        verbose_name = _("monitoring point")
        verbose_name_plural = _("monitoring points")
        constraints = [
            models.UniqueConstraint(
                fields=["collector", "circuit"], name="meters_point_circuit_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.facility} · {self.circuit}"


class Meter(models.Model):
    """The meter on a point 电表, from and until dates; a change is a new row."""

    point = models.ForeignKey(
        MonitoringPoint, on_delete=models.CASCADE, related_name="meters", verbose_name=_("point")
    )
    serial = models.CharField(_("serial number"), max_length=40)
    accuracy_class = models.CharField(_("accuracy class"), max_length=10, blank=True)
    ct_ratio = models.FloatField(_("CT ratio"), default=1.0, validators=[MinValueValidator(0.0)])
    pt_ratio = models.FloatField(_("PT ratio"), default=1.0, validators=[MinValueValidator(0.0)])
    valid_from = models.DateTimeField(_("valid from"))
    valid_to = models.DateTimeField(_("valid until"), null=True, blank=True)

    class Meta:
        verbose_name = _("meter")
        verbose_name_plural = _("meters")
        constraints = [
            models.CheckConstraint(
                name="meters_meter_ends_after_start",
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
            )
        ]

    def __str__(self) -> str:
        return self.serial
