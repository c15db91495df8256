"""The pure code, derived from imports; what coverage measures of it, and how much of it the tests go through."""

from __future__ import annotations

import ast
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coverage import Coverage, CoveragePlugin
from coverage.plugin_support import Plugins
from coverage.types import TConfigurable

ROOT = Path(__file__).parents[1]
ROOMS = ("hazard_db", "ingest", "detection", "alerts", "maps", "api")
LEAST_PERCENT = 95.0

COMPUTING = frozenset({
    "__future__", "abc", "base64", "binascii", "bisect", "calendar", "codecs", "collections", "contextlib",
    "contextvars", "csv", "dataclasses", "datetime", "decimal", "difflib", "email", "enum", "fractions",
    "functools", "hashlib", "heapq", "hmac", "html", "io", "itertools", "json", "math", "operator", "re",
    "statistics", "string", "struct", "types", "typing", "unicodedata", "urllib.parse", "uuid", "warnings", "xml",
    "zlib", "zoneinfo", "affine", "astral", "attr", "charset_normalizer", "defusedxml", "lxml", "markupsafe",
    "numpy", "pydantic", "pyflwdir", "pyproj", "scipy", "segno", "shapely", "skimage", "sklearn", "threadpoolctl",
})  # fmt: skip
"""Libraries that only compute: whoever imports another one reaches files, SQL, the network, the clock or threads."""

Import = tuple[str, str]
"""Module, and the name taken from it ("" = the module itself)."""


def sorted_files() -> tuple[list[str], list[str]]:
    """Return the files of the pure code and the others, from the root of the project.

    A module is pure when every library it imports only computes, and when all that it takes from the rest of the project
    is pure too; records and constants (names that begin with a capital) may come from anywhere, classes to build on may not.
    """
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if "migrations" not in path.parts and "node_modules" not in path.parts
    }
    imports = {module: _needs(ast.parse(path.read_text("utf8"))) for module, path in files.items()}
    pure = set(files)
    while True:
        edges = {module for module in pure if not all(_is_pure(*one, pure, files) for one in imports[module])}
        if not edges:
            relative = {module: str(path.relative_to(ROOT)) for module, path in files.items()}
            return sorted(relative[one] for one in pure), sorted(relative[one] for one in set(files) - pure)
        pure -= edges


def _is_pure(module: str, name: str, pure: set[str], files: dict[str, Path]) -> bool:
    package = module.partition(".")[0]
    if package not in ROOMS:
        return not COMPUTING.isdisjoint({package, module, f"{module}.{name}"})
    if f"{module}.{name}" in files:
        return f"{module}.{name}" in pure
    return module in pure


def _needs(tree: ast.Module) -> list[Import]:
    """Return what a module imports, but for records and constants of the project."""
    built_on = {
        base.id
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Name)
    }
    return [
        (module, name)
        for module, name in _imports(tree)
        if not (module.partition(".")[0] in ROOMS and name[:1].isupper() and name not in built_on)
    ]


def _imports(node: ast.AST) -> Iterator[Import]:
    """Yield what a module imports when it runs, in functions too."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from ((alias.name, "") for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module:
        yield from ((node.module, alias.name) for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)


class PureCode(CoveragePlugin):
    """Has coverage measure the pure code and nothing else."""

    def configure(self, config: TConfigurable) -> None:
        """Tell coverage the files; those that no test imports count too."""
        config.set_option("run:source", [str(ROOT / room) for room in ROOMS])
        others = [str(ROOT / file) for file in sorted_files()[1]]
        config.set_option("run:omit", [*others, "*/migrations/*", "*/node_modules/*"])


def coverage_init(registry: Plugins, options: dict[str, Any]) -> None:
    """Register the plugin that `tool.coverage.run` in pyproject.toml names."""
    del options
    registry.add_configurer(PureCode())


def measured() -> dict[str, Any]:
    """Return the report of the last run, as `coverage json` writes it."""
    with tempfile.TemporaryDirectory() as folder:
        coverage = Coverage(config_file=str(ROOT / "pyproject.toml"))
        coverage.load()
        coverage.json_report(outfile=str(Path(folder) / "report.json"))
        report: dict[str, Any] = json.loads((Path(folder) / "report.json").read_bytes())
    return report


def _row(name: str, summaries: list[dict[str, Any]]) -> str:
    covered, branches, lines, statements = (
        sum(summary[key] for summary in summaries)
        for key in ("covered_branches", "num_branches", "covered_lines", "num_statements")
    )
    share, both = (
        100.0 * of / max(all_of, 1) for of, all_of in ((covered, branches), (covered + lines, branches + statements))
    )
    return f"{name:<52} {covered:>5} of {branches:>5} branches {share:>6.1f} %   with lines {both:>6.1f} %"


def main() -> int:
    """Print what is missed, file by file, and the sums by package; 1 where too few branches were gone through."""
    report = measured()
    packages: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for file, found in sorted(report["files"].items()):
        packages[str(Path(file).parent)].append(found["summary"])
        if missed := [f"{start}->{end if end > 0 else 'exit'}" for start, end in found["missing_branches"]]:
            print(_row(file, [found["summary"]]), f"   missed {', '.join(missed)}", sep="\n")
    print()
    for package, summaries in sorted(packages.items()):
        print(_row(package, summaries))
    print(_row(f"all {len(report['files'])} pure modules", [report["totals"]]))
    percent = 100.0 * report["totals"]["covered_branches"] / report["totals"]["num_branches"]
    if percent < LEAST_PERCENT:
        print(f"branches of pure code gone through: {percent:.2f} %, at least {LEAST_PERCENT} % are asked for")
    return int(percent < LEAST_PERCENT)


if __name__ == "__main__":
    sys.exit(main())
