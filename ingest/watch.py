"""Scenes that appear in a folder, handed on once they have stopped growing; unattended."""

from __future__ import annotations

import hashlib
import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from hazard_db.errors import DatabaseUnavailableError, HazardError, InputError
from ingest.imagery.bundle import Bundle
from ingest.imagery.registry import scan

log = logging.getLogger(__name__)

INTERVAL_S = 60.0
SETTLE_S = 5.0

Handle = Callable[[Sequence[Path]], Sequence[str]]
"""Takes the files of one scene, returns the identifiers of what it stored."""
Known = Callable[[Collection[str]], Collection[str]]
"""Returns those of the identifiers that the catalogue has."""


@dataclass(frozen=True)
class Candidate:
    """The files of one scene as they lay in the folder at one moment."""

    key: str
    """The same for the same files, whatever is in them."""
    paths: tuple[Path, ...]
    signature: str
    """Changes with any name, size or time of modification."""
    newest: float
    """Latest modification, seconds since the epoch."""


@dataclass
class WatchReport:
    """What a watch did."""

    taken: list[str] = field(default_factory=list)
    """Identifiers that the handler stored."""
    failed: list[str] = field(default_factory=list)
    """One line for each scene that could not be used, the first time it was met."""
    growing: int = 0
    """Scenes left for later because they still grew at the last pass."""
    passes: int = 0


class FolderSource:
    """A folder in which scenes appear.

    What was handed on is remembered, and so is what failed, until its files change: a bad file is
    reported once. A scene counts as done only as long as the catalogue has it.

    Parameters
    ----------
    path
        The folder.
    state
        File to remember in between runs; None = remember only while running.
    known
        Asks the catalogue. Without it, what an earlier run remembers as done is handed on again.
    context
        Whatever else decides whether a scene can be used, such as the version of the alignment:
        when it changes, failures are forgotten.
    """

    def __init__(self, path: Path, *, state: Path | None = None, known: Known | None = None, context: str = "") -> None:
        if not path.is_dir():
            raise InputError(f"{path}: not a folder; `kkh watch` takes the folder in which scenes appear")
        self.path, self._state, self._known, self._context = path, state, known, context
        self._done: dict[str, tuple[str, list[str]]] = {}
        self._bad: dict[str, tuple[str, str]] = {}
        self._load()

    def candidates(self) -> dict[str, Candidate]:
        """Return every scene in the folder as it is now.

        Raises
        ------
        RasterError
            The folder cannot be listed.
        """
        found = (_candidate(bundle, self.path) for bundle in scan(self.path))
        return {one.key: one for one in found if one is not None}

    def wanted(self, candidates: Collection[Candidate]) -> list[Candidate]:
        """Return those that were neither done nor found to be bad as they are now."""
        fresh = [one for one in candidates if self._bad.get(one.key, ("", ""))[0] != one.signature]
        ids = {name for one in fresh for name in self._done.get(one.key, ("", []))[1]}
        there = frozenset(self._known(sorted(ids))) if self._known and ids else frozenset(ids)
        return [one for one in fresh if not self._is_done(one, there)]

    def done(self, candidate: Candidate, scenes: Sequence[str]) -> None:
        """Remember that a scene was handed on."""
        self._bad.pop(candidate.key, None)
        self._done[candidate.key] = (candidate.signature, list(scenes))
        self._save()

    def finished(self, scenes: Collection[str]) -> bool:
        """Return whether these scenes were handed on to the end before, under whatever name."""
        return set(scenes) <= {name for _, ids in self._done.values() for name in ids}

    def bad(self, candidate: Candidate, message: str) -> None:
        """Remember that a scene cannot be used as it is."""
        self._bad[candidate.key] = (candidate.signature, message)
        self._save()

    def _is_done(self, candidate: Candidate, there: Collection[str]) -> bool:
        signature, scenes = self._done.get(candidate.key, ("", []))
        return signature == candidate.signature and all(scene in there for scene in scenes)

    def _load(self) -> None:
        if self._state is None or not self._state.is_file():
            return
        try:
            content = json.loads(self._state.read_text())
            if self._known is not None:
                self._done = {key: (str(sign), list(ids)) for key, (sign, ids) in content["done"].items() if ids}
            if content["context"] == self._context:
                self._bad = {key: (str(sign), str(text)) for key, (sign, text) in content["bad"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("%s cannot be read (%s); every scene in %s is looked at again", self._state, error, self.path)

    def _save(self) -> None:
        if self._state is None:
            return
        self._state.parent.mkdir(parents=True, exist_ok=True)
        part = self._state.with_name(self._state.name + ".part")
        part.write_text(json.dumps({"context": self._context, "done": self._done, "bad": self._bad}, indent=1))
        part.replace(self._state)


def watch(
    source: FolderSource,
    handle: Handle,
    *,
    once: bool,
    interval_s: float = INTERVAL_S,
    settle_s: float = SETTLE_S,
    tell: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
) -> WatchReport:
    """Return what was done once the watch ends: after one pass, or at SIGINT or SIGTERM.

    A scene that is being handled when the signal comes is finished first; a second signal ends it
    at once. Errors of a scene never end the watch.

    Parameters
    ----------
    settle_s
        A scene is taken when its files were not touched for this long.
    tell
        Called with one line for each thing that happens.
    stop
        Set it to end the watch from another thread.

    Raises
    ------
    InputError
        With `once`: the folder cannot be listed.
    """
    report, say = WatchReport(), tell or log.info
    with _stopping(stop or threading.Event()) as ended:
        while not ended.is_set():
            try:
                _pass(source, handle, report, settle_s, say, ended=ended)
            except (InputError, DatabaseUnavailableError) as error:
                if once:
                    raise
                say(str(error))
            report.passes += 1
            if once or ended.wait(interval_s):
                break
    return report


def _pass(
    source: FolderSource,
    handle: Handle,
    report: WatchReport,
    settle_s: float,
    say: Callable[[str], None],
    *,
    ended: threading.Event,
) -> None:
    """Hand on every scene that is new and has stopped growing."""
    wanted = source.wanted(source.candidates().values())
    ready, report.growing = _settled(source, wanted, settle_s, ended)
    for candidate in ready:
        if ended.is_set():
            return
        try:
            scenes = handle(candidate.paths)
        except InputError as error:
            source.bad(candidate, str(error))
            report.failed.append(str(error))
            say(str(error))
        except DatabaseUnavailableError:
            raise  # no use in trying the others now; none of them is to blame
        except HazardError as error:
            report.failed.append(str(error))
            say(f"{error}; tried again at the next pass")
        except Exception as error:
            # An unattended watch outlives a fault in one scene; it is logged with its trace.
            log.exception("%s", candidate.key)
            report.failed.append(f"{candidate.key}: {error}")
            say(f"{candidate.key}: unexpected {type(error).__name__}, see the log; tried again at the next pass")
        else:
            source.done(candidate, scenes)
            report.taken.extend(scenes)


def _settled(
    source: FolderSource, wanted: Sequence[Candidate], settle_s: float, ended: threading.Event
) -> tuple[list[Candidate], int]:
    """Return the scenes that do not grow, and how many do.

    The clock of a file server may be off, so a file that looks young is compared with itself.
    """
    now = time.time()
    young = [one for one in wanted if now - one.newest < settle_s]
    if not young:
        return list(wanted), 0
    if ended.wait(settle_s):
        return [], len(young)
    later = source.candidates()
    growing = {one.key for one in young if one.key not in later or later[one.key].signature != one.signature}
    return [one for one in wanted if one.key not in growing], len(growing)


@contextmanager
def _stopping(event: threading.Event) -> Iterator[threading.Event]:
    """Yield an event that SIGINT and SIGTERM set; a second signal has its usual effect."""
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in signals}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        put_back()
        event.set()

    for number in signals:
        signal.signal(number, end)
    try:
        yield event
    finally:
        put_back()


def _candidate(bundle: Bundle, folder: Path) -> Candidate | None:
    """Return a bundle as it lies there now; None where it vanished meanwhile."""
    files = tuple(bundle.root / name for name in bundle.members) if not bundle.archive else (bundle.root,)
    sums, newest = hashlib.sha256(), 0.0
    for file in files or (bundle.root,):
        try:
            status = file.stat()
        except OSError:
            return None
        sums.update(f"{file.name}|{status.st_size}|{status.st_mtime_ns}\n".encode())
        newest = max(newest, status.st_mtime)
    paths = files if bundle.loose else (bundle.root,)
    return Candidate(paths[0].relative_to(folder).as_posix(), paths, sums.hexdigest(), newest)
