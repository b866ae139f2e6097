"""Files as people and attackers hand them in."""

import io
import struct
import zlib

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


def jpeg(width: int = 60, height: int = 40, *, exif: Image.Exif | None = None) -> bytes:
    out = io.BytesIO()
    picture = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    picture.save(out, "JPEG", **({"exif": exif} if exif else {}))
    return out.getvalue()


def picture(kind: str, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (30, 20)).save(out, kind)
    return out.getvalue()


def phone_photo() -> bytes:
    """A photo held sideways, taken 2026-11-23 10:15:00+08:00, with the place where it was taken."""
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn right
    exif[0x010F] = "PhoneMaker"
    exif.get_ifd(0x8769).update({36867: "2026:11:23 10:15:00", 36881: "+08:00"})
    exif.get_ifd(0x8825).update({1: "N", 2: (36.0, 4.0, 48.0), 3: "E", 4: (111.0, 31.0, 12.0)})
    return jpeg(exif=exif)


def png_header_of(width: int, height: int) -> bytes:
    """A small file that claims to be a picture of that size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    row = zlib.compress(b"\0" * 5000)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", row)
        + chunk(b"IEND", b"")
    )


def upload(content: bytes, name: str = "photo.jpg", kind: str = "image/jpeg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, kind)
