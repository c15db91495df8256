"""A survey that comes with its photos: a zip of both, as KoBo, ODK and Ona export it, or a file with folders beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from hazard_db.errors import InputError
from ingest import files, zips
from ingest.survey.photos import SUFFIXES as PHOTOS
from ingest.survey.photos import Shelf
from ingest.survey.registry import FORMATS, look

SURVEYS = (".csv", ".xlsx", ".geojson", ".json", ".gpkg", ".gpx", ".kml")
BESIDE = ("DCIM", "media", "files", "photos")
"""Folders that QField and ODK Central put beside the data."""


@dataclass(frozen=True)
class Bundle:
    """A survey file and the photos that came with it."""

    survey: Path
    shelf: Shelf
    notes: tuple[str, ...] = ()


@contextmanager
def opened(path: Path, media: Sequence[Path] = ()) -> Iterator[Bundle]:
    """Yield the survey file itself and where its photos are.

    Parameters
    ----------
    media
        Folders or zip archives of photos that the user names.

    Raises
    ------
    InputError
        The archive holds several surveys or none, or what is named as media is neither folder nor zip.
    """
    with ExitStack() as stack:
        roots = [_root(one, stack) for one in media]
        sample = look(path)
        if not sample.members or any(known.claims(sample) for known in FORMATS.values()):
            beside = [path.parent / name for name in BESIDE if (path.parent / name).is_dir()]
            yield Bundle(path, Shelf(path.parent, [*roots, *beside]))
            return
        main, notes = _survey_in(path, sample.members)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="kkh-survey-")))
        _unpack(path, folder, lambda name: name == main or name.lower().endswith(PHOTOS))
        survey = folder / main
        yield Bundle(survey, Shelf(survey.parent, [*roots, folder]), notes)


def _root(path: Path, stack: ExitStack) -> Path:
    """Return a folder of photos; of a zip archive the one it was unpacked to."""
    if path.is_dir():
        return path
    files.facts(path)
    if not zips.is_zip(files.head(path)):
        raise InputError(f"{path.name}: --media names a folder of photos or a zip of them")
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="kkh-media-")))
    _unpack(path, folder, lambda name: name.lower().endswith(PHOTOS))
    return folder


def _survey_in(path: Path, members: Mapping[str, int]) -> tuple[str, tuple[str, ...]]:
    """Return the name of the survey in an archive; tables of repeated questions, which ODK puts beside it, are told of."""
    names = sorted(name for name in members if name.lower().endswith(SURVEYS) and not _hidden(name))
    repeats = [name for name in names if any(other != name and name.startswith(f"{_stem(other)}-") for other in names)]
    mains = [name for name in names if name not in repeats]
    if len(mains) != 1:
        told = ", ".join(mains[:5]) or "none"
        raise InputError(
            f"{path.name}: a zip should hold one survey (CSV, XLSX, GeoJSON, GeoPackage, GPX, KML), not {told}"
        )
    left = [f"{PurePosixPath(name).name} holds repeated questions and is not read" for name in repeats]
    return mains[0], tuple(left)


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def _unpack(path: Path, folder: Path, wanted: Callable[[str], bool]) -> None:
    """Write the wanted files of an archive below a folder, with the folders they lie in; names are known to stay inside."""
    left = zips.MOST_BYTES
    for name in zips.members(path):
        if not wanted(name) or _hidden(name):
            continue
        target = folder.joinpath(*PurePosixPath(name.replace("\\", "/")).parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with zips.opened_member(path, name, most=left) as source, target.open("wb") as sink:
            while chunk := source.read(zips.CHUNK):
                sink.write(chunk)
        left -= target.stat().st_size
