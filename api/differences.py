"""What changed from one version of an observation to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.plain import plain

FIELDS = ("kind", "observed_at", "observer", "accuracy_m", "note", "review_status", "source_id", "position")


def steps(present: Mapping[str, Any], past: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each step of an observation's history, newest first: who made it and when, and each value before and after.

    Parameters
    ----------
    present
        The observation as it is.
    past
        Its earlier versions, newest first, as the history tells them.
    """
    newer = {**present, "position": (present.get("geometry") or {}).get("coordinates")}
    found = []
    for version in past:
        older = version["content"]
        what = changes(older, newer)
        found.append(
            {"revision": version["revision"], "at": version["changed_at"], "by": version["changed_by"], "changes": what}
        )
        newer = older
    return found


def versions(present: Mapping[str, Any], past: Sequence[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """Return every version of an observation by its number, the newest first."""
    newest = {**present, "position": (present.get("geometry") or {}).get("coordinates")}
    return {int(present["revision"]): newest} | {int(one["revision"]): one["content"] for one in past}


def side_by_side(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, Any, Any, bool]]:
    """Return each name with the values of two versions and whether they differ; all names that either has."""
    left, right = _flat(one), _flat(other)
    names = [name for name in {**left, **right} if left.get(name) is not None or right.get(name) is not None]
    return [(name, left.get(name), right.get(name), left.get(name) != right.get(name)) for name in names]


def changes(older: Mapping[str, Any], newer: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return the name, the value before and the value after of all that differs."""
    before, after = _flat(older), _flat(newer)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [(name, before.get(name), after.get(name)) for name in names]


def _flat(version: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: _same_time(plain(version.get(name))) for name in FIELDS}
    return told | {name: plain(value) for name, value in (version.get("attributes") or {}).items()}


def _same_time(value: Any) -> Any:
    """Return a time as both of our sources write it."""
    return value.replace("+00:00", "Z") if isinstance(value, str) else value
