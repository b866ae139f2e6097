"""What a file is, is told by its bytes; what could hurt is refused with a sentence."""

import io
import tracemalloc
from datetime import UTC, datetime

import pytest
from django.test import RequestFactory
from django.utils import translation
from PIL import Image

from common.uploads import FileRefused, UploadBoundMiddleware, check_file
from tests.enterprises.pictures import PDF, jpeg, phone_photo, picture, png_header_of, upload


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (jpeg(), "image/jpeg"),
        (picture("PNG"), "image/png"),
        (picture("PNG", "RGBA"), "image/png"),
        (picture("PNG", "1"), "image/png"),
        (picture("PNG", "I;16"), "image/png"),
        (picture("JPEG", "CMYK"), "image/jpeg"),
        (picture("WEBP"), "image/webp"),
        (PDF, "application/pdf"),
    ],
)
def test_four_kinds_are_taken_whatever_their_name_says(content, content_type):
    assert check_file(upload(content, "x.exe", "text/html")).content_type == content_type


def test_a_photo_is_turned_upright_and_loses_its_place_but_not_its_time():
    checked = check_file(upload(phone_photo()))
    kept = Image.open(io.BytesIO(checked.content))
    assert (checked.width_px, checked.height_px) == kept.size == (40, 60)
    assert not kept.getexif()
    assert b"PhoneMaker" not in checked.content
    assert checked.taken_at == datetime(2026, 11, 23, 2, 15, tzinfo=UTC)


def test_what_hides_behind_a_pictures_end_is_not_kept():
    checked = check_file(upload(jpeg() + b"PK\x03\x04<script>alert(1)</script>"))
    assert b"script" not in checked.content


def test_a_thumbnail_fits_its_square():
    checked = check_file(upload(jpeg(1000, 500)))
    assert checked.thumbnail is not None
    assert Image.open(io.BytesIO(checked.thumbnail)).size == (320, 160)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\0" * 100, "is empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "none of JPEG"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "none of JPEG"),
        (b"GIF89a" + b"\0" * 50, "none of JPEG"),
        (b"MZ\x90\0" + b"\0" * 50, "none of JPEG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"PK\x03\x04" + b"\0" * 50, "archive"),
        (jpeg()[:400], "cut off or damaged"),
        (jpeg()[:-40], "cut off or damaged"),
        (b"\xff\xd8\xff" + b"<script>alert(1)</script>", "cut off or damaged"),
        (picture("PNG")[:40], "cut off or damaged"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "cut off or damaged"),
        (PDF[:-8], "cut off or damaged"),
        (PDF + b"<html><script>alert(1)</script></html>", "behind its end"),
        (PDF + b"PK\x05\x06" + b"\0" * 18 + b"%%EOF", "behind its end"),
        (b"<html>" + PDF, "none of JPEG"),
        (PDF.replace(b"/Catalog", b"/Catalog /OpenAction << /S /JavaScript >>"), "scripts"),
        (png_header_of(50_000, 50_000), "50000 × 50000 pixels|million pixels"),
        (png_header_of(8_000, 6_000), "8000 × 6000 pixels"),
    ],
)
def test_the_rest_is_refused_with_a_sentence(content, words):
    with pytest.raises(FileRefused, match=words):
        check_file(upload(content))


def test_a_giant_picture_is_refused_by_its_header_alone():
    tracemalloc.start()
    try:
        with pytest.raises(FileRefused):
            check_file(upload(png_header_of(6_500, 6_500)))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_file_above_the_bound_is_refused(settings):
    settings.UPLOAD_MAX_BYTES = 1000
    with pytest.raises(FileRefused, match="larger than"):
        check_file(upload(jpeg(400, 400)))


def test_two_gigabytes_are_refused_before_anything_reads_them():
    class Untouchable:
        def read(self, *args):
            raise AssertionError("the body was read")

    request = RequestFactory().post("/", data=b"", content_type="multipart/form-data; boundary=x")
    request.META["CONTENT_LENGTH"] = str(2 * 1024**3)
    request.META["wsgi.input"] = Untouchable()
    request._stream = Untouchable()
    response = UploadBoundMiddleware(lambda request: pytest.fail("went on"))(request)
    assert response.status_code == 413
    assert "larger than 20 MB" in response.content.decode()
