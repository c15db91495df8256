"""What is refused is refused with one line that names file, record and field, and what to do."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from hazard_db.errors import HazardError, InputError, RecordError
from ingest import files, json_features, xml_elements, zips
from tests.survey_files import HEADER, feature, read, row, write_csv, write_geojson


def refusal(path: Path, **options: Any) -> str:
    """Return the one line."""
    with pytest.raises(HazardError) as caught:
        read(path, **options)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 700
    return line


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"id": "x" * 1001}, "id has 1,001 characters, more than 1,000"),
        ({"observer": "x" * 1001}, "observer has 1,001 characters"),
        ({"note": "x" * 10_001}, "note has 10,001 characters"),
        ({"observed_at": "2099-01-01"}, "lies in the future"),
        ({"observed_at": "soon"}, "'soon' is no date"),
        ({"latitude": "74.87", "longitude": "36.32"}, "look swapped"),
        ({"latitude": "95"}, "out of range"),
        ({"longitude": "460000"}, "give --crs"),
        ({"latitude": "0", "longitude": "0"}, "without a fix"),
        ({"latitude": "nan"}, "'nan' is no latitude"),
        ({"longitude": "inf"}, "'inf' is no longitude"),
        ({"latitude": ""}, "'latitude' or 'longitude' is empty"),
        ({"accuracy_m": "-1"}, "accuracy -1 m is not between"),
        ({"note": "bell \x07"}, "note holds the control character U+0007"),
        ({"kind": "a\x9fb"}, "kind holds the control character U+009F"),
    ],
)
def test_a_record_that_cannot_be_used(tmp_path: Path, changes: dict[str, str], line: str) -> None:
    path = write_csv(tmp_path / "a.csv", row(id="good"), row(**changes))
    with pytest.raises(RecordError):
        read(path)
    told = refusal(path)
    assert told.startswith("a.csv: line 3: ")
    assert line in told


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n\n", "holds no header"),
        ("a.csv", b"a,b\n1,2\n", "no column for latitude and longitude"),
        ("a.csv", b"id,id\n1,2\n", "two columns are named 'id'"),
        ("a.csv", b"latitude,note\n36.3,x\n", "none for the longitude"),
        ("a.csv", b"latitude,longitude\n36.3,74.8,9\n", "has 3 cells where the header has 2"),
        ("a.csv", b'latitude,longitude\n36.3,"74.8\n', "quotation mark"),
        ("a.csv", b"latitude,longitude,note\n36.3,74.8,a\x00b\n", "NUL"),
        ("a.csv", b"easting,northing\n460000,4030000\n", "without a zone"),
        ("a.csv", b"latitude,longitude,note\n36.3,74.8,\x81\xe9 \x81\xe9 caf\xe9\n", "save it as UTF-8"),
        ("a.csv", b"latitude,longitude," + b"x" * 1001 + b"\n36.3,74.8,1\n", "name of a column has 1,001"),
        ("a.geojson", b'{"type": "FeatureCollection", "features": [', "not valid JSON"),
        ("a.geojson", b'{"type": "FeatureCollection", "features": [{}]}', "feature 1: is no GeoJSON Feature"),
        ("a.geojson", b'{"type": "Topology"}', "is no GeoJSON"),
        ("a.geojson", b'{"a":' * 100_000, "nested too deeply"),
        (
            "a.geojson",
            b'{"type": "Feature", "geometry": {"type": "Point", "coordinates": [NaN, 1]}}',
            "NaN is no number",
        ),
        ("a.geojson", b'{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1e999, 1]}}', "finite"),
        (
            "a.geojson",
            b'{"type": "Feature", "geometry": {"type": "Point", "coordinates": ["x"]}}',
            "coordinates are no Point",
        ),
        ("a.geojson", b'{"type": "Feature", "geometry": null, "properties": {"note": "x"}}', "has no geometry"),
        (
            "a.geojson",
            b'{"type":"Feature","geometry":{"type":"Point","coordinates":[74.8,36.3]},"properties":{"a":"\\u0000"}}',
            "U+0000",
        ),
        (
            "a.geojson",
            b'{"type":"Feature","geometry":{"type":"Point","coordinates":[74.8,36.3]},"properties":{"a":"\\ud800"}}',
            "U+D800",
        ),
        (
            "a.geojson",
            b'{"type":"Feature","geometry":{"type":"Point","coordinates":[36.3,74.8]},"properties":{}}',
            "look swapped",
        ),
        (
            "a.geojson",
            b'{"type":"Feature","geometry":{"type":"Point","coordinates":[74.8,36.3]},"properties":{"a":'
            + b"[" * 700
            + b"]" * 700
            + b"}}",
            "nested too deeply",
        ),
        (
            "a.geojson",
            b'{"type":"Feature","geometry":null,"properties":{"latitude":1' + b"0" * 400 + b',"longitude":1}}',
            "number too large",
        ),
        ("a.geojson", b'{"type":"Feature","properties":{"a":1' + b"0" * 5000 + b"}}", "not valid JSON"),
        ("a.kml", b"<kml><Placemark>", "not well-formed"),
        ("a.kml", b"<kml>" + b"<Folder>" * 1000, "nested more than"),
        ("a.kml", b'<!DOCTYPE k [<!ENTITY a "b">]><kml>&a;</kml>', "DTD or entities"),
        ("a.kml", b"<kml><NetworkLink><Link><href>file:///x</href></Link></NetworkLink></kml>", "not fetched"),
        ("a.gpx", b'<?xml version="1.0"?><!DOCTYPE gpx SYSTEM "file:///x"><gpx/>', "DTD or entities"),
        ("a.gpx", b'<gpx><wpt lat="x" lon="74.8"/></gpx>', "waypoint 1: latitude or longitude is no number"),
        ("a.tcx", b"<TrainingCenterDatabase/>", "XML of the kind 'TrainingCenterDatabase'"),
        ("a.gpkg", b"SQLite format 3\x00" + b"\x00" * 200, "cannot be read as vector data"),
        ("a.xlsx", b"latitude,longitude\n36.3,74.8\n", "not what the name .xlsx promises"),
        ("a.kml", b"no kml at all", "not what the name .kml promises"),
        ("a.zip", b"PK\x03\x04 cut off", "damaged or cut off"),
        ("a.shp", struct.pack(">i", 9994) + b"\x00" * 100, "zip .shp"),
        ("a.xls", b"\xd0\xcf\x11\xe0" + b"\x00" * 100, "save it as XLSX"),
        ("a.bin", bytes(range(256)) * 4, "not what the name .bin promises"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, name: str, content: bytes, line: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    told = refusal(path)
    assert told.startswith(f"{name}: ")
    assert line in told


def test_missing_files_and_folders(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "missing.csv")
    assert "is a folder" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"crs": "EPSG:99999"}, "--crs EPSG:99999: is none"),
        ({"crs": "WGS"}, "write EPSG:4326, EPSG:32643 or GCJ-02"),
        ({"timezone": "Mars/Base"}, "--timezone Mars/Base"),
        ({"timezone": "../etc"}, "--timezone ../etc"),
        ({"kind": "teapot"}, "--kind teapot"),
        ({"columns": {"lattitude": "y"}}, "did you mean latitude?"),
        ({"columns": {"note": "remarks"}}, "--map note=remarks: there is no such column"),
    ],
)
def test_options_that_mean_nothing(tmp_path: Path, options: dict[str, Any], line: str) -> None:
    assert line in refusal(write_csv(tmp_path / "a.csv", row()), **options)


def test_too_many_vertices(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[74.8, 36 + number * 1e-6] for number in range(100_000)]}
    read(write_geojson(tmp_path / "a.geojson", feature(line)))
    line["coordinates"].append([74.8, 36.2])  # type: ignore[attr-defined]
    assert "100,001 vertices, more than 100,000" in refusal(write_geojson(tmp_path / "a.geojson", feature(line)))


def archive(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return path


def test_archives_that_lead_out_or_blow_up(tmp_path: Path) -> None:
    for name in ("../evil.shp", "/evil.shp", "C:\\evil.shp", "a/../../evil.shp"):
        assert "leads out" in refusal(archive(tmp_path / "a.zip", (name, b"x")))
    assert "would unpack to" in refusal(archive(tmp_path / "a.kmz", ("doc.kml", b" " * 20_000_000)))
    assert "without a Shapefile" in refusal(archive(tmp_path / "a.zip", ("a.txt", b"x")))
    assert "lacks its .dbf" in refusal(archive(tmp_path / "a.zip", ("a.shp", b"x")))
    assert "holds 2 Shapefiles" in refusal(archive(tmp_path / "a.zip", ("a.shp", b"x"), ("b.shp", b"x")))
    whole = archive(tmp_path / "b.kmz", ("doc.kml", b"<kml>" + b"<Placemark/>" * 5000)).read_bytes()
    (tmp_path / "c.kmz").write_bytes(whole[: len(whole) // 2])
    assert "damaged or cut off" in refusal(tmp_path / "c.kmz")


def test_an_archive_whose_header_lies(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.kmz", ("doc.kml", b"x" * 1000))
    with pytest.raises(InputError, match="unpacks to more"), zips.opened_member(path, "doc.kml", most=100) as stream:
        stream.read()


def test_a_workbook_with_a_cell_at_its_far_corner(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active["A1"], book.active["XFD1048576"] = "id", 1
    book.save(tmp_path / "a.xlsx")
    assert "GB of memory, more than 2 GB" in refusal(tmp_path / "a.xlsx")


def test_one_record_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_elements, "LONGEST", 100_000)
    monkeypatch.setattr(json_features, "LONGEST", 100_000)
    monkeypatch.setattr(json_features, "CHUNK", 50_000)
    path = tmp_path / "a.kml"
    path.write_bytes(b"<kml><Placemark><Point><coordinates>" + b"74.8,36.3 " * 50_000)
    assert "one record is longer" in refusal(path)
    path.write_bytes(
        b"<kml>" + b"<Placemark><Point><coordinates>74.8,36.3</coordinates></Point></Placemark>" * 5_000 + b"</kml>"
    )
    assert len(read(path)) == 5_000
    path = tmp_path / "a.geojson"
    path.write_bytes(b'{"type":"FeatureCollection","features":[{"type":"' + b"x" * 400_000)
    assert "is longer than" in refusal(path)


def test_more_memory_than_there_may_be() -> None:
    files.require_memory("a.xlsx", files.MEMORY_LIMIT)
    with pytest.raises(InputError, match=r"a\.xlsx: would need about 3\.0 GB of memory, more than 2 GB"):
        files.require_memory("a.xlsx", 3 << 30)


def test_the_header_is_not_needed_in_order(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", list(reversed(row())), header=list(reversed(HEADER)))
    assert read(path)[0].observer == "A. Geologist"
