"""What comes in as a file: how much of it is read at all, and what its bytes say it is.

The order matters. ``UploadBoundMiddleware`` refuses a body by its announced length before anything
reads it (a forgery check would read it whole); ``BoundedUploadHandler`` stops reading a single file
that grows beyond its bound; ``check_file`` then looks at the bytes and never at the name or at what
the browser says. A body without an announced length is read as empty by Django's WSGI handler.
"""

import contextlib
import io
import os
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from PIL import Image, ImageCms, ImageOps

from common.localtime import SHANGHAI

#: What a form adds around its files: boundaries, names, the other fields.
ENVELOPE = 1024 * 1024
THUMBNAIL_PX = 320
_JPEG_QUALITY = 88
_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "application/pdf": ".pdf",
}
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"avif"}
#: What makes a PDF act when it is opened, or carries another file inside.
_ACTIVE_PDF = re.compile(rb"/(JavaScript|Launch|EmbeddedFiles?|RichMedia)\b")

# Pillow's own guard behind ours: what it only warns of is refused, in every thread.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class FileRefused(ValueError):
    """A file is not kept; the text says why and what to do, in the reader's language."""


# --- how much is read -----------------------------------------------------------------------


def megabytes(size: int) -> str:
    """``20 MB``; a size as the limits name it."""
    return f"{size / 1024 / 1024:.0f} MB"


def describe_bound() -> str:
    """Return the sentence that refuses a file for its size."""
    return _("The file is larger than %(limit)s. Please hand in a smaller one.") % {
        "limit": megabytes(settings.UPLOAD_MAX_BYTES)
    }


class UploadBoundMiddleware:
    """Refuse a request whose body is announced longer than any file may be: 413, nothing read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        announced = request.META.get("CONTENT_LENGTH") or "0"
        if announced.isdigit() and int(announced) > settings.UPLOAD_MAX_BYTES + ENVELOPE:
            response = render(request, "413.html", {"limit": describe_bound()}, status=413)
            # What was not read must not be taken for the next request on this connection.
            response.headers["Connection"] = "close"
            return response
        return self.get_response(request)


class BoundedUploadHandler(FileUploadHandler):
    """Stand before Django's handlers and break off a file that grows beyond the bound."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self._received += len(raw_data)
        if self._received > settings.UPLOAD_MAX_BYTES:
            if self.request is not None:
                self.request.upload_was_cut = True  # type: ignore[attr-defined]
            raise StopUpload(connection_reset=True)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


# --- what it is -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file that may be kept: as it will be stored, and what was read from it."""

    content: bytes
    content_type: str
    width_px: int | None = None
    height_px: int | None = None
    taken_at: datetime | None = None  # as the camera says; without a zone taken as Shanghai's
    thumbnail: bytes | None = None  # JPEG within 320 x 320


def get_content_type(head: bytes) -> str:
    """Return the type that the first bytes show. Raises ``FileRefused`` for all but four."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if re.match(rb"%PDF-[12]\.\d", head):
        return "application/pdf"
    if not head.strip(b"\0\t\r\n "):
        raise FileRefused(_("The file is empty."))
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        raise FileRefused(
            _(
                "This is a HEIC picture of a phone, which many computers cannot show. Set the "
                "phone's camera to “most compatible”, or send the picture as JPEG."
            )
        )
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"Rar!", b"7z\xbc\xaf")):
        raise FileRefused(
            _("This is an Office document or an archive. Please save it as PDF and send that.")
        )
    raise FileRefused(
        _("The content is none of JPEG, PNG, WebP and PDF, whatever the file's name says.")
    )


def check_file(file: UploadedFile | IO[bytes]) -> CheckedFile:
    """Return what may be kept of an uploaded file.

    Pictures are decoded and written anew, upright, without any metadata (so without the place where
    they were taken). A PDF is kept as it is. Raises ``FileRefused`` with a sentence for the reader.
    """
    size = _get_size(file)
    if size > settings.UPLOAD_MAX_BYTES:
        raise FileRefused(describe_bound())
    file.seek(0)
    content_type = get_content_type(file.read(32))
    file.seek(0)
    if content_type == "application/pdf":
        content = file.read()
        _check_pdf(content)
        return CheckedFile(content, content_type)
    return _check_picture(file, content_type)


def _get_size(file: UploadedFile | IO[bytes]) -> int:
    if isinstance(file, UploadedFile) and file.size is not None:
        return file.size
    file.seek(0, os.SEEK_END)
    return file.tell()


def _check_pdf(content: bytes) -> None:
    end = content.rfind(b"%%EOF")
    if end < 0:
        raise FileRefused(
            _("The PDF is cut off or damaged. Please open it, save it anew and try again.")
        )
    if content[end + 5 :].strip(b"\0\t\r\n\f ") or b"PK\x05\x06" in content[-65557:]:
        raise FileRefused(
            _("The PDF has something else attached behind its end. Please print it to PDF anew.")
        )
    if _ACTIVE_PDF.search(content):
        raise FileRefused(
            _("The PDF carries scripts or other files inside. Please print it to PDF anew.")
        )


def _check_picture(file: UploadedFile | IO[bytes], content_type: str) -> CheckedFile:
    damaged = _("The picture is cut off or damaged. Please open it, save it anew and try again.")
    try:
        picture = Image.open(file, formats=[_FORMATS[content_type]])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FileRefused(_describe_pixels()) from error
    except Exception as error:  # a decoder fed with foreign bytes raises anything
        raise FileRefused(damaged) from error
    # The header alone has been read so far: a picture that is too large costs nothing.
    if picture.width * picture.height > settings.UPLOAD_MAX_PIXELS:
        raise FileRefused(_describe_pixels(picture.width, picture.height))
    try:
        taken_at = _get_taken_at(picture)
        picture.load()
        upright = _to_plain(ImageOps.exif_transpose(picture))
        content = _encode(upright, _FORMATS[content_type])
        thumbnail = _make_thumbnail(upright)
    except Exception as error:
        raise FileRefused(damaged) from error
    return CheckedFile(content, content_type, upright.width, upright.height, taken_at, thumbnail)


def _describe_pixels(width: int | None = None, height: int | None = None) -> str:
    limit = {"limit": settings.UPLOAD_MAX_PIXELS // 1_000_000}
    if width is None:
        return _("The picture has more than %(limit)s million pixels. Please send it smaller.") % (
            limit
        )
    return _(
        "The picture has %(width)s × %(height)s pixels; at most %(limit)s million are taken. "
        "Please send it smaller."
    ) % {"width": width, "height": height, **limit}


def _get_taken_at(picture: Image.Image) -> datetime | None:
    """Return when the camera says it was taken (EXIF DateTimeOriginal and its offset)."""
    try:
        exif = picture.getexif().get_ifd(0x8769)
        moment = datetime.strptime(str(exif[36867]).strip("\0 "), "%Y:%m:%d %H:%M:%S")
        found = re.fullmatch(r"([+-])(\d\d):(\d\d)", str(exif.get(36881, "")).strip("\0 "))
        zone = SHANGHAI
        if found:
            length = timedelta(hours=int(found[2]), minutes=int(found[3]))
            zone = timezone(-length if found[1] == "-" else length)
        return moment.replace(tzinfo=zone).astimezone(UTC)
    except Exception:  # metadata is the camera's word, often missing or odd: not worth a refusal
        return None


def _to_plain(picture: Image.Image) -> Image.Image:
    """Return a copy of the pixels alone, in sRGB: no metadata, no profile, no further frames."""
    profile = picture.info.get("icc_profile")
    with_alpha = picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info
    mode = "RGBA" if with_alpha else "RGB"
    if profile and picture.mode in {"RGB", "RGBA"}:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            picture = (
                ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"))
                or picture
            )
    plain = picture.convert(mode)
    plain.info.clear()
    return plain


def _encode(picture: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "JPEG":
        picture.convert("RGB").save(out, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    elif kind == "WEBP":
        picture.save(out, "WEBP", quality=_JPEG_QUALITY, method=2)
    else:
        picture.save(out, "PNG")
    return out.getvalue()


def _make_thumbnail(picture: Image.Image) -> bytes:
    small = picture.copy()
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    if small.mode == "RGBA":
        ground = Image.new("RGB", small.size, "white")
        ground.paste(small, mask=small.getchannel("A"))
        small = ground
    return _encode(small, "JPEG")
