"""What the user says of a survey file, checked before the file is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hazard_db.errors import InputError
from ingest.rejects import dataset_of
from ingest.survey import texts
from ingest.survey.fields import refuse_unknown
from ingest.survey.kinds import WORDS, kind_of
from ingest.survey.moments import ROAD_ZONE
from ingest.survey.places import refuse_unknown_crs


@dataclass(frozen=True)
class Options:
    """How a file is to be read."""

    dataset: str
    """Name to file the records under."""
    named: bool
    """Whether the user gave that name."""
    kind: str | None
    """Of records that tell none."""
    crs: str | None
    """EPSG:n or GCJ-02, where the file tells none or a wrong one."""
    columns: Mapping[str, str]
    """Field -> column, where the names do not tell."""
    zone: ZoneInfo
    """Of times that tell none."""

    @property
    def told(self) -> str:
        """One line for the catalogue: another reading of the same file is not the same."""
        values = {"kind": self.kind, "crs": self.crs, "timezone": self.zone.key} | dict(self.columns)
        return "read with " + ", ".join(f"{name}={value}" for name, value in values.items() if value is not None)


def checked(
    path: Path, *, kind: str | None, crs: str | None, columns: Mapping[str, str], timezone: str | None, dataset: str | None
) -> Options:  # fmt: skip
    """Return the options.

    Raises
    ------
    InputError
        One of them means nothing.
    """
    known = None if kind is None else kind_of(kind)
    if kind is not None and known is None:
        raise InputError(f"--kind {kind[:60]}: is none that is known here; use one of {', '.join(WORDS)}")
    if crs is not None:
        refuse_unknown_crs(crs)
    refuse_unknown(columns)
    try:
        zone = ZoneInfo(timezone or ROAD_ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(f"--timezone {timezone}: there is none; write Asia/Karachi, Asia/Shanghai or UTC") from error
    try:
        texts.text(path.name, "the name of the file")
        name = texts.text(dataset or dataset_of(path), "the name of the dataset")
    except ValueError as error:
        raise InputError(f"{path.name[:100]}: {error}") from error
    return Options(name or path.name, dataset is not None, known, crs, dict(columns), zone)
