"""Gauges and other instruments: what they are, and what they measured."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from alerts.run import process_findings
from api.bodies import answered, read_body
from api.pages import collection, data
from api.plain import plain
from api.security import Gauge, Reader
from api.storage import reading, writing
from api.triggering import sensor_findings
from hazard_db.triggers import sensors

router = APIRouter(tags=["sensors"])

Code = Annotated[str, Path(max_length=64, pattern=sensors.CODE.pattern)]


class Value(BaseModel):
    """What was measured when."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    at: AwareDatetime = Field(description="With zone, such as 2026-07-01T06:00:00Z.")
    value: FiniteFloat


class Values(BaseModel):
    """One value, or several."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    at: AwareDatetime | None = None
    value: FiniteFloat | None = None
    values: tuple[Value, ...] = Field(default=(), max_length=sensors.MOST_VALUES)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if (self.at is None) != (self.value is None) or bool(self.values) == (self.at is not None):
            raise ValueError("send either `at` and `value`, or a list `values` of those")
        return self

    @property
    def pairs(self) -> list[tuple[datetime, float]]:
        """All of them."""
        single = [] if self.at is None or self.value is None else [(self.at, self.value)]
        return single + [(one.at, one.value) for one in self.values]


ONE = Value.model_json_schema()
BODY = {"anyOf": [ONE, {"type": "object", "properties": {"values": {"type": "array", "items": ONE}}}]}


@router.get("/sensors")
def list_sensors(request: Request, identity: Reader) -> Response:
    """Return the instruments with their last values, as GeoJSON."""
    del identity
    with reading(request) as conn:
        found = sensors.list_sensors(conn)
    items = [
        {**plain(one), "id": one.code, "geometry": {"type": "Point", "coordinates": [one.lon, one.lat]}}
        for one in found
    ]
    return data(collection(items), media_type="application/geo+json")


@router.get("/sensors/{code}/values")
def list_values(
    request: Request,
    identity: Reader,
    code: Code,
    since: Annotated[AwareDatetime | None, Query(description="Measured at this time or later.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Response:
    """Return what an instrument measured, newest first."""
    del identity
    with reading(request) as conn:
        return data({"sensor": code, "values": sensors.values(conn, code, since=since, limit=limit)})


@router.post(
    "/sensors/{code}/values",
    status_code=201,
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": BODY}}}},
)
async def send_values(request: Request, identity: Gauge, code: Code) -> Response:
    """Take in what an instrument measured; a value of the same moment sent again changes nothing."""
    sent = await read_body(request, Values)

    def act() -> dict[str, Any]:
        with writing(request, identity) as conn:
            new = sensors.store_values(conn, code, sent.pairs)
            told = sensors.reading(conn, code)
            process_findings(conn, sensor_findings(told), identity.name)
        return {"sensor": code, "new": new, "level": told.level if told else None}

    return await answered(request, f"/sensors/{code}/values", act, lambda told: told, 201)
