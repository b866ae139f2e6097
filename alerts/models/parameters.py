"""The rules' parameters as dated, scoped data."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from enterprises.models import Facility, Industry
from tenancy.models import Division


class RuleParameter(models.Model):
    """One number of a rule, from a date and for a scope 规则参数.

    The most specific scope wins: facility, then industry, then county, then city, then everyone;
    within a scope the latest ``valid_from``. ``alerts.evaluation.parameters`` lists the keys with
    default, unit and source.
    """

    key = models.CharField(_("key"), max_length=40)
    value = models.FloatField(_("value"))
    division = models.ForeignKey(
        Division, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("division")
    )
    industry = models.CharField(_("industry"), max_length=20, choices=Industry, blank=True)
    facility = models.ForeignKey(
        Facility, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("facility")
    )
    valid_from = models.DateTimeField(_("valid from"))
    valid_to = models.DateTimeField(_("valid until"), null=True, blank=True)
    note = models.CharField(_("source or reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("rule parameter")
        verbose_name_plural = _("rule parameters")
        constraints = [
            models.UniqueConstraint(
                fields=["key", "division", "industry", "facility", "valid_from"],
                nulls_distinct=False,
                name="alerts_parameter_dated_once",
            ),
            models.CheckConstraint(
                name="alerts_parameter_ends_after_start",
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
            ),
            models.CheckConstraint(
                name="alerts_parameter_one_scope",
                condition=Q(division__isnull=True, industry="")
                | Q(division__isnull=True, facility__isnull=True)
                | Q(industry="", facility__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} = {self.value}"
