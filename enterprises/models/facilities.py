"""Sites, lines, facilities, and the dated records of how they are judged."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from enterprises.models.enterprise import Enterprise
from tenancy.models import User
from tenancy.scoping import Reach, ScopedQuerySet


class SiteQuerySet(ScopedQuerySet["Site"]):
    reach = Reach("enterprise__county", "enterprise", site="pk")


class Site(models.Model):
    """A place of an enterprise with premises of its own 厂区."""

    enterprise = models.ForeignKey(
        Enterprise, on_delete=models.CASCADE, related_name="sites", verbose_name=_("enterprise")
    )
    name = models.CharField(_("name"), max_length=80)
    address = models.CharField(_("address"), max_length=200, blank=True)
    longitude = models.FloatField(_("longitude"), null=True, blank=True)
    latitude = models.FloatField(_("latitude"), null=True, blank=True)

    objects = SiteQuerySet.as_manager()

    class Meta:
        verbose_name = _("site")
        verbose_name_plural = _("sites")
        constraints = [
            models.UniqueConstraint(
                fields=["enterprise", "name"], name="enterprises_site_name_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


class ProductionLineQuerySet(ScopedQuerySet["ProductionLine"]):
    reach = Reach.through("site", to="site")


class ProductionLine(models.Model):
    """A production line 生产线, the unit of limits by line."""

    site = models.ForeignKey(
        Site, on_delete=models.CASCADE, related_name="lines", verbose_name=_("site")
    )
    name = models.CharField(_("name"), max_length=80)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    objects = ProductionLineQuerySet.as_manager()

    class Meta:
        verbose_name = _("production line")
        verbose_name_plural = _("production lines")

    def __str__(self) -> str:
        return self.name


class LineGradeQuerySet(ScopedQuerySet["LineGrade"]):
    reach = Reach.through("line__site", to="site")


class LineGrade(models.Model):
    """The performance grade of a production line 绩效分级, from a date; a change is a new row.

    A, B, B-, C, D for graded industries, LEADING or NOT_LEADING 引领性 for others; the grades are
    data of the yearly guide (assumption, configurable), so any short text is taken.
    """

    line = models.ForeignKey(
        ProductionLine,
        on_delete=models.CASCADE,
        related_name="grades",
        verbose_name=_("production line"),
    )
    grade = models.CharField(_("performance grade"), max_length=12)
    valid_from = models.DateTimeField(_("valid from"))
    basis = models.CharField(_("basis"), max_length=120, blank=True)
    recorded_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("recorded by"),
    )

    objects = LineGradeQuerySet.as_manager()

    class Meta:
        verbose_name = _("performance grade of a line")
        verbose_name_plural = _("performance grades of lines")
        constraints = [
            models.UniqueConstraint(
                fields=["line", "valid_from"], name="enterprises_linegrade_dated_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.line}: {self.grade}"


class FacilityKind(models.TextChoices):
    PRODUCTION = "PRODUCTION", _("Production facility")
    CONTROL = "CONTROL", _("Control facility")
    COMBINED = "COMBINED", _("Production with built-in control")
    AUXILIARY = "AUXILIARY", _("Auxiliary")
    MAIN = "MAIN", _("Main meter")


class LoadClass(models.TextChoices):
    """How a facility's power is read as a state; ``meters.states`` holds each class's shares."""

    FIXED = "FIXED", _("Fixed speed")
    VFD = "VFD", _("Variable speed with idle")
    FURNACE = "FURNACE", _("Induction furnace")
    CYCLIC = "CYCLIC", _("Cyclic machine")
    TRICKLE = "TRICKLE", _("Trickle load under 10 kW")
    HEATER = "HEATER", _("Precipitator or heater")
    MAIN = "MAIN", _("Main meter")


class Drive(models.TextChoices):
    DIRECT = "DIRECT", _("Direct on line")
    SOFT_STARTER = "SOFT_STARTER", _("Soft starter")
    VFD = "VFD", _("Variable-frequency drive")


class FacilityQuerySet(ScopedQuerySet["Facility"]):
    reach = Reach.through("site", to="site")


class Facility(models.Model):
    """A machine or group of machines under supervision: 产污设施 or 治污设施 by ``kind``."""

    site = models.ForeignKey(
        Site, on_delete=models.CASCADE, related_name="facilities", verbose_name=_("site")
    )
    line = models.ForeignKey(
        ProductionLine,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="facilities",
        verbose_name=_("production line"),
    )
    code = models.CharField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("kind"), max_length=12, choices=FacilityKind)
    process_step = models.CharField(_("process step"), max_length=60, blank=True)
    load_class = models.CharField(
        _("load class"), max_length=10, choices=LoadClass, default=LoadClass.FIXED
    )
    rated_kw = models.FloatField(_("rated power (kW)"), validators=[MinValueValidator(0.0)])
    drive = models.CharField(_("drive"), max_length=12, choices=Drive, blank=True)
    nominal_voltage_v = models.FloatField(_("nominal phase voltage (V)"), default=220.0)
    keep_warm_kw = models.FloatField(_("keep-warm power (kW)"), null=True, blank=True)
    duty_group = models.CharField(_("duty/standby group"), max_length=40, blank=True)
    is_safety_critical = models.BooleanField(_("safety-critical, never ordered off"), default=False)
    retired_at = models.DateTimeField(_("taken out of use"), null=True, blank=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    objects = FacilityQuerySet.as_manager()

    class Meta:
        verbose_name = _("facility")
        verbose_name_plural = _("facilities")
        constraints = [
            models.UniqueConstraint(fields=["site", "code"], name="enterprises_facility_code_once")
        ]

    def __str__(self) -> str:
        return self.name


class ThresholdSource(models.TextChoices):
    COMMISSIONING = "COMMISSIONING", _("Commissioning test")
    LEARNED = "LEARNED", _("Learned from clean days")
    RATED = "RATED", _("From rated power")


class ThresholdQuerySet(ScopedQuerySet["Threshold"]):
    reach = Reach.through("facility__site", to="site")


class Threshold(models.Model):
    """The powers that part off, standby and on for one facility, from a date 启停阈值.

    A change is a new row: the one in force at an instant is the latest that began by then.
    ``reference_kw`` is the normal running load. Without a row the shares of the load class apply
    to 0.7 x rated power (assumption, configurable).
    """

    facility = models.ForeignKey(
        Facility, on_delete=models.CASCADE, related_name="thresholds", verbose_name=_("facility")
    )
    valid_from = models.DateTimeField(_("valid from"))
    off_below_kw = models.FloatField(_("off below (kW)"))
    on_from_kw = models.FloatField(_("on from (kW)"))
    reference_kw = models.FloatField(_("reference load (kW)"), null=True, blank=True)
    source = models.CharField(_("source"), max_length=15, choices=ThresholdSource)
    approved_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("approved by"),
    )
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
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

    objects = ThresholdQuerySet.as_manager()

    class Meta:
        verbose_name = _("on/off threshold")
        verbose_name_plural = _("on/off thresholds")
        constraints = [
            models.UniqueConstraint(
                fields=["facility", "valid_from"], name="enterprises_threshold_dated_once"
            ),
            models.CheckConstraint(
                name="enterprises_threshold_ordered",
                condition=Q(off_below_kw__gte=0) & Q(on_from_kw__gt=F("off_below_kw")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.facility}: {self.off_below_kw} / {self.on_from_kw} kW"


class PairingMode(models.TextChoices):
    ANY = "ANY", _("Any")
    ALL = "ALL", _("All")
    AT_LEAST = "AT_LEAST", _("At least")


class PairingQuerySet(ScopedQuerySet["Pairing"]):
    reach = Reach.through("site", to="site")


class Pairing(models.Model):
    """Which control facilities must run while which production facilities run 产治对应关系.

    One pairing for each stage (dedusting, desulphurisation ...). A change ends the row and opens a
    new one.
    """

    site = models.ForeignKey(
        Site, on_delete=models.CASCADE, related_name="pairings", verbose_name=_("site")
    )
    stage = models.CharField(_("stage"), max_length=60)
    productions = models.ManyToManyField(
        Facility, related_name="pairings_as_production", verbose_name=_("production facilities")
    )
    controls = models.ManyToManyField(
        Facility, related_name="pairings_as_control", verbose_name=_("control facilities")
    )
    mode = models.CharField(_("mode"), max_length=10, choices=PairingMode, default=PairingMode.ANY)
    at_least = models.PositiveSmallIntegerField(
        _("at least"), default=1, validators=[MinValueValidator(1)]
    )
    lead_s = models.PositiveIntegerField(_("lead (s)"), null=True, blank=True)
    lag_s = models.PositiveIntegerField(_("lag (s)"), null=True, blank=True)
    min_ratio = models.FloatField(
        _("least share of the normal load"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text=_("Of the control facility's own normal load, 0 to 1; empty: not asked."),
    )
    valid_from = models.DateTimeField(_("valid from"))
    valid_to = models.DateTimeField(_("valid until"), null=True, blank=True)
    approved_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("approved by"),
    )
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
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

    objects = PairingQuerySet.as_manager()

    class Meta:
        verbose_name = _("pairing")
        verbose_name_plural = _("pairings")
        constraints = [
            models.CheckConstraint(
                name="enterprises_pairing_ends_after_start",
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
            ),
            models.CheckConstraint(
                name="enterprises_pairing_at_least_one", condition=Q(at_least__gte=1)
            ),
        ]

    def __str__(self) -> str:
        return self.stage
