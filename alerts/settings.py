"""Settings of alerts and their delivery, from the environment (prefix HAZARD_)."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from alerts.states import SEVERITIES
from hazard_db.settings import Settings


class AlertSettings(Settings):
    """How alerts are raised and sent."""

    home: Path = Field(default=Path(".kkh"), description="where the file channel writes, in folder alerts")
    alert_rules: Path | None = Field(default=None, description="a file of alert rules instead of our own")
    alert_sender: Annotated[str, Field(pattern=r"^[^\s,<&]+$")] = "kkh-hazard-watch"
    """CAP sender: a name in the internet's domain system is best, e.g. alerts@kkh.example."""
    alert_sender_name: str = "KKH Hazard Watch"
    base_url: Annotated[str, Field(pattern=r"^https?://[^\s<>\"]+$")] = "http://127.0.0.1:8000"
    """Address of the pages that messages link to."""

    cap_signing_key: Path | None = Field(default=None, description="PEM file of the RSA key that signs CAP documents")
    cap_signing_certificate: Path | None = Field(default=None, description="PEM file of its certificate")

    secret_key: SecretStr | None = Field(
        default=None, description="signs links; by default the one kept under the home"
    )
    webhook_secret: SecretStr | None = Field(default=None, min_length=16, description="signs every webhook request")
    webhook_timeout_s: Annotated[float, Field(gt=0, le=120)] = 10
    webhook_allowed_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    """Private networks that webhooks may reach, e.g. `127.0.0.0/8,10.1.0.0/16`; public addresses always may."""

    smtp_host: str | None = None
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: str = "KKH Hazard Watch <alerts@localhost>"
    smtp_timeout_s: Annotated[float, Field(gt=0, le=120)] = 20

    delivery_first_retry_s: Annotated[float, Field(gt=0, le=86_400)] = 30
    delivery_longest_wait_s: Annotated[float, Field(gt=0, le=86_400)] = 3600
    delivery_give_up_h: Annotated[float, Field(gt=0)] = 72

    remind_after_h: Annotated[dict[str, Annotated[float, Field(ge=0.1, le=8760)]], NoDecode] = Field(
        default_factory=lambda: {"Extreme": 1.0, "Severe": 6.0, "Moderate": 24.0}
    )
    """Duty officers are told again, every so many hours, of what nobody has acknowledged; a severity that is not named is told once."""

    @field_validator("webhook_allowed_networks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("remind_after_h", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return {
            name.strip(): hours for name, _, hours in (part.partition("=") for part in value.split(",") if part.strip())
        }

    @field_validator("remind_after_h")
    @classmethod
    def _severities(cls, value: dict[str, float]) -> dict[str, float]:
        if unknown := sorted(set(value) - set(SEVERITIES)):
            raise ValueError(f"{unknown[0]} is none of {', '.join(SEVERITIES)}")
        return value

    @property
    def give_up_after(self) -> timedelta:
        """Age at which a message is of no more use to a receiver that cannot be reached."""
        return timedelta(hours=self.delivery_give_up_h)

    @property
    def folder(self) -> Path:
        """Where the file channel writes."""
        return self.home / "alerts"
