"""Records of survey files into observations: every field checked, its meaning the same whatever the format."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from hashlib import sha256
from typing import Any

import shapely

from hazard_db.errors import RecordError
from hazard_db.survey_records import SurveyRecord
from ingest.survey import texts
from ingest.survey.angles import metres
from ingest.survey.fields import PLACES, Columns
from ingest.survey.kinds import OTHER, kind_of
from ingest.survey.moments import moment
from ingest.survey.places import Place, Places
from ingest.survey.source import Raw

NAMESPACE = uuid.UUID("6f5a2f0e-6f0b-5b7e-9a0c-2d1f0c6f4d11")
"""Of the ids made here from a dataset and a record's own id, or from its content."""
MOST_ACCURACY_M = 100_000
NOT_TOLD = ("n/a", "N/A", "#N/A")
"""What Ona, Kobo and spreadsheets write into a cell that holds nothing."""
PLACE_COLUMNS = frozenset(PLACES)


@dataclass
class Observed:
    """Turns records of one file into observations, and remembers what its user should be told."""

    name: str
    columns: Columns
    places: Places
    zone: tzinfo
    dataset: str
    kind: str | None = None
    """Where the file tells none."""
    told: dict[str, int] = field(default_factory=dict)
    """What was decided for the user -> for how many records."""

    def record(self, raw: Raw) -> SurveyRecord:
        """Return the observation that a record tells.

        Raises
        ------
        RecordError
            It tells none that can be stored.
        """
        try:
            if raw.problem is not None:
                raise ValueError(raw.problem)
            return self._sound(raw)
        except ValueError as error:
            raise RecordError(f"{self.name}: {raw.label}: {error}") from error

    def _sound(self, raw: Raw) -> SurveyRecord:
        try:
            return self._made(raw)
        except RecursionError as error:
            raise ValueError("its attributes are nested too deeply; leave them out") from error
        except OverflowError as error:
            raise ValueError("holds a number too large to work with; correct it") from error
        except shapely.errors.ShapelyError as error:
            raise ValueError(
                f"its geometry cannot be worked with ({' '.join(str(error).split())[:200]}); redraw it"
            ) from error

    def _made(self, raw: Raw) -> SurveyRecord:
        columns = self.columns.of(raw.values)
        values = {name: None if value in NOT_TOLD else value for name, value in raw.values.items()}
        cells = {name: values[column] for name, column in columns.items()}
        place = (
            self.places.of_geometry(raw.geometry)
            if raw.geometry is not None
            else self.places.of_columns(columns, values)
        )
        used = {column for name, column in columns.items() if name not in PLACE_COLUMNS or raw.geometry is None}
        extra: dict[str, Any] = {name: value for name, value in values.items() if name not in used}
        kind = self._kind(cells.get("kind"), extra)
        at = self._moment(cells, extra)
        self._placed(place, extra)
        client = texts.text(cells.get("id"), "id")
        content: dict[str, Any] = {
            "kind": kind,
            "observed_at": at,
            "observer": texts.text(cells.get("observer"), "observer"),
            "accuracy_m": _accuracy(cells.get("accuracy_m")),
            "note": texts.text(cells.get("note"), "note", longest=texts.LONGEST_NOTE),
            "attributes": texts.attributes(extra),
        }
        point, shape = _ewkb(place.point), None if place.shape is None else _ewkb(place.shape)
        identity, digest = _identity(self.dataset, client, content, point, shape)
        return SurveyRecord(
            identity,
            **content,
            source_id=client,
            source_record=raw.label,
            content_sha256=digest,
            point=point,
            shape=shape,
        )

    def _kind(self, cell: Any, extra: dict[str, Any]) -> str:
        written = texts.text(cell, "kind")
        if written is None:
            if self.kind is None:
                self._tell("tell no kind and were stored as 'other'; --kind sets one")
            return self.kind or OTHER
        known = kind_of(written)
        if known is None or (known == OTHER and written.casefold() != OTHER):
            self._tell("are of a kind that is not known here; stored as 'other' with the text in `kind_text`")
        if written.casefold() != known:
            extra["kind_text"] = written
        return known or OTHER

    def _moment(self, cells: Mapping[str, Any], extra: dict[str, Any]) -> datetime | None:
        value = cells.get("observed_at")
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        found = moment(value, self.zone, clock=cells.get("clock"))
        if found.precision is not None:
            extra["observed_precision"] = found.precision
        if not found.told_zone:
            self._tell(f"have times without a zone, taken as {self.zone}; --timezone sets another")
        return found.at

    def _placed(self, place: Place, extra: dict[str, Any]) -> None:
        if place.crs != "EPSG:4326":
            extra["source_crs"] = place.crs
            self._tell(f"were converted from {place.crs} to EPSG:4326")
        if place.repaired is not None:
            extra["geometry_repaired"] = place.repaired
            self._tell("had an invalid geometry that was repaired; see the attribute `geometry_repaired`")

    def _tell(self, what: str) -> None:
        self.told[what] = self.told.get(what, 0) + 1


def _accuracy(cell: Any) -> float | None:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    value = metres(cell, "accuracy")
    if not 0 <= value <= MOST_ACCURACY_M:
        raise ValueError(f"accuracy {value:g} m is not between 0 and {MOST_ACCURACY_M:,}; correct it or leave it empty")
    return value


def _ewkb(geometry: shapely.Geometry) -> bytes:
    return bytes(shapely.to_wkb(shapely.set_srid(geometry, 4326), include_srid=True))


def _identity(
    dataset: str, client: str | None, content: Mapping[str, Any], point: bytes, shape: bytes | None
) -> tuple[uuid.UUID, str]:
    """Return the id of an observation and the checksum of all that its record says.

    A record's own id is a UUID, or means something in its dataset only. A record without one is known by its content.
    """
    told = json.dumps(content, sort_keys=True, default=str, ensure_ascii=False)
    body = sha256(b"\x00".join([told.encode(), point, shape or b""])).hexdigest()
    if client is None:
        return uuid.uuid5(NAMESPACE, body), body
    try:
        identity = uuid.UUID(client.removeprefix("uuid:"))
    except ValueError:
        identity = uuid.uuid5(NAMESPACE, json.dumps([dataset, client]))
    return identity, sha256(f"{identity} {body}".encode()).hexdigest()
