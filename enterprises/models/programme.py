"""The installation programme 用电监控安装: batches with due dates, surveys, acceptance, its log."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from enterprises.models.enterprise import Enterprise, InstallationStatus
from tenancy.models import Division, OperatorCompany, User
from tenancy.scoping import Reach, ScopedQuerySet


class InstallationBatch(models.Model):
    """A notice that names enterprises which must install by a day 安装批次.

    Linfen's of 2020-01-07 is one. Whoever sees one of its enterprises, or its division, sees it.
    """

    division = models.ForeignKey(
        Division, on_delete=models.PROTECT, related_name="+", verbose_name=_("division")
    )
    name = models.CharField(_("name"), max_length=120)
    document_number = models.CharField(_("document number"), max_length=60, blank=True)
    issued_on = models.DateField(_("issued"))
    due_on = models.DateField(_("due"))
    note = models.TextField(_("what it asks for"), blank=True)
    created_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("created by")
    )

    class Meta:
        verbose_name = _("installation batch")
        verbose_name_plural = _("installation batches")
        constraints = [
            models.UniqueConstraint(
                fields=["division", "name"], name="enterprises_batch_name_once"
            ),
            models.CheckConstraint(
                name="enterprises_batch_due_after_issue", condition=Q(due_on__gte=F("issued_on"))
            ),
        ]

    def __str__(self) -> str:
        return self.name


class InstallationQuerySet(ScopedQuerySet["Installation"]):
    reach = Reach("enterprise__county", "enterprise", assigned="enterprise")


class Installation(models.Model):
    """An enterprise's part in the programme: by when, by whom, under which notice.

    One for each enterprise; the status itself stands on the enterprise and moves by
    ``enterprises.programme`` alone. ``due_on`` is the batch's unless it was extended.
    """

    enterprise = models.OneToOneField(
        Enterprise,
        on_delete=models.CASCADE,
        related_name="installation",
        verbose_name=_("enterprise"),
    )
    batch = models.ForeignKey(
        InstallationBatch,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="installations",
        verbose_name=_("batch"),
    )
    due_on = models.DateField(_("due"), null=True, blank=True)
    extension_reason = models.CharField(_("reason of the extension"), max_length=200, blank=True)
    company = models.ForeignKey(
        OperatorCompany,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="installations",
        verbose_name=_("operator company"),
    )
    points_required = models.PositiveSmallIntegerField(_("points required"), default=0)
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)

    objects = InstallationQuerySet.as_manager()

    class Meta:
        verbose_name = _("installation")
        verbose_name_plural = _("installations")
        indexes = [
            # overdue: by due day within a batch
            models.Index(fields=["batch", "due_on"], name="enterprises_install_by_due"),
        ]

    def __str__(self) -> str:
        return str(self.enterprise)


class InstallationLogQuerySet(ScopedQuerySet["InstallationLog"]):
    reach = Reach("enterprise__county", "enterprise", assigned="enterprise")


class InstallationLog(models.Model):
    """One move of an enterprise in the programme; appended, never changed."""

    enterprise = models.ForeignKey(
        Enterprise,
        on_delete=models.CASCADE,
        related_name="installation_log",
        verbose_name=_("enterprise"),
    )
    from_status = models.CharField(_("from"), max_length=20, choices=InstallationStatus)
    to_status = models.CharField(_("to"), max_length=20, choices=InstallationStatus)
    event = models.CharField(_("event"), max_length=20)  # enterprises.programme.Event
    at = models.DateTimeField(_("at"))
    actor = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("done by")
    )
    body = models.CharField(_("for which body"), max_length=150, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    objects = InstallationLogQuerySet.as_manager()

    class Meta:
        verbose_name = _("move in the programme")
        verbose_name_plural = _("moves in the programme")
        indexes = [
            # the enterprise's page, and what changed since last week
            models.Index(fields=["enterprise", "-at"], name="enterprises_moves_of"),
            models.Index(fields=["-at"], name="enterprises_moves_lately"),
        ]

    def __str__(self) -> str:
        return f"{self.enterprise}: {self.from_status} -> {self.to_status}"


class SheetQuerySet(ScopedQuerySet):
    reach = Reach("enterprise__county", "enterprise", assigned="enterprise")


class SurveySheet(models.Model):
    """What a survey on site found must be metered 现场勘察单; never edited."""

    enterprise = models.ForeignKey(
        Enterprise, on_delete=models.CASCADE, related_name="surveys", verbose_name=_("enterprise")
    )
    surveyed_on = models.DateField(_("surveyed"))
    company = models.ForeignKey(
        OperatorCompany,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("operator company"),
    )
    rows = models.JSONField(_("points needed"), default=list)  # enterprises.surveys.SurveyRow
    finding = models.TextField(_("finding"), blank=True)
    recorded_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("recorded by")
    )
    recorded_at = models.DateTimeField(_("recorded"))

    objects = SheetQuerySet.as_manager()

    class Meta:
        verbose_name = _("survey sheet")
        verbose_name_plural = _("survey sheets")

    def __str__(self) -> str:
        return f"{self.enterprise} {self.surveyed_on}"


class AcceptanceSheet(models.Model):
    """The machine's checks at an acceptance, frozen, and the officer's decision 验收单."""

    enterprise = models.ForeignKey(
        Enterprise,
        on_delete=models.CASCADE,
        related_name="acceptances",
        verbose_name=_("enterprise"),
    )
    checks = models.JSONField(_("checks"))  # meters.acceptance.Check, with numbers and limits
    is_passed = models.BooleanField(_("passed"))
    signed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("signed by")
    )
    signed_name = models.CharField(_("signature"), max_length=60)
    body = models.CharField(_("for which body"), max_length=150, blank=True)
    signed_at = models.DateTimeField(_("signed"))
    remark = models.TextField(_("remark"), blank=True)

    objects = SheetQuerySet.as_manager()

    class Meta:
        verbose_name = _("acceptance sheet")
        verbose_name_plural = _("acceptance sheets")

    def __str__(self) -> str:
        return f"{self.enterprise} {self.signed_at:%Y-%m-%d}"
