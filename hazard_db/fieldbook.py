"""The field book: observations one by one, their review and their history."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, text

from hazard_db import remarks
from hazard_db.errors import AccessDeniedError, ConflictError, InputError, NotFoundError
from hazard_db.search import FILTER, Window, containing

VERDICTS = ("submitted", "accepted", "rejected", "asked")


@dataclass(frozen=True)
class NewObservation:
    """An observation as its maker sends it; the maker makes its id, so that sending it twice does no harm."""

    id: uuid.UUID
    kind: str
    lon: float
    lat: float
    observed_at: datetime | None
    observer: str | None
    accuracy_m: float | None = None
    note: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    dataset: str = "api"
    source_id: str | None = None

    @property
    def content_sha256(self) -> str:
        """Checksum of all that the maker said."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()

    @property
    def parameters(self) -> dict[str, Any]:
        """Values by the names the statements use."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return values | {"attributes": json.dumps(dict(self.attributes)), "sha": self.content_sha256}


def list_observations(
    conn: Connection, window: Window, *, published: bool, status: str | None = None
) -> list[dict[str, Any]]:
    """Return observations, newest first.

    Parameters
    ----------
    published
        True: what anybody may read, without names of people, from schema `published`.
    status
        Only those of a review status.
    """
    rows = conn.execute(
        text(f"""SELECT {_COLUMNS if published else _COLUMNS + _INSIDE} FROM {_table(published)} WHERE {FILTER}
                 AND (CAST(:since AS timestamptz) IS NULL OR observed_at >= :since)
                 AND (CAST(:until AS timestamptz) IS NULL OR observed_at < :until)
                 AND {containing(*(_TEXTS if published else _TEXTS + _TEXTS_INSIDE))}
                 AND (CAST(:status AS text) IS NULL OR review_status = :status)
                 ORDER BY observed_at DESC NULLS LAST, id LIMIT :limit OFFSET :offset"""),
        window.parameters | {"status": status},
    )
    return [dict(row._mapping) for row in rows]


def get_observation(conn: Connection, identifier: uuid.UUID, *, published: bool) -> dict[str, Any]:
    """Return one observation.

    Raises
    ------
    NotFoundError
        There is none of that id, or it may not be shown.
    """
    row = conn.execute(
        text(f"SELECT {_COLUMNS if published else _COLUMNS + _INSIDE} FROM {_table(published)} WHERE id = :id"),
        {"id": identifier},
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no observation {identifier}")
    return dict(row._mapping)


def create_observation(conn: Connection, new: NewObservation) -> bool:
    """Return whether the observation was stored now; False where the very same one was there already.

    Raises
    ------
    ConflictError
        Another observation has that id.
    """
    inserted = conn.execute(
        text("""INSERT INTO observation (id, kind, observed_at, observer, accuracy_m, note, attributes, dataset, source_id,
                                         content_sha256, geom)
                VALUES (:id, :kind, :observed_at, :observer, :accuracy_m, :note, CAST(:attributes AS jsonb), :dataset, :source_id,
                        :sha, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
                ON CONFLICT DO NOTHING"""),
        new.parameters,
    )
    if inserted.rowcount:
        return True
    if not _sent_before(conn, new):
        raise ConflictError(f"there is another observation {new.id}; make a new id for a new observation")
    return False


def revise_observation(conn: Connection, identifier: uuid.UUID, content: NewObservation) -> None:
    """Give an observation its corrected content; the version before is kept, and what was reviewed is reviewed again."""
    conn.execute(
        text("""UPDATE observation SET kind = :kind, observed_at = :observed_at, observer = :observer, accuracy_m = :accuracy_m,
                    note = :note, attributes = CAST(:attributes AS jsonb), dataset = :dataset, source_id = :source_id,
                    content_sha256 = :sha, geom = ST_SetSRID(ST_MakePoint(:lon, :lat), 4326), review_status = 'submitted'
                WHERE id = :target"""),
        content.parameters | {"target": identifier},
    )


def edit_observation(
    conn: Connection, new: NewObservation, *, editor: str, is_reviewer: bool, expected_revision: int
) -> dict[str, Any]:
    """Return the observation after a person corrected it; where it came from stays as it was.

    Raises
    ------
    NotFoundError
        There is no such observation.
    AccessDeniedError
        It is somebody else's, or was accepted: then reviewers alone correct it.
    ConflictError
        It was changed since the caller looked at revision `expected_revision`.
    """
    row = conn.execute(
        text(
            """SELECT revision, created_by, review_status, dataset, source_id, content_sha256
               FROM observation WHERE id = :id FOR UPDATE"""
        ),
        {"id": new.id},
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no observation {new.id}")
    corrected = replace(new, dataset=row.dataset, source_id=row.source_id)
    if row.revision > expected_revision and row.content_sha256 == corrected.content_sha256:
        return get_observation(conn, new.id, published=False)  # sent again: it is what this correction made
    if not is_reviewer and (row.created_by != editor or row.review_status == "accepted"):
        raise AccessDeniedError("field workers correct their own observations, until these are accepted")
    if row.revision != expected_revision:
        raise ConflictError(f"the observation is at revision {row.revision} by now; look again before you correct it")
    revise_observation(conn, new.id, corrected)
    return get_observation(conn, new.id, published=False)


def review_observation(
    conn: Connection,
    identifier: uuid.UUID,
    verdict: str,
    *,
    note: str | None = None,
    expected_revision: int | None = None,
) -> dict[str, Any]:
    """Return the observation after a person's verdict on it; the version before is kept.

    Raises
    ------
    InputError
        There is no such verdict.
    NotFoundError
        There is no such observation.
    ConflictError
        It was changed since the caller looked at revision `expected_revision`.
    """
    if verdict not in VERDICTS:
        raise InputError(f"verdict {verdict!r}: use accepted, rejected, asked, or submitted to take a verdict back")
    if verdict == "asked" and not note:
        raise InputError("note: say what you ask of the observer")
    present = conn.scalar(text("SELECT revision FROM observation WHERE id = :id FOR UPDATE"), {"id": identifier})
    if present is None:
        raise NotFoundError(f"there is no observation {identifier}")
    if expected_revision is not None and present != expected_revision:
        raise ConflictError(f"the observation is at revision {present} by now; look again before you decide")
    if note:
        remarks.say(conn, identifier, note, verdict)
    conn.execute(
        text("UPDATE observation SET review_status = :verdict WHERE id = :id"), {"id": identifier, "verdict": verdict}
    )
    return get_observation(conn, identifier, published=False)


def history(conn: Connection, identifier: uuid.UUID) -> list[dict[str, Any]]:
    """Return the earlier versions of an observation, newest first: revision, content, when and by whom it was replaced.

    Raises
    ------
    NotFoundError
        There is no such observation.
    """
    get_observation(conn, identifier, published=False)
    rows = conn.execute(
        text("""SELECT revision, content - 'geom' - 'shape' || jsonb_build_object('position', content #> '{geom,coordinates}') AS content,
                       changed_at, changed_by
                FROM observation_revision WHERE observation_id = :id ORDER BY revision DESC"""),
        {"id": identifier},
    )
    return [dict(row._mapping) for row in rows]


def _sent_before(conn: Connection, new: NewObservation) -> bool:
    """Return whether this very content came in under this id, whatever a review or a correction made of it since."""
    return bool(
        conn.scalar(
            text("""SELECT true FROM observation WHERE id = :id AND content_sha256 = :sha
                    UNION ALL SELECT true FROM observation_revision
                    WHERE observation_id = :id AND content->>'content_sha256' = :sha LIMIT 1"""),
            {"id": new.id, "sha": new.content_sha256},
        )
    )


def _table(published: bool) -> str:
    return "published.observations" if published else "observation"


_COLUMNS = """id, kind, observed_at, accuracy_m, note, review_status, revision, dataset, source_id, chainage_km, offset_m, side,
    created_at, CAST(ST_AsGeoJSON(geom, 7) AS jsonb) AS geometry"""
_INSIDE = ", observer, attributes, created_by, source_record, CAST(ST_AsGeoJSON(shape, 7) AS jsonb) AS shape"
_TEXTS = ("note", "kind", "dataset", "source_id")
_TEXTS_INSIDE = ("observer", "CAST(attributes AS text)", "CAST(id AS text)")
"""Where a text is looked for."""
