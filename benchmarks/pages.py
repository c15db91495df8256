"""Every kind of page in a real browser: what is wrong with it in each language and width, and what Lighthouse says of it.

    python benchmarks/pages.py [--lighthouse [--runs 3]] [--pages NAME,...] [--languages en,zh,ur] [--widths 390,1366] [--empty]
        [--pictures FOLDER | --gallery DOCS]

A private catalogue is filled (simulated scenes, ice, settlement, ledger), served, and vanishes again. Asked of each page: requests to
other hosts, errors of its scripts, grave findings of axe-core, sideways scroll, targets under 24 px, clipped text, English words on
pages of other languages. With --lighthouse, its scores for accessibility and performance in each language and width, the median of
--runs (its own throttling of a phone up to 768 px, of a desk beyond); Lighthouse (npm, Node.js 18 or newer) is brought under .tools
where it is not. With --pictures, a picture of each. With --gallery docs, pictures of all go to docs/images/pages,
and docs/pages.md shows them.
Prints Markdown; exit code 1 where something is wrong.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Any

import httpx
from playwright.sync_api import Browser, sync_playwright

from benchmarks import gallery
from hazard_db import connect, database, migrate
from hazard_db.settings import DatabaseSettings
from tests.page_audit import WIDTHS, audit, visiting
from tests.page_catalogue import FAULTS, PASSWORD, PageType, addresses, fill_pages
from tests.phones import serving

ROOT = Path(__file__).parents[1]
LIGHTHOUSE = "lighthouse@12"
CATEGORIES = ("accessibility", "performance")
WIDEST_PHONE = 768
TRIES = 3
LEAST = {"accessibility": 0.95, "performance": 0.9}


def main() -> int:
    """Return 0 where nothing is wrong with any page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=lambda told: told.split(","), help="by default all")
    parser.add_argument("--languages", type=lambda told: told.split(","), default=["en", "zh", "ur"])
    parser.add_argument("--widths", type=lambda told: [int(one) for one in told.split(",")], default=list(WIDTHS))
    parser.add_argument("--lighthouse", action="store_true")
    parser.add_argument("--runs", type=int, default=1, help="of Lighthouse for each page; the median counts")
    parser.add_argument("--empty", action="store_true", help="a catalogue without any record, even without the road")
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    parser.add_argument("--whole", action="store_true", help="pictures of whole pages, not of what is seen at first")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER")
    parser.add_argument("--gallery", type=Path, metavar="DOCS", help="the folder of the documentation")
    asked = parser.parse_args()
    with catalogue(filled=not asked.empty) as (address, numbers), chromium() as (browser, path):
        pages = {
            name: one
            for name, one in addresses(numbers, filled=not asked.empty).items()
            if not asked.pages or name in asked.pages
        }
        wrong = audited(browser, address, pages, asked)
        print(
            f"\n{len(pages)} kinds of page, {len(asked.languages)} languages, {len(asked.widths)} widths: {wrong} findings"
        )
        if asked.gallery:
            gallery.write(asked.gallery, pages)
        poor = measured(path, address, pages, asked) if asked.lighthouse else False
    return 1 if wrong or poor else 0


@contextmanager
def catalogue(*, filled: bool) -> Iterator[tuple[str, dict[str, int | str]]]:
    """Yield the address of a served catalogue, and the numbers that the addresses of its pages need."""
    with tempfile.TemporaryDirectory(prefix="kkh-pages-") as folder:
        os.environ["HAZARD_HOME"] = folder
        settings = DatabaseSettings()
        database.up(settings)
        try:
            migrate.upgrade(database.url(settings))
            numbers = _fill(Path(folder), filled=filled)
            with serving(_api_settings(), more=FAULTS) as address:
                yield address, numbers
        finally:
            database.down(settings)


def _fill(home: Path, *, filled: bool) -> dict[str, int | str]:
    from api.demo import run_demo  # noqa: PLC0415 - reads HAZARD_HOME

    engine = connect.engine(database.url(DatabaseSettings()))
    try:
        if filled:
            with redirect_stdout(sys.stderr):
                run_demo(serve=False, port=0)
        return fill_pages(engine, home, changes=False) if filled else fill_nothing(engine)
    finally:
        engine.dispose()


def fill_nothing(engine: Any) -> dict[str, int | str]:
    """Store an account, and nothing else."""
    from hazard_db import accounts  # noqa: PLC0415

    with connect.transaction(engine) as conn:
        accounts.add(conn, "amina", "admin", PASSWORD)
    return {}


def _api_settings() -> Any:
    from api.settings import ApiSettings  # noqa: PLC0415

    return ApiSettings()


@contextmanager
def chromium() -> Iterator[tuple[Browser, str]]:
    """Yield a browser that finds no other host, and the path of its program."""
    script = ROOT / "scripts" / "chromium.sh"
    path = subprocess.run([script], capture_output=True, text=True, check=True).stdout.strip()
    with sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        )
        yield browser, path
        browser.close()


def audited(browser: Browser, address: str, pages: dict[str, tuple[str, PageType]], asked: argparse.Namespace) -> int:
    """Print what is wrong as it is found, each with its page, language and width, and return how much it is."""
    wrong = 0
    for role in sorted({kind.role for _, kind in pages.values()}):
        for lang in asked.languages:
            for width in asked.widths:
                with visiting(browser, address, role, lang, width, asked.scheme) as page:
                    for name, (path, kind) in pages.items():
                        if kind.role != role:
                            continue
                        found = audit(page, address, path, kind, lang=lang)
                        wrong += len(found)
                        for one in found:
                            print(f"- {name} {lang} {width}: {one}", flush=True)
                        if asked.pictures:
                            asked.pictures.mkdir(parents=True, exist_ok=True)
                            page.screenshot(path=asked.pictures / f"{name}-{lang}-{width}.png", full_page=asked.whole)
                        if asked.gallery:
                            gallery.keep(page, asked.gallery, name, lang, width)
    return wrong


def measured(chrome: str, address: str, pages: dict[str, tuple[str, PageType]], asked: argparse.Namespace) -> bool:
    """Print a table of Lighthouse's scores, and return whether one is too low or missing."""
    program, cookie = _lighthouse(), _session(address)
    views = [(lang, width) for lang in asked.languages for width in asked.widths]
    poor = False
    print(
        f"\nLighthouse, accessibility / performance, median of {asked.runs}, load of the machine at first {os.getloadavg()[0]:.1f}\n"
    )
    print(f"| page | {' | '.join(f'{lang} {width} px' for lang, width in views)} |")
    print(f"|---|{'---|' * len(views)}")
    for name, (path, kind) in pages.items():
        cells = []
        for lang, width in views:
            cookies = f"{cookie if kind.role == 'admin' else ''}kkh_lang={lang}"
            with _opened(address, path, kind, cookies) as url:
                runs = [_score(program, chrome, url, width, cookies) for _ in range(asked.runs)]
            scores = {one: median(run[one] for run in runs) for one in CATEGORIES}
            poor |= any(scores[one] < LEAST[one] for one in CATEGORIES)
            cells.append(" / ".join(f"{scores[one]:.2f}" for one in CATEGORIES))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return poor


class _Compressed(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Content-Encoding", "gzip")
        super().end_headers()


@contextmanager
def _opened(address: str, path: str, kind: PageType, cookies: str) -> Iterator[str]:
    """Yield where Lighthouse, which opens no files, finds a page: one kept on a disk is served, compressed, and nothing else."""
    if not kind.file:
        yield f"{address}{path}"
        return
    with tempfile.TemporaryDirectory() as folder:
        answer = httpx.get(f"{address}{path}", headers={"Cookie": cookies}, timeout=60)
        (Path(folder) / "kept.html").write_bytes(gzip.compress(answer.raise_for_status().content))
        handler = partial(_Compressed, directory=folder)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}/kept.html"
            server.shutdown()


def _score(program: Path, chrome: str, url: str, width: int, cookies: str) -> dict[str, float]:
    """Return the scores of a page; 0 where Lighthouse could not tell in three tries, which it says on standard error."""
    headers = json.dumps({"Cookie": cookies, "Accept": "text/html,*/*"})
    command = [
        "node", str(program), url, "--quiet", "--output=json", f"--only-categories={','.join(CATEGORIES)}",
        f"--extra-headers={headers}", "--chrome-flags=--headless=new --no-sandbox", "--ignore-status-code",
        f"--screenEmulation.width={width}", *(["--preset=desktop"] if width > WIDEST_PHONE else []),
    ]  # fmt: skip
    for _ in range(TRIES):  # it loses the browser's trace now and then, whatever the page
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "CHROME_PATH": chrome}
        )
        if not done.returncode:
            break
        print(f"{url} {width}: {done.stderr[-500:]}", file=sys.stderr)
    else:
        return dict.fromkeys(CATEGORIES, 0.0)
    told = json.loads(done.stdout)
    for one in told["audits"].values():
        if one.get("score") is not None and one["score"] < 0.9:
            print(f"{url} {width}: {one['id']} {one['score']} {one.get('displayValue', '')}", file=sys.stderr)
    return {one: told["categories"][one]["score"] or 0.0 for one in CATEGORIES}


def _session(address: str) -> str:
    """Return the cookie of somebody who is logged in."""
    with httpx.Client(base_url=address, headers={"Accept": "text/html"}) as client:
        token = client.get("/login").text.partition('name="csrf" value="')[2].partition('"')[0]
        client.post("/login", data={"csrf": token, "name": "amina", "password": PASSWORD})
        return f"kkh_session={client.cookies['kkh_session']}; "


def _lighthouse() -> Path:
    program = ROOT / ".tools" / "lighthouse" / "node_modules" / "lighthouse" / "cli" / "index.js"
    if not program.exists():
        npm = shutil.which("npm")
        assert npm, "Lighthouse needs Node.js 18 or newer and npm"
        prefix = ROOT / ".tools" / "lighthouse"
        subprocess.run(
            [npm, "install", "--prefix", str(prefix), "--no-audit", "--no-fund", LIGHTHOUSE],
            check=True,
            stdout=sys.stderr,
        )
    return program


if __name__ == "__main__":
    sys.exit(main())
