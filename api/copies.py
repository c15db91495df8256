"""Copies of photos for everybody: upright, no larger than a screen needs, without what the camera told of place and owner."""

from __future__ import annotations

import secrets
from pathlib import Path

from PIL import Image, ImageOps

from hazard_db.media_files import FORMATS, MOST_PIXELS_READ

LONGEST_SIDE = 2048
TELLING = frozenset({"exif", "xmp", "comment", "photoshop", "XML:com.adobe.xmp", "mp"})
"""Parts of a photo that may say where it was taken, when, and with whose device."""
SILENT = frozenset({"application/pdf"})


def open_to_all(original: Path, folder: Path, mime_type: str) -> tuple[Path, str] | None:
    """Return the file that a stranger may see and its type: the original where it tells nothing, else a copy.

    None where no copy can be made: videos and HEIC carry what we cannot take out.
    """
    if mime_type not in {"image/jpeg", "image/png", "image/webp"}:
        return (original, mime_type) if mime_type in SILENT else None
    copy = folder / original.name[:2] / f"{original.name}.jpg"
    if copy.is_file():
        return copy, "image/jpeg"
    with Image.open(original, formats=FORMATS) as image:
        large = image.width * image.height > MOST_PIXELS_READ
        if large and image.format == "PNG":
            return None  # it would be unpacked whole to be asked what it tells
        if not TELLING & image.info.keys() and not image.getexif():
            return original, mime_type
        if large:
            return None
        image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    upright.info.clear()
    copy.parent.mkdir(parents=True, exist_ok=True)
    part = copy.with_name(f".part-{secrets.token_hex(8)}")
    try:
        upright.save(part, "JPEG", quality=85, optimize=True, exif=b"")
        part.replace(copy)
    finally:
        part.unlink(missing_ok=True)
    return copy, "image/jpeg"
