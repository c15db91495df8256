"""What maps are drawn with in the browser: a few files of locked npm packages and our own script and style.

`scripts/assets.sh` brings the packages and runs `python -m maps.assets`, which gathers in `vendor` just what pages need.
Served pages link to them, pages that are files carry them inside; nothing is ever asked of another host.
"""

from __future__ import annotations

import base64
import json
import mimetypes
import re
from functools import cache
from hashlib import sha256
from pathlib import Path

import brotli
import rjsmin

from hazard_db.errors import MapError
from maps import fonts

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules"
CLUSTER = PACKAGES / "leaflet.markercluster/dist"
FILES: dict[str, tuple[Path, ...]] = {
    "leaflet.js": (PACKAGES / "leaflet/dist/leaflet.js",),
    "leaflet.css": (PACKAGES / "leaflet/dist/leaflet.css",),
    "map.js": (
        CLUSTER / "leaflet.markercluster.js", PACKAGES / "leaflet.featuregroup.subgroup/dist/leaflet.featuregroup.subgroup.js",
        PACKAGES / "pbf/dist/pbf.js",
        *(HERE / f"{name}.js" for name in (
            "points", "motion", "cells", "search", "time", "state", "measure", "compare", "spread", "tools", "missing", "swipe", "map",
        )),
    ),
    "map.css": (CLUSTER / "MarkerCluster.css", HERE / "swipe.css", HERE / "map.css"),
    "swipe.js": (HERE / "swipe.js",),
    "swipe.css": (HERE / "swipe.css",),
}  # fmt: skip
"""Name in `vendor` -> what it is made of, in the order in which it is needed: few files, for each costs a journey on a slow link."""
OURS: dict[str, str | None] = {
    "leaflet": "leaflet.js",
    "leaflet_css": "leaflet.css",
    "markerclusterjs": "map.js",
    "markerclustercss": "map.css",
    "markerclusterdefaultcss": None,  # our map.css draws clusters
    "featuregroupsubgroupjs": "map.js",
    # Folium links to these on every page, for markers and popups of kinds that we do not draw
    "jquery": None,
    "bootstrap": None,
    "bootstrap_css": None,
    "glyphicons_css": None,
    "awesome_markers": None,
    "awesome_markers_css": None,
    "awesome_markers_font_css": None,
    "awesome_rotate_css": None,
}
"""What Folium's pages want from other hosts, by Folium's names -> our file, None where our maps do without."""
PICTURE = re.compile(r"url\((?!data:)[\"']?([^\"')]+)[\"']?\)")
SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)
"""Names a file that we do not serve."""


def folder() -> Path:
    """Return the folder that is served under /assets."""
    return HERE / "vendor"


def gather() -> list[Path]:
    """Return the files after bringing them from the packages into `vendor`.

    Raises
    ------
    MapError
        The packages are not there.
    """
    folder().mkdir(exist_ok=True)
    made = []
    for name, sources in FILES.items():
        target = folder() / name
        target.write_text("\n".join(_content(source) for source in sources), "utf8")
        packed(target).write_bytes(brotli.compress(target.read_bytes(), quality=11))
        made.append(target)
    fonts.gather(PACKAGES / "@fontsource", folder() / "fonts")
    return made


def packed(file: Path) -> Path:
    """Return where a gathered file lies compressed with brotli: harder than there is time for at each request."""
    return file.with_name(f"{file.name}.br")


def _content(source: Path) -> str:
    if not source.is_file():
        raise MapError(f"{source.relative_to(HERE)} is missing; run `make assets`")
    content = _with_pictures(source) if source.suffix == ".css" else source.read_text(encoding="utf8")
    content = SOURCE_MAP.sub("", content)
    return _licence(source) + (rjsmin.jsmin(content, keep_bang_comments=True) if source.suffix == ".js" else content)


def text(name: str) -> str:
    """Return the content of a file of `vendor`.

    Raises
    ------
    MapError
        It is not there.
    """
    try:
        return (folder() / name).read_text(encoding="utf8")
    except FileNotFoundError as error:
        raise MapError("the files that maps are drawn with are not there; run `make assets`") from error


def address(name: str) -> str:
    """Return the address under which a file is served; it changes with the content, so that browsers may keep it."""
    return f"/assets/{name}?v={_mark(name)}"


def local(name: str) -> str | None:
    """Return our file for one of Folium's links, None where maps do without.

    Raises
    ------
    MapError
        The link is not known here: a page with it would ask another host.
    """
    try:
        return OURS[name]
    except KeyError:
        raise MapError(f"Folium wants {name}, which is not among our assets; name it in maps.assets.OURS") from None


@cache
def _mark(name: str) -> str:
    return sha256(text(name).encode()).hexdigest()[:12]


def _licence(source: Path) -> str:
    """Return a comment that says whose work a file is: it travels within every map that is a file."""
    if not source.is_relative_to(PACKAGES):
        return ""
    package = json.loads((PACKAGES / source.relative_to(PACKAGES).parts[0] / "package.json").read_text(encoding="utf8"))
    author = package.get("author", "")
    name = author.get("name", "") if isinstance(author, dict) else author.partition(" <")[0]
    by = f" by {name}" if name else ""
    return f"/*! {package['name']} {package['version']}{by}, licence {package.get('license', 'see the package')} */\n"


def _with_pictures(source: Path) -> str:
    """Return a style sheet with its pictures inside: it works served and within a file."""

    def inline(found: re.Match[str]) -> str:
        picture = source.parent / found[1]
        if not picture.is_file():  # behaviours of old browsers, anchors
            return found[0]
        kind = mimetypes.guess_type(picture.name)[0] or "application/octet-stream"
        return f"url(data:{kind};base64,{base64.b64encode(picture.read_bytes()).decode()})"

    return PICTURE.sub(inline, source.read_text(encoding="utf8"))
