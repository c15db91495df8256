"""What phones are told, in XML: the list of forms, a manifest, what became of a submission."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote
from xml.sax.saxutils import escape

from fastapi import Request
from fastapi.responses import Response

from api.openrosa.forms import Form
from api.state import state_of

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
HOST = re.compile(r"[\w.\-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?")
MB = 2**20


def answer(
    request: Request, body: str | bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer with the headers that OpenRosa asks for."""
    own = {
        "X-OpenRosa-Version": "1.0",
        "X-OpenRosa-Accept-Content-Length": str(int(state_of(request).settings.max_upload_mb * MB)),
    }
    kind = "text/xml; charset=utf-8" if body else None
    return Response(body or None, status, headers={**own, **(headers or {})}, media_type=kind)


def told(request: Request, status: int, message: str, *, challenges: Sequence[str] = ()) -> Response:
    """Return what people read on the phone."""
    nature = "submit_success" if status < 400 else "submit_error"
    message = f'<message nature="{nature}">{_clean(message)}</message>'
    body = f'{HEAD}<OpenRosaResponse xmlns="http://openrosa.org/http/response">{message}</OpenRosaResponse>'
    response = answer(request, body, status)
    for challenge in challenges:
        response.headers.append("WWW-Authenticate", challenge)
    return response


def form_list(request: Request, forms: Sequence[Form]) -> Response:
    """Return the list of forms."""
    here = here_of(request)
    items = "".join(
        f"<xform><formID>{_clean(form.id)}</formID><name>{_clean(form.name)}</name><version>{form.version}</version>"
        f"<hash>{form.hash}</hash><downloadUrl>{_clean(f'{here}/forms/{quote(form.id)}.xml')}</downloadUrl>"
        f"<manifestUrl>{_clean(f'{here}/forms/{quote(form.id)}/manifest')}</manifestUrl></xform>"
        for form in forms
    )
    return answer(request, f'{HEAD}<xforms xmlns="http://openrosa.org/xforms/xformsList">{items}</xforms>')


def manifest(request: Request) -> Response:
    """Return the list of files that go with a form: none so far."""
    return answer(request, f'{HEAD}<manifest xmlns="http://openrosa.org/xforms/xformsManifest"></manifest>')


def here_of(request: Request) -> str:
    """Return the address under which the phone reaches us, with its token where the path has one."""
    token = request.path_params.get("token")
    return f"{site_of(request)}/openrosa" + (f"/t/{quote(str(token), safe='')}" if token is not None else "")


def site_of(request: Request) -> str:
    """Return the site's address: as it is set, else as a proxy tells it, else as it was asked."""
    if base := state_of(request).settings.base_url:
        return base.rstrip("/")
    asked = {name: request.headers.get(f"x-forwarded-{name}", "").partition(",")[0].strip() for name in _FORWARDED}
    scheme = asked["proto"] if asked["proto"] in {"http", "https"} else request.url.scheme
    host = asked["host"] if HOST.fullmatch(asked["host"]) else request.url.netloc
    prefix = asked["prefix"] if asked["prefix"].startswith("/") else request.scope.get("root_path", "")
    return f"{scheme}://{host}{prefix.rstrip('/')}"


_FORWARDED = ("proto", "host", "prefix")


def _clean(value: str) -> str:
    """Return a text as XML can hold it."""
    return escape("".join(char for char in value if char >= " " or char in "\t\n"))
