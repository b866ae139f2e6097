"""Files in and out: handed in, shown, withdrawn."""

import uuid
from typing import cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from common import filestore
from common.uploads import THUMBNAIL_PX, FileRefused, describe_bound
from enterprises.attachments import (
    get_own_site,
    get_thumbnail_path,
    store_attachment,
    withdraw_attachment,
)
from enterprises.models import Attachment, Enterprise, Site
from enterprises.subjects import SubjectMissing, find_site
from tenancy.access import Permission, get_authority, require
from tenancy.audit import note_look
from tenancy.eyes import person
from tenancy.models import User

MOST_AT_ONCE = 10
#: The file is data, never a page: no script, no form, no frame, whatever a browser makes of it.
FILE_POLICY = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; sandbox"


@require_POST
def attach(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep the files of the form: ``file`` (several), ``title``, ``subject_type``, ``subject_id``.

    Goes back to ``next``, with one message for each file that was refused.
    """
    actor = person(request)
    visible = Enterprise.objects.visible_to(actor).select_related("county")
    enterprise = get_object_or_404(visible, pk=pk)
    subject_type = request.POST.get("subject_type", "")
    subject_id = _number(request.POST.get("subject_id", ""))
    if bool(subject_type) != (subject_id is not None):
        raise Http404
    site = _find_site(enterprise, subject_type, subject_id, actor)
    if site is not None:
        require(actor, Permission.ATTACH, site=site)
    else:
        require(actor, Permission.ATTACH, enterprise=enterprise)
    back = redirect(_next_url(request, enterprise))
    files = cast("list[UploadedFile]", request.FILES.getlist("file"))
    if getattr(request, "upload_was_cut", False):
        messages.error(request, describe_bound())
        return back
    if not files:
        messages.error(request, _("Please choose a file first."))
        return back
    if len(files) > MOST_AT_ONCE:
        messages.error(request, _("Please hand in at most ten files at once."))
        return back
    kept = 0
    for file in files:
        try:
            store_attachment(
                file,
                enterprise=enterprise,
                site=site,
                subject_type=subject_type,
                subject_id=subject_id,
                title=request.POST.get("title", ""),
                actor=actor,
                now=timezone.now(),
            )
            kept += 1
        except FileRefused as refusal:
            messages.error(
                request, _("%(name)s was not kept. %(why)s") % {"name": file.name, "why": refusal}
            )
    if kept:
        messages.success(request, _("Files kept: %(count)s.") % {"count": kept})
    return back


def _find_site(
    enterprise: Enterprise, subject_type: str, subject_id: int | None, actor: User
) -> Site | None:
    site = None
    if subject_id is not None:
        try:
            site = find_site(subject_type, subject_id, enterprise=enterprise, actor=actor)
        except SubjectMissing as missing:
            raise Http404 from missing
    site = site or get_own_site(actor, enterprise)
    if site is not None:
        site.enterprise = enterprise  # the right is asked of its county
    return site


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Http404
    return int(text)


def _next_url(request: HttpRequest, enterprise: Enterprise) -> str:
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return wanted
    return reverse("enterprise", args=[enterprise.pk])


@require_GET
def attachment(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Send a file to who may see it: as a download, or with ``?view`` a picture in the page.

    ``?size=320`` sends the small picture. Withdrawn files are sent to authorities alone.
    """
    actor = person(request)
    visible = Attachment.objects.visible_to(actor).select_related("enterprise")
    found = get_object_or_404(visible, key=key)
    if found.withdrawn_at is not None and not get_authority(actor).is_official:
        raise Http404
    is_picture = found.content_type.startswith("image/")
    is_small = is_picture and request.GET.get("size") == str(THUMBNAIL_PX)
    tag = f'"{found.sha256[:32]}{"s" if is_small else ""}"'
    if request.headers.get("If-None-Match") == tag:
        return _guarded(HttpResponseNotModified(), tag)
    path = filestore.resolve(get_thumbnail_path(found.path) if is_small else found.path)
    try:
        file = path.open("rb")
    except FileNotFoundError as gone:
        raise Http404 from gone
    # A small picture is part of the page that shows it, whose look is noted.
    if not is_small:
        note_look(
            request,
            found.enterprise,
            "attachment",
            object_type="enterprises_attachment",
            object_id=found.pk,
            object_label=found.title or found.file_name,
        )
    response = FileResponse(
        file,
        as_attachment=not (is_small or (is_picture and "view" in request.GET)),
        filename=found.file_name,
        content_type="image/jpeg" if is_small else found.content_type,
    )
    return _guarded(response, tag)


def _guarded(response: HttpResponse | FileResponse, tag: str) -> HttpResponse:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = FILE_POLICY
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    # Kept by the reader's own browser, and asked for again each time: a right may be gone by then.
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["ETag"] = tag
    return cast(HttpResponse, response)


@require_POST
def withdraw(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Take a file out of sight, with the ``reason`` that the form gives."""
    actor = person(request)
    visible = Attachment.objects.visible_to(actor)
    found = get_object_or_404(visible.select_related("enterprise__county", "site"), key=key)
    if found.site is not None:
        found.site.enterprise = found.enterprise
        require(actor, Permission.ATTACH, site=found.site)
    else:
        require(actor, Permission.ATTACH, enterprise=found.enterprise)
    # Officials clear up after everybody; others withdraw what they brought themselves.
    if not get_authority(actor).is_official and found.uploaded_by_id != actor.pk:
        raise PermissionDenied
    try:
        reason = request.POST.get("reason", "")
        withdraw_attachment(found, reason=reason, actor=actor, now=timezone.now())
        messages.success(request, _("The file was withdrawn; it stays on record."))
    except FileRefused as refusal:
        messages.error(request, str(refusal))
    return redirect(_next_url(request, found.enterprise))
