from datetime import date, timedelta

import h5py
import numpy as np
import pytest
from pyproj import Transformer

from hazard_db.errors import InputError, UnknownFormatError
from hazard_db.series import Raster, Scatterers, in_file
from ingest.displacement.chaining import chain, join
from ingest.displacement.registry import FORMATS, open_displacement
from ingest.displacement.source import day
from tests.displacement_files import (
    NORTH,
    STEP,
    WEST,
    grid_lonlat,
    opera_name,
    stamps,
    write_egms,
    write_geotiff,
    write_licsbas,
    write_mintpy,
    write_opera,
    write_scatterers,
)

DATES = tuple(date(2020, 1, 3) + timedelta(days=12 * k) for k in range(9))


@pytest.fixture
def y():
    rng = np.random.default_rng(0)
    values = np.cumsum(rng.normal(0, 5, (9, 6, 7)), axis=0)
    values[0] = 0
    return values.round(4)


def write(name, folder, y):
    """Write the series in a format; return the path."""
    if name == "mintpy":
        return write_mintpy(folder / "timeseries.h5", y, DATES)
    if name == "licsbas":
        return write_licsbas(folder / "cum.h5", y, DATES)
    if name == "egms":
        return write_egms(folder / "a.csv", y, DATES)
    if name == "scatterers":
        return write_scatterers(folder / "a.csv", y, DATES)
    target = folder / "set"
    target.mkdir()
    for k in range(1, 9):
        if name == "opera":
            write_opera(target / opera_name(DATES[0], DATES[k]), y[k], DATES[0], DATES[k])
        else:
            write_geotiff(target / f"displacement_{stamps(DATES)[0]}_{stamps(DATES)[k]}.tif", y[k] / 1000)
    return target


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_found_out_and_gives_the_same_series(name, tmp_path, y):
    found = open_displacement(write(name, tmp_path, y))
    assert found.format == name
    assert found.dates == DATES
    read = found.read(0, found.length)
    np.testing.assert_allclose(read.reshape(9, -1), y.reshape(9, -1), atol=2e-4)
    if isinstance(found.place, Raster):
        np.testing.assert_array_equal(found.read(2, 4), read[:, 2:4])
        if name != "licsbas":
            assert found.place.transform == pytest.approx((STEP, 0, WEST, 0, -STEP, NORTH))
    else:
        lon, lat = grid_lonlat((6, 7))
        np.testing.assert_allclose(found.place.lon, lon.reshape(-1), atol=2e-7)
        np.testing.assert_allclose(found.place.lat, lat.reshape(-1), atol=2e-7)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_refuses_a_truncated_file_in_one_line(name, tmp_path, y):
    path = write(name, tmp_path, y)
    for file in path.iterdir() if path.is_dir() else [path]:
        whole = file.read_bytes()
        file.write_bytes(whole[: int(len(whole) * 0.6)])
    with pytest.raises(InputError) as told:
        found = open_displacement(path)
        found.read(0, found.length)
    assert "\n" not in str(told.value)


def test_mintpy_tells_unit_reference_look_and_time(tmp_path, y):
    found = open_displacement(write_mintpy(tmp_path / "t.h5", y, DATES))
    assert (found.unit, found.reference) == ("m", "pixel in row 1, column 2")
    assert found.wavelength_mm == pytest.approx(55.4657)
    assert found.look is not None and found.look.east < 0 < found.look.up
    assert found.times_yr[0] == pytest.approx(2020 + 2 / 365.25)


def test_mintpy_upside_down_unordered_and_in_degrees(tmp_path, y):
    order = [3, 0, 1, 2, 4, 5, 6, 7, 8]
    path = write_mintpy(
        tmp_path / "t.h5", y[order][:, ::-1], [DATES[k] for k in order], Y_STEP="0.001", Y_FIRST="36.0", X_STEP="0.001",
        X_FIRST="74.0", X_UNIT="degrees", EPSG="",
    )  # fmt: skip
    found = open_displacement(path)
    np.testing.assert_allclose(found.read(0, 6), y, atol=1e-4)
    np.testing.assert_allclose(found.read(1, 3), y[:, 1:3], atol=1e-4)
    assert found.place.transform == pytest.approx((0.001, 0, 74.0, 0, -0.001, 36.006))


def test_radar_coordinates_are_refused(tmp_path, y):
    path = write_mintpy(tmp_path / "t.h5", y, DATES)
    with h5py.File(path, "a") as file:
        del file.attrs["X_FIRST"]
    with pytest.raises(InputError, match="radar coordinates"):
        open_displacement(path)


def test_licsbas_corner_is_the_middle_of_the_first_pixel(tmp_path, y):
    found = open_displacement(write_licsbas(tmp_path / "cum.h5", y, DATES))
    assert found.place.transform == pytest.approx((0.0005, 0, 74.59975, 0, -0.0005, 36.40025))
    assert "1:2/1:2" in found.reference and found.unit == "mm"


@pytest.mark.parametrize(("delimiter", "comma"), [(",", False), (";", True), ("\t", False), ("|", False), (" ", False)])
def test_egms_with_any_delimiter(tmp_path, y, delimiter, comma):
    found = open_displacement(
        write_egms(tmp_path / "EGMS_L3_E32N34_100km_U.csv", y, DATES, delimiter=delimiter, comma=comma)
    )
    assert found.format == "egms" and found.component == "up" and found.crs == "EPSG:3035"
    np.testing.assert_allclose(found.read(0, 42), y.reshape(9, -1), atol=1e-4)


def test_tables_with_gaps_metres_and_another_datum(tmp_path, y):
    y[3, 2, 2] = np.nan
    path = write_scatterers(tmp_path / "a.csv", y, DATES)
    found = open_displacement(path)
    assert isinstance(found.place, Scatterers) and found.place.ids[8] == "P1_1"
    np.testing.assert_allclose(found.read(0, 42), y.reshape(9, -1), atol=1e-4)
    metres = open_displacement(write_scatterers(tmp_path / "b.csv", y, DATES, factor=0.001), unit="m")
    np.testing.assert_allclose(metres.read(0, 42), y.reshape(9, -1), atol=1e-3)
    x, north = Transformer.from_crs(4326, 3003, always_xy=True).transform(9.2, 45.5)
    (tmp_path / "c.csv").write_text(f"code;x;y;D20200103;D20200115\nA1;{x:.3f};{north:.3f};0.0;-1.5\n")
    with pytest.raises(InputError, match="--crs"):
        open_displacement(tmp_path / "c.csv")
    italian = open_displacement(tmp_path / "c.csv", crs="EPSG:3003")
    assert (italian.place.lon[0], italian.place.lat[0]) == pytest.approx((9.2, 45.5), abs=1e-6)


def test_metres_are_found_out_from_the_tables_own_velocities(tmp_path):
    t = np.array([(one - DATES[0]).days for one in DATES]) / 365.25
    rows = [f"{k},36.{k},74.6,{-20 - k}," + ",".join(f"{(-20 - k) * v / 1000:.7f}" for v in t) for k in range(9)]
    head = "id,lat,lon,velocity," + ",".join(f"D{stamp}" for stamp in stamps(DATES))
    (tmp_path / "m.csv").write_text("\n".join([head, *rows]))
    found = open_displacement(tmp_path / "m.csv")
    assert found.unit == "m" and found.notes
    assert found.read(0, 9)[-1, 0] == pytest.approx(-20 * t[-1], rel=1e-4)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("id,lat,lon,D20200103,D20200115\n1,36,74,0\n", "cut off"),
        ("id,lat,lon,D20200103,D20200115\n1,36,74,0,abc\n", "row 1, column d20200115"),
        ("id,lat,lon,D20200103,D20200115\n1,96,74,0,1\n", "not on the Earth"),
        ("id,lat,lon,D20200103,D20200115\n", "no rows"),
        ("id,lat,lon,D20200103,D20200103\n1,36,74,0,1\n", "comes twice"),
        ("id,height,z,D20200103,D20200115\n1,36,74,0,1\n", "longitude and latitude"),
        ("id,lat,lon,D20200103,D20200115\n1,36,74,9,0,1\n", "row 1 has 6 cells"),
        ('id,lat,lon,D20200103,D20200115\n"1\n2",36,74,0,1\n', "cut off"),
        (f"id,lat,lon,D20200103,D20200115\n{'x' * 201},36,74,0,1\n", "plain names"),
        ("id,lat,lon,D20200103,D20200115\n" + "1,36,74,0,1\n" * 400 + "a\0,36,74,0,1\n", "plain names"),
    ],
)
def test_bad_tables_are_one_clear_line(tmp_path, content, told):
    (tmp_path / "bad.csv").write_text(content)
    with pytest.raises(InputError, match=told):
        open_displacement(tmp_path / "bad.csv")


def test_fillers_are_not_displacement(tmp_path):
    (tmp_path / "a.csv").write_text("id,lat,lon,D20200103,D20200115\n1,36,74,-9999,1\n2,36,74,1e39,-9998\n")
    found = open_displacement(tmp_path / "a.csv")
    np.testing.assert_array_equal(found.read(0, 2), [[np.nan, np.nan], [1, -9998]])
    assert found.notes == ("2 values of 9999 or more, either sign, are taken as not measured",)


def test_quoted_cells_with_delimiters_are_read_where_they_stand(tmp_path):
    (tmp_path / "a.csv").write_text('id,lat,lon,D20200103,D20200115\n"a, b","36","74",0,1\n')
    found = open_displacement(tmp_path / "a.csv")
    assert (found.place.ids[0], found.place.lat[0], found.read(0, 1)[1, 0]) == ("a, b", 36, 1)


def test_a_unit_or_a_place_that_cannot_be_is_refused(tmp_path, y):
    with pytest.raises(InputError, match="--unit"):
        open_displacement(write_mintpy(tmp_path / "a.h5", y, DATES, UNIT="radian"))
    assert open_displacement(tmp_path / "a.h5", unit="cm").unit == "cm"
    for changed in ({"EPSG": "4326"}, {"X_FIRST": "1e12"}):
        with pytest.raises(InputError, match="not on the Earth"):
            open_displacement(write_mintpy(tmp_path / "b.h5", y, DATES, **changed))
    (tmp_path / "set").mkdir()
    for k, unit in ((1, "mm"), (2, "meters"), (3, "mm")):
        write_geotiff(
            tmp_path / "set" / f"displacement_{stamps(DATES)[0]}_{stamps(DATES)[k]}.tif", y[k] / 1000, unit=unit
        )
    with pytest.raises(InputError, match="several units"):
        open_displacement(tmp_path / "set")


def test_what_is_no_product_is_said_so(tmp_path):
    for name, content in (
        ("a.txt", b"hello\n"),
        ("b.bin", bytes(range(256)) * 9),
        ("c.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 99),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnknownFormatError):
            open_displacement(tmp_path / name)
    (tmp_path / "empty.csv").touch()
    for path in (tmp_path / "empty.csv", tmp_path / "absent.h5"):
        with pytest.raises(InputError):
            open_displacement(path)
    with pytest.raises(InputError, match="there is no format"):
        open_displacement(tmp_path / "a.txt", "gamma")
    with pytest.raises(InputError):
        open_displacement(tmp_path / "a.txt", "mintpy")


def test_ministacks_are_chained(y):
    first, second = DATES[:5], DATES[4:]
    pairs = [(second[0], one) for one in second[1:]] + [(first[0], one) for one in first[1:]]
    layers = np.concatenate([y[5:] - y[4], y[1:5]]).astype(np.float32)
    links = chain(pairs, "set")
    assert links.dates == DATES
    np.testing.assert_allclose(join(links, layers), y, atol=1e-4)
    with pytest.raises(InputError, match="where no other ends"):
        chain([(first[0], first[1]), (second[1], second[2])], "set")
    with pytest.raises(InputError, match="two layers end"):
        chain([(first[0], first[2]), (first[1], first[2]), (first[0], first[1])], "set")


def test_opera_stack_in_one_file_and_its_mask(tmp_path, y):
    path = write_opera(tmp_path / "stack.nc", y[1], DATES[0], DATES[1])
    with h5py.File(path, "a") as file:
        del file["displacement"], file["recommended_mask"]
        file["displacement"] = (y / 1000).astype(np.float32)
        file["displacement"].attrs["units"] = "meters"
        file["time"] = np.array([(one - DATES[0]).days for one in DATES])
        file["time"].attrs["units"] = f"days since {DATES[0]} 00:00:00"
        mask = np.ones(y.shape, dtype=np.uint8)
        mask[:, 0, 0] = 0
        file["recommended_mask"] = mask
    found = open_displacement(path)
    assert found.dates == DATES
    read = found.read(0, 6)
    assert np.isnan(read[:, 0, 0]).all()
    np.testing.assert_allclose(read[:, 1:], y[:, 1:], atol=1e-4)


def test_damaged_rasters_of_a_folder_are_left_out_and_named(tmp_path, y):
    folder = write("geotiffs", tmp_path, y)
    broken = sorted(folder.iterdir())[3]
    broken.write_bytes(broken.read_bytes()[:300])
    found = open_displacement(folder)
    assert len(found.dates) == 8 and broken.name in found.notes[0]


def test_days():
    assert day(b"20200103", "x") == day("2020-01-03T10:00:00", "x") == DATES[0]
    for text in ("20201341", "x", ""):
        with pytest.raises(InputError):
            day(text, "x")


def test_hostile_hdf5_is_one_clear_line(tmp_path, y):
    def claims(name, **parts):
        with h5py.File(tmp_path / name, "w") as file:
            for key, value in parts.items():
                file.create_dataset(key, **value) if isinstance(value, dict) else file.__setitem__(key, value)
        return tmp_path / name

    dates = np.array([stamp.encode() for stamp in stamps(DATES)])
    for path in (
        claims("text.h5", timeseries=np.full((9, 2, 2), b"x"), date=dates),
        claims("flat.h5", timeseries=np.zeros(9), date=dates),
        claims("group.h5", **{"timeseries/inside": np.zeros(9), "date": dates}),
        claims("dates.h5", timeseries=np.zeros((9, 2, 2)), date=np.arange(9.0)),
        claims("cum.h5", cum=np.zeros((9, 2, 2)), imdates=np.arange(9)),
        claims("lacks.h5", cum=np.zeros((9, 2, 2)), imdates=np.array([int(stamp) for stamp in stamps(DATES)])),
    ):
        with pytest.raises(InputError) as told:
            open_displacement(path).read(0, 2)
        assert "\n" not in str(told.value)


def test_columns_x_and_y_in_degrees_need_no_crs(tmp_path):
    (tmp_path / "xy.csv").write_text("code;x;y;D20200103;D20200115\nA1;74.5;36.25;0.0;-1.5\n")
    found = open_displacement(tmp_path / "xy.csv")
    assert (found.place.lon[0], found.place.lat[0], found.crs) == (74.5, 36.25, "EPSG:4326")


def test_a_full_disk_is_told_before_the_work(tmp_path):
    stored = in_file(tmp_path / "a.f4", (3, 4))
    stored[:] = 1
    assert stored.sum() == 12 and (tmp_path / "a.f4").stat().st_size == 48
    with pytest.raises(InputError, match="cannot hold"):
        in_file(tmp_path / "b.f4", (2**58,))
