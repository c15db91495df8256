"""The catalogues of words: nothing missing, nothing left in English, every placeholder in every language, no bare words in templates."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alerts import texts as alerts
from api import texts as pages
from hazard_db import wording
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
    **{f"alerts {key}": told for key, told in wording.read(alerts.FOLDER).items()},
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


ENTRY = 'msgctxt "{key}"\nmsgid "{english}"\nmsgstr "{words}"\n'
HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'


def write(folder: Path, **entries: str) -> Path:
    for language, text in entries.items():
        (folder / f"{language}.po").write_text(HEAD + text, encoding="utf8")
    return folder


def test_words_are_read_by_key_and_language(tmp_path: Path) -> None:
    zh = ENTRY.format(key="a", english="{n} slides", words="{n} 处滑坡")
    ur = ENTRY.format(key="a", english="{n} slides", words="{n} لینڈ سلائیڈ")
    texts = wording.read(write(tmp_path, zh=zh, ur=ur))
    assert texts == {"a": {"en": "{n} slides", "zh": "{n} 处滑坡", "ur": "{n} لینڈ سلائیڈ"}}
    assert wording.translator(texts, "zh")("a", n=3) == "3 处滑坡"
    assert wording.translator(texts, "ur")("a", n=3) == "\u20683\u2069 لینڈ سلائیڈ"


@pytest.mark.parametrize(
    ("zh", "told"),
    [
        ("", "a is not in every language"),
        (ENTRY.format(key="a", english="road", words=""), "'a' is not translated"),
        ("#, fuzzy\n" + ENTRY.format(key="a", english="road", words="公路"), "fuzzy"),
        (ENTRY.format(key="a", english="way", words="路"), "'way' in one language and 'road' in another"),
        ('msgid "road"\nmsgstr "公路"\n', "'road' is not translated"),
        ('msgctxt "a"\nmsgid "road', "zh.po"),
    ],
    ids=["lacks", "empty", "fuzzy", "other English", "no key", "broken"],
)
def test_words_that_lack_a_language_are_refused(tmp_path: Path, zh: str, told: str) -> None:
    with pytest.raises(wording.WordingError, match=told):
        wording.read(write(tmp_path, zh=zh, ur=ENTRY.format(key="a", english="road", words="سڑک")))


def test_a_language_without_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(wording.WordingError, match=r"zh\.po"):
        wording.read(tmp_path)
