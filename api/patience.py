"""How many wrong passwords are borne with, by name and address."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from hazard_db.errors import AuthenticationError


class TooManyAttemptsError(AuthenticationError):
    """Too many wrong passwords; wait a while."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many wrong passwords; try again in {max(1, round(wait_s / 60))} minutes")
        self.wait_s = wait_s


class Patience:
    """Counts wrong passwords per name and address; forgets them after a while. Safe to use from many threads."""

    def __init__(self, attempts: int = 5, window_s: float = 900.0, most_keys: int = 10_000) -> None:
        self.attempts, self.window_s, self.most_keys = attempts, window_s, most_keys
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, *keys: str) -> None:
        """Return quietly where another attempt is allowed.

        Raises
        ------
        TooManyAttemptsError
            One of the keys has had too many.
        """
        now = time.monotonic()
        with self._lock:
            for key in keys:
                recent = [at for at in self._failures.get(key, []) if now - at < self.window_s]
                if len(recent) >= self.attempts * (4 if key.startswith("address:") else 1):
                    raise TooManyAttemptsError(self.window_s - (now - recent[0]))

    def failed(self, *keys: str) -> None:
        """Count a wrong password."""
        now = time.monotonic()
        with self._lock:
            for key in keys:
                recent = [at for at in self._failures.pop(key, []) if now - at < self.window_s]
                self._failures[key] = [*recent, now]
            while len(self._failures) > self.most_keys:
                self._failures.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forget the wrong passwords of a name."""
        with self._lock:
            self._failures.pop(key, None)
