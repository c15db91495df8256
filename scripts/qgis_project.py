"""Write the QGIS project that /ogc/project.qgs gives out: every published layer, in the colours of the maps.

Runs with the Python that QGIS has (package python3-qgis) against a running server with some data:
PYTHONPATH=. python3 scripts/qgis_project.py http://127.0.0.1:8000/ogc api/ogc/project.qgs [picture.png]
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (
    QgsApplication,
    QgsCategorizedSymbolRenderer,
    QgsCoordinateReferenceSystem,
    QgsFillSymbol,
    QgsGraduatedSymbolRenderer,
    QgsLayerMetadata,
    QgsLineSymbol,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsMarkerSymbol,
    QgsProject,
    QgsRectangle,
    QgsReferencedRectangle,
    QgsRendererCategory,
    QgsRendererRange,
    QgsSingleSymbolRenderer,
    QgsVectorLayer,
)  # fmt: skip
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

from maps.style import AREAS, GRADES, RATE_COLOURS, RATE_LIMITS, SYMBOLS

HELD = "@SERVER@"
"""Stands for the server's address in the file."""
CORRIDOR = (72.5, 34.0, 76.5, 39.6)


def marker(shape: str, color: str, size: float = 3.0) -> Any:
    """Return a mark with a white edge."""
    return QgsMarkerSymbol.createSimple({"name": shape, "color": color, "outline_color": "white", "size": str(size)})


def segments() -> Any:
    """Return how the road is drawn: by grade, dashed where nothing is known."""
    made = []
    for grade, line in GRADES.items():
        if line.dash is None:
            symbol = QgsLineSymbol.createSimple(
                {"color": line.color, "width": str(line.weight / 3), "capstyle": "flat"}
            )
            made.append(QgsRendererCategory(grade, symbol, grade))
    unknown = QgsLineSymbol.createSimple({"color": GRADES["unknown"].under, "width": "0.9", "line_style": "dash"})
    return QgsCategorizedSymbolRenderer("risk_grade", [*made, QgsRendererCategory(None, unknown, "unknown")])


def record(name: str, shape: str, size: float) -> Any:
    """Return how records of a kind are drawn on maps of ours: by shape first, by colour second."""
    return QgsSingleSymbolRenderer(marker(shape, SYMBOLS[name].fill, size))


def rates(area: bool) -> Any:
    """Return how ground motion is drawn: red sinks away from the satellite, blue comes nearer."""
    made = []
    limits = (-1000.0, *RATE_LIMITS, 1000.0)
    for low, high, color in zip(limits, limits[1:], RATE_COLOURS, strict=False):
        fill = QgsFillSymbol.createSimple({"color": color, "outline_color": "#333333", "outline_width": "0.2"})
        label = (
            f"below {high:g} mm/yr"
            if low == limits[0]
            else f"above {low:g} mm/yr"
            if high == limits[-1]
            else f"{low:g} to {high:g} mm/yr"
        )
        made.append(QgsRendererRange(low, high, fill if area else marker("circle", color, 1.6), label))
    return QgsGraduatedSymbolRenderer("velocity_mm_yr", made)


def outline(name: str, inside: str = "transparent") -> Any:
    """Return an area as maps of ours draw it."""
    look = {"color": inside, "outline_color": AREAS[name].color, "outline_width": str(AREAS[name].weight / 4)}
    return QgsSingleSymbolRenderer(
        QgsFillSymbol.createSimple(look | ({} if inside != "transparent" else {"style": "no"}))
    )


def stroke(name: str) -> Any:
    """Return a line as maps of ours draw it."""
    return QgsSingleSymbolRenderer(
        QgsLineSymbol.createSimple({"color": AREAS[name].color, "width": str(AREAS[name].weight / 4)})
    )


def layers() -> list[tuple[str, Any]]:
    """Return the collections with their looks, the topmost first."""
    return [
        ("alerts", outline("alert_grave")), ("sites", record("site", "triangle", 4.0)), ("events", record("event", "diamond", 3.0)),
        ("observations", record("observation", "circle", 2.2)), ("changes", outline("change")), ("deformation_areas", rates(area=True)),
        ("displacement_points", rates(area=False)), ("segments", segments()), ("cascades", stroke("way")), ("termini", stroke("terminus")),
        ("lakes", outline("lake", "#9ecae1")), ("glaciers", outline("glacier", "#e3f2f7")), ("scenes", outline("event")),
    ]  # fmt: skip


def main(server: str, target: Path, picture: Path | None) -> None:
    """Write the project, and a picture of it."""
    app = QgsApplication([], False)
    app.initQgis()
    project = QgsProject.instance()
    project.setTitle("KKH Hazard Watch")
    project.setCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    shown = []
    for name, renderer in layers():
        layer = QgsVectorLayer(
            f"typename='{name}' url='{server}' pageSize='1000' restrictToRequestBBOX='1'", name, "OAPIF"
        )
        if not layer.isValid():
            raise SystemExit(f"{name}: QGIS cannot read it from {server}")
        layer.setRenderer(renderer)
        layer.setMetadata(QgsLayerMetadata())  # it is asked of the server each time
        project.addMapLayer(layer, False)
        project.layerTreeRoot().addLayer(layer).setItemVisibilityChecked(name not in {"scenes", "observations"})
        shown.append(layer)
        print(f"{name}: {layer.featureCount()} features, {layer.geometryType()}")
    view = QgsReferencedRectangle(QgsRectangle(*CORRIDOR), QgsCoordinateReferenceSystem("EPSG:4326"))
    project.viewSettings().setDefaultViewExtent(view)
    project.write(str(target))
    written = re.sub(r' saveUser(Full)?="[^"]*"| saveDateTime="[^"]*"', "", target.read_text(encoding="utf8"))
    target.write_text(written.replace(server, HELD), encoding="utf8")
    for backup in target.parent.glob(f"{target.name}~"):
        backup.unlink()
    if picture:
        settings = QgsMapSettings()
        settings.setLayers(shown)
        settings.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:4326"))
        settings.setExtent(QgsRectangle(73.4, 35.6, 75.6, 37.0))
        settings.setOutputSize(QSize(1200, 800))
        settings.setBackgroundColor(QColor("#f4f1ea"))
        job = QgsMapRendererParallelJob(settings)
        job.start()
        job.waitForFinished()
        job.renderedImage().save(str(picture))
    app.exitQgis()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
