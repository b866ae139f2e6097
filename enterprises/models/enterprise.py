"""Enterprises, who they are and whom to reach there."""

from django.contrib.postgres.indexes import GinIndex
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from enterprises.credit_code import check_credit_code
from enterprises.pinyin import to_pinyin
from tenancy.models import Division
from tenancy.scoping import Reach, ScopedQuerySet


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


class ManagementClass(models.TextChoices):
    """How a discharger's permit is managed 排污许可管理类别."""

    KEY = "KEY", _("Key management")
    SIMPLIFIED = "SIMPLIFIED", _("Simplified management")
    REGISTERED = "REGISTERED", _("Registration only")


class EnterpriseQuerySet(ScopedQuerySet["Enterprise"]):
    reach = Reach(county="county", enterprise="pk", assigned="pk")


class Enterprise(models.Model):
    """A discharger under supervision 企业 / 排污单位."""

    name = models.CharField(_("name"), max_length=120)
    code = models.CharField(_("internal number"), max_length=40, unique=True)
    credit_code = models.CharField(
        _("unified social credit code"),
        max_length=18,
        blank=True,
        validators=[check_credit_code],
    )
    permit_number = models.CharField(_("permit number"), max_length=40, blank=True)
    management_class = models.CharField(
        _("permit management class"), max_length=12, choices=ManagementClass, blank=True
    )
    county = models.ForeignKey(
        Division, on_delete=models.PROTECT, related_name="+", verbose_name=_("county")
    )
    industry = models.CharField(_("industry"), max_length=20, choices=Industry)
    industry_code = models.CharField(
        _("industry code (GB/T 4754)"),
        max_length=5,
        blank=True,
        validators=[RegexValidator(r"^[A-Z]?[0-9]{2,4}$")],
    )
    address = models.CharField(_("address"), max_length=200, blank=True)
    legal_representative = models.CharField(_("legal representative"), max_length=60, blank=True)
    is_key = models.BooleanField(_("key enterprise"), default=False)
    performance_grade = models.CharField(_("performance grade"), max_length=10, blank=True)
    installation_status = models.CharField(
        _("installation status"),
        max_length=20,
        choices=InstallationStatus,
        default=InstallationStatus.REQUIRED,
    )

    # Filled by save() and ``enterprises.pinyin``: syllables run together, then the initials.
    name_pinyin = models.CharField(
        max_length=400, blank=True, editable=False, verbose_name=_("name in pinyin")
    )
    name_initials = models.CharField(
        max_length=120, blank=True, editable=False, verbose_name=_("pinyin initials")
    )

    objects = EnterpriseQuerySet.as_manager()

    class Meta:
        verbose_name = _("enterprise")
        verbose_name_plural = _("enterprises")
        indexes = [
            # city overview: counts by county and status
            models.Index(fields=["county", "installation_status"], name="enterprises_by_county"),
            # search by a part of the name, its pinyin or its initials
            GinIndex(
                fields=["name", "name_pinyin", "name_initials"],
                opclasses=["gin_trgm_ops"] * 3,
                name="enterprises_by_words",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["credit_code"],
                condition=~Q(credit_code=""),
                name="enterprises_credit_code_once",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        """Store the enterprise with the pinyin of its name."""
        self.name_pinyin, self.name_initials = to_pinyin(self.name)
        super().save(*args, **kwargs)  # type: ignore[arg-type]


class ContactKind(models.TextChoices):
    OFFICER = "OFFICER", _("Environmental officer")
    REPRESENTATIVE = "REPRESENTATIVE", _("Legal representative")
    DUTY = "DUTY", _("Duty telephone")
    OTHER = "OTHER", _("Other")


class ContactQuerySet(ScopedQuerySet["Contact"]):
    reach = Reach.through("enterprise", to="enterprise")


class Contact(models.Model):
    """Somebody to reach at an enterprise 联系人, with or without an account."""

    enterprise = models.ForeignKey(
        Enterprise,
        on_delete=models.CASCADE,
        related_name="contacts",
        verbose_name=_("enterprise"),
    )
    kind = models.CharField(_("kind"), max_length=15, choices=ContactKind)
    name = models.CharField(_("name"), max_length=60)
    phone = models.CharField(_("mobile number"), max_length=20, blank=True)
    email = models.EmailField(_("email"), blank=True)

    objects = ContactQuerySet.as_manager()

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")

    def __str__(self) -> str:
        return self.name
