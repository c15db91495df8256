"""Settings of what serves, from the environment (prefix HAZARD_)."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from hazard_db.errors import SettingsError
from hazard_db.settings import DatabaseSettings, Settings

SHORTEST_SECRET = 32

AnonymousRole = Literal["public", "viewer", "none"]


class ApiSettings(Settings):
    """How the pages and the API are served."""

    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    anonymous_role: AnonymousRole = Field(
        default="public", description="what those may read who are not logged in: public, viewer (all), none"
    )
    secret_key: SecretStr | None = Field(default=None, description="signs sessions; by default one kept under the home")
    base_url: str | None = Field(
        default=None, pattern=r"^https?://[^\s<>\"]+$", description="address that links in messages carry"
    )
    max_upload_mb: float = Field(default=25.0, gt=0, le=1024, description="largest request")
    data_license: str = Field(
        default="not stated; ask the operator of this service",
        max_length=200,
        description="licence of what is published, as a name or SPDX identifier such as CC-BY-4.0",
    )
    tiles_fresh_s: float = Field(
        default=3.0,
        ge=0,
        le=5,
        description="for so long a vector tile is given again without asking the database; 0 = never",
    )
    session_hours: float = Field(default=12.0, gt=0, le=24 * 31)

    @property
    def home(self) -> Path:
        """HAZARD_HOME as an absolute path."""
        return self.database.home.expanduser().absolute()

    def signing_key(self) -> str:
        """Return the key that sessions are signed with: given, or made once and kept in the home.

        Raises
        ------
        SettingsError
            The key given is too short, or none can be kept.
        """
        if self.secret_key is not None:
            given = self.secret_key.get_secret_value()
            if len(given) < SHORTEST_SECRET:
                raise SettingsError(
                    f"HAZARD_SECRET_KEY has less than {SHORTEST_SECRET} characters; `openssl rand -hex 32` makes one"
                )
            return given
        return _kept_key(self.home / "secrets" / "session.key")


def _kept_key(path: Path) -> str:
    """Return the key in a file, which is made where absent; of two processes that make it at once one wins."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        if not path.exists():
            part.touch(mode=0o600)
            part.write_text(secrets.token_hex(32))
            try:
                path.hardlink_to(part)
            except FileExistsError:
                pass
            finally:
                part.unlink()
        key = path.read_text().strip()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; set HAZARD_SECRET_KEY instead") from error
    if len(key) < SHORTEST_SECRET:
        raise SettingsError(f"{path} is damaged; remove it, and a new one is made (everybody logs in again)")
    return key
