"""One-tap acknowledgement: a link in a message that says who taps, for which alert, and until when."""

from __future__ import annotations

import time
from pathlib import Path

import jwt
from pydantic import SecretStr

from hazard_db.errors import AccessDeniedError

AUDIENCE = "kkh-acknowledge"
LASTS_H = 48.0


class LinkError(AccessDeniedError):
    """The link is too old or not from here; log in to acknowledge."""


def signing_key(given: SecretStr | None, home: Path) -> str | None:
    """Return the key that pages are signed with: given, or kept in the home; None where there is none yet, and so no link."""
    if given is not None:
        return given.get_secret_value()
    try:
        return (home / "secrets" / "session.key").read_text(encoding="ascii").strip() or None
    except OSError:
        return None


def token(key: str, alert_id: int, who: str, *, now: float | None = None, lasts_h: float = LASTS_H) -> str:
    """Return what lets `who` acknowledge one alert and nothing else, for some hours."""
    until = int((time.time() if now is None else now) + lasts_h * 3600)
    return jwt.encode({"sub": who, "alert": alert_id, "exp": until, "aud": AUDIENCE}, key, algorithm="HS256")


def bearer(key: str, alert_id: int, given: str) -> str:
    """Return who a token was made for.

    Raises
    ------
    LinkError
        It is for another alert, too old, or not from here.
    """
    try:
        claims = jwt.decode(
            given, key, algorithms=["HS256"], audience=AUDIENCE, options={"require": ["sub", "exp", "alert"]}
        )
    except jwt.InvalidTokenError as error:
        raise LinkError("this link is too old or not from here; log in to acknowledge") from error
    if claims["alert"] != alert_id:
        raise LinkError("this link is for another alert")
    return str(claims["sub"])
