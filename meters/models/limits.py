"""The limits of the machine's checks and of the clocks of work orders, as dated, scoped data."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tenancy.models import Division


class MeteringLimit(models.Model):
    """One number of acceptance or maintenance, from a date and for a division 验收与运维参数.

    The deepest division wins, then the latest ``valid_from``. ``meters.limits`` lists the keys with
    default, unit and source; a default holds where no row does.
    """

    key = models.CharField(_("key"), max_length=40)
    value = models.FloatField(_("value"))
    division = models.ForeignKey(
        Division, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("division")
    )
    valid_from = models.DateTimeField(_("valid from"))
    valid_to = models.DateTimeField(_("valid until"), null=True, blank=True)
    note = models.CharField(_("source or reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("limit of acceptance or maintenance")
        verbose_name_plural = _("limits of acceptance and maintenance")
        constraints = [
            models.UniqueConstraint(
                fields=["key", "division", "valid_from"],
                nulls_distinct=False,
                name="meters_limit_dated_once",
            ),
            models.CheckConstraint(
                name="meters_limit_ends_after_start",
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} = {self.value}"
