"""`kkh report`: pages to print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.console import put

app = typer.Typer(name="report", help="Pages to print, as PDF.", no_args_is_help=True)


@app.command()
def site(
    code: Annotated[str, typer.Argument(help="Code of the site, such as KKH-LS-0042.")],
    out: Annotated[Path, typer.Option("--out", help="PDF to write.")],
    lang: Annotated[str, typer.Option("--lang", help="en, zh or ur.")] = "en",
    public: Annotated[bool, typer.Option("--public", help="Only what everybody may see.")] = False,
) -> None:
    """A site of the inventory on one page: facts, map, states, sources, events, photos."""
    from api.opening import opened
    from api.settings import load_api_settings
    from api.sheets import Visitor, site_sheet
    from api.texts import LANGUAGES
    from hazard_db import connect
    from hazard_db.errors import InputError

    if lang not in LANGUAGES:
        raise InputError(f"--lang {lang[:20]}: use {', '.join(LANGUAGES)}")
    address = f"{load_api_settings().base_url or 'http://localhost:8000'}/sites/{code}"
    if not out.parent.is_dir():
        raise InputError(f"{out}: there is no folder {out.parent}")
    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        content = site_sheet(conn, code, Visitor(lang, not public, address, catalogue.home))
    out.write_bytes(content)
    put(str(out))
