"""Pictures of every kind of page for the documentation, and the page that shows them; `benchmarks/pages.py --gallery docs` makes both."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.page_catalogue import PageType

TALLEST_PX = 2400
"""Of a page; what is below is cut away."""
DRAWN_PX = {390: 390, 1366: 960}
"""How wide a picture of a window is kept."""
QUALITY = 45
NAMES = {"en": "English", "zh": "中文", "ur": "اردو"}
HEAD = """# Every kind of page

Made by `python benchmarks/pages.py --gallery docs` over a private catalogue (simulated scenes, ice, settlement, ledger): the window of a
phone (390 px) and of an old laptop (1366 px), in English, Chinese and Urdu. Pages taller than 2,400 px are cut
there. Each picture is taken right after the page was examined as `benchmarks/pages.py` tells.
"""


def keep(page: Page, docs: Path, name: str, lang: str, width: int) -> None:
    """Keep a picture of a page as it stands in a window."""
    page.evaluate("window.scrollTo(0, 0)")
    drawn = Image.open(BytesIO(page.screenshot(full_page=True, animations="disabled"))).convert("RGB")
    drawn = drawn.crop((0, 0, drawn.width, min(drawn.height, TALLEST_PX)))
    wide = min(DRAWN_PX[width], drawn.width)
    drawn = drawn.resize((wide, round(drawn.height * wide / drawn.width)), Image.Resampling.LANCZOS)
    file = _file(docs, name, lang, width)
    file.parent.mkdir(parents=True, exist_ok=True)
    drawn.save(file, quality=QUALITY, method=6)


def write(docs: Path, pages: Mapping[str, tuple[str, PageType]]) -> None:
    """Write the page that shows the pictures there are."""
    rows = [HEAD]
    for name, (_, kind) in pages.items():
        address = kind.path.replace("|", "%7C")
        rows.append(f"## {name}\n\n`{address}`{' (logged in)' if kind.role == 'admin' else ''}\n")
        for lang, language in NAMES.items():
            there = [width for width in DRAWN_PX if _file(docs, name, lang, width).exists()]
            shown = " ".join(
                f'<img src="images/pages/{name}-{lang}-{width}.webp" width="{width // 2}" alt="{name}, {language}, {width} px">'
                for width in there
            )
            links = ", ".join(f"[{language} {width} px](images/pages/{name}-{lang}-{width}.webp)" for width in there)
            if there:
                rows.append(f"{shown}\n\n{links}\n" if lang == "en" else f"{links}\n")
    (docs / "pages.md").write_text("\n".join(rows), encoding="utf8")


def _file(docs: Path, name: str, lang: str, width: int) -> Path:
    return docs / "images" / "pages" / f"{name}-{lang}-{width}.webp"
