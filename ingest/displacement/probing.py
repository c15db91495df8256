"""HDF5 from outside is gone through by a process of its own first: damage can make its library never end, or fall."""

from __future__ import annotations

import atexit
import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from math import ceil
from pathlib import Path

from hazard_db.errors import InputError

LIMIT_S = 60.0
"""A file's structure is gone through in milliseconds; its values are not read."""
SMALL = 1_000_000
"""Values; smaller data sets (axes, dates) are read whole, as the formats read them."""


class Prober:
    """A process that goes through one HDF5 file after the other; it begins with the first and ends with this process."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self.limit_s = limit_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def __call__(self, path: Path) -> None:
        """Return once the file was gone through, whether it is sound or damaged in a way that is told when it is read.

        Raises
        ------
        InputError
            HDF5's library does not come to an end with it, or falls.
        """
        with self._lock:
            process = self._running()
            assert process.stdin is not None and process.stdout is not None
            with suppress(BrokenPipeError):  # it fell before: the answer is the end of its output
                process.stdin.write(os.fsencode(path.absolute()) + b"\0")
            answered = bool(select.select([process.stdout], [], [], self.limit_s)[0])
            if answered and process.stdout.read(1):
                return
            self._end()
        how = "its reading ended HDF5's library" if answered else f"its reading does not end within {self.limit_s:g} s"
        raise InputError(f"{path.name}: is damaged ({how}); fetch it again")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            if self._owner == os.getpid():
                self._end()
            command = [sys.executable, "-m", __name__, str(ceil(self.limit_s) + 5)]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
            self._owner = os.getpid()
            atexit.register(self._end)
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and self._owner == os.getpid():
            process.kill()
            process.communicate()
        atexit.unregister(self._end)


probe = Prober()


def _go_through(path: bytes) -> None:
    import h5py  # noqa: PLC0415 (only the process of its own needs it)

    def visit(_: str, item: h5py.Group | h5py.Dataset) -> None:
        dict(item.attrs)
        if isinstance(item, h5py.Dataset):
            if item.chunks is not None:
                item.id.get_num_chunks()
            if item.size is not None and item.size <= SMALL:
                item[()]

    with h5py.File(path, "r") as file:
        dict(file.attrs)
        file.visititems(visit)


def main() -> None:
    """Go through the files whose names, each ended by a zero byte, come in; answer each by one byte.

    A file may take so many seconds as the argument says: whoever asked may have been killed meanwhile, and nobody else ends this.
    """
    name, limit_s = b"", int(sys.argv[1])
    while byte := os.read(0, 1):
        if byte != b"\0":
            name += byte
            continue
        signal.alarm(limit_s)  # ends the process, whatever the library is at
        with suppress(Exception):  # what is wrong is told by whoever reads it
            _go_through(name)
        signal.alarm(0)
        os.write(1, b".")
        name = b""


if __name__ == "__main__":
    main()
