"""What must hold for every coordinate, every date and every pile of bytes."""

from __future__ import annotations

import contextlib
import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hazard_db.errors import HazardError
from ingest.survey.angles import angle, pair
from ingest.survey.gcj02 import to_gcj02, to_wgs84
from ingest.survey.moments import moment
from tests.survey_files import HEADER, read, write_csv

LON = st.floats(72.1, 80, allow_nan=False)
LAT = st.floats(33, 41, allow_nan=False)
FILES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


def written(degrees: float, marks: str, letters: str, *, before: bool) -> str:
    """Return degrees, minutes and seconds to a thousandth of a second."""
    thousandths = round(abs(degrees) * 3_600_000)
    whole, rest = divmod(thousandths, 3_600_000)
    minutes, seconds = divmod(rest, 60_000)
    letter = letters[degrees < 0]
    text = f"{whole}{marks[0]}{minutes}{marks[1]}{seconds // 1000}.{seconds % 1000:03d}{marks[2]}".strip()
    return f"{letter}{text}" if before else f"{text}{letter}"


@given(
    degrees=st.floats(-90, 90),
    marks=st.sampled_from(["°'\"", "°′″", "度分秒", "   ", ":: ", "º’”"]),
    before=st.booleans(),
)
def test_degrees_minutes_seconds_come_back(degrees: float, marks: str, before: bool) -> None:
    assert angle(written(degrees, marks, "NS", before=before), "latitude") == pytest.approx(
        degrees, abs=0.5001e-3 / 3600
    )


@given(
    lon=st.floats(-180, 180),
    lat=st.floats(-90, 90),
    between=st.sampled_from([", ", " ", ";", "，"]),
    before=st.booleans(),
)
def test_pairs_come_back_in_either_order(lon: float, lat: float, between: str, before: bool) -> None:
    halves = [written(lat, "°'\"", "NS", before=before), written(lon, "°'\"", "EW", before=before)]
    for order in (halves, halves[::-1]):
        assert pair(between.join(order)) == pytest.approx((lon, lat), abs=0.5001e-3 / 3600)


@given(lon=LON, lat=LAT)
def test_gcj02_comes_back_within_a_centimetre(lon: float, lat: float) -> None:
    true = np.array([[lon, lat]])
    error = (to_wgs84(to_gcj02(true)) - true) * 111_320
    assert np.hypot(*error[0]) < 0.01


@given(
    st.one_of(
        st.text(max_size=40), st.floats(), st.integers(), st.from_regex(r"[0-9NSEW°'\"., :-]{1,20}", fullmatch=True)
    )
)
def test_any_cell_is_read_or_refused(cell: Any) -> None:
    from datetime import UTC

    for reader in (lambda: angle(cell, "latitude"), lambda: pair(cell), lambda: moment(cell, UTC)):
        with contextlib.suppress(ValueError):
            reader()
    with contextlib.suppress(ValueError):
        assert math.isfinite(angle(cell, "longitude"))


SUFFIXES = (".csv", ".geojson", ".gpx", ".kml", ".kmz", ".xlsx", ".zip", ".gpkg", "")
STARTS = (
    b"", b"latitude,longitude,note\n", b'{"type":"FeatureCollection","features":[', b'{"type":"Feature","geometry":',
    b"<gpx><wpt ", b"<kml><Placemark>", b"PK\x03\x04", b"SQLite format 3\x00", b"\xff\xfe", b"\xef\xbb\xbf",
)  # fmt: skip


@FILES
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=300), suffix=st.sampled_from(SUFFIXES))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path: Path, start: bytes, rest: bytes, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(start + rest)
    try:
        read(path)
    except HazardError as error:
        assert len(str(error).splitlines()) == 1
        assert str(error).startswith("a")


@pytest.fixture(scope="module")
def good_files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Return one small good file of each format as bytes."""
    import zipfile

    import openpyxl
    import pyogrio.raw

    folder = tmp_path_factory.mktemp("good")
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["latitude", "longitude"])
    book.active.append([36.3, 74.8])
    book.save(folder / "a.xlsx")
    for name in ("a.gpkg", "a.shp"):
        pyogrio.raw.write(
            folder / name, np.array([shapely.to_wkb(shapely.Point(74.8, 36.3))], dtype=object),
            [np.array(["x"], dtype=object)], ["note"], geometry_type="Point", crs="EPSG:4326",
        )  # fmt: skip
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for suffix in ("shp", "shx", "dbf", "prj"):
            archive.write(folder / f"a.{suffix}", f"a.{suffix}")
    texts = [
        b"latitude,longitude,note\n36.3,74.8,x\n", b'<gpx><wpt lat="36.3" lon="74.8"><name>x</name></wpt></gpx>',
        b"<kml><Placemark><Point><coordinates>74.8,36.3</coordinates></Point></Placemark></kml>",
        b'{"type":"Feature","geometry":{"type":"Point","coordinates":[74.8,36.3]},"properties":{}}',
    ]  # fmt: skip
    return [(folder / name).read_bytes() for name in ("a.xlsx", "a.gpkg", "a.zip")] + texts


@FILES
@given(which=st.integers(0, 6), at=st.floats(0, 1), change=st.binary(min_size=1, max_size=8), cut=st.booleans())
def test_damaged_files_are_read_or_refused(
    tmp_path: Path, good_files: list[bytes], which: int, at: float, change: bytes, cut: bool
) -> None:
    content = good_files[which]
    place = int(at * len(content))
    path = tmp_path / "a"
    path.write_bytes(content[:place] + (b"" if cut else change + content[place + len(change) :]))
    with contextlib.suppress(HazardError):
        read(path)


TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=30).map(str.strip).filter(bool)


@FILES
@given(lat=LAT, lon=LON, note=TEXT, observer=TEXT, extra=TEXT, delimiter=st.sampled_from(",;\t|"))
def test_csv_comes_back(
    tmp_path: Path, lat: float, lon: float, note: str, observer: str, extra: str, delimiter: str
) -> None:
    path = write_csv(
        tmp_path / "a.csv", ["x", "flood", "2024-05-01T00:00:00Z", observer, lat, lon, 5, note, extra],
        header=[*HEADER, "weather"], delimiter=delimiter,
    )  # fmt: skip
    (record,) = read(path)
    x, y = shapely.get_coordinates(shapely.from_wkb(record.point))[0]
    assert (x, y) == pytest.approx((lon, lat), abs=1e-9)
    assert (record.note, record.observer, record.attributes) == (note, observer, {"weather": extra})


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\x00"), max_size=8),
            min_size=3,
            max_size=3,
        ),
        max_size=5,
    )
)
def test_tables_come_back(rows: list[list[str]]) -> None:
    import tempfile

    from ingest.tables import read_csv

    text = io.StringIO(newline="")
    csv.writer(text).writerows([["a", "b", "c"], *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(text.getvalue().encode())
        got = [[one.values[name] or "" for name in "abc"] for one in read_csv(path).rows]
    assert got == [cells for cells in rows if any(cells)]
