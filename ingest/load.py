"""Survey files into the catalogue: whole or not at all, once, and safe against being killed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Any
from uuid import UUID

import shapely

from hazard_db import survey_records
from hazard_db.connect import Connection, Engine
from hazard_db.connect import actor as set_actor
from hazard_db.errors import InputError, RecordError
from hazard_db.progress import Progress, silent
from hazard_db.survey_records import KnownFile, SurveyRecord
from ingest import files
from ingest.rejects import Rejects
from ingest.survey import bundle
from ingest.survey.attaching import Attaching
from ingest.survey.fields import Columns, refuse_placeless
from ingest.survey.options import Options, checked
from ingest.survey.photos import Finder, by_time
from ingest.survey.places import Places
from ingest.survey.records import Observed
from ingest.survey.registry import FORMATS, recognise
from ingest.survey.source import Raw, Source

MOST_BATCH = 2_000
MOST_BATCH_BYTES = 16 << 20
MOST_RECORDS = 5_000_000
"""Of one file; their ids are held in memory to find those that occur twice."""
PREVIEWED = 5
TOLD_PHOTOS = 5
"""Photos that did not arrive, by name, in a note."""
BY_TIME_S = 300.0
"""One stops, marks the place, and photographs within minutes."""

Pair = tuple[SurveyRecord, Raw]
"""An observation and how it stands in the file."""


@dataclass(frozen=True)
class SurveyReport:
    """What became of a survey file."""

    name: str
    status: str
    """`stored`, `unchanged` (the very same file was stored before) or `dry run` (nothing was stored)."""
    format: str
    crs: str | None
    """What its coordinates were in."""
    dataset: str
    records: int
    """Good ones: new, revised and unchanged together."""
    new: int
    revised: int
    unchanged: int
    rejected: int
    media: int
    """Photos and files that were stored with them, or stored before."""
    rejects: Path | None
    notes: tuple[str, ...]
    preview: tuple[dict[str, Any], ...] = ()
    """The first few as they would be stored, on a dry run."""


@dataclass
class _Work:
    """A file in work: what was read, what became of it."""

    path: Path
    facts: files.FileFacts
    skip_bad: bool
    rejects: Rejects
    progress: Progress
    finder: Finder | None
    """None where there is no folder to keep photos in."""
    attaching: Attaching
    within_s: float | None = None
    """Photos that no record names belong to the one that is so near in time."""
    seen: set[bytes] = field(default_factory=set)
    read: int = 0
    repeated: int = 0
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    taken: Mapping[UUID, Sequence[Path]] = field(default_factory=dict)
    """Photos by the record at whose time they were taken."""
    untimely: Sequence[Path] = ()
    """Photos that were taken at no record's time."""
    preview: list[dict[str, Any]] = field(default_factory=list)

    @property
    def records(self) -> int:
        """Good ones."""
        return self.new + self.revised + self.unchanged


def ingest_survey(
    engine: Engine,
    path: Path,
    *,
    kind: str | None = None,
    crs: str | None = None,
    columns: Mapping[str, str] | None = None,
    timezone: str | None = None,
    dataset: str | None = None,
    dry_run: bool = False,
    skip_bad: bool = False,
    rejects: Path | None = None,
    home: Path | None = None,
    media: Sequence[Path] = (),
    by_time_s: float | None = None,
    actor: str,
    progress: Progress | None = None,
) -> SurveyReport:
    """Return what became of a survey file.

    Parameters
    ----------
    kind
        Kind of hazard of records that tell none.
    crs
        EPSG:n or GCJ-02, where the file tells none or a wrong one.
    columns
        Field -> column, where the names do not tell.
    timezone
        Of times that tell none; ROAD_ZONE by default.
    dataset
        Name to file the records under; by default the file's. Ids that are no UUIDs are the same record within a dataset.
    dry_run
        Read, check and compare everything, store nothing.
    skip_bad
        Store the good records, and write the bad ones to `rejects`.
    home
        HAZARD_HOME, where photos are kept; without it none are stored.
    media
        Folders or zip archives of photos, beside those that came with the file.
    by_time_s
        Photos that no record names belong to the record nearest in time, within so many seconds; for GPX BY_TIME_S by default.
    progress
        Called with what is being done and the share of it (0-1).

    Raises
    ------
    InputError
        The file or (RecordError) one of its records cannot be used; nothing of it is stored.
    """
    shown = progress or silent
    shown(f"{path.name}: reading", 0.0)
    facts = files.facts(path)
    options = checked(path, kind=kind, crs=crs, columns=columns or {}, timezone=timezone, dataset=dataset)
    keeping = None if home is None or dry_run else home / "media"
    with bundle.opened(path, media) as parcel, Attaching(keeping, skip_bad) as attaching:
        format = recognise(parcel.survey)
        within_s = by_time_s if by_time_s is not None or format != "GPX" or not media else BY_TIME_S
        finder = None if home is None else Finder(parcel.shelf)
        work = _Work(path, facts, skip_bad, Rejects(path, rejects), shown, finder, attaching, within_s)
        with closing(FORMATS[format].read(parcel.survey)) as source:
            observed = observed_in(path, source, options)
            with survey_records.storing(engine, keep=not dry_run) as conn:
                set_actor(conn, actor)
                known = _stored_before(conn, work, options)
                if known is not None and not dry_run and not media:  # photos may have come since
                    return _unchanged(work, known)
                notes = (*parcel.notes, *_store(conn, work, source, observed, told=(format, options.told)))
                written = None if dry_run else work.rejects.write()
                attaching.keep()
    return SurveyReport(
        path.name, "dry run" if dry_run else "stored", format, observed.places.name, options.dataset, work.records, work.new,
        work.revised, work.unchanged, len(work.rejects.rows), attaching.stored, written, notes, tuple(work.preview) if dry_run else (),
    )  # fmt: skip


def observed_in(path: Path, source: Source, options: Options) -> Observed:
    """Return what turns the records of a source into observations.

    Raises
    ------
    InputError
        The columns that its user named do not exist, or none tells a position.
    """
    columns = Columns(path.name, options.columns)
    if source.columns:
        found = columns.of(source.columns)
        columns.require_seen(source.columns)
        if not source.drawn:
            refuse_placeless(path.name, found, source.columns)
    return Observed(path.name, columns, Places(options.crs, source.crs), options.zone, options.dataset, options.kind)


def _stored_before(conn: Connection, work: _Work, options: Options) -> KnownFile | None:
    """Return the file where it was stored before in the same way; nobody else stores one until this transaction ends."""
    if not survey_records.take_turn(conn):
        work.progress(f"{work.path.name}: waiting for another file to be stored", 0.0)
        survey_records.wait_turn(conn)
    known = survey_records.find_file(conn, work.facts.sha256)
    if known is None or options.told not in known.notes or (options.named and known.dataset != options.dataset):
        return None
    return known


def _store(
    conn: Connection, work: _Work, source: Source, observed: Observed, *, told: tuple[str, str]
) -> tuple[str, ...]:  # fmt: skip
    """Return what the user should know, after reading, checking and merging all records."""
    file = survey_records.put_file(
        conn, name=work.facts.name, sha256=work.facts.sha256, size_bytes=work.facts.size_bytes, format=told[0],
        crs=observed.places.name, dataset=observed.dataset,
    )  # fmt: skip
    survey_records.prepare(conn)
    pairs = _good(work, source, observed)
    if work.within_s is not None and work.finder is not None:
        held = list(pairs)  # the nearest in time is known when all are
        work.taken = _by_time(work, work.finder, held, observed.zone)
        pairs = iter(held)
    for batch in batched(pairs):
        _merge(conn, work, batch, file, observed.dataset)
        work.progress(f"{work.path.name}: {work.read:,} records", work.read / max(source.total, work.read + MOST_BATCH))
    observed.columns.require_seen()
    if not work.records:
        raise InputError(f"{work.path.name}: {work.rejects.first or 'holds no record'}")
    notes = _notes(work, source, observed, survey_records.count_beyond(conn, file))
    survey_records.close_file(
        conn, file, records=work.records, unchanged=work.unchanged, rejected=len(work.rejects.rows), notes=[told[1], *notes],
    )  # fmt: skip
    return notes


def _by_time(work: _Work, finder: Finder, pairs: Sequence[Pair], zone: tzinfo) -> dict[UUID, list[Path]]:
    """Return the photos that no record names by the record nearest in time."""
    for record, raw in pairs:
        finder.of(raw.label, raw.values, record.source_id)
    finder.missing.clear()  # told when the records are stored
    free = [path for path in finder.shelf.all_files() if path not in finder.named]
    times = [(record.observed_at, record.id) for record, _ in pairs if record.observed_at is not None]
    found, left = by_time(times, free, zone, work.within_s or 0)
    work.untimely = left
    return found


def _merge(conn: Connection, work: _Work, batch: Sequence[Pair], file: int, dataset: str) -> None:
    merged = survey_records.merge(conn, [record for record, _ in batch], file=file, dataset=dataset)
    work.new += merged.new
    work.revised += merged.revised
    work.unchanged += merged.unchanged
    for record, raw in batch:
        if record.id in merged.kept:
            _refuse(
                work, raw, f"id {str(record.source_id or record.id)[:60]!r} was {merged.kept[record.id]} by a reviewer and is not "
                "changed by a file; take the verdict back first, or give the record an id of its own",
            )  # fmt: skip
            continue
        if work.finder is None:
            continue
        photos = [*work.finder.of(raw.label, raw.values, record.source_id), *work.taken.get(record.id, ())]
        work.attaching.add(conn, f"{work.path.name}: {raw.label}", record.id, photos)


def batched(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """Yield records in lists that are short where geometries are long, so that memory stays bounded."""
    batch: list[Pair] = []
    held = 0
    for record, raw in pairs:
        batch.append((record, raw))
        held += len(record.shape or b"")
        if len(batch) == MOST_BATCH or held > MOST_BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _good(work: _Work, source: Source, observed: Observed) -> Iterator[Pair]:
    """Yield the records that can be stored, each with how it stands in the file."""
    for raw in source.records:
        work.read += 1
        if work.read > MOST_RECORDS:
            raise InputError(f"{work.path.name}: holds more than {MOST_RECORDS:,} records; split it")
        try:
            record = observed.record(raw)
        except RecordError as error:
            if not work.skip_bad:
                raise
            work.rejects.add(raw.label, str(error.__cause__), _values(raw))
            continue
        if record.id.bytes in work.seen:
            if record.source_id is None:
                work.repeated += 1
            else:
                _refuse(work, raw, f"id {record.source_id[:60]!r} occurs twice in the file; give each record its own")
            continue
        work.seen.add(record.id.bytes)
        if len(work.preview) < PREVIEWED:
            work.preview.append(_previewed(record))
        yield record, raw


def _refuse(work: _Work, raw: Raw, reason: str) -> None:
    if not work.skip_bad:
        raise RecordError(f"{work.path.name}: {raw.label}: {reason}")
    work.rejects.add(raw.label, reason, _values(raw))


def _values(raw: Raw) -> dict[str, Any]:
    """Return the original values, with the geometry as text where it is none of the columns."""
    return (
        dict(raw.values)
        if raw.geometry is None
        else {**raw.values, "geometry_wkt": shapely.to_wkt(raw.geometry, rounding_precision=-1)}
    )


def _previewed(record: SurveyRecord) -> dict[str, Any]:
    longitude, latitude = shapely.get_coordinates(shapely.from_wkb(record.point))[0]
    return {
        "record": record.source_record, "id": str(record.id), "kind": record.kind, "observed_at": record.observed_at,
        "observer": record.observer, "latitude": round(float(latitude), 6), "longitude": round(float(longitude), 6),
        "accuracy_m": record.accuracy_m, "note": record.note, "attributes": dict(record.attributes),
    }  # fmt: skip


def _unchanged(work: _Work, known: KnownFile) -> SurveyReport:
    notes = (
        (f"{known.rejected} of its records were rejected then; mend them in the file of rejects",)
        if known.rejected
        else ()
    )
    return SurveyReport(
        work.path.name, "unchanged", known.format, known.crs, known.dataset, known.records, 0, 0, known.records, known.rejected,
        0, None, notes,
    )  # fmt: skip


def _notes(work: _Work, source: Source, observed: Observed, beyond: int) -> tuple[str, ...]:
    counts = dict(observed.told)
    if work.repeated:
        counts["say the same as an earlier one of the file and were stored once"] = work.repeated
    if beyond:
        counts["lie more than 50 km from the road and have no kilometre"] = beyond
    renamed = {name: column for name, column in observed.columns.of(source.columns).items() if name != column}
    columns = [f"columns: {', '.join(f'{name} is {column!r}' for name, column in renamed.items())}"] if renamed else []
    return (
        *source.notes,
        *columns,
        *(f"{count:,} records {what}" for what, count in counts.items()),
        *_photo_notes(work),
    )


def _photo_notes(work: _Work) -> list[str]:
    """Return what became of photos that did not find their record, or could not be taken."""
    told = [
        (
            "photos that records speak of were not stored; name their folder or zip with --media",
            work.finder.missing if work.finder else [],
        ),
        ("photos were taken at no record's time and were not stored", [path.name for path in work.untimely]),
        ("photos were refused", work.attaching.refused),
    ]
    return [f"{len(some):,} {what} ({'; '.join(some[:TOLD_PHOTOS])})" for what, some in told if some]
