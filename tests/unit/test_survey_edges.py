"""Cells, geometries and documents at the edge of what surveys hold: read rightly, or refused in words that help."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS
from shapely.geometry import LineString, Point, Polygon

from hazard_db.errors import InputError, RecordError
from ingest import xml_elements
from ingest.displacement.chaining import Chain, chain, join
from ingest.survey import gcj02, texts
from ingest.survey.angles import metres
from ingest.survey.fields import Columns, found
from ingest.survey.places import MOST_VERTICES, Places, named, point_on, repaired
from ingest.survey.records import Observed
from ingest.survey.source import Raw

HUNZA = (74.65, 36.32)


def places(given: str | None = None, told: CRS | None = None) -> Places:
    return Places(given, told)


# Places


def test_a_zone_goes_before_what_the_file_is_in() -> None:
    columns = {"easting": "e", "northing": "n", "zone": "z"}
    easting, northing = 468_000.0, 4_020_000.0
    inside = places("EPSG:32643").of_columns(columns, {"e": easting, "n": northing, "z": None})
    told = places().of_columns(columns, {"e": easting, "n": northing, "z": "UTM zone 43 S"})
    assert told.point.equals_exact(inside.point, 1e-9)
    assert (told.crs, inside.crs) == ("EPSG:32643", "EPSG:32643")
    assert 74 < told.point.x < 75
    with pytest.raises(ValueError, match="easting and northing without a zone; add a column zone"):
        places().of_columns(columns, {"e": easting, "n": northing, "z": None})


@pytest.mark.parametrize("zone", ["61N", "0", "43I", "43 km", "N43", ""])
def test_what_is_no_zone(zone: str) -> None:
    with pytest.raises(ValueError, match="is no UTM zone; write it as 43N"):
        places().of_columns({"easting": "e", "northing": "n", "zone": "z"}, {"e": 468_000, "n": 4_020_000, "z": zone})


def test_both_coordinates_in_one_cell_are_latitude_first() -> None:
    assert places().of_columns({"position": "gps"}, {"gps": "36.32, 74.65"}).point == Point(HUNZA)


@pytest.mark.parametrize(("columns", "line"), [
    ({"latitude": "lat"}, "a column for the latitude, none for the longitude; name it with --map longitude=COLUMN"),
    ({"northing": "n"}, "a column for the northing, none for the easting"),
    ({"latitude": "lat", "longitude": "lon"}, "has no position: 'lat' or 'lon' is empty"),
    ({}, "has no geometry; draw it or remove the record"),
])  # fmt: skip
def test_a_record_without_a_position_is_told_what_is_missing(columns: dict[str, str], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        places().of_columns(columns, {})


@pytest.mark.parametrize(("geometry", "line"), [
    (Point(), "its geometry is empty; draw it or remove the record"),
    (Point(np.nan, 36), "its coordinates are not finite numbers"),
    (LineString(np.column_stack([np.linspace(74, 75, MOST_VERTICES + 1)] * 2)), r"has 100,001 vertices, more than 100,000"),
])  # fmt: skip
def test_geometries_that_cannot_be_kept(geometry: Any, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        places().of_geometry(geometry)


def test_a_position_that_its_reference_system_does_not_have() -> None:
    with pytest.raises(ValueError, match="its coordinates do not exist in EPSG:32643; give the right one with --crs"):
        places("EPSG:32643").of_geometry(Point(1e9, 1e9))


def test_longitude_first_in_degrees_is_known_by_another_name() -> None:
    assert named(CRS.from_user_input("OGC:CRS84")) == "EPSG:4326"
    assert named(CRS.from_epsg(32643)) == "EPSG:32643"
    local = CRS.from_proj4("+proj=tmerc +lat_0=36 +lon_0=74 +ellps=WGS84")
    assert named(local) == local.name


def test_a_line_without_length_becomes_its_point_and_a_bow_tie_two_triangles() -> None:
    point, reason = repaired(LineString([HUNZA, HUNZA]))
    assert point.equals(Point(HUNZA))
    assert reason is not None
    tie = Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    made, reason = repaired(tie)
    assert reason == "Self-intersection"
    assert made.area == pytest.approx(2.0)


def test_the_point_of_a_line_is_its_middle_and_of_an_area_inside() -> None:
    assert point_on(LineString([(0, 0), (0, 1), (3, 1)])).equals_exact(Point(1, 1), 1e-12)
    ring = Polygon([(0, 0), (9, 0), (9, 9), (0, 9)], [[(1, 1), (8, 1), (8, 8), (1, 8)]])
    assert ring.contains(point_on(ring))
    with pytest.raises(ValueError, match="no point could be found on its geometry"):
        point_on(Polygon())


@given(st.lists(st.tuples(st.floats(73, 100), st.floats(20, 50)), max_size=5))
def test_positions_of_chinese_maps_come_back(pairs: list[tuple[float, float]]) -> None:
    true = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    shown = gcj02.to_gcj02(true)
    assert np.abs(gcj02.to_wgs84(shown) - true).max(initial=0) < 1e-8  # a millimetre


# Columns and texts


def test_an_accuracy_and_a_position_of_one_question_belong_together() -> None:
    columns = found(("_tunnel_latitude", "_tunnel_longitude", "_tunnel_precision", "other"), {})
    assert columns["accuracy_m"] == "_tunnel_precision"
    assert "accuracy_m" not in found(("_tunnel_latitude", "_tunnel_longitude", "_bridge_precision"), {})


def test_two_columns_that_end_alike_are_neither_taken() -> None:
    assert "latitude" not in found(("tunnel_latitude", "bridge_latitude"), {})


def test_a_clock_without_a_day_is_the_moment() -> None:
    assert found(("end_time",), {"clock": "end_time"}) == {"observed_at": "end_time"}


def test_a_column_that_the_user_names_must_exist() -> None:
    columns = Columns("survey.csv", {"note": "remraks", "kind": "art"})
    columns.of(["id", "art"])
    with pytest.raises(
        InputError, match=r"survey.csv: --map note=remraks: there is no such column; did you mean 'remarks'\?"
    ):
        columns.require_seen(["remarks", "id"])
    with pytest.raises(InputError, match=r"no such column$"):
        columns.require_seen(["zzz"])
    columns.require_seen(["remraks"])


def test_records_that_all_have_other_columns_do_not_fill_the_memory() -> None:
    columns = Columns("a.geojson", {"note": "n0"})
    columns._known.update({(str(number),): {} for number in range(10_001)})
    assert columns.of(["n0", "lat"]) == {"note": "n0", "latitude": "lat"}
    assert len(columns._known) == 1


def test_metres_that_are_numbers_already() -> None:
    assert metres(12, "easting") == 12.0
    with pytest.raises(ValueError, match="is no easting in metres"):
        metres(True, "easting")


def test_attributes_keep_what_json_holds() -> None:
    deep = {
        "a": [1, {"b": None, "c": (True, 2.5)}],
        "at": datetime(2026, 5, 1, 9, 30, tzinfo=UTC),
        "day": date(2026, 5, 1),
    }
    told = texts.attributes({"deep": deep, "": 1, "empty": " ", "none": None, "big": 10**30, "odd": 3 + 4j})
    assert told == {
        "deep": {"a": [1, {"b": None, "c": [True, 2.5]}], "at": "2026-05-01T09:30:00+00:00", "day": "2026-05-01"},
        "big": 10**30,
        "odd": "(3+4j)",
    }


@pytest.mark.parametrize(("values", "line"), [
    ({"depth": float("inf")}, "depth is inf, which is no number; leave the cell empty"),
    ({"x": "a" * (65 << 10)}, "its attributes take 65 kB, more than 64; leave columns out"),
    ({"name": "n" * 1001}, "name has 1,001 characters, more than 1,000"),
    ({"x": {"y": "a\x07b"}}, r"x holds the control character U\+0007"),
])  # fmt: skip
def test_attributes_that_cannot_be_stored(values: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        texts.attributes(values)


def test_a_cell_that_is_a_day_is_written_as_one() -> None:
    assert texts.text(date(2026, 5, 1), "note") == "2026-05-01"
    assert texts.text("   ", "note") is None


# Records


def observed(kind: str | None = None) -> Observed:
    return Observed("s.csv", Columns("s.csv", {}), places(), UTC, "dataset", kind)


def record(values: dict[str, Any], kind: str | None = None) -> tuple[Any, dict[str, int]]:
    maker = observed(kind)
    return maker.record(Raw("row 2", {"lat": 36.32, "lon": 74.65, **values})), maker.told


def test_a_kind_that_is_not_known_is_kept_in_words() -> None:
    made, told = record({"kind": "Meteorite"})
    assert (made.kind, made.attributes["kind_text"]) == ("other", "Meteorite")
    assert len(told) == 1
    made, _ = record({"kind": "Other"})
    assert (made.kind, "kind_text" in made.attributes) == ("other", False)
    made, told = record({}, "rockfall")
    assert (made.kind, told) == ("rockfall", {})


def test_a_moment_of_blanks_is_none() -> None:
    assert record({"observed_at": "  "})[0].observed_at is None


def test_what_cannot_be_worked_with_is_told_by_its_row() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(RecordError, match=r"s.csv: row 2: its attributes are nested too deeply"):
        record({"x": deep})
    while deep:  # Python takes such a thing apart by recursion as well
        deep = deep["a"]


# XML


@pytest.mark.parametrize("head", [b"", b"  ", b"<", b"<a", b"no xml", b'<?xml version="1.0" encoding="unknown"?><a/>'])
def test_what_has_no_root_is_no_xml(head: bytes) -> None:
    assert xml_elements.root_name(head, "f") is None
    with pytest.raises(InputError, match="f: not well-formed XML; fetch it again"):
        xml_elements.root_attributes(head, "f")


def test_the_root_of_a_document_that_is_cut() -> None:
    head = b'<q:quakeml xmlns:q="urn:q" publicID="smi:x"><event><origin'
    assert xml_elements.root_name(head, "f") == "quakeml"
    assert xml_elements.root_attributes(head, "f") == {"publicID": "smi:x"}


BOMB = b'<!DOCTYPE a [<!ENTITY b "cc">]><a x="&b;"/>'


@pytest.mark.parametrize("dtd", [False, True])
def test_entities_are_never_read(dtd: bool) -> None:
    wanted = "holds entities" if dtd else "holds a DTD or entities"
    with pytest.raises(InputError, match=wanted):
        xml_elements.root_name(BOMB, "f", dtd=dtd)
    with pytest.raises(InputError, match=wanted):
        list(xml_elements.elements(io.BytesIO(BOMB), {"a"}, "f", dtd=dtd))
    with pytest.raises(InputError, match="holds entities"):
        xml_elements.root_attributes(BOMB, "f")


@pytest.mark.parametrize(("content", "line"), [
    (b"<a>" * 201, "nested more than 200 deep"),
    (b"<r><p></r>", r"f: not well-formed XML \(line 1, column 9: mismatched tag\); export it again"),
    (b'<?xml version="1.0" encoding="klingon"?><a/>', "f: .*(encoding|well-formed)"),
])  # fmt: skip
def test_documents_that_cannot_be_read(content: bytes, line: str) -> None:
    with pytest.raises(InputError, match=line):
        list(xml_elements.elements(io.BytesIO(content), {"p"}, "f"))


def test_bounds_of_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_elements, "MOST_CHILDREN", 3)
    fine = b"<r>" + b"<p><x/><x/><x/></p>" * 4 + b"</r>"
    assert len(list(xml_elements.elements(io.BytesIO(fine), {"p"}, "f"))) == 4
    with pytest.raises(InputError, match="one record has more than 3 XML elements"):
        list(xml_elements.elements(io.BytesIO(b"<r><p>" + b"<x/>" * 4 + b"</p></r>"), {"p"}, "f"))
    monkeypatch.setattr(xml_elements, "LONGEST", 1 << 18)
    with pytest.raises(InputError, match="one record is longer than 0 MB"):
        list(xml_elements.elements(io.BytesIO(b"<r><p>" + b"a" * (1 << 20)), {"p"}, "f"))


def test_a_wanted_element_inside_another_is_part_of_it() -> None:
    content = b'<k:r xmlns:k="u"><k:p n="1"><k:p n="2"/></k:p><o/><k:p n="3"/></k:r>'
    found_ones = [
        (name, one.get("n"), len(one)) for name, one in xml_elements.elements(io.BytesIO(content), {"p"}, "f")
    ]
    assert found_ones == [("p", "1", 1), ("p", "3", 0)]


# Layers of displacement, one after the other


def day(number: int) -> date:
    return date(2020, 1, number)


def test_layers_are_put_in_order_whatever_order_they_come_in() -> None:
    links = chain([(day(3), day(5)), (day(1), day(2)), (day(2), day(3)), (day(2), day(4))], "f")
    assert links == Chain((day(1), day(2), day(3), day(4), day(5)), (1, 2, 3, 0), (0, 1, 1, 2))
    layers = np.array([[1.0, np.nan], [10.0, np.nan], [100.0, np.nan], [7.0, 2.0]], dtype=np.float32)
    assert join(links, layers)[:, 0].tolist() == [0.0, 10.0, 110.0, 17.0, 111.0]
    assert np.isnan(join(links, layers)[1:, 1]).all()


@pytest.mark.parametrize(("pairs", "line"), [
    ([(1, 2), (2, 2)], "f: a layer from 2020-01-02 to 2020-01-02 goes back in time"),
    ([(1, 3), (2, 3)], "f: two layers end on 2020-01-03, from 2020-01-01 and 2020-01-02; keep one"),
    ([(1, 2), (1, 2)], "f: the layer from 2020-01-01 to 2020-01-02 comes twice"),
    ([(1, 2), (3, 4)], "f: the layer from 2020-01-03 to 2020-01-04 begins where no other ends"),
])  # fmt: skip
def test_layers_that_make_no_series(pairs: list[tuple[int, int]], line: str) -> None:
    with pytest.raises(InputError, match=line):
        chain([(day(one), day(two)) for one, two in pairs], "f")


def test_a_moment_that_is_no_more_than_a_month_says_so() -> None:
    made, _ = record({"observed_at": "2026-05"})
    assert (f"{made.observed_at:%Y-%m}", made.attributes["observed_precision"]) == ("2026-05", "month")
    made, _ = record({"observed_at": "2026-05-01T09:30:00Z"})
    assert "observed_precision" not in made.attributes
