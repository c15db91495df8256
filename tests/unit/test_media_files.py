"""Photos by what they are: every kind that is taken, what they tell of time and place, and what is no photo."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from api import copies
from hazard_db import media_files
from hazard_db.errors import InputError

ORIGINAL, OFFSET, EXIF, GPS = 0x9003, 0x9011, 0x8769, 0x8825


def picture(kind: str = "JPEG", exif: Image.Exif | None = None) -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGB", (32, 24), "red").save(out, kind, **({"exif": exif} if exif is not None else {}))
    out.seek(0)
    return out


@pytest.mark.parametrize(
    ("kind", "mime_type"), [("JPEG", "image/jpeg"), ("MPO", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")]
)
def test_every_kind_of_picture_is_taken(tmp_path: Path, kind: str, mime_type: str) -> None:
    assert media_files.store(picture(kind), tmp_path, "a").mime_type == mime_type


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_other_kinds_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputError, match="not a whole file of a kind that is taken"):
        media_files.store(picture(kind), tmp_path, "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_without_its_end_is_refused(tmp_path: Path, kind: str, cut: float) -> None:
    whole = picture(kind).getvalue()
    with pytest.raises(InputError):
        media_files.store(io.BytesIO(whole[: int(len(whole) * cut)]), tmp_path, "a")


def test_a_photo_tells_when_and_where(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(EXIF)[ORIGINAL], exif.get_ifd(EXIF)[OFFSET] = "2026:05:01 14:30:00", "+05:00"
    exif[GPS] = {1: "N", 2: (36.0, 20.0, 13.92), 3: "E", 4: (74.0, 52.0, 8.4)}
    stored = media_files.store(picture(exif=exif), tmp_path, "a")
    assert stored.taken_at == datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
    assert stored.lonlat == pytest.approx((74.869, 36.3372))


def test_satellites_tell_utc_where_the_clock_tells_no_zone(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(EXIF)[ORIGINAL] = "2026:05:01 14:30:00"
    exif[GPS] = {7: (9.0, 30.0, 5.0), 29: "2026:05:01"}
    (tmp_path / "a.jpg").write_bytes(picture(exif=exif).getvalue())
    assert media_files.told_time(tmp_path / "a.jpg", ZoneInfo("Asia/Shanghai")) == datetime(
        2026, 5, 1, 9, 30, 5, tzinfo=UTC
    )


def test_a_clock_without_zone_is_that_of_the_road(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(EXIF)[ORIGINAL] = "2026:05:01 14:30:00"
    (tmp_path / "a.jpg").write_bytes(picture(exif=exif).getvalue())
    assert media_files.told_time(tmp_path / "a.jpg", ZoneInfo("Asia/Karachi")) == datetime(
        2026, 5, 1, 9, 30, tzinfo=UTC
    )
    assert media_files.store(picture(exif=exif), tmp_path, "a").taken_at is None  # without a zone it is not known


@pytest.mark.parametrize(
    ("clock", "gps"),
    [
        ("0000:00:00 00:00:00", {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)}),
        ("2026:13:41 25:61:61", {1: "N", 2: (95.0, 0.0, 0.0), 3: "E", 4: (74.0, 0.0, 0.0)}),
        ("", {1: "N", 2: (36.0, 20.0, 0.0), 7: (99.0, 0.0, 0.0), 29: "0000:00:00"}),
    ],
)
def test_nonsense_is_not_believed(tmp_path: Path, clock: str, gps: dict[int, object]) -> None:
    exif = Image.Exif()
    exif.get_ifd(EXIF)[ORIGINAL], exif.get_ifd(EXIF)[OFFSET] = clock, "+05:00"
    exif[GPS] = gps
    stored = media_files.store(picture(exif=exif), tmp_path, "a")
    assert (stored.taken_at, stored.lonlat) == (None, None)


def test_a_small_file_that_would_unpack_to_a_huge_picture_takes_no_memory(tmp_path: Path) -> None:
    import resource

    out = io.BytesIO()
    Image.new("1", (16_000, 16_000)).save(out, "PNG")  # 32 kB, unpacked as colours 768 MB
    assert len(out.getvalue()) < 100_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stored = media_files.store(io.BytesIO(out.getvalue()), tmp_path / "media", "a.png")
    assert stored.mime_type == "image/png"
    assert (
        copies.open_to_all(media_files.path_of(tmp_path / "media", stored.sha256), tmp_path / "copies", "image/png")
        is None
    )
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kB
    Image.new("1", (18_000, 18_000)).save(tmp_path / "b.png", "PNG")
    with pytest.raises(InputError, match="pixels are too many"), (tmp_path / "b.png").open("rb") as stream:
        media_files.store(stream, tmp_path / "media", "b.png")
