"""Divisions, people and what they were granted."""

from typing import TYPE_CHECKING

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from datetime import datetime


class DivisionKind(models.TextChoices):
    PROVINCE = "PROVINCE", _("Province")
    CITY = "CITY", _("City")
    COUNTY = "COUNTY", _("County")
    AREA = "AREA", _("Area without a code of its own")


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
    path = models.CharField(max_length=80, unique=True, editable=False)

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
    ENTERPRISE_OFFICER = "enterprise_officer", _("Enterprise environmental officer")
    ENTERPRISE_REP = "enterprise_rep", _("Enterprise legal representative")
    OPERATOR = "operator", _("Operator-maintainer")


class GrantQuerySet(models.QuerySet["Grant"]):
    def in_force(self, at: "datetime") -> "GrantQuerySet":
        """Return the grants in force at an instant."""
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), starts_at__lte=at)


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
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)

    objects = GrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        constraints = [
            models.CheckConstraint(
                name="tenancy_grant_one_scope",
                condition=Q(division__isnull=False, enterprise__isnull=True)
                | Q(division__isnull=True, enterprise__isnull=False),
            ),
            models.CheckConstraint(
                name="tenancy_grant_ends_after_start",
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=models.F("starts_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"
