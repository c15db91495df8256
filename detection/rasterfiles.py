"""What a raster file holds: its bands, what its numbers mean, its date; and whether they can be reflectance."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError
from rasterio.windows import Window

from detection.arrays import RADAR_BANDS
from detection.bands import QUALITY, landsat_number, name_bands, name_given, split_name
from detection.grids import Grid, grid_of, opened, unreadable
from detection.scaling import scaling_of
from hazard_db.errors import RasterError
from hazard_db.moments import Moment, of_file

BRIGHTEST_MEDIAN, DARKEST_PEAK, LOWEST_MEDIAN = 2.0, 0.005, -0.2
"""Reflectance beyond these cannot be: the scale is mistaken, applied twice or not at all."""
PROBES, PROBE_PX, THINNED_PX = 3, 128, 1024
LARGEST_THINNED_PX = 50_000_000

Numbers = npt.NDArray[Any]

_LEVEL1 = re.compile(r"_L1(?:TP|GT|GS|C)_|MSIL1C", re.IGNORECASE)


@dataclass(frozen=True)
class Layer:
    """One band of one file, and what its numbers mean."""

    name: str
    """Out of BANDS, RADAR_BANDS or QUALITY."""
    href: str
    label: str
    band: int
    """Counted from 1."""
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    masked: bool = False
    """The file itself says where it has data: by nodata, alpha or a mask."""
    alpha: int | None = None
    """Band that tells of transparency where GDAL does not take it for a mask (it does with 2 or 4 bands only)."""


@dataclass(frozen=True)
class RasterFile:
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


def look(paths: Sequence[Path], labels: dict[str, str], bands: Sequence[str] | None) -> list[RasterFile]:
    """Return what files say of themselves; `bands` names their bands where they do not."""
    given = None if bands is None else _Given(name_given(bands, "--bands"))
    files = [_inspect(os.fspath(path), labels[os.fspath(path)], given) for path in paths]
    if given is not None:
        given.check()
    return files


def _inspect(href: str, label: str, given: _Given | None) -> RasterFile:
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
        return RasterFile(
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
    alpha = None
    if not masked and ColorInterp.alpha in dataset.colorinterp:
        alpha = dataset.colorinterp.index(ColorInterp.alpha) + 1
    plain = replace(plain, nodata=dataset.nodatavals[index], masked=masked or alpha is not None, alpha=alpha)
    if plain.name in QUALITY:
        if np.issubdtype(dtype, np.complexfloating):
            raise RasterError(f"{plain.label}: {plain.name} must be whole numbers, not {dtype}")
        return plain, ""  # floats too: all bands of a GeoTIFF share one type, that of the reflectance
    if plain.name in RADAR_BANDS:
        return replace(plain, scale=dataset.scales[index], offset=dataset.offsets[index]), ""
    scaling = scaling_of(
        plain.label, dtype, dataset.scales[index], dataset.offsets[index], dataset.tags() | dataset.tags(number),
        landsat_surface=landsat_surface,
    )  # fmt: skip
    return replace(plain, scale=scaling.scale, offset=scaling.offset), scaling.note


def probe(layers: Sequence[Layer]) -> None:
    """Return quietly where a few windows of the bands of one file can be reflectance.

    Raises
    ------
    RasterError
        They are so bright or dark that the scale must be mistaken, hold nothing at all, or cannot be read.
    """
    with opened(layers[0].href, layers[0].label) as dataset:
        unsure = not _quickly_thinned(dataset)
    for layer, numbers in zip(layers, samples(layers), strict=True):
        if unsure and not numbers.size:
            continue  # there may be data between the windows
        _refuse_implausible(layer, numbers * layer.scale + layer.offset)


def samples(layers: Sequence[Layer]) -> list[Numbers]:
    """Return stored numbers of windows spread over each band of one file.

    Raises
    ------
    RasterError
        The file is damaged.
    """
    with opened(layers[0].href, layers[0].label) as dataset:
        try:
            return _samples(dataset, layers)
        except RasterioError as error:
            raise unreadable(layers[0].label, error) from error


def _refuse_implausible(layer: Layer, values: Numbers) -> None:
    if not values.size:
        raise RasterError(f"{layer.label}: band {layer.name} holds no data at all; give another file")
    middle, peak = float(np.median(values)), float(np.percentile(values, 99.9))
    if not (LOWEST_MEDIAN <= middle <= BRIGHTEST_MEDIAN and peak >= DARKEST_PEAK):
        raise RasterError(
            f"{layer.label}: {layer.name} has a median reflectance of {middle:.4g}, which cannot be; integers must be "
            "reflectance x 10000 and floats 0-1, or the scale and offset tags must say otherwise (applied twice?)"
        )


def _samples(dataset: Any, layers: Sequence[Layer]) -> list[Numbers]:
    """Return stored numbers of windows spread over each band; of the whole, thinned, where those hold nothing."""
    bands = [layer.band for layer in layers]
    parts: list[list[Numbers]] = [[] for _ in bands]
    for row in range(PROBES):
        for col in range(PROBES):
            top, left = (
                max(0, round((index + 0.5) / PROBES * size - PROBE_PX / 2))
                for index, size in ((row, dataset.height), (col, dataset.width))
            )
            window = Window(left, top, min(PROBE_PX, dataset.width - left), min(PROBE_PX, dataset.height - top))
            read = dataset.read(bands, window=window, masked=True)
            if layers[0].alpha is not None:
                read[:, dataset.read(layers[0].alpha, window=window) == 0] = np.ma.masked
            for part, values in zip(parts, read, strict=True):
                part.append(_useful(values.compressed()))
    found = [np.concatenate(part) for part in parts]
    if not all(values.size for values in found) and _quickly_thinned(dataset):
        shape = (len(bands), min(THINNED_PX, dataset.height), min(THINNED_PX, dataset.width))
        found = [_useful(values.compressed()) for values in dataset.read(bands, out_shape=shape, masked=True)]
    return found


def _quickly_thinned(dataset: Any) -> bool:
    """Return whether reading every n-th pixel does not mean reading all of a huge file."""
    return bool(dataset.overviews(1)) or dataset.width * dataset.height <= LARGEST_THINNED_PX


def _useful(numbers: Numbers) -> Numbers:
    useful: Numbers = numbers[np.isfinite(numbers) & (numbers != 0)]
    return useful
