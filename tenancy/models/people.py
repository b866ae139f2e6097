"""Divisions, people and what they were granted."""

from typing import TYPE_CHECKING, Self

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import Func, Q
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from datetime import datetime


class DivisionKind(models.TextChoices):
    PROVINCE = "PROVINCE", _("Province")
    CITY = "CITY", _("City")
    COUNTY = "COUNTY", _("County")
    AREA = "AREA", _("Area without a code of its own")


class DatedQuerySet(models.QuerySet):
    """Rows with ``starts_at`` and an open or set ``ends_at``."""

    def in_force(self, at: "datetime") -> Self:
        """Return the rows in force at an instant."""
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), starts_at__lte=at)


class Division(models.Model):
    """An administrative division 行政区划; the tree by which data are scoped.

    ``code`` is the GB/T 2260 code, or an internal one for an area that has none (an economic
    development zone). ``path`` holds the codes from the root down, each followed by a slash, so
    that a subtree is one prefix.
    """

    code = models.CharField(_("code"), max_length=12, unique=True)
    name = models.CharField(_("name"), max_length=60)
    name_en = models.CharField(_("name in English"), max_length=60, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=DivisionKind)
    parent = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("parent"),
    )
    path = models.CharField(max_length=80, unique=True, editable=False, verbose_name=_("place"))

    class Meta:
        verbose_name = _("division")
        verbose_name_plural = _("divisions")
        indexes = [
            # visible_to: every row of a subtree, by prefix
            models.Index(
                fields=["path"], opclasses=["varchar_pattern_ops"], name="tenancy_division_subtree"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        """Store the division with the path that follows from its parent."""
        self.path = f"{self.parent.path if self.parent else ''}{self.code}/"
        super().save(*args, **kwargs)  # type: ignore[arg-type]


class User(AbstractUser):
    """A person 用户 with one account of their own."""

    full_name = models.CharField(_("full name"), max_length=60, blank=True)
    phone = models.CharField(_("mobile number"), max_length=20, blank=True)
    password_changed_at = models.DateTimeField(_("password set"), null=True, blank=True)
    must_change_password = models.BooleanField(_("must choose a new password"), default=False)
    language = models.CharField(_("language"), max_length=10, default="zh-hans")

    class Meta(AbstractUser.Meta):
        pass

    def __str__(self) -> str:
        return self.full_name or self.username


class Role(models.TextChoices):
    """The actors of power supervision; what each may do is the table in ``tenancy.access``."""

    PROVINCE_VIEWER = "province_viewer", _("Provincial department")
    CITY_ADMIN = "city_admin", _("City bureau administrator")
    CITY_AIR_OFFICE = "city_air_office", _("City air office")
    CITY_ENFORCER = "city_enforcer", _("City enforcement team")
    COUNTY_BRANCH = "county_branch", _("County branch")
    COUNTY_AIR_OFFICE = "county_air_office", _("County air office")
    TECHNICAL_REVIEWER = "technical_reviewer", _("Technical reviewer")
    LEGAL_REVIEWER = "legal_reviewer", _("Legal reviewer")
    AUTHORITY_HEAD = "authority_head", _("Approver")
    ENTERPRISE_OFFICER = "enterprise_officer", _("Enterprise environmental officer")
    ENTERPRISE_REP = "enterprise_rep", _("Enterprise legal representative")
    OPERATOR = "operator", _("Operator-maintainer")
    SYSTEM_ADMIN = "system_admin", _("System administrator")
    SECURITY_ADMIN = "security_admin", _("Security administrator")
    AUDITOR = "auditor", _("Auditor")


#: Three different people, always (等保 2.0 level 3, 8.1.4.2 and 8.1.5; GB/T 22239-2019).
SEPARATED_ROLES = (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR)


class OperatorCompany(models.Model):
    """A company that installs and maintains devices 运维单位; it serves many enterprises."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    credit_code = models.CharField(_("unified social credit code"), max_length=18, blank=True)
    phone = models.CharField(_("telephone"), max_length=20, blank=True)
    division = models.ForeignKey(
        Division,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("registered with"),
        help_text=_("The city whose administrators look after this entry."),
    )

    class Meta:
        verbose_name = _("operator company")
        verbose_name_plural = _("operator companies")

    def __str__(self) -> str:
        return self.name


class SiteAssignment(models.Model):
    """A site that an operator company looks after, from and until dates 运维委托."""

    company = models.ForeignKey(
        OperatorCompany,
        on_delete=models.PROTECT,
        related_name="assignments",
        verbose_name=_("operator company"),
    )
    site = models.ForeignKey(
        "enterprises.Site",
        on_delete=models.CASCADE,
        related_name="assignments",
        verbose_name=_("site"),
    )
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)

    objects = DatedQuerySet.as_manager()

    class Meta:
        verbose_name = _("site assignment")
        verbose_name_plural = _("site assignments")
        constraints = [
            models.CheckConstraint(
                name="tenancy_assignment_ends_after_start",
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=models.F("starts_at")),
            ),
            ExclusionConstraint(
                name="tenancy_assignment_once",
                expressions=[
                    ("company", RangeOperators.EQUAL),
                    ("site", RangeOperators.EQUAL),
                    (Func("starts_at", "ends_at", function="tstzrange"), RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.company}: {self.site}"


class Grant(models.Model):
    """A role given to a person for a division or for one enterprise, from and until dates 授权."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="grants", verbose_name=_("user")
    )
    role = models.CharField(_("role"), max_length=30, choices=Role)
    division = models.ForeignKey(
        Division, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("division")
    )
    enterprise = models.ForeignKey(
        "enterprises.Enterprise",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="grants",
        verbose_name=_("enterprise"),
    )
    company = models.ForeignKey(
        OperatorCompany,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="grants",
        verbose_name=_("operator company"),
        help_text=_("The person sees the sites that the company looks after."),
    )
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)

    objects = DatedQuerySet.as_manager()

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        constraints = [
            models.CheckConstraint(
                name="tenancy_grant_one_scope",
                condition=Q(division__isnull=False, enterprise__isnull=True, company__isnull=True)
                | Q(division__isnull=True, enterprise__isnull=False, company__isnull=True)
                | Q(division__isnull=True, enterprise__isnull=True, company__isnull=False),
            ),
            # Nobody is two of the three administrators at one time.
            ExclusionConstraint(
                name="tenancy_grant_administrators_apart",
                expressions=[
                    ("user", RangeOperators.EQUAL),
                    ("role", RangeOperators.NOT_EQUAL),
                    (Func("starts_at", "ends_at", function="tstzrange"), RangeOperators.OVERLAPS),
                ],
                condition=Q(role__in=[str(role) for role in SEPARATED_ROLES]),
            ),
            models.CheckConstraint(
                name="tenancy_grant_ends_after_start",
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=models.F("starts_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"
