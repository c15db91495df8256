"""The form for the field: a page that works without a connection and sends what waits when there is one again."""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, Response

from api import theme
from api.openrosa import forms
from api.openrosa.forms import Question
from api.pages import FOLDER, STATIC, colours_address, data, language, render
from api.routes.files import FOREVER
from api.security import Identity, form_token, identify
from api.state import state_of
from api.texts import FOLDER as LOCALE
from api.texts import texts, translate
from hazard_db.errors import NotFoundError
from hazard_db.wording import LANGUAGES

router = APIRouter(include_in_schema=False)

SCRIPTS = STATIC / "field"
HIDDEN = frozenset({"start", "username", "geopoint", "image"})
"""Types of questions that the page asks in its own way, or not at all."""
OWN = frozenset({"observed_at", "note", "observer"})
WORDS = (
    "waiting", "sent", "refused", "log_in", "offline", "no_position", "searching", "km", "outside", "not_saved", "needed", "unfit",
    "sending", "forget", "photos_of", "choose", "accuracy", "title", "correct", "correcting", "not_loaded", "remove", "too_large",
    "empty_sure",
)  # fmt: skip


@router.get("/observations/new")
def page(request: Request) -> Response:
    """Return the form; the same for everybody, since phones keep it for when they are offline."""
    lang = language(request)
    words = {word: texts()[f"field.{word}"][lang] for word in WORDS}
    return render(
        request, "new_observation.html", words=words, kinds=[(one.id, one.titles[lang]) for one in forms.all_forms()],
        brand=theme.SAME["brand"], folder=_folder(), common={one.name: one for one in forms.form("landslide").questions},
    )  # fmt: skip


@router.get("/observations/questions.json")
def questions() -> Response:
    """Return what each form asks, in every language."""
    return Response(_questions(), media_type="application/json")


@router.get("/observations/session")
def session(request: Request, identity: Annotated[Identity, Depends(identify)]) -> Response:
    """Return who would send, and the token that shows that it was meant."""
    token = form_token(state_of(request).signing_key, identity.token_id) if identity.how == "session" else ""
    told = {"name": identity.name, "may_send": identity.may("field") and identity.how == "session", "token": token}
    return data(told, cache_control="no-store")


@router.get("/observations/app.webmanifest")
def manifest(request: Request) -> Response:
    """Return what a phone needs to put the form on its home screen."""
    t = translate(language(request))
    told = {
        "name": f"{t('app.name')}: {t('field.title')}", "short_name": "KKH", "id": "/observations/new", "start_url": "/observations/new",
        "scope": "/observations/new", "display": "standalone", "background_color": theme.LIGHT["paper"], "theme_color": theme.SAME["brand"],
        "icons": [{"src": "/static/icon.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
    }  # fmt: skip
    return data(told, media_type="application/manifest+json")


@router.get("/observations/worker.js")
def worker() -> Response:
    """Return the script that keeps the page and answers in place of a connection."""
    pages = [f"/observations/new?lang={lang}" for lang in LANGUAGES]
    kept = [
        *pages,
        "/observations/questions.json",
        "/static/icon.svg",
        colours_address(),
        *(f"{_folder()}/{name}" for name in _scripts()),
    ]
    text = (SCRIPTS / "worker.js").read_text(encoding="utf8")
    script = f"const VERSION = {json.dumps(_version())};\nconst KEPT = {json.dumps(kept)};\n{text}"
    return Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@router.get("/observations/app/{version}/{name}")
def script(version: str, name: str) -> Response:
    """Return a script of the page; its address changes with its content."""
    del version
    if name not in _scripts():
        raise NotFoundError("there is no such file")
    return FileResponse(SCRIPTS / name, headers=FOREVER)


def _folder() -> str:
    return f"/observations/app/{_version()}"


@cache
def _scripts() -> tuple[str, ...]:
    return tuple(sorted(path.name for path in SCRIPTS.iterdir() if path.name != "worker.js"))


@cache
def _version() -> str:
    digest = sha256(_questions() + theme.stylesheet().encode())
    paths = [*SCRIPTS.iterdir(), FOLDER / "templates" / "new_observation.html", *LOCALE.glob("*.po")]
    for path in sorted(paths):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@cache
def _questions() -> bytes:
    told = {one.id: [_told(asked) for asked in one.questions if _asked(asked)] for one in forms.all_forms()}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _asked(question: Question) -> bool:
    return question.type not in HIDDEN and question.name not in OWN


def _told(question: Question) -> dict[str, Any]:
    names = ("name", "type", "label", "hint", "required", "choices", "relevant", "calculation")
    return {name: getattr(question, name) for name in names if getattr(question, name)}
