"""Files -> dates of imagery: what each file holds, which files are one date, when, under which sun."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError
from rasterio.windows import Window

from detection.arrays import BANDS
from detection.bands import QUALITY, landsat_number, name_bands, name_given, split_name
from detection.dates import Moment, of_file, parse
from detection.grids import Grid, grid_of, opened, unreadable
from detection.scaling import scaling_of
from detection.sun import Sun, computed, from_tags
from hazard_db.errors import DetectionError, RasterError

FEWEST_BANDS = 2
SAME_GROUND_SHARE = 0.5
"""Files of one moment whose extents share less than this are two pictures, not bands of one."""
BRIGHTEST_MEDIAN, DARKEST_PEAK, LOWEST_MEDIAN = 2.0, 0.005, -0.2
"""Reflectance beyond these cannot be: the scale is mistaken, applied twice or not at all."""
PROBES, PROBE_PX = 4, 128

_LEVEL1 = re.compile(r"_L1(?:TP|GT|GS|C)_|MSIL1C", re.IGNORECASE)


@dataclass(frozen=True)
class Layer:
    """One band of one file, and what its numbers mean."""

    name: str
    """Out of BANDS or QUALITY."""
    href: str
    label: str
    band: int
    """Counted from 1."""
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    masked: bool = False
    """The file itself says where it has data: by nodata, alpha or a mask."""


@dataclass(frozen=True)
class Scene:
    """One date of imagery as its files tell it."""

    label: str
    acquired: Moment
    sun: Sun
    grid: Grid
    layers: tuple[Layer, ...]
    """In the order of BANDS."""
    quality: Layer | None
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What no other date of a run has: its first file."""
        return self.files[0]

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(layer.name for layer in self.layers)


@dataclass(frozen=True)
class _File:
    """One file, looked at once."""

    href: str
    label: str
    grid: Grid
    layers: tuple[Layer, ...]
    moment: Moment | None
    tags: dict[str, str]
    base: tuple[str, str]
    """Folder, and name without the band: what undated files of one date have in common."""
    notes: tuple[str, ...] = ()


@dataclass
class _Group:
    """Files of one date."""

    files: list[_File] = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        return {layer.name for file in self.files for layer in file.layers}


@dataclass(frozen=True)
class Sources:
    """The dates of a comparison, oldest first."""

    before: tuple[Scene, ...]
    after: tuple[Scene, ...]
    grid: Grid
    """Of the first file given as before: that of the result."""


def open_sources(
    before: Sequence[Path],
    after: Sequence[Path],
    bands: Sequence[str] | None = None,
    dates: Sequence[str] | None = None,
) -> Sources:
    """Return the dates before and after; nothing but headers and a few probes is read.

    Parameters
    ----------
    bands
        Names of the bands in their order in each file; for one-band files, of the files of a date.
    dates
        In the order of before and after, for files that do not tell: one per file, or one per date.

    Raises
    ------
    RasterError
        A file cannot be used; the line says which, and what to do.
    DetectionError
        The files do not make a comparison.
    """
    if not before or not after:
        raise DetectionError("a comparison needs at least one raster --before and one --after")
    _refuse_twice([*before, *after])
    labels = labels_of([*before, *after])
    earlier, later = (_grouped(_look(paths, labels, bands)) for paths in (before, after))
    given = _dates_given(dates, earlier + later)
    scenes = [_scene(group, moment) for group, moment in zip(earlier + later, given, strict=True)]
    first, second = scenes[: len(earlier)], scenes[len(earlier) :]
    _refuse_order(first, second)
    grid = earlier[0].files[0].grid
    return Sources(_sorted(first), _sorted(second), grid)


def open_dates(
    paths: Sequence[Path], bands: Sequence[str] | None = None, dates: Sequence[str] | None = None
) -> tuple[Scene, ...]:
    """Return the dates of files that are not divided into before and after, oldest first; errors as `open_sources`."""
    _refuse_twice(paths)
    groups = _grouped(_look(paths, labels_of(paths), bands))
    given = _dates_given(dates, groups)
    return _sorted([_scene(group, moment) for group, moment in zip(groups, given, strict=True)])


def labels_of(paths: Sequence[Path]) -> dict[str, str]:
    """Return what to call each file: its name, with its folder where the name alone could be another's."""
    names = [Path(path).name for path in paths]
    return {
        os.fspath(path): name if names.count(name) == 1 else f"{Path(path).parent.name}/{name}"
        for path, name in zip(paths, names, strict=True)
    }


def sha256(href: str) -> str | None:
    """Return the checksum of a local file, None for what lies elsewhere."""
    if href.startswith("/vsi") or "://" in href:
        return None
    with Path(href).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sorted(scenes: list[Scene]) -> tuple[Scene, ...]:
    return tuple(sorted(scenes, key=lambda scene: scene.acquired.at))


def _refuse_twice(paths: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for path in paths:
        key = os.fspath(path) if os.fspath(path).startswith("/vsi") else str(Path(path).resolve())
        if key in seen:
            raise DetectionError(
                f"{Path(path).name} is given twice; every raster belongs once, to --before or to --after"
            )
        seen[key] = path


def _refuse_order(before: Sequence[Scene], after: Sequence[Scene]) -> None:
    last, first = max(before, key=_moment), min(after, key=_moment)
    exact = last.acquired.precise and first.acquired.precise
    wrong = _moment(last) >= _moment(first) if exact else last.acquired.at.date() >= first.acquired.at.date()
    if wrong:
        raise DetectionError(
            f"{last.label} ({last.acquired.at:%Y-%m-%d}) is given --before, but is not earlier than {first.label} "
            f"({first.acquired.at:%Y-%m-%d}) given --after; exchange them, or correct the dates"
        )


def _moment(scene: Scene) -> Any:
    return scene.acquired.at


class _Given:
    """The names of --bands: for all bands of a file, or for one-band files by their turn in their folder."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.turns: Counter[str] = Counter()

    def of(self, dataset: Any, label: str, folder: str) -> list[str]:
        """Return the names of a file's bands."""
        images = sum(kind != ColorInterp.alpha for kind in dataset.colorinterp)
        if len(self.names) in {images, dataset.count}:
            return self.names + [""] * (dataset.count - len(self.names))
        if images > 1:
            raise RasterError(
                f"{label}: has {images} bands, --bands names {len(self.names)}; name each (- leaves one out)"
            )
        name = self.names[self.turns[folder] % len(self.names)]
        self.turns[folder] += 1
        return [name] + [""] * (dataset.count - 1)

    def check(self) -> None:
        """Refuse a folder whose one-band files do not make whole dates."""
        for folder, count in self.turns.items():
            if count % len(self.names):
                raise RasterError(
                    f"--bands names {len(self.names)} bands, but {Path(folder).name}/ gives {count} one-band files: "
                    f"give {len(self.names)} per date, in that order"
                )


def _look(paths: Sequence[Path], labels: dict[str, str], bands: Sequence[str] | None) -> list[_File]:
    given = None if bands is None else _Given(name_given(bands, "--bands"))
    files = [_inspect(os.fspath(path), labels[os.fspath(path)], given) for path in paths]
    if given is not None:
        given.check()
    return files


def _inspect(href: str, label: str, given: _Given | None) -> _File:
    """Return what one file says of itself."""
    if _LEVEL1.search(label):
        raise RasterError(f"{label}: Level-1 is not surface reflectance; get the Level-2 product of the same scene")
    with opened(href, label) as dataset:
        grid = grid_of(dataset, label)
        tags: dict[str, str] = dataset.tags()
        stem = Path(href).stem
        landsat = landsat_number(stem, tags.get("platform", ""), tags.get("sensor", ""), tags.get("SPACECRAFT_ID", ""))
        texts = _texts(dataset, stem)
        folder = str(Path(href).parent)
        names = name_bands(texts, label, landsat) if given is None else given.of(dataset, label, folder)
        layers, notes = [], set()
        for number, (name, text) in enumerate(zip(names, texts, strict=True), start=1):
            if name:
                surface = landsat is not None or text.upper().startswith("SR_")
                layer, note = _layer(dataset, number, Layer(name, href, label, number), landsat_surface=surface)
                layers.append(layer)
                notes.add(note)
        split = split_name(stem)
        base = (folder, split[0] if split else "" if given is not None and len(given.names) > dataset.count else stem)
        return _File(
            href, label, grid, tuple(layers), of_file(tags, stem, label), tags, base, tuple(sorted(notes - {""}))
        )


def _texts(dataset: Any, stem: str) -> list[str]:
    """Return what describes each band; alpha bands have nothing to say, a nameless single band has the file's name."""
    texts = [
        "" if kind == ColorInterp.alpha else (text or "")
        for text, kind in zip(dataset.descriptions, dataset.colorinterp, strict=True)
    ]
    images = [index for index, kind in enumerate(dataset.colorinterp) if kind != ColorInterp.alpha]
    if len(images) == 1 and not name_bands(texts, stem, 8)[images[0]]:
        split = split_name(stem)
        texts[images[0]] = split[1] if split else ""
    return texts


def _layer(dataset: Any, number: int, plain: Layer, *, landsat_surface: bool) -> tuple[Layer, str]:
    """Return a band with what its numbers mean, and a note on what had to be decided."""
    index = number - 1
    dtype = dataset.dtypes[index]
    masked = MaskFlags.all_valid not in dataset.mask_flag_enums[index]
    plain = replace(plain, nodata=dataset.nodatavals[index], masked=masked)
    if plain.name in QUALITY:
        if not np.issubdtype(dtype, np.integer):
            raise RasterError(f"{plain.label}: {plain.name} must be whole numbers, not {dtype}")
        return plain, ""
    scaling = scaling_of(
        plain.label, dtype, dataset.scales[index], dataset.offsets[index], dataset.tags() | dataset.tags(number),
        landsat_surface=landsat_surface,
    )  # fmt: skip
    return replace(plain, scale=scaling.scale, offset=scaling.offset), scaling.note


def _grouped(files: list[_File]) -> list[_Group]:
    """Return the files by date: bands of one date may lie in several files."""
    groups: list[_Group] = []
    for file in files:
        if not file.layers:
            raise RasterError(
                f"{file.label}: no band is named; describe the bands ({', '.join(BANDS)}) or name them with --bands"
            )
        fitting = [group for group in groups if _belongs(file, group)]
        if fitting:
            max(fitting, key=lambda group: _shared(file.grid, group.files[0].grid)).files.append(file)
        else:
            groups.append(_Group([file]))
    return groups


def _belongs(file: _File, group: _Group) -> bool:
    first = group.files[0]
    if file.moment is None or first.moment is None:
        related = file.moment == first.moment and file.base == first.base
    else:
        related = file.moment.at == first.moment.at
    return (
        related
        and not {layer.name for layer in file.layers} & group.names
        and _shared(file.grid, first.grid) >= SAME_GROUND_SHARE
    )


def _shared(one: Grid, other: Grid) -> float:
    """Return the share of ground that two grids of one CRS have in common, of both together."""
    if one.crs != other.crs:
        return 0.0
    a, b = one.bounds, other.bounds
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((bounds[2] - bounds[0]) * (bounds[3] - bounds[1]) for bounds in (a, b))
    return width * height / (areas - width * height)


def _dates_given(dates: Sequence[str] | None, groups: Sequence[_Group]) -> list[Moment | None]:
    """Return what --dates says of each date of imagery."""
    if not dates:
        return [None] * len(groups)
    moments = [parse(value, "--dates") for value in dates]
    if len(moments) == len(groups):
        return list(moments)
    files = [group for group in groups for _ in group.files]
    if len(moments) != len(files):
        raise DetectionError(
            f"--dates gives {len(moments)} dates for {len(groups)} dates of imagery in {len(files)} files; "
            "give one per file, --before first, in the same order"
        )
    found: list[Moment | None] = []
    for group in groups:
        own, moments = moments[: len(group.files)], moments[len(group.files) :]
        if len({moment.at.date() for moment in own}) > 1:
            raise DetectionError(
                f"--dates gives different days to {group.files[0].label} and the other bands of its date"
            )
        found.append(own[0])
    return found


def _scene(group: _Group, given: Moment | None) -> Scene:
    """Return a date of imagery out of its files."""
    label = group.files[0].label + (f" (+{len(group.files) - 1})" if len(group.files) > 1 else "")
    by_name = {layer.name: layer for file in group.files for layer in file.layers}
    layers = tuple(by_name[name] for name in BANDS if name in by_name)
    if len(layers) < FEWEST_BANDS:
        has = f"only band {layers[0].name} is" if layers else "no band is"
        raise RasterError(
            f"{label}: {has} named; a date needs at least {FEWEST_BANDS} of {', '.join(BANDS)}: "
            "describe the bands, name them with --bands, or give all band files of the date"
        )
    quality = [by_name[name] for name in QUALITY if name in by_name]
    moment = _when(group, given, label)
    grid = next(file.grid for file in group.files if any(layer in file.layers for layer in layers))
    tags = {name: value for file in reversed(group.files) for name, value in file.tags.items()}
    sun = from_tags(tags, label) or computed(moment, *grid.lonlat(grid.shape[0] / 2, grid.shape[1] / 2))
    if sun.elevation_deg <= 0:
        raise RasterError(
            f"{label}: at {moment.at:%Y-%m-%d %H:%M} UTC the sun was below the horizon there; correct the date"
        )
    notes = tuple(dict.fromkeys(note for file in group.files for note in file.notes))
    for layer in layers:
        _probe(layer)
    return Scene(
        label, moment, sun, grid, layers, quality[0] if quality else None, tuple(f.href for f in group.files), notes
    )


def _when(group: _Group, given: Moment | None, label: str) -> Moment:
    own = [file.moment for file in group.files if file.moment is not None]
    if not own:
        if given is None:
            raise RasterError(
                f"{label}: neither tags nor file name tell the date; give --dates YYYY-MM-DD,... for all files, --before first"
            )
        return given
    best = max(own, key=lambda moment: (moment.precise, moment.at))
    if given is not None and given.at.date() != best.at.date():
        raise RasterError(
            f"{label}: --dates says {given.at:%Y-%m-%d}, the file itself {best.at:%Y-%m-%d}; correct the one that is wrong"
        )
    return best


def _probe(layer: Layer) -> None:
    """Return quietly where a few windows of a band can be reflectance.

    Raises
    ------
    RasterError
        They are so bright or dark that the scale must be mistaken, hold nothing at all, or cannot be read.
    """
    with opened(layer.href, layer.label) as dataset:
        try:
            values = _samples(dataset, layer)
        except RasterioError as error:
            raise unreadable(layer.label, error) from error
    if not values.size:
        raise RasterError(f"{layer.label}: band {layer.name} holds no data at all; give another file")
    middle, peak = float(np.median(values)), float(np.percentile(values, 99.9))
    if not (LOWEST_MEDIAN <= middle <= BRIGHTEST_MEDIAN and peak >= DARKEST_PEAK):
        raise RasterError(
            f"{layer.label}: {layer.name} has a median reflectance of {middle:.4g}, which cannot be; integers must be "
            "reflectance x 10000 and floats 0-1, or the scale and offset tags must say otherwise (applied twice?)"
        )


def _samples(dataset: Any, layer: Layer) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return valid reflectance of windows spread over a band; of the whole band, thinned, where those are empty."""
    found = []
    for row in range(PROBES):
        for col in range(PROBES):
            top, left = (
                max(0, round((index + 0.5) / PROBES * size - PROBE_PX / 2))
                for index, size in ((row, dataset.height), (col, dataset.width))
            )
            window = Window(left, top, min(PROBE_PX, dataset.width - left), min(PROBE_PX, dataset.height - top))
            found.append(dataset.read(layer.band, window=window, masked=True).compressed())
    numbers = np.concatenate(found)
    if not _useful(numbers).size:
        shape = tuple(min(1024, size) for size in (dataset.height, dataset.width))
        numbers = dataset.read(layer.band, out_shape=shape, masked=True).compressed()
    return _useful(numbers) * layer.scale + layer.offset


def _useful(numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    useful: np.ndarray[Any, Any] = numbers[np.isfinite(numbers) & (numbers != 0)]
    return useful
