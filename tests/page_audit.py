"""What a browser finds wrong with a page: other hosts, errors, barriers, sideways scroll, words of another language, clipped text."""

from __future__ import annotations

import re
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request

from api.texts import texts
from maps import texts as map_texts
from tests.page_catalogue import PASSWORD, PageType

WIDTHS = {390: 844, 1366: 768}
"""Of a phone and of an old laptop, with their heights, pixels."""
AXE_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
GRAVE = {"serious", "critical"}

_BRACES = re.compile(r"\{[^}]*\}")
_SCROLLS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_SMALL = """() => [...document.querySelectorAll('a, button, input, select, textarea, summary')].filter((one) => {
  const box = one.getBoundingClientRect(), look = getComputedStyle(one);
  if (!box.width || !box.height || look.visibility === 'hidden' || box.right < 0) return false;
  const within = one.closest('p, td, li, dd, dt, figcaption, label, h1, h2, th');
  const inline = look.display === 'inline' && one.tagName === 'A' && within;
  return !inline && (box.height < 23.5 || box.width < 23.5) && !one.closest('.leaflet-container, svg.stripmap, svg.panelmap');
}).map((one) => `${one.tagName.toLowerCase()} ${one.textContent.trim().slice(0, 30)}`)"""
_CLIPPED = """() => [...document.querySelectorAll('main *, header *')].filter((one) => {
  const look = getComputedStyle(one);
  const hides = (way) => ['hidden', 'clip'].includes(look['overflow' + way]);
  if (one.closest('.leaflet-container, svg') || look.position === 'absolute' || !one.innerText?.trim()) return false;
  return (hides('X') && one.scrollWidth > one.clientWidth + 2) || (hides('Y') && one.scrollHeight > one.clientHeight + 2);
}).map((one) => one.className + ' ' + one.textContent.trim().slice(0, 40))"""
_SEND = """(sends) => {
  const form = document.querySelector('main form[method=post]');
  for (const [name, one] of Object.entries(sends)) form.elements[name].value = typeof one === 'number' ? 'x'.repeat(one) : one;
  HTMLFormElement.prototype.submit.call(form);
}"""
_WORDS = """() => {
  const out = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const apart = 'script, style, code, pre, [lang=en], [dir=auto], [translate=no], option[dir], textarea, svg.stripmap';
  while (walker.nextNode()) {
    const node = walker.currentNode, text = node.data.trim();
    if (text && !node.parentElement.closest(apart)) out.push(text);
  }
  for (const one of document.querySelectorAll('[aria-label], [title], [placeholder], [alt]'))
    if (!one.closest(apart))
      for (const name of ['aria-label', 'title', 'placeholder', 'alt']) if (one.getAttribute(name)) out.push(one.getAttribute(name));
  return [...out, document.title];
}"""


@contextmanager
def visiting(browser: Browser, address: str, role: str, lang: str, width: int, scheme: str = "light") -> Iterator[Page]:
    """Yield a page of a browser window of its own, logged in where the role wants it; the language is chosen as people choose it."""
    window = browser.new_context(viewport={"width": width, "height": WIDTHS[width]}, color_scheme=scheme)  # type: ignore[arg-type]
    page = window.new_page()
    page.goto(
        f"{address}/login?lang={lang}", wait_until="networkidle"
    )  # else its icon is asked for later, by another page
    if role != "public":
        page.fill("[name=name]", "amina")
        page.fill("[name=password]", PASSWORD)
        page.click("main button")
        page.wait_for_url(f"{address}/")
    try:
        yield page
    finally:
        window.close()


def audit(page: Page, address: str, path: str, kind: PageType, *, lang: str = "en") -> list[str]:
    """Return what is wrong with a page, in a few words each; nothing where all is well."""
    wrong: list[str] = []
    own = ("file:",) if kind.file else (address,)

    def said(told: ConsoleMessage) -> None:
        if not (kind.status >= 400 and "Failed to load resource" in told.text):
            wrong.append(f"console: {told.text[:200]}")

    def asked(request: Request) -> None:
        if not request.url.startswith((*own, "data:", "blob:")):
            wrong.append(f"asks another host: {request.url[:120]}")

    def failed(error: Error) -> None:
        wrong.append(f"script: {error}")

    page.on("console", said)
    page.on("request", asked)
    page.on("pageerror", failed)
    if (status := opened(page, address + path, kind)) != kind.status:
        wrong.append(f"status {status} instead of {kind.status}")
    wrong += looked_at(page, lang)
    page.remove_listener("console", said)
    page.remove_listener("request", asked)
    page.remove_listener("pageerror", failed)
    return wrong


def opened(page: Page, url: str, kind: PageType) -> int | None:
    """Open a page, or what it is when kept as a file, and return the status of its answer."""
    if not kind.file:
        answer = page.goto(url, wait_until="networkidle")
        return _sent(page, kind) if kind.sends else answer.status if answer else None
    kept = page.request.get(url)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kept.html"
        file.write_bytes(kept.body())
        page.goto(file.as_uri(), wait_until="networkidle")
    return kept.status


def _sent(page: Page, kind: PageType) -> int:
    """Send the form of a page as often as is asked, and return the status of the last answer."""
    once = uuid.uuid4().hex[:8]  # wrong passwords are counted by name
    sends = {name: one.format(once=once) if isinstance(one, str) else one for name, one in kind.sends.items()}
    for _ in range(kind.times):
        with page.expect_navigation(wait_until="networkidle") as told:
            page.evaluate(_SEND, sends)
    return told.value.status


def looked_at(page: Page, lang: str) -> list[str]:
    """Return what is wrong with how the page stands there."""
    wrong = []
    if (wide := page.evaluate(_SCROLLS)) > 1:
        wrong.append(f"scrolls sideways by {wide} px")
    wrong += [f"target under 24 px: {one}" for one in page.evaluate(_SMALL)[:5]]
    wrong += [f"clipped: {one}" for one in page.evaluate(_CLIPPED)[:5]]
    wrong += [f"in English: {one!r}" for one in english(page.evaluate(_WORDS), lang)[:8]]
    return wrong + barriers(page)


def barriers(page: Page) -> list[str]:
    """Return the grave findings of axe-core."""
    page.evaluate(AXE_SCRIPT)
    options = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": AXE_TAGS}}
    found = page.evaluate("(options) => axe.run(document, options)", options)["violations"]
    return [
        f"axe {one['impact']} {one['id']}: {one['nodes'][0]['html'][:160]} ({len(one['nodes'])})"
        for one in found
        if one["impact"] in GRAVE and not _elsewhere(one)
    ]


def _elsewhere(found: Mapping[str, Any]) -> bool:
    """Return whether small targets are marks on a map or strip: their places are what they tell, and lists beside lead to the same."""
    return found["id"] == "target-size" and all(
        "leaflet" in node["html"] or "map" in str(node["target"]) for node in found["nodes"]
    )


def english(words: Iterable[str], lang: str) -> list[str]:
    """Return what of a page's words the catalogues have in English and in the page's own language otherwise."""
    known = _english(lang) if lang != "en" else re.compile("$^")
    return sorted({one for one in words if known.fullmatch(one)})


@cache
def _english(lang: str) -> re.Pattern[str]:
    """Return what matches any English text of the catalogues that reads otherwise in a language."""
    both = [*texts().values(), *map_texts.texts().values()]
    foreign = {one[lang] for one in both}
    told = {
        one["en"] for one in both if one["en"] not in foreign and re.search("[A-Za-z]{3}", _BRACES.sub("", one["en"]))
    }
    parts = [re.sub(r"\\{[^}]*\\}", ".+", re.escape(one)) for one in sorted(told)]
    return re.compile("|".join(parts), re.DOTALL)
