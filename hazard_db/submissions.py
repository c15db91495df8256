"""Submissions of phones: each stored once, corrections become revisions, what comes late finds its place."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from hazard_db import fieldbook, media
from hazard_db.errors import ConflictError
from hazard_db.fieldbook import NewObservation
from hazard_db.media import MediaRecord, NewFile

NAMESPACE = uuid.UUID("7d3d6b0e-6c0f-4f57-9f0b-0d8f7c6e2a11")
"""For instanceIDs that are no UUIDs themselves."""


@dataclass(frozen=True)
class NewSubmission:
    """A filled form."""

    instance_id: str
    deprecated_id: str | None
    form_id: str
    form_version: str
    xml: str
    content_sha256: str
    expected: tuple[str, ...]
    observation: NewObservation


@dataclass(frozen=True)
class Sender:
    """Whose submission it is; people correct their own, reviewers everybody's."""

    name: str
    account_id: int | None
    is_reviewer: bool


@dataclass(frozen=True)
class Receipt:
    """What is stored of a submission now."""

    observation_id: uuid.UUID
    is_new: bool
    media: tuple[MediaRecord, ...]


def observation_id(instance_id: str) -> uuid.UUID:
    """Return the id of the observation that a submission makes: always the same for the same instanceID."""
    try:
        return uuid.UUID(instance_id.removeprefix("uuid:"))
    except ValueError:
        return uuid.uuid5(NAMESPACE, instance_id)


def receive(conn: Connection, new: NewSubmission, files: Sequence[NewFile], sender: Sender) -> Receipt:
    """Return the receipt after the submission or a further part of it was stored; a part that is there already does no harm.

    Raises
    ------
    ConflictError
        Another submission has that instanceID.
    """
    _take_turns(conn, new)
    known = _by_instance(conn, new.instance_id)
    if known is not None and known.content_sha256 != new.content_sha256:
        raise ConflictError(
            f"there is a submission {new.instance_id} with other answers; send a correction with an instanceID of its own"
        )
    home = known.observation_id if known is not None else _place(conn, new, sender)
    if known is None:
        _insert(conn, new, home, sender)
    stored = tuple(media.add_file(conn, home, file) for file in files)
    return Receipt(home, known is None, stored)


def list_of(conn: Connection, identifier: uuid.UUID) -> list[dict[str, Any]]:
    """Return the submissions of an observation, newest first, each with the files it speaks of and their checksums."""
    stored = {file.filename: file for file in media.list_media(conn, identifier)}
    rows = conn.execute(
        text("""SELECT instance_id, deprecated_id, form_id, form_version, created_at, created_by, expected
                FROM submission WHERE observation_id = :id ORDER BY id DESC"""),
        {"id": identifier},
    )
    return [{**row._mapping, "files": [_receipt(name, stored.get(name)) for name in row.expected]} for row in rows]


def _receipt(name: str, file: MediaRecord | None) -> dict[str, Any]:
    """Return what came of a file that the form speaks of; without a checksum it has not arrived."""
    known = {"sha256": file.sha256, "size_bytes": file.size_bytes, "received_at": file.created_at} if file else {}
    return {"filename": name, "sha256": None, "size_bytes": None, "received_at": None} | known


def _take_turns(conn: Connection, new: NewSubmission) -> None:
    """Wait for what others do to the same submission; corrections reach beyond their neighbours and go one by one."""
    locks = sorted({new.instance_id, new.deprecated_id or new.instance_id})
    for name in ["corrections", *locks] if new.deprecated_id else locks:
        conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('submission ' || :name, 0))"), {"name": name})


def _place(conn: Connection, new: NewSubmission, sender: Sender) -> uuid.UUID:
    """Return the observation that a submission belongs to, after its answers have found their place there."""
    before = _by_instance(conn, new.deprecated_id) if new.deprecated_id else None
    before = before if before is not None and _may_edit(before, sender) else None
    after = _correction_of(conn, new.instance_id, sender)
    if before is not None and after is not None:
        _keep_as_earlier(conn, before.observation_id, new.observation)
        _merge(conn, after.observation_id, into=before.observation_id)
        return _uuid(before.observation_id)
    if after is not None:
        _keep_as_earlier(conn, after.observation_id, new.observation)
        return _uuid(after.observation_id)
    if before is not None:
        fieldbook.revise_observation(conn, before.observation_id, new.observation)
        return _uuid(before.observation_id)
    fieldbook.create_observation(conn, new.observation)
    return new.observation.id


def _uuid(value: Any) -> uuid.UUID:
    return uuid.UUID(str(value))


def _by_instance(conn: Connection, instance_id: str) -> Row[Any] | None:
    return conn.execute(text(f"{_SUBMISSION} WHERE instance_id = :id"), {"id": instance_id}).one_or_none()


def _correction_of(conn: Connection, instance_id: str, sender: Sender) -> Row[Any] | None:
    """Return the submission of the same sender that corrects this one and was here before it."""
    rows = conn.execute(text(f"{_SUBMISSION} WHERE deprecated_id = :id ORDER BY id DESC"), {"id": instance_id})
    return next((row for row in rows if _may_edit(row, sender)), None)


def _may_edit(submission: Row[Any], sender: Sender) -> bool:
    own_account = sender.account_id is not None and submission.account_id == sender.account_id
    return own_account or submission.created_by == sender.name or sender.is_reviewer


def _insert(conn: Connection, new: NewSubmission, home: uuid.UUID, sender: Sender) -> None:
    conn.execute(
        text("""INSERT INTO submission (instance_id, deprecated_id, form_id, form_version, xml, content_sha256, expected,
                                        observation_id, account_id)
                VALUES (:instance_id, :deprecated_id, :form_id, :form_version, :xml, :content_sha256, CAST(:expected AS jsonb),
                        :home, :account_id)"""),
        {
            **{name: getattr(new, name) for name in NewSubmission.__dataclass_fields__},
            "expected": json.dumps(new.expected), "home": home, "account_id": sender.account_id,
        },
    )  # fmt: skip


def _keep_as_earlier(conn: Connection, identifier: uuid.UUID, content: NewObservation) -> None:
    """Keep the answers of a submission that came after its correction: in the history, without touching what is newer."""
    conn.execute(
        text("""WITH present AS (
                    UPDATE observation SET revision = revision + 1 WHERE id = :target RETURNING *
                )
                INSERT INTO observation_revision (observation_id, revision, content, changed_by)
                SELECT present.id, present.revision - 1, to_jsonb(present) || jsonb_build_object(
                           'kind', CAST(:kind AS text), 'observed_at', CAST(:observed_at AS timestamptz),
                           'observer', CAST(:observer AS text), 'accuracy_m', CAST(:accuracy_m AS float8),
                           'note', CAST(:note AS text), 'attributes', CAST(:attributes AS jsonb),
                           'source_id', CAST(:source_id AS text), 'content_sha256', CAST(:sha AS text),
                           'geom', ST_SetSRID(ST_MakePoint(:lon, :lat), 4326), 'review_status', 'submitted',
                           'revision', present.revision - 1),
                       actor_name()
                FROM present"""),
        content.parameters | {"target": identifier},
    )


def _merge(conn: Connection, other: uuid.UUID, *, into: uuid.UUID) -> None:
    """Make one of two observations that turn out to be the same: content of the newer, photos and evidence of both."""
    if other == into:
        return
    pair = {"other": other, "into": into}
    newer = conn.execute(text(_RETIRE), pair).one()
    conn.execute(text(_TAKE_OVER), pair | {name: newer._mapping[name] for name in _CARRIED})
    there = media.names(conn, into)
    for file in media.list_media(conn, other):
        name = media.free_name(there, file.filename, file.sha256)
        if name not in there:
            conn.execute(
                text("UPDATE media SET observation_id = :into, filename = :name WHERE id = :id"),
                {"into": into, "name": name, "id": file.id},
            )
    conn.execute(text("UPDATE evidence SET observation_id = :into WHERE observation_id = :other"), pair)
    conn.execute(text("UPDATE submission SET observation_id = :into WHERE observation_id = :other"), pair)


_SUBMISSION = "SELECT instance_id, content_sha256, observation_id, account_id, created_by FROM submission"
_CARRIED = (
    "kind",
    "observed_at",
    "observer",
    "accuracy_m",
    "note",
    "attributes",
    "source_id",
    "content_sha256",
    "geom",
)
# its checksum is freed for the other one: no two observations have the same
_RETIRE = """
    WITH before AS (SELECT * FROM observation WHERE id = :other FOR UPDATE),
    retired AS (
        UPDATE observation AS o SET review_status = 'rejected', content_sha256 = 'merged ' || o.id,
            attributes = o.attributes || jsonb_build_object('merged_into', CAST(:into AS text))
        FROM before WHERE o.id = before.id RETURNING o.id
    )
    SELECT kind, observed_at, observer, accuracy_m, note, CAST(attributes AS text) AS attributes, source_id, content_sha256,
           CAST(geom AS text) AS geom
    FROM before WHERE id IN (SELECT id FROM retired)
"""
_TAKE_OVER = """
    UPDATE observation SET kind = :kind, observed_at = :observed_at, observer = :observer, accuracy_m = :accuracy_m, note = :note,
        attributes = CAST(:attributes AS jsonb), source_id = :source_id, content_sha256 = :content_sha256,
        geom = CAST(:geom AS geometry), review_status = 'submitted'
    WHERE id = :into
"""
