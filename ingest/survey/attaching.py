"""The photos of a survey into the catalogue: checked, kept under their checksums, in the same transaction as their records."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from uuid import UUID

from hazard_db import media, media_files
from hazard_db.connect import Connection
from hazard_db.errors import InputError
from hazard_db.media import NewFile
from hazard_db.media_files import Arrived
from ingest.survey.photos import LARGEST_BYTES


@dataclass
class Attaching:
    """Files on their way into the folder of media; what is not finished leaves nothing behind."""

    folder: Path | None
    """None on a dry run: files are counted, not kept."""
    skip_bad: bool
    stored: int = 0
    refused: list[str] = field(default_factory=list)
    _waiting: list[Arrived] = field(default_factory=list)

    def __enter__(self) -> Attaching:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._waiting:
            with suppress(OSError):
                media_files.drop(one)

    def add(self, conn: Connection, label: str, identifier: UUID, photos: Sequence[Path]) -> None:
        """Enter the photos of an observation.

        Raises
        ------
        InputError
            One is no whole photo, and bad ones are not to be skipped.
        """
        for photo in photos:
            try:
                self._add(conn, identifier, photo)
            except InputError as error:
                if not self.skip_bad:
                    raise InputError(f"{label}: {error}") from error
                self.refused.append(f"{label}: {error}")

    def _add(self, conn: Connection, identifier: UUID, photo: Path) -> None:
        if photo.stat().st_size > LARGEST_BYTES:
            raise InputError(f"{photo.name}: has more than {LARGEST_BYTES >> 20} MB")
        name = media_files.plain_name(photo.name)
        if self.folder is None:
            self.stored += 1
            return
        with photo.open("rb") as stream:
            arrived = media_files.take(stream, self.folder, name)
        self._waiting.append(arrived)
        media.add_file(conn, identifier, NewFile(filename=name, **asdict(arrived.stored)))
        self.stored += 1

    def keep(self) -> None:
        """Give every file its place, before the catalogue says that it is there."""
        if self.folder is not None:
            for one in self._waiting:
                media_files.keep(one, self.folder)
