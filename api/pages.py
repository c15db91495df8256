"""Pages for people: templates, languages, and who gets a page and who gets data."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from starlette.datastructures import URL

from api import theme
from api.plain import plain
from api.reasons import clauses, hidden
from api.security import FORM_COOKIE, FORM_FIELD, Identity, form_token
from api.state import state_of
from api.texts import isolated_figures, stated, term, translate
from hazard_db.placenames import place_name
from hazard_db.wording import DIRECTIONS, LANGUAGES
from maps import assets, swipe
from maps.texts import translate as map_words

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
LANGUAGE_COOKIE = "kkh_lang"
SCHEME_COOKIE = "kkh_scheme"
YEAR_S = 365 * 24 * 3600


def wants_page(request: Request, *, default_page: bool) -> bool:
    """Return whether HTML is asked for: by `?f=`, else by Accept; `default_page` where that takes anything."""
    asked = request.query_params.get("f")
    if asked in {"html", "json"}:
        return asked == "html"
    accept = request.headers.get("accept", "*/*")
    page, data = (_quality(accept, kinds) for kinds in (("text/html", "application/xhtml+xml"), _DATA))
    if page == data:
        return default_page
    return page > data


_DATA = ("application/json", "application/geo+json", "application/problem+json")


def _quality(accept: str, kinds: Sequence[str]) -> float:
    """Return how much one of these media types is wanted, 0 to 1; types named outright go before wildcards."""
    best = 0.0
    for part in accept.lower().split(","):
        kind, _, rest = part.strip().partition(";")
        if kind.strip() not in kinds:
            continue
        quality = next((one.partition("=")[2] for one in rest.split(";") if one.strip().startswith("q=")), "1")
        try:
            best = max(best, float(quality))
        except ValueError:
            continue
    return best


def language(request: Request) -> str:
    """Return the language of the page: `?lang=`, else the cookie, else Accept-Language, else English."""
    for asked in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if asked in LANGUAGES:
            return str(asked)
    offers: list[tuple[float, str]] = []
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, rest = part.strip().partition(";")
        code = tag.strip().lower().partition("-")[0]
        try:
            quality = float(rest.partition("=")[2] or 1)
        except ValueError:
            continue
        if code in LANGUAGES:
            offers.append((quality, code))
    return max(offers, key=lambda offer: offer[0])[1] if offers else "en"


def scheme(request: Request) -> str:
    """Return whether pages are light or dark: as was chosen, else `auto`, as the device wants it."""
    chosen = request.cookies.get(SCHEME_COOKIE, "auto")
    return chosen if chosen in theme.SCHEMES else "auto"


def render(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """Return a page made from a template, in the language of whoever asks."""
    lang = language(request)
    identity: Identity | None = getattr(request.state, "identity", None)
    tokens = _FormTokens(request, identity)
    page = _environment().get_template(template).render(
        lang=lang, direction=DIRECTIONS[lang], languages=LANGUAGES, t=translate(lang), term=term(lang), stated=stated(lang),
        identity=identity, request=request, nonce=getattr(request.state, "nonce", ""), style=static_address("style.css"),
        static=static_address, colours=colours_address(), scheme=scheme(request), schemes=theme.SCHEMES, address=assets.address,
        form_field=FORM_FIELD, simulated=state_of(request).simulated(), form_token=tokens.make,
        swipe=lambda picture: swipe.draw(picture, map_words(lang)),
        with_language=lambda code: _local(request.url.include_query_params(lang=code)), **values,
    )  # fmt: skip
    response = HTMLResponse(page, status, headers={**(headers or {}), "Content-Language": lang, "Vary": VARY})
    keep_language(request, response)
    if tokens.fresh:
        secure = request.url.scheme == "https"
        response.set_cookie(FORM_COOKIE, tokens.token_id, httponly=True, samesite="lax", secure=secure)
    return response


def keep_language(request: Request, response: Response) -> None:
    """Keep the language that was asked for outright in a cookie."""
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        secure = request.url.scheme == "https"
        response.set_cookie(LANGUAGE_COOKIE, str(asked), max_age=YEAR_S, httponly=True, samesite="lax", secure=secure)


def inside_path(target: str) -> str:
    """Return a path of this site; anything else would send people elsewhere."""
    safe = (
        target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable() and "\\" not in target
    )
    return target if safe else "/"


class _FormTokens:
    """Makes the tokens of a page's forms; a visitor who is not logged in gets a cookie only where there is a form."""

    def __init__(self, request: Request, identity: Identity | None) -> None:
        self.request, self.fresh = request, False
        in_session = identity is not None and identity.how == "session"
        self.token_id = (
            identity.token_id if identity is not None and in_session else request.cookies.get(FORM_COOKIE, "")
        )

    def make(self) -> str:
        if not self.token_id:
            self.token_id, self.fresh = secrets.token_urlsafe(12), True
        return form_token(state_of(self.request).signing_key, self.token_id)


VARY = "Accept, Accept-Language, Cookie, Authorization, X-API-Key"


def data(value: Any, status: int = 200, *, media_type: str = "application/json", **headers: str) -> JSONResponse:
    """Return a value of the catalogue as JSON."""
    named = {name.replace("_", "-").title(): text for name, text in headers.items()}
    return JSONResponse(plain(value), status, headers={"Vary": VARY, **named}, media_type=media_type)


def collection(items: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """Return records that have a `geometry` as a GeoJSON feature collection; each has its id outside and inside."""
    return {
        "type": "FeatureCollection",
        "features": [feature(item) for item in items],
        "numberReturned": len(items),
        **more,
    }


def feature(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as a GeoJSON feature."""
    properties = {name: value for name, value in item.items() if name != "geometry"}
    return {"type": "Feature", "id": item["id"], "geometry": item.get("geometry"), "properties": properties}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"), autoescape=select_autoescape(default=True), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["number"] = _number
    environment.filters["coded"] = _coded
    environment.filters["local"] = _local
    environment.filters["strftime"] = lambda pattern, value: value.strftime(pattern)
    environment.filters["day"] = lambda value: f"{value:%Y-%m-%d}" if value is not None else "–"
    environment.filters["place"] = place_name
    environment.filters["told"] = lambda words, lang: isolated_figures(words.get(lang) or words.get("en"), lang)
    environment.filters["clauses"] = lambda english, lang: clauses(lang)(english)
    environment.filters["hidden"] = hidden
    environment.filters["minute"] = lambda value: f"{value:%Y-%m-%d %H:%M} UTC" if value is not None else "–"
    return environment


def _local(url: URL) -> str:
    """Return path and query: links within the site stay on the host that was asked."""
    return url.path + (f"?{url.query}" if url.query else "")


def _coded(told: str) -> Markup:
    """Return a text whose parts between backticks are commands."""
    parts = told.split("`")
    shown = (
        Markup('<code dir="ltr">{}</code>').format(part) if at % 2 else escape(part) for at, part in enumerate(parts)
    )
    return Markup("").join(shown)


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


@cache
def colours_address() -> str:
    """Return the address of the colours, which changes with them."""
    return f"/static/colours.css?v={sha256(theme.stylesheet().encode()).hexdigest()[:12]}"


@cache
def static_address(name: str) -> str:
    """Return the address under which a file of our pages is served; it changes with the content."""
    return f"/static/{name}?v={sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"
