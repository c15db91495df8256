"""Settings from the environment (prefix HAZARD_), one small class per concern."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from hazard_db.errors import SettingsError

PREFIX = "HAZARD_"


class Settings(BaseSettings):
    """Settings of one concern: frozen; a variable that is empty counts as unset.

    Raises
    ------
    SettingsError
        A variable is unusable; the line names it as it stands in the environment and never shows its value.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            field = "_".join(part for part in first["loc"] if isinstance(part, str))
            raise SettingsError(f"{self.model_config['env_prefix']}{field.upper()}: {first['msg']}") from error


class DatabaseSettings(Settings):
    """Where the catalogue lives.

    Without a `database_url` a private cluster under `home` is used. The two further URLs name the
    unprivileged roles on a server of one's own; a process that only serves needs no admin URL.
    """

    home: Path = Field(default=Path(".kkh"), description="private cluster, rasters, media and secrets")
    database_url: SecretStr | None = Field(default=None, description="a server's database, as the role that migrates")
    database_app_url: SecretStr | None = Field(default=None, description="the same database as role kkh_app")
    database_public_url: SecretStr | None = Field(default=None, description="the same database as role kkh_public")

    @property
    def embedded(self) -> bool:
        """True where the private cluster is used, False where a server was named."""
        return not (self.database_url or self.database_app_url or self.database_public_url)

    @property
    def media(self) -> Path:
        """Folder of photos and other attachments."""
        return self.home / "media"

    @property
    def rasters(self) -> Path:
        """Folder of the Cloud-Optimized GeoTIFFs."""
        return self.home / "rasters"
