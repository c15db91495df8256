"""Settings from the environment (prefix HAZARD_), one small class per concern."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from hazard_db.errors import SettingsError

PREFIX = "HAZARD_"


class DatabaseSettings(BaseSettings):
    """Where the catalogue lives.

    Without a `database_url` a private cluster under `home` is used. The two further URLs name the
    unprivileged roles on a server of one's own; a process that only serves needs no admin URL.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

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


def load_database_settings() -> DatabaseSettings:
    """Return the settings of this process's environment.

    Raises
    ------
    SettingsError
        A variable is unusable; the line names it and never shows its value.
    """
    try:
        return DatabaseSettings()
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name}: {first['msg']}") from error
