"""`kkh report`: pages to print."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from api.commands.choices import NeededStretch
from api.console import put

app = typer.Typer(name="report", help="Pages to print; tables and layers of a stretch.", no_args_is_help=True)


@app.command()
def site(
    code: Annotated[str, typer.Argument(help="Code of the site, such as KKH-LS-0042.")],
    out: Annotated[Path, typer.Option("--out", help="PDF to write.")],
    lang: Annotated[str, typer.Option("--lang", help="en, zh or ur.")] = "en",
    public: Annotated[bool, typer.Option("--public", help="Only what everybody may see.")] = False,
) -> None:
    """A site of the inventory on one page: facts, map, states, sources, events, photos."""
    from api.opening import opened
    from api.settings import ApiSettings
    from api.sheets import Visitor, site_sheet
    from hazard_db import connect
    from hazard_db.errors import InputError
    from hazard_db.wording import LANGUAGES

    if lang not in LANGUAGES:
        raise InputError(f"--lang {lang[:20]}: use {', '.join(LANGUAGES)}")
    address = f"{ApiSettings().base_url or 'http://localhost:8000'}/sites/{code}"
    if not out.parent.is_dir():
        raise InputError(f"{out}: there is no folder {out.parent}")
    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        content = site_sheet(conn, code, Visitor(lang, not public, address, catalogue.home))
    out.write_bytes(content)
    put(str(out))


@app.command()
def segment(
    km: NeededStretch,
    out: Annotated[Path, typer.Option("--out", help="File to write: .pdf, .html, .xlsx or .gpkg.")],
    lang: Annotated[str, typer.Option("--lang", help="en, zh or ur.")] = "en",
    public: Annotated[bool, typer.Option("--public", help="Only what everybody may see.")] = False,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As known at the end of this day.")] = None,
    before: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Compare with this day; by default a month ago.")
    ] = None,
    hazard: Annotated[str | None, typer.Option(help="Only this hazard.")] = None,
) -> None:
    """A stretch of road: map, strip, ranking, what changed, sites, photos, ground motion, closures, sources and limits."""
    from api import roadreport
    from api.opening import opened
    from api.settings import ApiSettings
    from api.stretch import read_stretch
    from api.stretches import View
    from hazard_db import connect
    from hazard_db.errors import InputError, MapError
    from hazard_db.wording import LANGUAGES

    kind = out.suffix.lower().lstrip(".")
    if kind not in {"pdf", "html", "xlsx", "gpkg"}:
        raise InputError(f"--out {out.name}: end it in .pdf, .html, .xlsx or .gpkg")
    if lang not in LANGUAGES:
        raise InputError(f"--lang {lang[:20]}: use {', '.join(LANGUAGES)}")
    if not out.parent.is_dir():
        raise InputError(f"{out}: there is no folder {out.parent}")
    first, last = read_stretch(km)
    view = View(first, last, on.date() if on else None, None, hazard, None, before.date() if before else None)
    with opened(road=True) as catalogue:
        reader = roadreport.Reader(
            lang,
            not public,
            catalogue.home,
            ApiSettings().base_url or "",
            roadreport.STRANGER if public else None,
        )
        with connect.transaction(catalogue.engine) as conn:
            content = roadreport.gather(conn, conn, view, reader)
    try:
        out.write_bytes(roadreport.write(content, reader, kind))
    except OSError as error:
        raise MapError(f"{out}: cannot be written ({error.strerror})") from error
    put(str(out))
