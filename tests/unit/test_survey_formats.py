"""Each format, found out from its content, told the same way."""

from __future__ import annotations

import json
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyogrio
import pyogrio.raw
import pytest
import shapely
from pyproj import Transformer
from shapely.geometry import LineString, Point, Polygon

from api.openrosa import forms
from hazard_db.survey_records import SurveyRecord
from ingest.survey.fields import found
from ingest.survey.gcj02 import to_gcj02
from ingest.survey.kinds import kind_of
from ingest.survey.registry import FORMATS, look, recognise
from ingest.survey.source import Sample
from tests.survey_files import HEADER, ROW, feature, read, row, write_csv, write_geojson

KML = """<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder><Placemark id="p1"><name>Slide</name>
<description><![CDATA[<b>Fresh</b> scar<br/>20 m]]></description><TimeStamp><when>2026-05-01T09:30:00Z</when></TimeStamp>
<ExtendedData><Data name="kind"><value>rockfall</value></Data><Data name="observer"><value>A. Geologist</value></Data></ExtendedData>
<Point><coordinates>74.8702,36.3201,2400</coordinates></Point></Placemark></Folder></Document></kml>"""
GPX = """<?xml version="1.0"?><gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">
<wpt lat="36.3201" lon="74.8702"><time>2026-05-01T09:30:00Z</time><desc>blocks</desc><type>rockfall</type></wpt>
<trk><name>walk</name><trkseg><trkpt lat="36.32" lon="74.87"><time>2026-05-01T09:31:00Z</time></trkpt>
<trkpt lat="36.32" lon="74.89"/></trkseg>
<trkseg/></trk><trk><name>empty</name></trk></gpx>"""


def where(record: SurveyRecord) -> tuple[float, float]:
    lon, lat = shapely.get_coordinates(shapely.from_wkb(record.point))[0]
    return float(lon), float(lat)


def assert_is_the_rockfall(record: SurveyRecord) -> None:
    assert record.kind == "rockfall"
    assert where(record) == pytest.approx((74.8702, 36.3201), abs=1e-9)
    assert record.observed_at == datetime(2026, 5, 1, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_in_any_encoding_and_delimiter(tmp_path: Path, encoding: str, delimiter: str) -> None:
    wide = encoding in {"utf-16-le", "utf-16-be"}  # without a mark only Western text is recognised
    note = "blocks on the road" if wide else "路基下沉，路面裂缝，落石"
    path = write_csv(tmp_path / "a.csv", row(note=note), encoding=encoding, delimiter=delimiter)
    (record,) = read(path)
    assert_is_the_rockfall(record)
    assert record.note == note


def test_csv_in_windows_1252(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", row(observer="Jürgen Müller", note="Größe: 3 m², naïve"), encoding="cp1252")
    (record,) = read(path)
    assert (record.observer, record.note) == ("Jürgen Müller", "Größe: 3 m², naïve")


def test_csv_with_line_breaks_in_cells_tells_the_right_line(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", row(note="two\nlines"), [], row(id="2", note='he said "no"'))
    first, second = read(path)
    assert (first.note, second.note, second.source_record) == ("two\nlines", 'he said "no"', "line 5")


def test_xlsx(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["编号", "类型", "时间", "纬度", "经度", "备注", "体积"])
    sheet.append([7, "崩塌", datetime(2026, 5, 1, 14, 30), 36.3201, 74.8702, "落石", 12.5])
    sheet.append([])
    book.create_sheet("empty")
    book.save(tmp_path / "a.xlsx")
    (record,) = read(tmp_path / "a.xlsx")
    assert_is_the_rockfall(record)
    assert (record.source_id, record.note, record.attributes["体积"], record.source_record) == (
        "7",
        "落石",
        12.5,
        "row 2",
    )


def test_geojson_in_its_forms(tmp_path: Path) -> None:
    one = feature((74.8702, 36.3201), kind="rockfall", observed_at="2026-05-01T14:30:00+05:00", depth={"m": [1, 2]})
    collection = {"features": [one, one], "type": "FeatureCollection", "more": {"a": 1}}
    for text, count in [
        (json.dumps(collection), 2), (json.dumps(collection, indent=2), 2), (json.dumps(one), 1),
        (f"{json.dumps(one)}\n{json.dumps(one)}\n", 2), (f"\x1e{json.dumps(one)}\n\x1e{json.dumps(one)}\n", 2),
    ]:  # fmt: skip
        path = tmp_path / "a.geojson"
        path.write_text(text, encoding="utf-8-sig")
        records = read(path)
        assert len(records) == count
        assert_is_the_rockfall(records[-1])
        assert records[0].attributes == {"depth": {"m": [1, 2]}}


def test_geojson_longer_than_what_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.json_features.CHUNK", 7)
    path = write_geojson(tmp_path / "a.geojson", *(feature((74.8, 36.3), n=number) for number in range(50)))
    assert [record.attributes["n"] for record in read(path)] == list(range(50))


def test_geojson_with_a_crs_of_old(tmp_path: Path) -> None:
    path = write_geojson(tmp_path / "a.geojson", feature((488349.0, 4019345.0)))
    content = json.loads(path.read_text()) | {"features": []}
    features = json.loads(path.read_text())["features"]
    path.write_text(
        json.dumps(
            {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32643"}}}
            | content
            | {"features": features}
        )
    )
    (record,) = read(path)
    lon, lat = Transformer.from_crs(32643, 4326, always_xy=True).transform(488349.0, 4019345.0)
    assert where(record) == pytest.approx((lon, lat), abs=1e-9)
    assert record.attributes["source_crs"] == "EPSG:32643"


def write_vector(path: Path, geometries: list[Any], fields: dict[str, list[Any]], **options: Any) -> None:
    pyogrio.raw.write(
        path, np.array(shapely.to_wkb(geometries), dtype=object), [np.array(values, dtype=object) for values in fields.values()],
        list(fields), geometry_type=geometries[0].geom_type, crs=options.pop("crs", "EPSG:4326"), **options,
    )  # fmt: skip


def test_geopackage(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    when = ["2026-05-01T14:30:00+05:00"]
    write_vector(path, [Point(74.8702, 36.3201)], {"kind": ["rockfall"], "observed_at": when}, layer="points")
    write_vector(path, [LineString([(74.8, 36.3), (74.9, 36.3)])], {"kind": ["滑坡"]}, layer="lines", append=True)
    point, line = read(path)
    assert_is_the_rockfall(point)
    assert (line.kind, where(line), line.source_record) == ("landslide", (74.85, 36.3), "layer lines feature 1")
    assert line.shape is not None
    assert shapely.from_wkb(line.shape).equals(LineString([(74.8, 36.3), (74.9, 36.3)]))


@pytest.mark.parametrize(("encoding", "cpg"), [("GBK", True), ("GBK", False), ("UTF-8", True), ("UTF-8", False)])
def test_zipped_shapefile(tmp_path: Path, encoding: str, cpg: bool) -> None:
    write_vector(
        tmp_path / "s.shp",
        [Polygon([(74.8, 36.3), (74.9, 36.3), (74.9, 36.4)])],
        {"备注": ["路基下沉裂缝"]},
        encoding=encoding,
    )
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for part in tmp_path.glob("s.*"):
            if part.suffix != ".zip" and (cpg or part.suffix != ".cpg"):
                archive.write(part, f"folder/{part.name}")
    (record,) = read(path)
    assert record.note == "路基下沉裂缝"
    assert record.shape is not None
    assert shapely.from_wkb(record.shape).contains(shapely.from_wkb(record.point))


def test_kml_and_kmz(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.kml", tmp_path / "a.kmz"
    plain.write_text(KML)
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("doc.kml", KML)
        archive.writestr("files/a.png", b"x")
    for path in (plain, packed):
        (record,) = read(path)
        assert_is_the_rockfall(record)
        assert (record.source_id, record.note, record.observer) == ("p1", "Fresh scar\n20 m", "A. Geologist")
        assert record.attributes == {"name": "Slide"}


def test_gpx(tmp_path: Path) -> None:
    path = tmp_path / "a.gpx"
    path.write_text(GPX)
    point, track = read(path)
    assert_is_the_rockfall(point)
    assert (point.note, point.source_record) == ("blocks", "waypoint 1")
    assert track.attributes == {"name": "walk", "gpx": "track"}
    assert where(track) == pytest.approx((74.88, 36.32))
    assert track.observed_at == datetime(2026, 5, 1, 9, 31, tzinfo=UTC)


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(GPX)
    assert recognise(path) == "GPX"


def test_projected_and_shifted_coordinates(tmp_path: Path) -> None:
    east, north = Transformer.from_crs(4326, 32643, always_xy=True).transform(74.8702, 36.3201)
    columns = ["easting", "northing", "zone"]
    zoned = write_csv(tmp_path / "a.csv", [east, north, "43N"], header=columns)
    told = write_csv(tmp_path / "b.csv", [east, north], header=columns[:2])
    shifted = to_gcj02(np.array([[74.8702, 36.3201]]))[0]
    chinese = write_csv(tmp_path / "c.csv", [*shifted], header=["经度", "纬度"])
    for path, crs, name in [
        (zoned, None, "EPSG:32643"),
        (told, "EPSG:32643", "EPSG:32643"),
        (chinese, "gcj-02", "GCJ-02"),
    ]:
        (record,) = read(path, crs=crs)
        assert where(record) == pytest.approx((74.8702, 36.3201), abs=2e-9)
        assert record.attributes == {"source_crs": name}


def test_wkt_in_a_column(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ["LINESTRING (74.8 36.3, 74.9 36.3)"], header=["wkt"])
    (record,) = read(path)
    assert where(record) == (74.85, 36.3)


def test_invalid_geometry_is_repaired_and_told(tmp_path: Path) -> None:
    bowtie = {
        "type": "Polygon",
        "coordinates": [[[74.8, 36.3], [74.9, 36.4], [74.9, 36.3], [74.8, 36.4], [74.8, 36.3]]],
    }
    flat = {"type": "LineString", "coordinates": [[74.8, 36.3], [74.8, 36.3]]}
    first, second = read(write_geojson(tmp_path / "a.geojson", feature(bowtie), feature(flat)))
    assert first.shape is not None
    assert shapely.from_wkb(first.shape).is_valid
    assert "Self-intersection" in first.attributes["geometry_repaired"]
    assert (where(second), second.shape) == ((74.8, 36.3), None)


def test_an_unknown_kind_is_kept_as_text(tmp_path: Path) -> None:
    records = read(
        write_csv(tmp_path / "a.csv", row(kind="culvert"), row(id="2", kind="Rock fall"), row(id="3", kind="")),
        kind="flood",
    )
    assert [(one.kind, one.attributes.get("kind_text")) for one in records] == [
        ("other", "culvert"), ("rockfall", "Rock fall"), ("flood", None),
    ]  # fmt: skip


def test_the_same_record_is_the_same_observation_whatever_the_format(tmp_path: Path) -> None:
    header = [name for name in HEADER if name != "id"]
    values = dict(zip(HEADER, ROW, strict=True))
    table = write_csv(tmp_path / "a.csv", [values[name] for name in header], header=header)
    properties = {name: value for name, value in values.items() if name not in {"id", "latitude", "longitude"}}
    drawn = write_geojson(tmp_path / "b.geojson", feature((74.8702, 36.3201), **properties))
    assert [one.id for one in read(table)] == [one.id for one in read(drawn)]


def test_ids_mean_something_within_a_dataset_uuids_everywhere(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ROW, row(id="uuid:6F5A2F0E-6f0b-4b7e-9a0c-2d1f0c6f4d11"))
    first, second = (read(path, dataset=name) for name in ("may", "june"))
    assert first[0].id != second[0].id
    assert first[1].id == second[1].id
    assert str(first[1].id) == "6f5a2f0e-6f0b-4b7e-9a0c-2d1f0c6f4d11"


def samples(folder: Path) -> dict[str, Path]:
    """Return one small good file a format; a new format adds its own."""
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["latitude", "longitude"])
    book.active.append([36.3201, 74.8702])
    book.save(folder / "a.xlsx")
    (folder / "a.kml").write_text(KML)
    (folder / "a.gpx").write_text(GPX)
    for name in ("a.gpkg", "a.shp"):
        write_vector(folder / name, [Point(74.8702, 36.3201)], {"note": ["x"]})
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for suffix in ("shp", "shx", "dbf", "prj"):
            archive.write(folder / f"a.{suffix}", f"a.{suffix}")
    return {
        "CSV": write_csv(folder / "a.csv", row()), "XLSX": folder / "a.xlsx", "KML": folder / "a.kml", "GPX": folder / "a.gpx",
        "GeoJSON": write_geojson(folder / "a.geojson", feature((74.8702, 36.3201))), "GeoPackage": folder / "a.gpkg",
        "Shapefile": folder / "a.zip",
    }  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_keeps_the_contract(tmp_path: Path, name: str) -> None:
    files = samples(tmp_path)
    looks = {other: look(path) for other, path in files.items()}
    assert [other for other in files if FORMATS[name].claims(looks[other])] == [name]
    assert not FORMATS[name].claims(Sample(Path("a.bin"), b"\x00\x01"))
    renamed = files[name].rename(tmp_path / "renamed")
    assert recognise(renamed) == name
    records = read(renamed)
    assert where(records[0]) == pytest.approx((74.8702, 36.3201), abs=1e-9)
    assert [one.id for one in read(renamed)] == [one.id for one in records]
    with closing(FORMATS[name].read(renamed)) as source:
        assert [raw.label for raw in source.records] == [one.source_record for one in records]


@pytest.mark.parametrize("lang", ["en", "zh", "ur"])
def test_an_export_with_the_words_of_our_own_forms_is_understood(lang: str) -> None:
    asked = {one.name: one for name in ("landslide", "quick") for one in forms.form(name).questions}
    fields = ("kind", "observed_at", "note", "observer")
    head = [asked[name].label[lang] for name in fields]
    place = asked["position"].label[lang]
    others = [f"_{place}_{end}" for end in ("latitude", "longitude", "precision")]
    chosen = found(("start", "end", place, *others, *head, "_id", "_uuid", "_submission_time", "_submitted_by"), {})
    assert [chosen[name] for name in fields] == head
    assert [chosen[name] for name in ("latitude", "longitude", "accuracy_m")] == others
    told = {value: kind_of(labels[lang]) for value, labels in asked["kind"].choices}
    assert told == {value: value for value in told}
