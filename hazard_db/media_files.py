"""Photos and files of observations: what they really are, and where they are kept."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import IO, Any

from PIL import ExifTags, Image, UnidentifiedImageError

from hazard_db.errors import InputError

CHUNK = 2**20
MOST_PIXELS = 300_000_000
Image.MAX_IMAGE_PIXELS = MOST_PIXELS  # Pillow's own limit is less than the 200 million of some phones
MOST_PIXELS_READ = 50_000_000
"""Larger pictures take too much memory to be read through."""
LONGEST_NAME = 200
OLDEST_YEAR = 1990
"""Cameras tell no year before it, satellites neither."""
IMAGES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
FORMATS = ("JPEG", "PNG", "WEBP")
"""Of Pillow; MPO, several pictures in one, is opened as JPEG."""
FTYP = {
    b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"isom": "video/mp4", b"mp42": "video/mp4",
    b"mp41": "video/mp4", b"avc1": "video/mp4", b"qt  ": "video/quicktime", b"3gp4": "video/3gpp", b"3gp5": "video/3gpp",
    b"M4A ": "audio/mp4",
}  # fmt: skip
KINDS = "JPEG, PNG, WebP, HEIC, PDF, MP4, MOV, 3GP, M4A"


@dataclass(frozen=True)
class Stored:
    """A file in the folder of media."""

    sha256: str
    size_bytes: int
    mime_type: str
    taken_at: datetime | None
    """In UTC; None where the photo does not tell its zone."""
    lonlat: tuple[float, float] | None


@dataclass(frozen=True)
class Arrived:
    """A file that is on the disk and checked, but not yet kept."""

    part: Path
    stored: Stored


def store(stream: IO[bytes], folder: Path, label: str) -> Stored:
    """Return what was stored; the file appears whole, under its checksum, and only once.

    Raises
    ------
    InputError
        It is empty, or of a kind that is not taken.
    """
    arrived = take(stream, folder, label)
    keep(arrived, folder)
    return arrived.stored


def take(stream: IO[bytes], folder: Path, label: str) -> Arrived:
    """Return a file that has been written and checked; `keep` gives it its place, `drop` removes it.

    Raises
    ------
    InputError
        It is empty, or of a kind that is not taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".part-{secrets.token_hex(8)}"
    digest, size = hashlib.sha256(), 0
    try:
        with part.open("xb") as file:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if not size:
            raise InputError(f"{label}: the file is empty")
        mime_type, facts = _look(part, label)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return Arrived(part, Stored(digest.hexdigest(), size, mime_type, _taken_at(facts), _lonlat(facts)))


def keep(arrived: Arrived, folder: Path) -> None:
    """Give a file its place for good, before the catalogue says that it is there."""
    final = path_of(folder, arrived.stored.sha256)
    final.parent.mkdir(exist_ok=True)
    if final.exists():
        drop(arrived)
    else:
        arrived.part.replace(final)
    for changed in (final.parent, folder):  # a name is on the disk only when its folder is
        descriptor = os.open(changed, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def drop(arrived: Arrived) -> None:
    """Remove a file that is not to be kept, where it still waits."""
    arrived.part.unlink(missing_ok=True)


def tidy(folder: Path, older_than_s: float = 24 * 3600) -> int:
    """Return how many files were removed that a killed process left half written."""
    found = [path for path in folder.glob(".part-*") if time.time() - path.stat().st_mtime > older_than_s]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def told_time(path: Path, zone: tzinfo) -> datetime | None:
    """Return when a photo says that it was taken; a clock that tells no zone is taken as showing the time of `zone`."""
    try:
        facts = _look(path, path.name)[1]
    except InputError:
        return None
    if (known := _taken_at(facts)) is not None:
        return known
    try:
        clock = datetime.strptime(str(facts.get(ExifTags.Base.DateTimeOriginal)).strip(), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    return clock.replace(tzinfo=zone).astimezone(UTC) if clock.year >= OLDEST_YEAR else None


def path_of(folder: Path, sha256: str) -> Path:
    """Return where the file of a checksum lies."""
    return folder / sha256[:2] / sha256


def plain_name(name: str | None) -> str:
    """Return a file's name without any folders, as short as names should be.

    Raises
    ------
    InputError
        Nothing is left of it.
    """
    last = (name or "").replace("\\", "/").rpartition("/")[2].strip()
    kept = "".join(char for char in last if char.isprintable() and char not in '<>:"|?*')
    if kept.strip(". ") == "" or len(kept) > LONGEST_NAME:
        raise InputError(f"a file needs a name of 1 to {LONGEST_NAME} characters")
    return kept


def _look(path: Path, label: str) -> tuple[str, Mapping[int, Any]]:
    """Return the kind of a file by its content, whatever its name says, and what a photo tells of itself."""
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(b"%PDF-"):
        return "application/pdf", {}
    if head[4:8] == b"ftyp" and head[8:12] in FTYP:
        return FTYP[head[8:12]], {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise Image.DecompressionBombError
                kind = IMAGES[image.format or ""]
                image.verify()
            with Image.open(
                path, formats=FORMATS
            ) as image:  # anew: of a PNG nothing else may be asked before it is verified
                told = image.getexif() if _cheap(image) else Image.Exif()
                exif, gps = dict(told), dict(told.get_ifd(ExifTags.IFD.GPSInfo))
                exif |= dict(told.get_ifd(ExifTags.IFD.Exif))
            _read_through(path)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{label}: more than {MOST_PIXELS // 10**6} million pixels are too many") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, KeyError) as error:
        raise InputError(f"{label}: not a whole file of a kind that is taken ({KINDS})") from error
    return kind, {**exif, ExifTags.IFD.GPSInfo: gps}


def _cheap(image: Image.Image) -> bool:
    """Return whether a picture may be asked what it tells: a PNG is unpacked whole for it."""
    return image.format != "PNG" or image.width * image.height <= MOST_PIXELS_READ


def _read_through(path: Path) -> None:
    """Read a picture to its end, small; only PNG has checksums that tell without it whether the end is there."""
    with Image.open(path, formats=FORMATS) as image:
        if image.format != "PNG" and image.width * image.height <= MOST_PIXELS_READ:
            image.draft("RGB", (max(1, image.width // 8), max(1, image.height // 8)))
            image.load()


def _taken_at(facts: Mapping[int, Any]) -> datetime | None:
    """Return when a photo was taken; None where it does not tell, or not in which zone and by no satellite."""
    return _zoned(facts) or _by_satellite(facts)


def _zoned(facts: Mapping[int, Any]) -> datetime | None:
    moment, offset = facts.get(ExifTags.Base.DateTimeOriginal), facts.get(ExifTags.Base.OffsetTimeOriginal)
    if not isinstance(moment, str) or not isinstance(offset, str):
        return None
    try:
        return datetime.strptime(f"{moment.strip()} {offset.strip()}", "%Y:%m:%d %H:%M:%S %z").astimezone(UTC)
    except ValueError:
        return None


def _by_satellite(facts: Mapping[int, Any]) -> datetime | None:
    """Return the time of the satellites, which is UTC."""
    gps = facts.get(ExifTags.IFD.GPSInfo) or {}
    try:
        hour, minute, second = (float(part) for part in gps[ExifTags.GPS.GPSTimeStamp])
        day = datetime.strptime(str(gps[ExifTags.GPS.GPSDateStamp]).strip(), "%Y:%m:%d").replace(tzinfo=UTC)
        at = day + timedelta(hours=hour, minutes=minute, seconds=second)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return at if at.year >= OLDEST_YEAR else None


def _lonlat(facts: Mapping[int, Any]) -> tuple[float, float] | None:
    """Return where a photo was taken; None where it does not tell."""
    gps = facts.get(ExifTags.IFD.GPSInfo) or {}
    try:
        lat = _degrees(gps[ExifTags.GPS.GPSLatitude]) * (-1 if gps.get(ExifTags.GPS.GPSLatitudeRef) == "S" else 1)
        lon = _degrees(gps[ExifTags.GPS.GPSLongitude]) * (-1 if gps.get(ExifTags.GPS.GPSLongitudeRef) == "W" else 1)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    # 0, 0 is what cameras write that have not found their place
    return (lon, lat) if -180 <= lon <= 180 and -90 <= lat <= 90 and (lon, lat) != (0, 0) else None


def _degrees(parts: Any) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    return degrees + minutes / 60 + seconds / 3600
