"""An observation as programs and phones send it, checked before it comes near the catalogue."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from hazard_db.fieldbook import NewObservation

CLOCK_ERROR = timedelta(minutes=10)
"""Clocks of phones are off by so much."""
MOST_ATTRIBUTES_BYTES = 64 * 1024
REGION = (60.0, 20.0, 90.0, 55.0)
"""West, south, east, north: where kilometres of this road mean something."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]


class IncomingObservation(BaseModel):
    """What was seen, where and when; `id` is made by whoever sends it, so that sending it twice does no harm."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    id: uuid.UUID | None = Field(
        default=None, description="Made by the sender; also taken from the header Idempotency-Key."
    )
    kind: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[a-z][a-z0-9_]{1,59}$")] = Field(
        description="Kind of hazard, for example landslide, rockfall, debris_flow."
    )
    observed_at: AwareDatetime = Field(description="With its time zone, for example 2026-05-01T14:30:00+05:00.")
    longitude: float = Field(ge=-180, le=180)
    latitude: float = Field(ge=-90, le=90)
    accuracy_m: float | None = Field(default=None, ge=0, le=100_000)
    observer: Name | None = Field(default=None, description="By default the account or key that sends it.")
    note: Text | None = None
    attributes: dict[str, Any] = Field(default_factory=dict, description="Anything else, by name.")

    @field_validator("observed_at")
    @classmethod
    def _past(cls, value: datetime) -> datetime:
        if value > datetime.now(UTC) + CLOCK_ERROR:
            raise ValueError("lies in the future; check the clock and the time zone")
        if value.year < 1800:
            raise ValueError("is before 1800")
        return value.astimezone(UTC)

    @field_validator("attributes")
    @classmethod
    def _small(cls, value: dict[str, Any]) -> dict[str, Any]:
        if len(json.dumps(value)) > MOST_ATTRIBUTES_BYTES or any(len(name) > 1000 for name in value):
            raise ValueError(f"are more than {MOST_ATTRIBUTES_BYTES // 1024} kB, or have names over 1,000 characters")
        if "\\u0000" in json.dumps(value).replace("\\\\", ""):  # a backslash that was written out is two
            raise ValueError("hold a character (NUL) that cannot be stored")
        return value

    @field_validator("note", "observer")
    @classmethod
    def _storable(cls, value: str | None) -> str | None:
        if value is not None and "\x00" in value:
            raise ValueError("holds a character (NUL) that cannot be stored")
        return value

    @model_validator(mode="after")
    def _not_swapped(self) -> IncomingObservation:
        if not _inside(self.longitude, self.latitude) and _inside(self.latitude, self.longitude):
            raise ValueError("longitude and latitude look swapped: the road lies at longitude 72-76, latitude 33-40")
        return self

    def record(self, identifier: uuid.UUID, sender: str) -> NewObservation:
        """Return the record to store."""
        return NewObservation(
            id=identifier,
            kind=self.kind,
            lon=self.longitude,
            lat=self.latitude,
            observed_at=self.observed_at,
            observer=self.observer or sender,
            accuracy_m=self.accuracy_m,
            note=self.note,
            attributes=self.attributes,
        )


def _inside(lon: float, lat: float) -> bool:
    west, south, east, north = REGION
    return west <= lon <= east and south <= lat <= north
