"""Surveys with their photos: exports of KoBo, ODK and Ona, QField projects, GPX walks with a camera."""

from __future__ import annotations

import csv
import io
import shutil
import uuid
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyogrio
import pytest
import shapely
from PIL import Image

from hazard_db.errors import InputError, RecordError
from ingest.load import SurveyReport, ingest_survey
from tests.integration.test_ingest_survey import count, load_road, stored
from tests.phones import photo

pytestmark = pytest.mark.integration

ONE, TWO = uuid.uuid4(), uuid.uuid4()
KOBO = [
    "start", "end", "kind", "position", "_position_latitude", "_position_longitude", "_position_altitude", "_position_precision", "photo",
    "photo_URL", "note", "_id", "_uuid", "_submission_time", "_submitted_by",
]  # fmt: skip


def kobo_row(identifier: uuid.UUID, name: str, **more: str) -> list[str]:
    values = {
        "start": "2026-05-01T14:30:00.000+05:00", "end": "2026-05-01T14:40:00.000+05:00", "kind": "landslide",
        "position": "36.3372 74.869 2400 4.5", "_position_precision": "4.5",
        "_position_latitude": "36.3372", "_position_longitude": "74.869", "photo": name,
        "photo_URL": f"https://kobo.example/media/{name}", "note": "n/a", "_uuid": str(identifier), "_submitted_by": "sana",
    } | more  # fmt: skip
    return [values.get(name, "") for name in KOBO]


def ingest(database: Any, path: Path, home: Path, **options: Any) -> SurveyReport:
    return ingest_survey(database.app_engine, path, actor="tester", home=home, **options)


def media(database: Any) -> list[tuple[Any, ...]]:
    return stored(database, "observation_id, filename, sha256, taken_at", "media", "filename, sha256")


def timed(clock: str, colour: str = "red", *, offset: str | None = None) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = clock
    if offset:
        exif.get_ifd(0x8769)[0x9011] = offset
    return photo(colour, (64, 48), exif=exif)


def test_a_kobo_export_and_its_archive_of_photos(database: Any, tmp_path: Path) -> None:
    load_road(database)
    table = tmp_path / "kobo.csv"
    with table.open("w", newline="") as stream:
        rows = [KOBO, kobo_row(ONE, "IMG 1.jpg"), kobo_row(TWO, "IMG 1.jpg", kind="rockfall")]
        csv.writer(stream, delimiter=";").writerows(rows)
    first = ingest(database, table, tmp_path / "home")
    assert (first.new, first.media) == (2, 0)
    assert any("2 photos that records speak of were not stored" in note for note in first.notes)
    archive, images = tmp_path / "attachments.zip", {ONE: photo("red"), TWO: photo("blue")}
    with zipfile.ZipFile(archive, "w") as made:
        for identifier, image in images.items():
            made.writestr(f"team/attachments/0a1b/{identifier}/IMG_1.jpg", image)  # Kobo writes _ for spaces
    again = ingest(database, table, tmp_path / "home", media=[archive])
    assert (again.unchanged, again.media) == (2, 2), again.notes
    assert {one[0]: one[2] for one in media(database)} == {
        key: sha256(image).hexdigest() for key, image in images.items()
    }
    for digest in (one[2] for one in media(database)):
        assert sha256((tmp_path / "home" / "media" / digest[:2] / digest).read_bytes()).hexdigest() == digest
    ingest(database, table, tmp_path / "home", media=[archive])
    assert (count(database), count(database, "media"), count(database, "observation_revision")) == (2, 2, 0)
    row = stored(database, "kind, observer, note, round(CAST(chainage_km AS numeric)), accuracy_m", order="kind")[0]
    assert row == ("landslide", "sana", None, 657, 4.5)


def test_an_odk_central_zip_holds_all(database: Any, tmp_path: Path) -> None:
    header = "SubmissionDate,position-Latitude,position-Longitude,position-Altitude,position-Accuracy,kind,photo,meta-instanceID,KEY"
    line = f"2026-05-01T10:00:00.000Z,36.3372,74.869,2368,4.5,rockfall,1.jpg,uuid:{ONE},uuid:{ONE}"
    path = tmp_path / "rockfall.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("rockfall.csv", f"{header}\n{line}\n")
        made.writestr("rockfall-blocks.csv", "size,KEY\n1,x\n")
        made.writestr("media/1.jpg", photo())
        made.writestr("__MACOSX/._rockfall.csv", b"\x00")
    report = ingest(database, path, tmp_path / "home")
    assert (report.format, report.new, report.media) == ("CSV", 1, 1)
    assert "rockfall-blocks.csv holds repeated questions and is not read" in report.notes
    assert stored(database, "id, accuracy_m, kind") == [(ONE, 4.5, "rockfall")]
    assert ingest(database, path, tmp_path / "home").status == "unchanged"


def test_an_ona_workbook_with_a_folder(database: Any, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(
        ["_uuid", "today", "kind", "_gps_latitude", "_gps_longitude", "_gps_precision", "photo", "crack", "note"]
    )
    book.active.append([str(ONE), "2026-05-01", "滑坡", "36.810483°N", "75.4°E", "12 m", "a.png", "n/a", "n/a"])
    book.save(tmp_path / "ona.xlsx")
    (tmp_path / "media").mkdir()
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    (tmp_path / "media" / "a.png").write_bytes(out.getvalue())
    report = ingest(database, tmp_path / "ona.xlsx", tmp_path / "home")
    assert (report.new, report.media) == (1, 1)
    assert stored(database, "kind, accuracy_m, note, ST_Y(geom), attributes ? 'crack'") == [
        ("landslide", 12, None, 36.810483, False)
    ]


def test_a_qfield_project_with_its_dcim(database: Any, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "DCIM").mkdir(parents=True)
    (project / "DCIM" / "obs_1.jpg").write_bytes(photo("red"))
    (project / "DCIM" / "obs_2.jpg").write_bytes(photo("blue"))
    (tmp_path / "secret.jpg").write_bytes(photo("green"))
    pictures = np.array(["DCIM/obs_1.jpg", "DCIM\\obs_2.jpg", "../secret.jpg"], dtype=object)
    pyogrio.raw.write(
        project / "survey.gpkg", layer="observations", driver="GPKG", crs="EPSG:4326", geometry_type="Point",
        geometry=shapely.to_wkb(shapely.points([[74.869, 36.3372], [74.87, 36.34], [74.87, 36.35]])),
        fields=["uuid", "kind", "picture"],
        field_data=[np.array([str(uuid.uuid4()) for _ in range(3)], dtype=object), np.array(["landslide"] * 3, dtype=object), pictures],
    )  # fmt: skip
    report = ingest(database, project / "survey.gpkg", tmp_path / "home")
    assert (report.new, report.media) == (3, 2)
    assert {one[1] for one in media(database)} == {
        "obs_1.jpg",
        "obs_2.jpg",
    }  # what lies beyond the project is not its own
    assert any("../secret.jpg: not there" in note for note in report.notes)
    whole = shutil.make_archive(str(tmp_path / "whole"), "zip", project)  # the project as QFieldCloud gives it
    again = ingest(database, Path(whole), tmp_path / "home", dataset="survey")
    assert (again.new, again.unchanged, count(database, "media")) == (0, 3, 2)


def test_a_walk_with_a_camera_is_matched_by_time(database: Any, tmp_path: Path) -> None:
    points = "".join(
        f'<wpt lat="{36.33 + n / 100}" lon="74.869"><time>2026-05-01T09:{n}0:00Z</time><name>{n}</name>{link}</wpt>'
        for n, link in ((1, ""), (2, ""), (4, '<link href="named.jpg"/>'))
    )
    path, folder = tmp_path / "walk.gpx", tmp_path / "photos"
    path.write_text(f'<gpx version="1.1" creator="x">{points}</gpx>')
    folder.mkdir()
    (folder / "first.jpg").write_bytes(timed("2026:05:01 14:11:30"))  # the camera's clock, as on the road: 09:11:30 UTC
    (folder / "second.jpg").write_bytes(timed("2026:05:01 11:19:00", "blue", offset="+02:00"))
    (folder / "lunch.jpg").write_bytes(timed("2026:05:01 14:30:00", "green"))
    (folder / "no_clock.jpg").write_bytes(photo("white"))
    (folder / "year_0.jpg").write_bytes(timed("0000:00:00 00:00:00", "yellow"))
    (folder / "named.jpg").write_bytes(
        timed("2026:05:01 14:10:00", "black")
    )  # named by the last waypoint, whatever its clock says
    report = ingest(database, path, tmp_path / "home", media=[folder], kind="landslide")
    by_name = {one[1]: one[0] for one in media(database)}
    named = dict(stored(database, "attributes ->> 'name', id"))
    assert by_name == {"first.jpg": named["1"], "second.jpg": named["2"], "named.jpg": named["4"]}
    assert any(
        note.startswith("3 photos were taken at no record's time") and "lunch.jpg" in note for note in report.notes
    )
    far = ingest(database, path, tmp_path / "home", media=[folder], kind="landslide", by_time_s=3600)
    assert (far.unchanged, count(database, "media")) == (3, 4)


def test_bad_photos_stop_a_file_or_are_told(database: Any, tmp_path: Path) -> None:
    table = tmp_path / "kobo.csv"
    with table.open("w", newline="") as stream:
        csv.writer(stream).writerows([KOBO, kobo_row(ONE, "a.jpg"), kobo_row(TWO, "b.jpg")])
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.jpg").write_bytes(b"<html>not found</html>")
    (tmp_path / "media" / "b.jpg").write_bytes(photo()[:200])
    with pytest.raises(InputError, match=r"line 2: a\.jpg: not a whole file"):
        ingest(database, table, tmp_path / "home")
    assert (count(database), count(database, "media")) == (0, 0)
    assert [path for path in (tmp_path / "home").rglob("*") if path.is_file()] == []
    report = ingest(database, table, tmp_path / "home", skip_bad=True)
    assert (report.new, report.media) == (2, 0)  # an observation is not lost with its photo
    assert any("2 photos were refused" in note for note in report.notes)


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"../../evil.csv": "id\n1\n", "a.csv": "id\n"}, "leads out of the archive"),
        ({"a.csv": "id\n1\n", "b.xlsx": "x"}, "should hold one survey"),
        ({"a.jpg": "x"}, "should hold one survey"),
        ({"bomb.csv": "0" * 50_000_000}, "would unpack to"),
    ],
)
def test_archives_that_are_no_surveys(database: Any, tmp_path: Path, members: dict[str, str], told: str) -> None:
    path = tmp_path / "survey.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    with pytest.raises(InputError, match=told):
        ingest(database, path, tmp_path / "home")
    assert count(database, "source_file") == 0


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"_position_latitude": "74.869", "_position_longitude": "36.3372"}, "look swapped"),
        ({"_position_latitude": "2368m"}, "2368m"),
        ({"_position_latitude": "", "_position_longitude": "", "position": ""}, "has no position"),
        ({"_position_latitude": "n/a", "_position_longitude": "n/a", "position": "n/a"}, "has no position"),
    ],
)
def test_dirty_coordinates_are_asked_back(database: Any, tmp_path: Path, cells: dict[str, str], told: str) -> None:
    table = tmp_path / "kobo.csv"
    with table.open("w", newline="") as stream:
        csv.writer(stream).writerows([KOBO, kobo_row(ONE, "", **cells)])
    with pytest.raises(RecordError, match=told):
        ingest(database, table, tmp_path / "home")
    assert count(database) == 0


def test_a_dry_run_keeps_no_photo(database: Any, tmp_path: Path) -> None:
    table = tmp_path / "kobo.csv"
    with table.open("w", newline="") as stream:
        csv.writer(stream).writerows([KOBO, kobo_row(ONE, "a.jpg")])
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.jpg").write_bytes(photo())
    report = ingest(database, table, tmp_path / "home", dry_run=True)
    assert (report.status, report.media) == ("dry run", 1)
    assert not (tmp_path / "home").exists()
    assert count(database, "media") == 0
