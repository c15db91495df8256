"""Have MapLibre GL read every collection of a running server from its vector tiles, and compare with what the collection holds.

Needs a served catalogue, the file maplibre-gl.js of the npm package maplibre-gl, and a Chromium:
PYTHONPATH=. python scripts/maplibre_reads.py http://127.0.0.1:8000 maplibre-gl.js /usr/bin/chromium [picture.png]
"""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

PAGE = """<!doctype html><meta charset="utf-8"><style>body { margin: 0 } #map { width: 1024px; height: 1024px }</style>
<div id="map"></div><script src="/maplibre-gl.js"></script>"""
START = """async () => {
  window.map = new maplibregl.Map({container: 'map', style: {version: 8, sources: {}, layers: []}, fadeDuration: 0});
  window.faults = [];
  map.on('error', (event) => faults.push(String(event.error)));
  await map.once('load');
}"""
READ = """async ([name, tiles, kind, bounds, zoom]) => {
  for (const layer of map.getStyle().layers) map.removeLayer(layer.id);
  for (const source of Object.keys(map.getStyle().sources)) map.removeSource(source);
  map.fitBounds(bounds, {animate: false, padding: 20, maxZoom: 16});
  if (zoom !== null) map.setZoom(zoom);
  map.addSource(name, {type: 'vector', url: tiles});
  map.addLayer({id: name, type: kind, source: name, 'source-layer': name});
  await map.once('idle');
  const found = map.querySourceFeatures(name, {sourceLayer: name});
  return [...new Set(found.map((one) => String(one.id ?? one.properties.id)))];
}"""
KINDS = {0: "circle", 1: "line", 2: "fill"}
CLOSE = 14
"""Zoom at which even a small polygon covers pixels."""


def got(address: str) -> dict[str, Any]:
    """Return a JSON document."""
    with urllib.request.urlopen(address) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def compare(page: Page, base: str, name: str) -> str:
    """Return one line about a collection: what MapLibre read of it, and what it holds."""
    path = f"{base}/ogc/collections/{name}"
    features = [one for one in got(f"{path}/items?limit=10000")["features"] if one["geometry"]]
    if not features:
        return f"{name}: empty"
    deep = {"Point": 0, "MultiPoint": 0, "LineString": 1, "MultiLineString": 1}
    kind = KINDS[deep.get(features[0]["geometry"]["type"], 2)]
    west, south, east, north = got(path)["extent"]["spatial"]["bbox"][0]
    tiles = f"{path}/tiles/WebMercatorQuad/tilejson.json"
    held = {str(one["id"]) for one in features}
    read = set(page.evaluate(READ, [name, tiles, kind, [[west, south], [east, north]], None]))
    if read == held:
        return f"{name}: {len(read)} of {len(held)} as {kind}, equal"
    missing = sorted(held - read)
    near = []  # what is too small from afar, or told to wait, is looked at closely
    for one in [each for each in features if str(each["id"]) in missing][:5]:
        point = first_point(one["geometry"]["coordinates"])
        near.append(str(one["id"]) in page.evaluate(READ, [name, tiles, kind, [point, point], CLOSE]))
    seen = f"of those left out {sum(near)} of {len(near)} looked at are there at zoom {CLOSE}"
    return f"{name}: {len(read)} of {len(held)} as {kind} from afar; {seen}"


def first_point(coordinates: Any) -> list[float]:
    """Return a place of a geometry."""
    while isinstance(coordinates[0], list):
        coordinates = coordinates[0]
    return [float(one) for one in coordinates[:2]]


def main(base: str, library: str, chromium: str, picture: str | None = None) -> None:
    """Print a line for each collection."""
    with sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        )
        page = browser.new_page(viewport={"width": 1024, "height": 1024})
        page.route(f"{base}/reads", lambda route: route.fulfill(content_type="text/html", body=PAGE))
        page.route(
            f"{base}/maplibre-gl.js",
            lambda route: route.fulfill(content_type="text/javascript", body=Path(library).read_text("utf8")),
        )
        page.goto(f"{base}/reads")
        page.evaluate(START)
        for one in got(f"{base}/ogc/collections")["collections"]:
            if "extent" in one and "spatial" in one["extent"]:
                print(compare(page, base, one["id"]), flush=True)
        print("errors:", page.evaluate("faults"))
        if picture:
            page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
