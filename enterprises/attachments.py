"""Documents and photos: kept, found, withdrawn.

What may be kept is decided by ``common.uploads`` from the content; where it lies is
``common.filestore``'s matter. The row is written in the caller's transaction after the file is on
the disk, so a row always has its file; a file without a row is swept.
"""

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.db.models import QuerySet, Sum
from django.utils.translation import gettext as _

from common import filestore
from common.uploads import SUFFIXES, THUMBNAIL_PX, FileRefused, check_file, megabytes
from enterprises.models import Attachment, Enterprise, ImportJob, Site
from tenancy import audit
from tenancy.access import get_authority, get_scope
from tenancy.models import User

__all__ = [
    "FileRefused",
    "get_attachments",
    "get_thumbnail_path",
    "store_attachment",
    "sweep_files",
    "withdraw_attachment",
]

FOLDER = "attachments"
_QUOTA_LOCK = 4171  # first key of the advisory lock; the second is the enterprise's
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\u200b-\u200f\u202a-\u202e\u2066-\u2069]')


def clean_name(name: str, content_type: str) -> str:
    """Return a file name to offer: no folders, control or direction marks, the content's suffix."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/"))
    stem = PurePosixPath(name).name.rsplit(".", 1)[0] if "." in name else PurePosixPath(name).name
    stem = re.sub(r"\s+", " ", _UNSAFE.sub("", stem)).strip(" .")
    return f"{stem[:100] or 'file'}{SUFFIXES[content_type]}"


def get_attachments(
    actor: User,
    enterprise: Enterprise,
    *,
    subject_type: str | None = None,
    subject_ids: Iterable[int] | None = None,
) -> QuerySet[Attachment]:
    """Return the enterprise's files that the actor sees, newest first, with who brought them.

    Without ``subject_type`` those of all its records; ``""`` means the enterprise itself.
    Withdrawn ones are there for authorities alone.
    """
    rows = Attachment.objects.visible_to(actor).filter(enterprise=enterprise)
    if not get_authority(actor).is_official:
        rows = rows.filter(withdrawn_at__isnull=True)
    if subject_type is not None:
        rows = rows.filter(subject_type=subject_type)
    if subject_ids is not None:
        rows = rows.filter(subject_id__in=list(subject_ids))
    return rows.select_related("uploaded_by").order_by("-uploaded_at", "-pk")


def get_own_site(actor: User, enterprise: Enterprise) -> Site | None:
    """Return the site under which an operator's file is kept; None for who sees the enterprise.

    An operator sees single sites, and a file without a site would be lost to whoever brought it.
    """
    scope = get_scope(actor)
    if enterprise.pk not in scope.assigned_enterprise_ids:
        return None
    otherwise = replace(scope, site_ids=(), assigned_enterprise_ids=())
    if Enterprise.objects.within(otherwise).filter(pk=enterprise.pk).exists():
        return None
    return Site.objects.filter(pk__in=scope.site_ids, enterprise=enterprise).order_by("pk").first()


def store_attachment(
    file: UploadedFile,
    *,
    enterprise: Enterprise,
    site: Site | None = None,
    subject_type: str = "",
    subject_id: int | None = None,
    title: str = "",
    actor: User,
    now: datetime,
) -> Attachment:
    """Keep a file and return its row. The caller has checked that the actor may attach here.

    JPEG, PNG, WebP and PDF are taken, told by their bytes. Raises ``FileRefused`` with a sentence
    for the reader; then neither row nor file is left. ``subject_type`` and ``subject_id`` were
    resolved by ``enterprises.subjects``, or name a record that the caller just made.
    """
    checked = check_file(file)
    name = clean_name(file.name or "", checked.content_type)
    path = filestore.make_path(FOLDER)
    with transaction.atomic():
        _check_quota(enterprise, len(checked.content))
        try:
            filestore.write(path, checked.content)
            if checked.thumbnail is not None:
                filestore.write(get_thumbnail_path(path), checked.thumbnail)
            return Attachment.objects.create(
                key=uuid.uuid4(),
                enterprise=enterprise,
                site=site,
                subject_type=subject_type,
                subject_id=subject_id,
                title=(title.strip() or PurePosixPath(name).stem)[:120],
                file_name=name,
                path=path,
                content_type=checked.content_type,
                size_bytes=len(checked.content),
                sha256=hashlib.sha256(checked.content).hexdigest(),
                width_px=checked.width_px,
                height_px=checked.height_px,
                taken_at=checked.taken_at,
                uploaded_by=actor,
                uploaded_at=now,
            )
        except BaseException:
            filestore.remove(path)
            filestore.remove(get_thumbnail_path(path))
            raise


def _check_quota(enterprise: Enterprise, size: int) -> None:
    """Refuse what does not fit; two uploads at once queue up, so that both are counted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_QUOTA_LOCK, enterprise.pk])
    rows = Attachment.objects.filter(enterprise=enterprise)
    used = rows.aggregate(used=Sum("size_bytes"))["used"] or 0
    if used + size > settings.ATTACHMENTS_QUOTA_BYTES:
        raise FileRefused(
            _(
                "The files of this enterprise may take %(limit)s together, and %(used)s are used. "
                "Please ask the bureau."
            )
            % {"limit": megabytes(settings.ATTACHMENTS_QUOTA_BYTES), "used": megabytes(used)}
        )


def get_thumbnail_path(path: str) -> str:
    """Return where the small picture of a stored picture lies."""
    return f"{path}.{THUMBNAIL_PX}"


def withdraw_attachment(
    attachment: Attachment, *, reason: str, actor: User, now: datetime
) -> Attachment:
    """Take a file out of sight; row and file stay, and authorities still open it.

    Raises ``FileRefused`` without a reason, or where it was withdrawn before.
    """
    reason = reason.strip()
    if not reason:
        raise FileRefused(_("Please say why the file is withdrawn."))
    with transaction.atomic():
        changed = Attachment.objects.filter(pk=attachment.pk, withdrawn_at__isnull=True).update(
            withdrawn_at=now
        )
        if not changed:
            raise FileRefused(_("The file has been withdrawn already."))
        audit.record(
            "attachment.withdraw",
            actor=actor,
            enterprise=attachment.enterprise,
            object_type=Attachment._meta.db_table,
            object_id=attachment.pk,
            object_label=attachment.title,
            note=reason,
        )
    attachment.withdrawn_at = now
    return attachment


def sweep_files(*, now: datetime) -> int:
    """Remove files that no row names, left by transactions that failed; return how many."""
    attached = set(Attachment.objects.values_list("path", flat=True))
    imported = set(ImportJob.objects.values_list("path", flat=True))
    return filestore.sweep(FOLDER, attached, now=now) + filestore.sweep(
        "imports", imported, now=now
    )
