"""`python -m scripts.licences`: writes docs/licences.md, under whose terms everything stands that this program brings along."""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/licences.md"

UNTOLD = {"pyxform": "BSD-2-Clause"}
"""Where the metadata say nothing, as the licence file in the package reads."""
SPELLINGS = {
    "Apache License 2.0": "Apache-2.0", "Apache Software License": "Apache-2.0", "BSD License": "BSD", "ISC License (ISCL)": "ISC",
    "MIT License": "MIT", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0", "Python Software Foundation License": "PSF-2.0",
}  # fmt: skip
"""Classifiers -> SPDX, as far as they tell."""
HEAD = """# Licences of what comes along

The program itself is [Apache-2.0](../LICENSE). Written by `python -m scripts.licences` of the locked packages that it runs with, by what
each says of itself; a test looks for new ones. Wheels of rasterio, pyogrio, pyproj, shapely, h5py and psycopg carry libraries of their own
(GDAL, PROJ, GEOS, HDF5, libpq); their terms lie in the folder of each package. PostgreSQL, PostGIS and Chromium are programs beside this
one. What is LGPL is used as it is and can be replaced: each is a package of its own.
"""


def runtime() -> set[str]:
    """Return the names of all Python packages that the program runs with, the extras included, on whatever system."""
    locked = {one["name"]: one for one in tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf8"))["package"]}
    found: set[str] = set()
    ahead: list[tuple[str, tuple[str, ...]]] = [
        ("kkh-hazard-watch", tuple(locked["kkh-hazard-watch"]["optional-dependencies"]))
    ]
    done: set[tuple[str, tuple[str, ...]]] = set()
    while ahead:
        name, extras = one = ahead.pop()
        if one in done:
            continue
        done.add(one)
        found.add(name)
        package = locked[name]
        wanted = [
            *package.get("dependencies", []),
            *(d for extra in extras for d in package["optional-dependencies"].get(extra, [])),
        ]
        ahead += [(each["name"], tuple(each.get("extra", ()))) for each in wanted]
    return found - {"kkh-hazard-watch"}


def licence(package: str) -> str | None:
    """Return the licence that an installed package tells, "" where it tells none, None where it is not installed."""
    try:
        told = metadata(package)
    except PackageNotFoundError:
        return None
    classifiers = [
        line.rpartition(" :: ")[2] for line in told.get_all("Classifier", []) if line.startswith("License ::")
    ]
    # by get(): where the backport of importlib.metadata is loaded too, [] fails for what is not told
    expression = told.get("License-Expression")
    words = [expression] if expression else classifiers
    words = words or [next(iter((told.get("License") or "").strip().splitlines()), "")]
    return " OR ".join(SPELLINGS.get(word, word) for word in words) or UNTOLD.get(package, "")


def browser() -> dict[str, str]:
    """Return the licences of the npm packages whose files pages are made of."""
    locked = json.loads((ROOT / "maps/assets/package-lock.json").read_text(encoding="utf8"))["packages"]
    return {path.removeprefix("node_modules/"): one.get("license", "") for path, one in locked.items() if path}


def page() -> str:
    """Return the page: packages by licence.

    Raises
    ------
    ValueError
        A package tells no licence: look for it, and note it here.
    """
    told = {name: licence(name) for name in runtime()} | {f"{name} (browser)": one for name, one in browser().items()}
    if untold := sorted(name for name, one in told.items() if one == ""):
        raise ValueError(f"no licence is told by {', '.join(untold)}; note it in scripts/licences.py")
    by_licence: defaultdict[str, list[str]] = defaultdict(list)
    for name, one in told.items():
        by_licence[one or "not installed here (for other systems)"].append(name)
    rows = [f"| {one} | {', '.join(sorted(names))} |" for one, names in sorted(by_licence.items())]
    return "\n".join([HEAD, "| licence | packages |", "| --- | --- |", *rows, ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf8")
