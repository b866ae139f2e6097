"""Documents and photos that hang on an enterprise's records."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from enterprises.models.enterprise import Enterprise
from enterprises.models.facilities import Site
from tenancy.models import User
from tenancy.scoping import Reach, ScopedQuerySet


class AttachmentQuerySet(ScopedQuerySet["Attachment"]):
    reach = Reach("enterprise__county", "enterprise", site="site")


class Attachment(models.Model):
    """A file that was checked by its content before it was kept 附件; pictures are re-encoded.

    ``subject_type`` and ``subject_id`` name the record it belongs to (``"meter"``, ``"facility"``,
    ``"survey"``, ``"acceptance"``, ``"work_order"``; empty: the enterprise itself). With a ``site``
    an operator who looks after that site sees it. ``enterprises.attachments`` writes it.
    """

    key = models.UUIDField(
        unique=True, editable=False, verbose_name=_("key")
    )  # in the address; says nothing of the row
    enterprise = models.ForeignKey(
        Enterprise,
        on_delete=models.PROTECT,
        related_name="attachments",
        verbose_name=_("enterprise"),
    )
    site = models.ForeignKey(
        Site,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="attachments",
        verbose_name=_("site"),
    )
    subject_type = models.CharField(
        max_length=20, blank=True, verbose_name=_("kind of record it belongs to")
    )
    subject_id = models.BigIntegerField(null=True, verbose_name=_("record it belongs to"))
    title = models.CharField(_("title"), max_length=120)
    file_name = models.CharField(_("file name"), max_length=150)  # as it will be offered
    path = models.CharField(
        max_length=120, unique=True, verbose_name=_("place")
    )  # below the store's root, random
    content_type = models.CharField(max_length=60, verbose_name=_("kind of file"))
    size_bytes = models.PositiveIntegerField(_("size"))
    sha256 = models.CharField(
        max_length=64, verbose_name=_("check sum (SHA-256)")
    )  # of the file as kept
    width_px = models.PositiveIntegerField(null=True, verbose_name=_("width in pixels"))
    height_px = models.PositiveIntegerField(null=True, verbose_name=_("height in pixels"))
    taken_at = models.DateTimeField(_("photo taken"), null=True)  # as the camera says
    uploaded_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("uploaded by")
    )
    uploaded_at = models.DateTimeField(_("uploaded"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        constraints = [
            models.CheckConstraint(
                name="enterprises_attachment_whole_subject",
                condition=Q(subject_type="", subject_id__isnull=True)
                | (~Q(subject_type="") & Q(subject_id__isnull=False)),
            )
        ]
        indexes = [
            # a record's files
            models.Index(
                fields=["enterprise", "subject_type", "subject_id"],
                name="enterprises_files_of_record",
            )
        ]

    def __str__(self) -> str:
        return self.title
