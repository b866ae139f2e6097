"""What pages could not count while somebody waits."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from enterprises.models import FacilityKind, Industry, InstallationBatch
from tenancy.access import Scope
from tenancy.models import Division


class PointTallyQuerySet(models.QuerySet["PointTally"]):
    def within(self, scope: Scope) -> "PointTallyQuerySet":
        """Return the rows of whole divisions in the scope: a tally knows no single enterprise."""
        if scope.everything:
            return self
        condition = Q()
        for path in scope.division_paths:
            condition |= Q(county__path__startswith=path)
        return self.filter(condition) if condition else self.none()


class PointTally(models.Model):
    """How many accepted points in use a county has, and how many of them report.

    Counted every minute by the worker (``reports.tallies``): under row-level security counting a
    hundred thousand points takes seconds, and a page has a tenth of one.
    """

    county = models.ForeignKey(
        Division, on_delete=models.CASCADE, related_name="+", verbose_name=_("county")
    )
    industry = models.CharField(_("industry"), max_length=20, choices=Industry)
    batch = models.ForeignKey(
        InstallationBatch, on_delete=models.CASCADE, null=True, related_name="+"
    )
    kind = models.CharField(_("kind"), max_length=12, choices=FacilityKind)
    accepted = models.PositiveIntegerField(_("accepted points"))
    online = models.PositiveIntegerField(_("online points"))
    counted_at = models.DateTimeField(_("counted"))

    objects = PointTallyQuerySet.as_manager()

    class Meta:
        verbose_name = _("tally of points")
        verbose_name_plural = _("tallies of points")

    def __str__(self) -> str:
        return f"{self.county}: {self.online} / {self.accepted}"
