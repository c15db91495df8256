"""Survey files into the catalogue: whole or not at all, once, and safe against being killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import shapely

from hazard_db import survey_records
from hazard_db.connect import Connection, Engine
from hazard_db.connect import actor as set_actor
from hazard_db.errors import InputError, RecordError
from hazard_db.survey_records import KnownFile, SurveyRecord
from ingest import files
from ingest.rejects import Rejects, dataset_of
from ingest.survey import texts
from ingest.survey.fields import Columns
from ingest.survey.kinds import WORDS, kind_of
from ingest.survey.moments import ROAD_ZONE
from ingest.survey.places import Places
from ingest.survey.records import Observed
from ingest.survey.registry import FORMATS, recognise
from ingest.survey.source import Raw, Source

BATCH = 2_000
MOST_RECORDS = 5_000_000
"""Of one file; their ids are held in memory to find those that occur twice."""
PREVIEWED = 5


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
    progress: Callable[[str, float], None]
    seen: set[bytes] = field(default_factory=set)
    read: int = 0
    repeated: int = 0
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    preview: list[dict[str, Any]] = field(default_factory=list)

    @property
    def records(self) -> int:
        """Good ones."""
        return self.new + self.revised + self.unchanged


@dataclass(frozen=True)
class _Options:
    """What the user says of the file, checked."""

    kind: str | None
    crs: str | None
    columns: Mapping[str, str]
    zone: ZoneInfo


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
    actor: str,
    progress: Callable[[str, float], None] | None = None,
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
    progress
        Called with what is being done and the share of it (0-1).

    Raises
    ------
    InputError
        The file or (RecordError) one of its records cannot be used; nothing of it is stored.
    """
    shown = progress or _silent
    shown(f"{path.name}: reading", 0.0)
    work = _Work(path, files.facts(path), skip_bad, Rejects(path, rejects), shown)
    options = _options(kind, crs, columns or {}, timezone)
    format = recognise(path)
    source = FORMATS[format].read(path)
    observed = _observed(path, source, options, dataset or dataset_of(path))
    with survey_records.storing(engine, keep=not dry_run) as conn:
        set_actor(conn, actor)
        if not dry_run:
            _take_turn(conn, work)
            known = survey_records.find_file(conn, work.facts.sha256)
            if known is not None and known.dataset == observed.dataset and _told(options) in known.notes:
                return _unchanged(work, known)
        file = survey_records.put_file(
            conn, name=texts.shortened(path.name), sha256=work.facts.sha256, size_bytes=work.facts.size_bytes, format=format,
            crs=observed.places.name, dataset=observed.dataset,
        )  # fmt: skip
        _store(conn, work, source, observed, file)
        notes = _notes(work, source, observed, survey_records.count_beyond(conn, file))
        survey_records.close_file(
            conn, file, records=work.records, unchanged=work.unchanged, rejected=len(work.rejects.rows),
            notes=[_told(options), *notes],
        )  # fmt: skip
        written = None if dry_run else work.rejects.write()
    return SurveyReport(
        path.name, "dry run" if dry_run else "stored", format, observed.places.name, observed.dataset, work.records, work.new,
        work.revised, work.unchanged, len(work.rejects.rows), written, notes, tuple(work.preview) if dry_run else (),
    )  # fmt: skip


def _options(kind: str | None, crs: str | None, columns: Mapping[str, str], timezone: str | None) -> _Options:
    known = None if kind is None else kind_of(kind)
    if kind is not None and known is None:
        raise InputError(f"--kind {kind[:60]}: is none that is known here; use one of {', '.join(WORDS)}")
    try:
        zone = ZoneInfo(timezone or ROAD_ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(
            f"--timezone {timezone}: there is none; write it as Asia/Karachi, Asia/Shanghai or UTC"
        ) from error
    return _Options(known, crs, dict(columns), zone)


def _told(options: _Options) -> str:
    """Return the options as the catalogue keeps them with the file: another reading of the same file is not the same."""
    told = {"kind": options.kind, "crs": options.crs, "timezone": options.zone.key} | dict(options.columns)
    return "read with " + ", ".join(f"{name}={value}" for name, value in told.items() if value is not None)


def _observed(path: Path, source: Source, options: _Options, dataset: str) -> Observed:
    try:
        texts.text(dataset, "the name of the dataset")
        texts.check(path.name, "the name of the file")
    except ValueError as error:
        raise InputError(f"{path.name[:100]}: {error}") from error
    columns = Columns(path.name, options.columns)
    if source.columns:
        columns.of(source.columns)
        columns.require_seen(source.columns)
    places = Places(options.crs, source.crs)
    return Observed(path.name, columns, places, options.zone, dataset.strip(), options.kind)


def _take_turn(conn: Connection, work: _Work) -> None:
    if not survey_records.take_turn(conn):
        work.progress(f"{work.path.name}: waiting for another file to be stored", 0.0)
        survey_records.wait_turn(conn)


def _store(conn: Connection, work: _Work, source: Source, observed: Observed, file: int) -> None:
    """Read, check and merge all records, some at a time."""
    survey_records.prepare(conn)
    good = _good(work, source, observed)
    while batch := list(islice(good, BATCH)):
        merged = survey_records.merge(conn, [record for record, _ in batch], file=file, dataset=observed.dataset)
        work.new, work.revised, work.unchanged = (
            work.new + merged.new, work.revised + merged.revised, work.unchanged + merged.unchanged,
        )  # fmt: skip
        for record, raw in batch:
            if record.id in merged.kept:
                verdict = merged.kept[record.id]
                _refuse(work, raw, f"id {str(record.source_id or record.id)[:60]} was {verdict} by a reviewer and is not changed by a file; "
                        "take the verdict back first, or give the record a new id")  # fmt: skip
        work.progress(f"{work.path.name}: {work.read:,} records", work.read / max(source.total, work.read + BATCH))
    observed.columns.require_seen()
    if not work.records and not work.rejects.rows:
        raise InputError(f"{work.path.name}: holds no record; export it again")


def _good(work: _Work, source: Source, observed: Observed) -> Iterator[tuple[SurveyRecord, Raw]]:
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
    point = shapely.from_wkb(record.point)
    return {
        "record": record.source_record, "id": str(record.id), "kind": record.kind, "observed_at": record.observed_at,
        "observer": record.observer, "latitude": round(point.y, 6), "longitude": round(point.x, 6), "accuracy_m": record.accuracy_m,
        "note": record.note, "attributes": dict(record.attributes),
    }  # fmt: skip


def _unchanged(work: _Work, known: KnownFile) -> SurveyReport:
    notes = (
        (f"{known.rejected} of its records were rejected then; mend them in the file of rejects",)
        if known.rejected
        else ()
    )
    return SurveyReport(
        work.path.name, "unchanged", known.format, known.crs, known.dataset, known.records, 0, 0, known.records, known.rejected,
        None, notes,
    )  # fmt: skip


def _notes(work: _Work, source: Source, observed: Observed, beyond: int) -> tuple[str, ...]:
    counts = dict(observed.told)
    if work.repeated:
        counts["say the same as an earlier one of the file and were stored once"] = work.repeated
    if beyond:
        counts["lie more than 50 km from the road and have no kilometre"] = beyond
    return (*source.notes, *(f"{count:,} records {what}" for what, count in counts.items()))


def _silent(what: str, share: float) -> None:
    del what, share
