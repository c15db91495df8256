"""GeoPackage: every layer that has geometries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hazard_db.errors import InputError
from ingest.survey.source import Raw, Sample, Source
from ingest.vectors import Layer, layer_names, read_layer


def claims(sample: Sample) -> bool:
    """Return whether the file is an SQLite database, which a GeoPackage is."""
    return sample.head.startswith(b"SQLite format 3\x00")


def read(path: Path) -> Source:
    """Return the features of its layers, which must share a CRS.

    Raises
    ------
    InputError
        It is damaged, has no layer, or layers of different CRS.
    """
    names = layer_names(path, path.name)
    if not names:
        raise InputError(f"{path.name}: has no layer with geometries; is it a survey?")
    layers = [read_layer(path, path.name, name) for name in names]
    layers = [layer for layer in layers if layer.count] or layers[:1]
    told = {str(layer.crs) for layer in layers}
    if len(told) > 1:
        raise InputError(f"{path.name}: its layers have different coordinate systems; export them one by one")
    columns = tuple(dict.fromkeys(name for layer in layers for name in layer.columns))
    return Source(records(layers), layers[0].crs, columns, total=sum(layer.count for layer in layers))


def records(layers: list[Layer]) -> Iterator[Raw]:
    """Yield the features of layers, one after the other."""
    for layer in layers:
        for one in layer.features:
            yield Raw(f"layer {layer.name[:100]} feature {one.number}", one.values, one.geometry, one.problem)
