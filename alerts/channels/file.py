"""Alerts as CAP files in a folder, for a machine beside this one or for a record."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path, PurePosixPath

from alerts.outgoing import Outgoing
from alerts.settings import AlertSettings
from hazard_db.errors import DeliveryError, InputError


def check(address: str, settings: AlertSettings) -> None:
    """Return quietly where the address is a folder below HAZARD_HOME/alerts.

    Raises
    ------
    InputError
        It points elsewhere: who may subscribe may not write everywhere.
    """
    _folder(address, settings)


def send(address: str, outgoing: Outgoing, settings: AlertSettings) -> None:
    """Write the CAP document; sent twice, it is one file.

    Raises
    ------
    DeliveryError
        The file cannot be written.
    """
    try:
        folder = _folder(address, settings)
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{outgoing.message.identifier}.xml", outgoing.document)
    except (OSError, InputError) as error:
        raise DeliveryError(f"file: {error}") from error


def _folder(address: str, settings: AlertSettings) -> Path:
    path = PurePosixPath(address)
    if not address.strip() or path.is_absolute() or ".." in path.parts or "\x00" in address or "\\" in address:
        raise InputError(f"file address {address!r}: name a folder below {settings.folder}, for example `inbox`")
    folder = settings.folder / path
    if not folder.resolve().is_relative_to(settings.folder.resolve()):
        raise InputError(f"file address {address!r} leads out of {settings.folder}")
    return folder


def _write(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees all of it or nothing, also after a crash."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
