"""Maps as pages: nothing from other hosts, nothing hostile, counts, size, languages, what is not known never looks safe."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import brotli
import pytest

from hazard_db.errors import MapError
from hazard_db.placenames import places
from hazard_db.wording import LANGUAGES
from maps import assets, style
from maps.chart import Below, Ground
from maps.layers import DRAWERS, LONGEST, SHORTEST, Content, Layer
from maps.pages import MapPage, Subject, as_file, make_page
from maps.providers import PROVIDERS
from maps.swipe import Side
from maps.texts import texts, translate
from tests import map_records as made

needs_assets = pytest.mark.skipif(not (assets.folder() / "leaflet.js").exists(), reason="needs `make assets`")
pytestmark = needs_assets


class Asking(HTMLParser):
    """Collects what a browser would ask for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        names = ("src", "href", "srcset", "poster", "data") if tag != "a" else ()
        self.asked += [value for name in names if (value := values.get(name))]


def page(records: Content | None = None, lang: str = "en", **more: Any) -> MapPage:
    return make_page(records or made.content(), Subject("A map"), made.tell(lang, **more))


def collections(page: MapPage) -> dict[str, list[dict[str, Any]]]:
    """Return the features of each layer as the browser gets them, of those that are put on the map."""
    known = given(page)
    return {name: known[name]["features"] for name in re.findall(r"_add\(kkh\.given\.(\w+)\);", page.script)}


def given(page: MapPage) -> dict[str, Any]:
    """Return what the browser is given before the map is drawn."""
    found: dict[str, Any] = json.loads(page.script.partition("kkh.given = ")[2].partition(";\n")[0])
    return found


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_file_asks_nobody_for_anything(lang: str) -> None:
    html = as_file(page(lang=lang), made.tell(lang))
    reader = Asking()
    reader.feed(html)
    assert [asked for asked in reader.asked if not asked.startswith(("data:", "#"))] == []
    styles = "".join(re.findall(r"<style>(.*?)</style>", html, flags=re.S))
    assert "@import" not in styles
    assert all(url.startswith(("data:", "#")) for url in re.findall(r"url\(['\"]?([^)'\"]+)", styles))
    assert "default-src 'none'" in html
    assert f'<html lang="{lang}" dir="{"rtl" if lang == "ur" else "ltr"}">' in html
    for tag in ("<title>", "<main", "<h1>", 'href="#content"'):
        assert tag in html


def test_the_parts_of_a_page_name_only_our_assets() -> None:
    made_page = page()
    assert set(made_page.scripts) | set(made_page.styles) <= set(assets.FILES)
    assert not re.search(r"https?://", made_page.body + made_page.script)
    for name in made_page.scripts:
        assert assets.address(name).startswith(f"/assets/{name}?v=")


def test_a_link_of_folium_that_is_not_ours_is_refused() -> None:
    with pytest.raises(MapError, match="geocoder"):
        assets.local("geocoder_js")


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("observations", made.observation(note=made.HOSTILE, kind=made.HOSTILE)),
        ("sites", made.site(name=made.HOSTILE, note=made.HOSTILE, source=made.HOSTILE, code=made.HOSTILE)),
        ("events", made.event(name=made.HOSTILE, note=made.HOSTILE, source=made.HOSTILE)),
        ("alerts", made.alert(headline={"en": made.HOSTILE})),
        ("changes", made.change(kind=made.HOSTILE)),
        ("places", made.place(made.HOSTILE)),
        ("road", made.segment(657, place=made.HOSTILE)),
    ],
)
def test_hostile_text_stays_text(kind: str, row: dict[str, Any]) -> None:
    html = as_file(page(made.content(**{kind: made.layer(row)})), made.tell())
    reader = Asking()
    reader.feed(html)
    assert not [tag for tag, values in reader.tags if any(name.startswith("on") for name in values)]
    assert not [asked for asked in reader.asked if not asked.startswith(("data:", "#"))]
    assert html.count("<script") == html.count("</script>") == len(page().scripts) + 2
    assert "<script>window.hacked" not in html
    assert "window.hacked = 1" in html  # it is told, as text
    assert "{{ 7*191 }}{% if 1 %}{#" in html  # and no template has run it
    assert re.findall(r"<script [^>]*>", html) == ['<script type="application/json" id="kkh-pack">']
    assert "\u2028" not in "".join(re.findall(r"<script>(.*?)</script>", html, flags=re.S))


def test_every_record_is_drawn_once_and_areas_have_a_mark() -> None:
    features = collections(page())
    assert {name: len(found) for name, found in features.items()} == {
        "road": 2, "outlines": 1, "termini": 1, "ways": 1,
        "glaciers": 2, "lakes": 2, "sites": 1, "events": 1, "observations": 1, "deformation": 2, "changes": 2,
        "alerts": 2,
    }  # fmt: skip
    area, mark = features["changes"]
    assert (area["geometry"]["type"], mark["geometry"]["type"]) == ("Polygon", "Point")
    assert mark["properties"]["r"] == area["id"] == "changes:1"
    assert features["observations"][0]["properties"]["a"] == 12
    assert features["events"][0]["properties"]["a"] == 5000


def test_popups_tell_numbers_with_units_and_link_to_pages() -> None:
    (area, _) = collections(page(picture=lambda path: f"/{path}"))["changes"]
    told = area["properties"]
    assert "43,210 ± 4,000 m²" in told["v"]
    assert "2026-06-01 – 2026-06-20" in told["v"]
    assert (told["h"], told["p"]) == ("/changes/1", "/pictures/change-1.png")
    assert "p" not in collections(page())["changes"][0]["properties"]
    assert "h" not in collections(page(link=lambda path: None))["changes"][0]["properties"]


def test_ground_motion_is_coloured_by_rate_and_names_its_reference() -> None:
    (area, mark) = collections(page())["deformation"]
    told = area["properties"]
    assert told["c"] == style.rate_colour(-31.2) == "#b2182b"
    assert "-31.2 ± 0.8 mm/yr" in told["v"]
    assert "track 27: point at 36.3, 74.6" in told["v"]
    assert told["h"] == "/displacement/areas/5"
    assert mark["properties"]["r"] == "deformation:5"


def test_points_are_asked_for_as_tiles_only_where_a_map_is_served() -> None:
    sets = made.layer(
        {"id": 3, "name": "track 27", "reference": "r", "n_points": 9, "bounds": [74.0, 36.0, 75.0, 37.0]}
    )
    served = make_page(made.content(points=sets), Subject("Map"), made.tell())
    assert "/ogc/collections/displacement_points/tiles/WebMercatorQuad/" in served.script
    alone = make_page(made.content(points=sets), Subject("Map"), made.tell(tiles=False))
    assert "/ogc/" not in alone.script


def test_colours_of_rates_are_as_many_as_their_limits_say() -> None:
    assert len(style.rate_keys()) == len(style.RATE_COLOURS) == len(style.RATE_LIMITS) + 1
    assert style.rate_colour(None) == style.RATE_UNKNOWN
    assert (style.rate_colour(-40.1), style.rate_colour(0.0), style.rate_colour(40.0)) == (
        style.RATE_COLOURS[0], style.RATE_COLOURS[5], style.RATE_COLOURS[-1],
    )  # fmt: skip


def test_nobody_is_named() -> None:
    row = made.observation(observer="Ali Khan", created_by="ali")
    assert "Ali Khan" not in page(made.content(observations=made.layer(row))).script


def test_what_is_not_known_never_looks_safe() -> None:
    old = made.TODAY - timedelta(days=style.LOOK_EXPIRES_DAYS + 1)
    rows = (made.segment(1, "low"), made.segment(2, None), made.segment(3, "high", None), made.segment(4, "high", old))
    drawn = collections(page(made.content(road=made.layer(*rows))))["road"]
    assert [one["properties"]["k"] for one in drawn] == ["low", "unknown", "high", "high"]
    assert [one["properties"]["u"] for one in drawn] == [0, 0, 1, 1]
    assert style.GRADES["unknown"].dash
    assert style.GRADES["unknown"].color != style.GRADES["low"].color
    assert "2 of 4 km here were not seen clearly" in page(made.content(road=made.layer(*rows))).body


def test_grades_differ_without_colour() -> None:
    def brightness(color: str) -> float:
        red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lines = [style.GRADES[name] for name in ("low", "intermediate", "high", "very high")]
    shades = [brightness(line.color) for line in lines]
    assert all(light - dark > 25 for light, dark in pairwise(shades))
    assert [line.weight for line in lines] == sorted({line.weight for line in lines})
    assert len({symbol.shape + symbol.fill for symbol in style.SYMBOLS.values()}) == len(style.SYMBOLS)


def test_a_limit_is_told() -> None:
    records = made.content(observations=made.layer(made.observation(), total=11_032))
    assert "the newest 1 of 11,032 are shown" in page(records, tiles=False).body
    served = page(records)
    assert "newest" not in served.body  # tiles leave none out
    assert given(served)["setup"]["cells"][0][0] == "observations"
    assert "observations" not in collections(served)
    assert "newest" not in page().body


def test_an_empty_map_says_so() -> None:
    empty = page(Content()).body
    assert "Nothing is recorded here yet" in empty
    assert "No road is loaded yet" in empty
    assert "Nothing is recorded" not in page().body


def test_what_is_not_for_the_public_says_so() -> None:
    inside = make_page(made.content(), Subject("A map", internal=True), made.tell())
    assert "not for the public" in inside.body
    assert "not for the public" not in page().body


def test_a_full_map_stays_small() -> None:
    note = "裂缝" * 1000
    records = made.content(
        road=made.layer(*(made.segment(km) for km in range(1219))),
        observations=made.layer(*(made.observation(n, note=note) for n in range(2000)), total=150_000),
        events=made.layer(*(made.event(n, note=note) for n in range(2000)), total=11_032),
        changes=made.layer(*(made.change(n) for n in range(200))),
    )
    alone = page(records, tiles=False)
    assert len(as_file(alone, made.tell()).encode()) < 8e6
    assert len(collections(alone)["observations"]) == 2000
    assert len(page(records).script.encode()) < 1.2e6  # what is many comes from tiles


def test_notes_are_cut_where_they_are_long() -> None:
    few = collections(page(made.content(events=made.layer(made.event(note="x" * 5000)))))["events"]
    many = collections(page(made.content(events=made.layer(*(made.event(n, note="x" * 5000) for n in range(500))))))
    assert len(few[0]["properties"]["v"][5]) == LONGEST
    assert len(many["events"][0]["properties"]["v"][5]) == SHORTEST


def test_odd_values_do_not_stop_a_map() -> None:
    records = made.content(
        events=made.layer(made.event(fatalities=None, accuracy_m=None, chainage_km=None, precision="year", name="")),
        observations=made.layer(made.observation(observed_at=None, accuracy_m=0, note="", offset_m=None)),
        changes=made.layer(
            made.change(chainage_km=None, chainage_from_km=None, chainage_to_km=None, mean_slope_deg=None)
        ),
        road=made.layer(made.segment(1, None, None, score=None, confidence=None)),
        alerts=made.layer(made.alert(headline={})),
    )
    told = collections(page(records))["events"][0]["properties"]["v"]
    assert told[1] == "2010"
    stretch = made.event(geometry={"type": "LineString", "coordinates": [[74, 36], [74.2, 36], [74.4, 36.1]]})
    line, mark = collections(page(made.content(events=made.layer(stretch))))["events"]
    assert mark["properties"]["r"] == line["id"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_language_tells_everything(lang: str) -> None:
    told = page(lang=lang)
    assert texts()["legend"][lang] in told.body
    assert json.dumps({"en": "Gilgit", "zh": "吉尔吉特", "ur": "گلگت"}[lang]) in told.script
    for key, words in texts().items():
        fields = [set(re.findall(r"\{(\w+)\}", text)) for text in words.values()]
        assert fields.count(fields[0]) == len(LANGUAGES), key
        assert all(words.values()), key
    assert all(all(names.values()) for names in places().values())


def test_values_in_texts_from_right_to_left_keep_their_direction() -> None:
    assert "\u20682026-07-01\u2069" in translate("ur")("made", day="2026-07-01")
    assert "\u2068" not in translate("en")("made", day="2026-07-01")
    told = page(made.content(alerts=made.layer(made.alert(headline={"ur": "فی گھنٹہ اضافہ +0.6 m"}))), lang="ur")
    assert "\u2068+0.6 m\u2069" in collections(told)["alerts"][0]["properties"]["t"]


def test_lists_say_the_same_without_a_map() -> None:
    body = page().body
    for told in ("Landslide near km 657", "Change 1", "rockfall", "Attabad landslide", "KKH-LS-0001"):
        assert told in body
    assert body.index("Landslide near km 657") < body.index("Change 1")
    assert body.count("data-show=") == 13


def test_terrain_boundaries_and_maps_of_others_lie_below() -> None:
    lines = {"type": "FeatureCollection", "features": []}
    ground = Ground("/maps/terrain/0/{z}/{y}/{x}.webp", (74, 36, 75, 37), 12, "<b>Whose</b>")
    below = Below(ground, (PROVIDERS["osm"],), boundaries=lines)
    told = make_page(made.content(), Subject("A map"), made.tell(), below)
    assert '"/maps/terrain/0/{z}/{y}/{x}.webp"' in told.script
    assert "Boundaries" in told.script
    assert "Terrain, height in m" in told.body
    assert "OpenStreetMap contributors" in told.script
    assert "<b>Whose" not in told.script
    assert "Boundaries" not in page().script


def test_layers_and_legend_know_each_other() -> None:
    assert set(DRAWERS) == {
        "road", "outlines", "termini", "ways", "glaciers", "lakes", "sites", "events", "observations", "deformation", "changes", "alerts",
    }  # fmt: skip
    marks = {
        feature["properties"]["k"] for name, found in collections(page()).items() if name != "road" for feature in found
    }
    assert marks <= set(style.SYMBOLS)
    assert set(style.SYMBOLS) == set(style.AREAS)
    assert all(f"symbol.{name}" in texts() for name in style.SYMBOLS)
    assert isinstance(made.content().road, Layer)


def test_gathering_assets_without_packages_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "FILES", {"leaflet.js": (assets.HERE / "node_modules/nowhere.js",)})
    with pytest.raises(MapError, match="make assets"):
        assets.gather()
    with pytest.raises(MapError, match="make assets"):
        assets.text("nothing.js")


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((assets.HERE / "package-lock.json").read_text())
    packages = [one for name, one in lock["packages"].items() if name]
    assert all(one["integrity"].startswith("sha512-") and "resolved" not in one for one in packages)
    assert "://" not in json.dumps(lock)


def test_gathering_again_changes_nothing() -> None:
    if not assets.PACKAGES.is_dir():
        pytest.skip("the packages were removed after gathering")
    before = {name: assets.text(name) for name in assets.FILES}
    subprocess.run([sys.executable, "-m", "maps.assets"], check=True)
    assert {name: assets.text(name) for name in assets.FILES} == before


def test_gathered_files_lie_beside_themselves_compressed() -> None:
    for name in assets.FILES:
        file = assets.folder() / name
        assert brotli.decompress(assets.packed(file).read_bytes()) == file.read_bytes()


def test_what_no_time_chooses_is_named_beside_the_slider() -> None:
    def always(records: Content, **more: Any) -> str:
        return str(given(page(records, **more))["setup"]["always"])

    whole = made.content()
    told = always(whole)
    assert told.startswith("Always shown: Road by risk")
    assert "Sites" in told
    assert not {"Changes", "Alerts", "Observations"} & set(re.split(r"[:,.] ?", told))
    first = whole.lakes.rows[0]
    lakes = Layer(({**first, "observed_on": None}, *whole.lakes.rows), len(whole.lakes.rows) + 1)
    assert "Lakes without a date (1)" in always(replace(whole, lakes=lakes))
    assert always(Content()) == ""
    assert always(whole, lang="zh").startswith("始终显示：公路风险、")


def test_popups_get_the_two_dates_of_a_picture_that_tells_them_else_all_of_it() -> None:
    before, after = Side("before", "/b.png", (40, 30), "2026-05-01"), Side("after", "/a.png", (40, 30), "2026-06-01")
    layer = Layer((made.change(1), made.change(2), made.change(3, picture=None)), 3)

    def sides(path: str) -> tuple[Side, Side] | None:
        return (before, after) if path.endswith("-1.png") else None

    told = DRAWERS["changes"](layer, made.tell(picture=lambda path: f"/{path}", sides=sides)).features
    assert told[0]["properties"]["w"] == [["/b.png", "2026-05-01", 40, 30], ["/a.png", "2026-06-01", 40, 30]]
    assert "p" not in told[0]["properties"]
    assert told[1]["properties"]["p"] == "/pictures/change-2.png"
    assert not {"p", "w"} & told[2]["properties"].keys()
