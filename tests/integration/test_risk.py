from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from hazard_db import changes, connect, risk, risk_history, risk_weights, seed
from hazard_db.errors import ConflictError, InputError, NotFoundError, SettingsError

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def square(lon: float, lat: float, size: float = 0.002) -> dict[str, Any]:
    ring = [[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]
    return {"type": "Polygon", "coordinates": [ring]}


def found(lon: float = 74.8675, lat: float = 36.3368, **values: Any) -> changes.ChangeRecord:
    defaults: dict[str, Any] = {
        "kind": "landslide", "geometry": square(lon, lat), "confidence": 0.8, "magnitude": 6.0, "area_m2": 40_000.0,
        "area_uncertainty_m2": 4_000.0, "mean_slope_deg": 31.0, "observed_share": 1.0,
        "first_date": date(2026, 6, 1), "last_date": date(2026, 6, 20),
    }  # fmt: skip
    return changes.ChangeRecord(**(defaults | values))


def run(sha: str = "a") -> changes.RunRecord:
    return changes.RunRecord("landslide", "matched_filter", "1", {}, [], sha, "test", NOW, NOW, 0.9, {}, None)


def test_points_add_up_and_history_is_kept(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        first = risk.update(conn, date(2026, 7, 1))
        again = risk.update(conn, date(2026, 7, 1))
        before = {(row.segment_id, row.hazard): row for row in risk.show(conn, 0, 2000)}
        stored = changes.store_run(conn, run(), [found()], [])
        after = risk.update(conn, date(2026, 7, 1))
        rows = risk.show(conn, 657, 658)
        past = risk_history.history(conn, rows[0].segment_id)
    assert first.segments == 1164
    assert again.changed == 0
    assert 0 < after.changed <= 4
    assert len(stored.new) == 1
    whole = next(row for row in rows if row.hazard == "all")
    assert sum(part["points"] for part in whole.contributions) == pytest.approx(whole.score)
    assert whole.score > before[whole.segment_id, "all"].score
    assert {part["source"] for part in whole.contributions} >= {"site", "event", "change"}
    assert len(past) == 2
    assert past[1]["superseded_at"] is not None


def test_nobody_looked_means_unknown_and_a_clear_look_means_low(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        segment = conn.scalar(text("SELECT id FROM segment WHERE km_from = 760"))
        risk.update(conn, date(2026, 7, 1))
        assert risk.show(conn, 760, 761)[0].grade == "unknown"
        changes.store_run(conn, run(), [], [changes.SegmentView(segment, 0.95, 1.0, date(2026, 6, 20))])
        risk.update(conn, date(2026, 7, 1))
        seen = risk.show(conn, 760, 761)[0]
        assert seen.grade == "low"
        assert seen.last_good_look == date(2026, 6, 20)
        risk.update(conn, date(2028, 7, 1))
        assert risk.show(conn, 760, 761)[0].grade == "unknown"


def test_a_false_alarm_no_longer_counts(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        stored = changes.store_run(conn, run(), [found(lon=75.0612, lat=36.857)], [])
        risk.update(conn, date(2026, 7, 1))
        km = conn.scalar(text("SELECT chainage_km FROM change"))
        assert risk.show(conn, km, km + 0.01)[0].score > 0
        changes.review(conn, stored.new[0], "false_alarm", "amina")
        risk.update(conn, date(2026, 7, 1))
        assert risk.show(conn, km, km + 0.01)[0].score == 0


def test_the_same_change_seen_again_is_not_a_new_one(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        first = changes.store_run(conn, run("a"), [found()], [])
        changes.review(conn, first.new[0], "confirmed", "amina", "seen in the field")
        second = changes.store_run(conn, run("b"), [found(lon=74.8676, confidence=0.95)], [])
        elsewhere = changes.store_run(conn, run("c"), [found(lon=74.9)], [])
        later = changes.store_run(conn, run("d"), [found(first_date=date(2027, 6, 1), last_date=date(2027, 6, 5))], [])
        known = changes.get_change(conn, first.new[0])
    assert (second.new, second.seen_again) == ((), first.new)
    assert (len(elsewhere.new), later.new, later.seen_again) == (1, (), first.new)
    assert known["status"] == "confirmed"
    assert known["confidence"] == pytest.approx(0.95)
    assert [one["development"] for one in known["sightings"]] == ["new", "same", "reactivated"]


def test_reviews_do_not_overwrite_each_other_unseen(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        number = changes.store_run(conn, run(), [found()], []).new[0]
        changes.review(conn, number, "confirmed", "amina", expected="candidate")
        with pytest.raises(ConflictError, match="by now"):
            changes.review(conn, number, "false_alarm", "bilal", expected="candidate")
        with pytest.raises(InputError):
            changes.review(conn, number, "maybe", "bilal")
        with pytest.raises(NotFoundError):
            changes.review(conn, 10_000, "confirmed", "bilal")
        assert changes.list_changes(conn, include_unreviewed=False)[0]["id"] == number


def test_unreviewed_changes_are_not_public(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        changes.store_run(conn, run(), [found()], [])
        assert changes.list_changes(conn, include_unreviewed=False) == []
        assert len(changes.list_changes(conn, include_unreviewed=True)) == 1
    with connect.transaction(database.public_engine) as conn:
        assert conn.scalar(text("SELECT count(*) FROM published.changes")) == 0


def test_weights_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "weights.yml"
    path.write_text(risk_weights.FILE.read_text().replace("stretch_km: 10", "stretch_km: ten"))
    with pytest.raises(SettingsError, match="stretch_km"):
        risk_weights.load_weights(path)
    with pytest.raises(SettingsError, match="cannot be read"):
        risk_weights.load_weights(tmp_path / "absent.yml")


def test_a_place_known_badly_puts_its_points_on_no_single_segment(database: Any) -> None:
    point = "ST_SetSRID(ST_MakePoint(75.0612, 36.857), 4326)"
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        risk.update(conn, date(2017, 1, 1))
        before = {row.segment_id: row.score for row in risk.show(conn, 0, 2000, "all")}
        for name, accuracy_m in (("exact", 100), ("near", 5_000), ("somewhere", 50_000), ("unknown", None)):
            conn.execute(
                text(f"""INSERT INTO event (kind, name, occurred_on, accuracy_m, source, source_id, content_sha256, fatalities, geom)
                         VALUES ('landslide', :name, '2016-12-01', :accuracy, 'test', :name, :name, 0, {point})"""),
                {"name": name, "accuracy": accuracy_m},
            )
        risk.update(conn, date(2017, 1, 1))
        parts = [
            (part["label"], part["points"], part["detail"], row.km_from)
            for row in risk.show(conn, 0, 2000, "all")
            for part in row.contributions
            if part["label"] in {"exact", "near", "somewhere", "unknown"}
        ]
    best = {
        name: max((points for label, points, *_ in parts if label == name), default=0) for name in ("exact", "near")
    }
    assert best["exact"] > 20
    assert 1 < best["near"] < 0.4 * best["exact"]
    assert not [label for label, *_ in parts if label in {"somewhere", "unknown"}]
    kms = sorted(km for label, _, _, km in parts if label == "near")
    assert 9 <= len(kms) <= 12, "the chance is spread over the whole of where it may be"
    assert "place known to ±5 km" in next(detail for label, _, detail, _ in parts if label == "near")
    assert before


def test_what_hit_the_road_is_on_the_road_wherever_it_was(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        risk.update(conn, date(2022, 9, 1))
        told = [
            part for row in risk.show(conn, 280, 300, "all") for part in row.contributions if "Uchar" in part["label"]
        ]
    assert told
    assert all("on the road" in part["detail"] and "±15 km" in part["detail"] for part in told)
    assert max(part["points"] for part in told) == pytest.approx(25 / 3, abs=0.5)


def test_the_mean_share_is_the_mean_of_the_shares(database: Any) -> None:
    cases = [(0, 50), (100, 500), (1500, 1000), (3000, 1500), (5000, 50_000), (900, 0), (0, 0), (2500, 0)]
    share = text("SELECT reach_share(:offset, :accuracy, 200, 2000)")
    with connect.transaction(database.engine) as conn:
        for offset, accuracy in cases:
            offsets = np.linspace(offset - accuracy, offset + accuracy, 200_001)
            slow = np.clip((2000 - np.abs(offsets)) / 1800, 0, 1).mean()
            told = conn.scalar(share, {"offset": offset, "accuracy": accuracy})
            assert told == pytest.approx(slow, abs=1e-4), (offset, accuracy)
