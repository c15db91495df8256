"""The catalogues of words: nothing missing, nothing left in English, every placeholder in every language, no bare words in templates."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api import texts as pages
from maps import texts as maps

API = Path(pages.__file__).parent
TEMPLATES = sorted([*(API / "templates").glob("*.html"), *(API.parent / "maps" / "templates").glob("*.html")])
LETTERS = {"zh": re.compile("[\u4e00-\u9fff]"), "ur": re.compile("[\u0600-\u06ff]")}
NAMES = re.compile(
    r"\b(CAP|CSV|XLSX|PDF|GeoPackage|GeoJSON|HTML|Atom|API|InSAR|RHRS|SBAS|CRS|km|kkh|LOS|UTC|OGC|SMS|NDVI|STAC|QGIS|GPX|KML|ODK|"
    r"English|mm|yr|hPa|mag|Mw?|SAR|SCL|Sentinel|Landsat|ID|QR|openapi|json|AM|PM|web|E|N|U|v|x|PKR|JSON|URL|sha256|instanceID|volume_m3|landslide|KKH-LS-\d+)\b"
)
"""What every language writes alike."""
SAID = {
    **{f"pages {key}": told for key, told in pages.texts().items()},
    **{f"maps {key}": told for key, told in maps.texts().items()},
}


@pytest.mark.parametrize("lang", ["zh", "ur"])
def test_every_text_is_in_its_own_script(lang: str) -> None:
    def worded(text: str) -> bool:
        return re.search("[A-Za-z]{2}", NAMES.sub("", re.sub(r"\{[^}]*\}", "", text))) is not None

    assert [key for key, told in SAID.items() if worded(told["en"]) and not LETTERS[lang].search(told[lang])] == []


@pytest.mark.parametrize("lang", ["zh", "ur"])
def test_every_text_names_the_same_values(lang: str) -> None:
    def values(text: str) -> list[str]:
        return sorted(re.findall(r"\{(\w+)[^}]*\}", text))

    assert [key for key, told in SAID.items() if set(values(told[lang])) != set(values(told["en"]))] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_words(path: Path) -> None:
    text = path.read_text(encoding="utf8")
    text = re.sub(r"<(script|style|code|svg)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r'<div lang="en".*?\n</div>', "", text, flags=re.DOTALL)  # what programs read
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", text, flags=re.DOTALL)
    said = [told for _, told in re.findall(r'\b(title|alt|aria-label|placeholder)="([^"]*)"', text)]
    said += re.findall(r">([^<]*)<", text)
    assert [one.strip() for one in said if re.search("[A-Za-z]{3}", NAMES.sub("", one))] == []


def test_templates_use_words_that_are_there() -> None:
    used = {key for path in (API / "templates").glob("*.html")
            for key in re.findall(r"""\bt\(\s*["']([a-z_.0-9]+)["']\s*[,)]""", path.read_text(encoding="utf8"))}  # fmt: skip
    assert used - set(pages.texts()) == set()
    assert len(used) > 200
