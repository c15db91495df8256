"""What comes along is named with its terms, and none of them forbids to pass the program on."""

from __future__ import annotations

import re

import pytest

from scripts import licences

ALLOWED = re.compile(
    r"0BSD|AFL-2\.1|Apache-2\.0( WITH LLVM-exception)?|BSD(-[23]-Clause)?|CC0-1\.0|HPND|ISC|LGPL-3\.0-only|MIT(-0|-CMU)?|MPL-2\.0"
    r"|OFL-1\.1|PSF-2\.0|Unlicense|Zlib"
)


def listed() -> dict[str, str]:
    """Return package -> licence as the page has it."""
    rows = re.findall(r"^\| (?!licence|---)(.+?) \| (.+?) \|$", licences.PAGE.read_text(encoding="utf8"), re.MULTILINE)
    return {name.removesuffix(" (browser)"): licence for licence, names in rows for name in names.split(", ")}


def test_every_package_is_listed_with_what_it_tells() -> None:
    installed = {name: told for name in licences.runtime() if (told := licences.licence(name)) is not None}
    assert len(installed) > 100
    told = installed | licences.browser()
    page = listed()
    differing = {name: (one, page.get(name)) for name, one in told.items() if page.get(name) != one}
    assert differing == {}, "write the page again: python -m scripts.licences"
    assert set(page) <= licences.runtime() | set(licences.browser())


def test_every_licence_lets_the_program_be_passed_on() -> None:
    told = {licence for licence in listed().values() if not licence.startswith("not installed")}
    unknown = {one for licence in told for one in re.split(r" (?:AND|OR) ", licence) if not ALLOWED.fullmatch(one)}
    assert unknown == set()
    assert not ALLOWED.fullmatch("AGPL-3.0-only")


def test_a_package_without_a_licence_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "UNTOLD", {})
    with pytest.raises(ValueError, match="pyxform"):
        licences.page()
