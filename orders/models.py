"""What is allowed when: for now the enterprise's declarations."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from enterprises.models import Enterprise, Facility
from tenancy.scoping import Reach, ScopedQuerySet


class DeclarationKind(models.TextChoices):
    STOP = "STOP", _("Planned stop")
    REPAIR = "REPAIR", _("Repair")
    FAULT = "FAULT", _("Fault")
    TEST = "TEST", _("Test run")
    POWER_CUT = "POWER_CUT", _("Power cut")
    DEVICE_WORK = "DEVICE_WORK", _("Work on the monitoring device")


class DeclarationStatus(models.TextChoices):
    SUBMITTED = "SUBMITTED", _("Submitted")
    ACCEPTED = "ACCEPTED", _("Accepted")
    REFUSED = "REFUSED", _("Refused")
    WITHDRAWN = "WITHDRAWN", _("Withdrawn")


class DeclarationQuerySet(ScopedQuerySet["Declaration"]):
    reach = Reach.through("enterprise", to="enterprise")


class Declaration(models.Model):
    """What an enterprise announced about its facilities for a stretch of time 报备."""

    enterprise = models.ForeignKey(
        Enterprise,
        on_delete=models.CASCADE,
        related_name="declarations",
        verbose_name=_("enterprise"),
    )
    facilities = models.ManyToManyField(
        Facility,
        related_name="declarations",
        blank=True,
        verbose_name=_("facilities"),
        help_text=_("None: the whole enterprise."),
    )
    kind = models.CharField(_("kind"), max_length=15, choices=DeclarationKind)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    reason = models.TextField(_("reason"))
    status = models.CharField(
        _("status"), max_length=10, choices=DeclarationStatus, default=DeclarationStatus.SUBMITTED
    )
    submitted_at = models.DateTimeField(_("submitted"), auto_now_add=True)

    objects = DeclarationQuerySet.as_manager()

    class Meta:
        verbose_name = _("declaration")
        verbose_name_plural = _("declarations")
        constraints = [
            models.CheckConstraint(
                name="orders_declaration_ends_after_start", condition=Q(ends_at__gt=F("starts_at"))
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.enterprise}"
