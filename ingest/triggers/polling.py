"""Feeds of triggers by HTTP: asked for what is new since last time, only where a request may go."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from hazard_db import fetching
from hazard_db.connect import Engine, transaction
from hazard_db.errors import HazardError, UnreachableError
from hazard_db.guard import Network
from hazard_db.triggers import sources
from hazard_db.triggers.sources import Marks
from ingest.triggers.load import TriggerReport, ingest_bulletins, ingest_earthquakes, ingest_rainfall, kind_of

MOST_BYTES = 256 << 20
TIMEOUT_S = 120.0
OK, NOT_MODIFIED = 200, 304
INGEST: Mapping[str, Callable[..., TriggerReport]] = {
    "rainfall": ingest_rainfall, "earthquakes": ingest_earthquakes, "bulletins": ingest_bulletins,
}  # fmt: skip


def poll(
    engine: Engine, address: str, *, networks: Sequence[Network], silent_after_s: float, actor: str,
    then: Mapping[str, Callable[..., object]] | None = None, timeout_s: float = TIMEOUT_S,
) -> TriggerReport | None:  # fmt: skip
    """Return what became of a feed's newest version, None where it has none since last time.

    A version counts as taken only once it is in the catalogue: what failed is asked for again. That it answered, or did
    not, is noted with the source.

    Parameters
    ----------
    then
        By kind (rainfall, earthquakes, bulletins): what follows from what is new, in its transaction.

    Raises
    ------
    InputError
        The address or what it sends cannot be used.
    UnreachableError
        It did not answer as it should.
    """
    with transaction(engine) as conn:
        known = sources.marks(conn, address)
    try:
        answer = fetching.send(
            "GET", address, networks=networks, timeout_s=timeout_s, headers=_asked(known), most_bytes=MOST_BYTES
        )
        if answer.status == NOT_MODIFIED:
            _heard(engine, address, silent_after_s, None)
            return None
        if answer.status != OK:
            raise UnreachableError(f"{fetching.parse(address).host} answered {answer.status}")
        report = _take(engine, address, answer.body, actor, then or {})
    except HazardError as error:
        with transaction(engine) as conn:
            sources.not_heard(conn, address, "feed", str(error), silent_after_s=silent_after_s)
        raise
    marks = Marks(answer.headers.get("etag"), answer.headers.get("last-modified"))
    _heard(engine, address, silent_after_s, marks, news=report.status == "stored")
    return report


def _asked(known: Marks) -> dict[str, str]:
    told = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {"Accept-Encoding": "gzip"} | {name: value for name, value in told.items() if value}


def _take(
    engine: Engine, address: str, body: bytes, actor: str, then: Mapping[str, Callable[..., object]]
) -> TriggerReport:
    name = PurePosixPath(fetching.parse(address).path).name or "feed"
    with tempfile.TemporaryDirectory(prefix="feed-") as folder:
        file = Path(folder) / name[-100:]
        file.write_bytes(body)
        kind = kind_of(file)
        return INGEST[kind](engine, file, actor=actor, then=then.get(kind))


def _heard(engine: Engine, address: str, silent_after_s: float, marks: Marks | None, *, news: bool = False) -> None:
    with transaction(engine) as conn:
        sources.heard(conn, address, "feed", silent_after_s=silent_after_s, news=news, marks=marks)
