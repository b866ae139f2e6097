"""Enterprises, their sites, lines, facilities and which control serves which production."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tenancy.access import get_scope
from tenancy.models import Division, User


class Industry(models.TextChoices):
    COKING = "COKING", _("Coking")
    STEEL = "STEEL", _("Steel")
    COAL_WASHING = "COAL_WASHING", _("Coal washing")
    FOUNDRY = "FOUNDRY", _("Foundry")
    BRICK = "BRICK", _("Bricks and tiles")
    CEMENT = "CEMENT", _("Cement and grinding")
    LIME = "LIME", _("Lime")
    REFRACTORY = "REFRACTORY", _("Refractories")
    STONE = "STONE", _("Stone crushing")
    CONCRETE = "CONCRETE", _("Concrete")
    COATING = "COATING", _("Coating and furniture")
    CHEMICAL = "CHEMICAL", _("Chemicals")
    FEED = "FEED", _("Feed milling")
    ELECTRONICS = "ELECTRONICS", _("Electronics")
    MACHINERY = "MACHINERY", _("Machinery")
    OTHER = "OTHER", _("Other")


class InstallationStatus(models.TextChoices):
    NOT_REQUIRED = "NOT_REQUIRED", _("Not required")
    REQUIRED = "REQUIRED", _("Required")
    SURVEYED = "SURVEYED", _("Surveyed")
    INSTALLING = "INSTALLING", _("Installing")
    CONNECTED = "CONNECTED", _("Connected")
    ACCEPTED = "ACCEPTED", _("Accepted")
    EXEMPT = "EXEMPT", _("Exempt")
    DISMANTLED = "DISMANTLED", _("Dismantled")


#: Statuses in which the devices stand and send.
INSTALLED_STATUSES = (InstallationStatus.CONNECTED, InstallationStatus.ACCEPTED)
#: Statuses in which an enterprise counts neither as installed nor as missing.
NOT_COUNTED_STATUSES = (
    InstallationStatus.NOT_REQUIRED,
    InstallationStatus.EXEMPT,
    InstallationStatus.DISMANTLED,
)


class EnterpriseQuerySet(models.QuerySet["Enterprise"]):
    def visible_to(self, actor: User) -> "EnterpriseQuerySet":
        """Return the enterprises that the actor may see; none without a grant."""
        condition = get_scope(actor).condition(county="county", enterprise="pk")
        return self.none() if condition is None else self.filter(condition)


class Enterprise(models.Model):
    """A discharger under supervision 企业 / 排污单位."""

    name = models.CharField(_("name"), max_length=120)
    code = models.CharField(_("internal number"), max_length=40, unique=True)
    credit_code = models.CharField(_("unified social credit code"), max_length=18, blank=True)
    county = models.ForeignKey(
        Division, on_delete=models.PROTECT, related_name="+", verbose_name=_("county")
    )
    industry = models.CharField(_("industry"), max_length=20, choices=Industry)
    address = models.CharField(_("address"), max_length=200, blank=True)
    is_key = models.BooleanField(_("key enterprise"), default=False)
    performance_grade = models.CharField(_("performance grade"), max_length=10, blank=True)
    installation_status = models.CharField(
        _("installation status"),
        max_length=20,
        choices=InstallationStatus,
        default=InstallationStatus.REQUIRED,
    )

    objects = EnterpriseQuerySet.as_manager()

    class Meta:
        verbose_name = _("enterprise")
        verbose_name_plural = _("enterprises")
        indexes = [
            # city overview: counts by county and status
            models.Index(fields=["county", "installation_status"], name="enterprises_by_county"),
        ]

    def __str__(self) -> str:
        return self.name


class Site(models.Model):
    """A place of an enterprise with premises of its own 厂区."""

    enterprise = models.ForeignKey(
        Enterprise, on_delete=models.CASCADE, related_name="sites", verbose_name=_("enterprise")
    )
    name = models.CharField(_("name"), max_length=80)
    address = models.CharField(_("address"), max_length=200, blank=True)
    longitude = models.FloatField(_("longitude"), null=True, blank=True)
    latitude = models.FloatField(_("latitude"), null=True, blank=True)

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


class ProductionLine(models.Model):
    """A production line 生产线, the unit of limits by line."""

    site = models.ForeignKey(
        Site, on_delete=models.CASCADE, related_name="lines", verbose_name=_("site")
    )
    name = models.CharField(_("name"), max_length=80)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("production line")
        verbose_name_plural = _("production lines")

    def __str__(self) -> str:
        return self.name


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
    nominal_voltage_v = models.FloatField(_("nominal phase voltage (V)"), default=220.0)
    keep_warm_kw = models.FloatField(_("keep-warm power (kW)"), null=True, blank=True)
    duty_group = models.CharField(_("duty/standby group"), max_length=40, blank=True)
    is_safety_critical = models.BooleanField(_("safety-critical, never ordered off"), default=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

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
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

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
    valid_from = models.DateTimeField(_("valid from"))
    valid_to = models.DateTimeField(_("valid until"), null=True, blank=True)
    approved_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

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
