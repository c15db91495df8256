"""Files -> dates of imagery: what each file holds, which files are one date, when, under which sun."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from detection.arrays import BANDS, RADAR_BANDS
from detection.bandpass import OLI, STAND_INS, as_oli, bandpass_of, differ, platform_of
from detection.bands import QUALITY
from detection.grids import Grid
from detection.radarfiles import Look, is_radar, look_of
from detection.rasterfiles import Layer, RasterFile, labels_of, look, probe, sha256
from detection.sun import Sun, computed, from_tags
from hazard_db.errors import DetectionError, RasterError
from hazard_db.moments import Moment, parse

FEWEST_BANDS = 2
SAME_GROUND_SHARE = 0.5
"""Files of one moment whose extents share less than this are two pictures, not bands of one."""


@dataclass(frozen=True)
class Scene:
    """One date of imagery as its files tell it."""

    label: str
    acquired: Moment
    sun: Sun
    grid: Grid
    layers: tuple[Layer, ...]
    """In the order of BANDS, or of RADAR_BANDS."""
    quality: Layer | None
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()
    look: Look | None = None
    """How a date of radar was taken; None = a date of reflectance."""
    bandpass: str | None = None
    """Of the sensor, see `detection.bandpass`; None = not told."""
    platform: str | None = None
    """Satellite as people call it, such as `Sentinel-2A`; None = not told."""
    adjusted: bool = False
    """The numbers of its layers mean what OLI would have seen, as dates of other sensors are beside it."""

    @property
    def key(self) -> str:
        """What no other date of a run has: its first file."""
        return self.files[0]

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(layer.name for layer in self.layers)


@dataclass
class _Group:
    """Files of one date."""

    files: list[RasterFile] = field(default_factory=list)

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
    earlier, later = (_grouped(look(paths, labels, bands)) for paths in (before, after))
    given = _dates_given(dates, earlier + later)
    scenes = [_scene(group, moment) for group, moment in zip(earlier + later, given, strict=True)]
    first, second = scenes[: len(earlier)], scenes[len(earlier) :]
    _refuse_order(first, second)
    _refuse_copies(scenes)
    grid = earlier[0].files[0].grid
    mixed = differ(scene.bandpass for scene in scenes)
    return Sources(_in_order(first, mixed), _in_order(second, mixed), grid)


def open_dates(
    paths: Sequence[Path], bands: Sequence[str] | None = None, dates: Sequence[str] | None = None
) -> tuple[Scene, ...]:
    """Return the dates of files that are not divided into before and after, oldest first; errors as `open_sources`."""
    _refuse_twice(paths)
    groups = _grouped(look(paths, labels_of(paths), bands))
    given = _dates_given(dates, groups)
    scenes = [_scene(group, moment) for group, moment in zip(groups, given, strict=True)]
    return _in_order(scenes, differ(scene.bandpass for scene in scenes))


def _in_order(scenes: list[Scene], mixed: bool) -> tuple[Scene, ...]:
    """Return dates, oldest first; where sensors are mixed, as one sensor would have seen them all."""
    return tuple(_as_oli(scene) if mixed and scene.look is None else scene for scene in sorted(scenes, key=_moment))


def _as_oli(scene: Scene) -> Scene:
    """Return a date with the reflectance that OLI would have seen, and a note on what is not known."""
    if scene.bandpass is None:
        note = "neither tags nor name tell the sensor, so its reflectance is not adjusted to that of the other dates"
        return replace(scene, notes=(*scene.notes, f"{scene.label}: {note}"))
    notes = scene.notes
    if scene.bandpass in STAND_INS:
        notes += (f"{scene.label}: bandpass adjustment of Sentinel-2A, none is published for this satellite",)
    return replace(scene, layers=as_oli(scene.layers, scene.bandpass), adjusted=scene.bandpass != OLI, notes=notes)


def _refuse_twice(paths: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for path in paths:
        key = os.fspath(path) if os.fspath(path).startswith("/vsi") else str(Path(path).resolve())
        if key in seen:
            raise DetectionError(f"{Path(path).name} is given twice; give every raster once")
        seen[key] = path


def _refuse_copies(scenes: Sequence[Scene]) -> None:
    """Refuse one picture under two names: it would stand for two dates, or for no change at all."""
    by_size: dict[int, list[Layer]] = {}
    for layer in {layer.href: layer for scene in scenes for layer in scene.layers}.values():
        if (path := Path(layer.href)).is_file():
            by_size.setdefault(path.stat().st_size, []).append(layer)
    for alike in by_size.values():
        seen: dict[str | None, Layer] = {}
        for layer in alike if len(alike) > 1 else []:
            twin = seen.setdefault(sha256(layer.href), layer)
            if twin is not layer:
                raise DetectionError(f"{twin.label} and {layer.label} are the same picture; give each date once")


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


def _grouped(files: list[RasterFile]) -> list[_Group]:
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


def _belongs(file: RasterFile, group: _Group) -> bool:
    first = group.files[0]
    if file.moment is None or first.moment is None:
        related = file.moment == first.moment and file.base == first.base
    else:
        related = file.moment.at == first.moment.at
    return (
        related
        and is_radar(file.layers[:1]) == is_radar(first.layers[:1])
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
    layers = tuple(by_name[name] for name in (*BANDS, *RADAR_BANDS) if name in by_name)
    if layers and is_radar(layers):
        return _radar_scene(group, given, label, layers)
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
    notes = tuple(dict.fromkeys(note for file in group.files for note in file.notes))
    sun = from_tags(tags, label)
    if sun is None:
        sun, note = _sun(moment, grid, label)
        notes += note
    for href in dict.fromkeys(layer.href for layer in layers):
        probe([layer for layer in layers if layer.href == href])
    return Scene(
        label, moment, sun, grid, layers, quality[0] if quality else None, tuple(f.href for f in group.files), notes,
        bandpass=bandpass_of(tags, Path(group.files[0].href).stem), platform=platform_of(tags),
    )  # fmt: skip


def _radar_scene(group: _Group, given: Moment | None, label: str, layers: tuple[Layer, ...]) -> Scene:
    """Return a date of radar out of its files; no sun lights it."""
    moment = _when(group, given, label)
    first = group.files[0]
    tags = {name: value for file in reversed(group.files) for name, value in file.tags.items()}
    stem, lon = Path(first.href).stem, first.grid.lonlat(first.grid.shape[0] / 2, first.grid.shape[1] / 2)[0]
    looks = [
        look_of([one for one in layers if one.href == href], tags, stem, moment, lon)
        for href in dict.fromkeys(layer.href for layer in layers)
    ]
    if len({look.linear for look in looks}) > 1:
        raise RasterError(f"{label}: one band is in dB, the other in power; give both the same way")
    notes = (f"{label}: neither tags, name nor hour tell the orbit",) if looks[0].orbit == "unknown" else ()
    files = tuple(file.href for file in group.files)
    return Scene(
        label, moment, Sun(90.0, 0.0, "none"), first.grid, layers, None, files, notes, looks[0],
        platform=platform_of(tags),
    )  # fmt: skip


def _sun(moment: Moment, grid: Grid, label: str) -> tuple[Sun, tuple[str, ...]]:
    """Return the sun of a date; software also writes the time of processing, at which it may have been night."""
    place = grid.lonlat(grid.shape[0] / 2, grid.shape[1] / 2)
    sun = computed(moment, *place)
    if sun.elevation_deg > 0:
        return sun, ()
    noted = f"{label}: at {moment.at:%H:%M} UTC it was night there; sun computed for 10:30 local solar time"
    sun = computed(moment._replace(precise=False), *place)
    if sun.elevation_deg <= 0:
        raise RasterError(f"{label}: on {moment.at:%Y-%m-%d} the sun did not rise there; correct the date")
    return sun, (noted,)


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
