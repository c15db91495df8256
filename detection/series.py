"""Patches of Sen12Landslides: a time series of Sentinel-2 in one NetCDF file, with its truth [@Hoehn2025]."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import scipy.ndimage as ndi
from rasterio.errors import RasterioError

from detection.arrays import EIGHT, Acquisition, Block, BoolArray, FloatArray, NotEnoughDataError
from detection.blocks import terrain_from_elevation
from detection.clouds import quality_hidden, snow
from detection.evaluation import Objects
from detection.features import Sighting, sightings
from detection.grids import Grid, grid_of, unreadable
from detection.hiding import SEEN
from detection.methods import DETECTORS
from detection.sun import computed
from hazard_db.errors import InputError
from hazard_db.moments import Moment, parse

BANDS = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir1": "B11", "swir2": "B12"}
OFFSET, OFFSET_FROM, OFFSET_FLOOR = 1000, date(2022, 1, 25), 900
"""Sentinel-2 adds an offset since; in a file that still has it, hardly anything is darker than the floor."""
MOST_DATES = 4
"""On each side of the event; those nearest to the event's season tell the most."""
LEAST_SEEN = 0.3
"""Share of a date that must be clear for it to be looked at."""


@dataclass(frozen=True)
class Series:
    """The dates of one patch."""

    label: str
    block: Block
    mask: BoolArray
    event: date

    def truth(self) -> Objects:
        """Return the slides of the truth; the file tells one day for all."""
        labels = ndi.label(self.mask, EIGHT)[0].astype(np.int32)
        return Objects(labels, dates={label: (self.event, self.event) for label in range(1, int(labels.max()) + 1)})

    def detect(self) -> tuple[Objects, BoolArray]:
        """Return what the detector that suits the dates finds, and what it could see.

        Raises
        ------
        InputError
            The dates are too few for it.
        """
        single = len(self.block.before) == 1 and len(self.block.after) == 1
        detector = DETECTORS["pair" if single else "matched_filter"]()
        try:
            score = detector.score(self.block, detector.fit([self.block]))
            candidates = detector.candidates(score, self.block)
        except NotEnoughDataError as error:
            raise InputError(f"{self.label}: {error}") from error
        before, after = ([one.acquired_at for one in dates] for dates in (self.block.before, self.block.after))
        return _labelled(sightings(candidates, score, (0, 0), before, after), self.mask.shape), score.observed


def _labelled(found: list[Sighting], shape: tuple[int, ...]) -> Objects:
    labels = np.zeros(shape, dtype=np.int32)
    for label, one in enumerate(found, start=1):
        labels[one.rows, one.cols] = label
    return Objects(
        labels,
        {label: one.found.confidence for label, one in enumerate(found, start=1)},
        {label: (one.first.date(), one.last.date()) for label, one in enumerate(found, start=1)},
    )


def open_series(path: Path) -> Series:
    """Return a patch's dates before and after its event.

    Raises
    ------
    InputError
        The file is damaged, or tells no event with clear dates on both sides.
    """
    with _variable(path, "MASK") as dataset:
        mask = np.asarray(dataset.read().any(axis=0))
        grid, days, tags = grid_of(dataset, path.name), _days(dataset), dataset.tags()
    event = _event(path.name, tags)
    bands = {name: _read(path, variable) for name, variable in BANDS.items()}
    scl, height = _read(path, "SCL"), _read(path, "DEM")[0].astype(np.float32)
    dates = [
        _acquisition(day, {name: values[at] for name, values in bands.items()}, scl[at], grid)
        for at, day in enumerate(days)
    ]
    before, after = (_best(dates, event, later) for later in (False, True))
    if not before or not after:
        raise InputError(f"{path.name}: no clear date both before and after {event}")
    size = grid.pixel_m()
    return Series(path.name, Block(before, after, terrain_from_elevation(height, size), size), mask, event)


def _variable(path: Path, name: str) -> Any:
    try:
        return rasterio.open(f'NETCDF:"{path}":{name}')
    except RasterioError as error:
        raise unreadable(f"{path.name} ({name})", error) from error


def _read(path: Path, name: str) -> npt.NDArray[Any]:
    try:
        with _variable(path, name) as dataset:
            values: npt.NDArray[Any] = dataset.read()
            return values
    except RasterioError as error:
        raise unreadable(f"{path.name} ({name})", error) from error


def _days(dataset: Any) -> list[datetime]:
    """Return the days of the bands: the file counts units of time since some moment."""
    units = re.match(r"(\w+?)s? since (\S+)", dataset.tags().get("time#units", ""))
    if units is None:
        raise InputError(f"{Path(dataset.name).name}: the variable time has no units")
    start = parse(units[2], "time").at
    step = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}.get(units[1], 1e-9)
    counts = (float(dataset.tags(band)["NETCDF_DIM_time"]) for band in dataset.indexes)
    return [(start + timedelta(seconds=count * step)).replace(tzinfo=UTC) for count in counts]


def _event(label: str, tags: dict[str, str]) -> date:
    """Return the day of the event; patches with several or none say nothing about a before and after."""
    days = {text.strip()[:10] for text in tags.get("NC_GLOBAL#event_date", "").split(",")} - {"", "None"}
    if len(days) != 1:
        raise InputError(f"{label}: tells {len(days)} event dates; a comparison needs one")
    return parse(days.pop(), f"{label}, event_date").at.date()


def _acquisition(day: datetime, bands: dict[str, npt.NDArray[Any]], scl: npt.NDArray[Any], grid: Grid) -> Acquisition:
    stored = np.stack(list(bands.values())).astype(np.float32)
    usable = (quality_hidden("scl", scl) == SEEN) & (stored > 0).all(axis=0)
    if day.date() >= OFFSET_FROM and usable.any() and np.percentile(stored[:, usable], 0.5) >= OFFSET_FLOOR:
        stored -= OFFSET
    reflectance: FloatArray = stored / np.float32(10_000)
    white = snow(dict(zip(bands, reflectance, strict=True)))
    usable = usable if white is None else usable & ~white
    np.copyto(reflectance, np.float32(np.nan), where=~usable)
    sun = computed(Moment(day, precise=False), *grid.lonlat(grid.shape[0] / 2, grid.shape[1] / 2))
    return Acquisition(day, tuple(bands), reflectance, usable, sun.elevation_deg, sun.azimuth_deg)


def _best(dates: list[Acquisition], event: date, later: bool) -> tuple[Acquisition, ...]:
    """Return the clear dates of one side whose season is nearest to that of the event's first clear date after."""
    clear = [one for one in dates if one.usable.mean() >= LEAST_SEEN and one.sun_elevation_deg > 0]
    following = [one for one in clear if one.acquired_at.date() > event]
    if not following:
        return ()
    season = following[0].acquired_at.timetuple().tm_yday
    side = following if later else [one for one in clear if one.acquired_at.date() < event]

    def away(one: Acquisition) -> int:
        apart = abs(one.acquired_at.timetuple().tm_yday - season)
        return min(apart, 365 - apart)

    return tuple(sorted(sorted(side, key=away)[:MOST_DATES], key=lambda one: one.acquired_at))
