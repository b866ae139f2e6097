"""Sheets that were handed in to be imported, and how far that has come."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenancy.models import Division, User


class ImportStatus(models.TextChoices):
    QUEUED = "QUEUED", _("Waiting")
    CHECKING = "CHECKING", _("Being checked")
    CHECKED = "CHECKED", _("Checked, nothing written yet")
    FAULTY = "FAULTY", _("With errors, nothing written")
    WRITING = "WRITING", _("Being written")
    DONE = "DONE", _("Imported")
    FAILED = "FAILED", _("Broken off, nothing written")


class ImportJobQuerySet(models.QuerySet["ImportJob"]):
    def visible_to(self, actor: User) -> "ImportJobQuerySet":
        """Return the actor's own imports."""
        return self.filter(user=actor.pk)


class ImportJob(models.Model):
    """One sheet handed in 导入: checked whole, then written whole or not at all."""

    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("user")
    )
    division = models.ForeignKey(
        Division, on_delete=models.PROTECT, related_name="+", null=True, verbose_name=_("division")
    )
    file_name = models.CharField(_("file name"), max_length=150)
    path = models.CharField(max_length=120, verbose_name=_("place"))
    sha256 = models.CharField(max_length=64, verbose_name=_("check sum (SHA-256)"))
    status = models.CharField(
        _("status"), max_length=10, choices=ImportStatus, default=ImportStatus.QUEUED
    )
    rows_total = models.PositiveIntegerField(default=0, verbose_name=_("rows to handle"))
    rows_done = models.PositiveIntegerField(default=0, verbose_name=_("rows handled"))
    counts = models.JSONField(
        default=dict, verbose_name=_("counts")
    )  # sheet -> {"new": n, "changed": n, "same": n}
    errors = models.JSONField(
        default=list, verbose_name=_("errors")
    )  # [{"sheet", "row", "column", "value", "problem"}]
    error_count = models.PositiveIntegerField(default=0, verbose_name=_("number of errors"))
    created_at = models.DateTimeField(_("handed in"))
    finished_at = models.DateTimeField(_("finished"), null=True)

    objects = ImportJobQuerySet.as_manager()

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")

    def __str__(self) -> str:
        return self.file_name
