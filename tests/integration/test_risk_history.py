from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from hazard_db import changes, connect, risk, risk_history, seed
from hazard_db.errors import InputError
from hazard_db.risk_weights import load_weights
from tests.integration.test_risk import found, run

TODAY = date.today()


def earlier(conn: Any, days: int) -> None:
    """Make what has been rated so far old."""
    conn.execute(
        text("""UPDATE risk_rating SET rated_at = rated_at - make_interval(days => :days),
                                       superseded_at = superseded_at - make_interval(days => :days)"""),
        {"days": days},
    )
    conn.execute(text("UPDATE alignment SET created_at = created_at - make_interval(days => :days)"), {"days": days})


def test_what_changed_and_why_between_two_days(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        risk.update(conn, TODAY)
        earlier(conn, 30)
        number = changes.store_run(conn, run(), [found()], []).new[0]
        risk.update(conn, TODAY)
    with connect.transaction(database.engine) as conn:
        earlier(conn, 10)
        changes.review(conn, number, "confirmed", "amina")
        risk.update(conn, TODAY)
        ago = {days: TODAY - timedelta(days=days) for days in (60, 45, 20, 5)}
        km = conn.scalar(text("SELECT chainage_km FROM change"))
        new = {one.hazard: one for one in risk_history.compare(conn, km, km + 0.001, ago[20], ago[5])}
        confirmed = risk_history.compare(conn, km, km + 0.001, ago[5], TODAY + timedelta(days=1), hazard="all")
        before_all = risk_history.compare(conn, km, km + 0.001, ago[60], ago[45])
        first = risk_history.compare(conn, km, km + 0.001, ago[60], ago[20], hazard="all")
        elsewhere = risk_history.compare(conn, 100, 150, ago[20], ago[5])
        with pytest.raises(InputError, match="must lie before"):
            risk_history.compare(conn, 0, 1, TODAY, TODAY)
    assert set(new) == {"all", "landslide"}
    (reason,) = new["all"].reasons
    assert (reason.why, reason.source, reason.id, reason.points_before) == ("new", "change", str(number), 0)
    assert new["all"].score_after - new["all"].score_before == pytest.approx(reason.points_after)
    assert [(one.why, one.detail[:24]) for one in confirmed[0].reasons] == [("state", "candidate → confirmed: c")]
    assert before_all == []
    assert first[0].score_before is None
    assert {reason.why for reason in first[0].reasons} == {"new", "seen"}
    assert elsewhere == []


def test_every_reason_shows_the_three_factors_it_is_made_of(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        conn.execute(text("UPDATE segment SET consequence = 4 WHERE km_from = 657"))
        changes.store_run(conn, run(), [found()], [])
        risk.update(conn, date(2026, 7, 1))
        parts = [part for row in risk.show(conn, 657, 658) for part in row.contributions if "exposure" in part]
        cheap = [part for row in risk.show(conn, 655, 657) for part in row.contributions if "exposure" in part]
    assert {"site", "event", "change"} <= {part["source"] for part in parts}
    for part in [*parts, *cheap]:
        product = part["hazard"] * part["exposure"] * part["vulnerability"]
        slack = (
            0.06
            + 0.06 * part["exposure"] * part["vulnerability"]
            + 0.006 * part["hazard"] * (1 + part["vulnerability"])
        )
        assert part["points"] == pytest.approx(product, abs=slack)
    assert min(part["vulnerability"] for part in parts) == pytest.approx(load_weights().vulnerability[3])
    assert min(part["vulnerability"] for part in cheap) == pytest.approx(load_weights().vulnerability[1])


def test_a_thousand_records_are_told_as_the_largest_and_a_rest_and_end_at_a_ceiling(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        segment = conn.execute(text("SELECT id, km_from FROM segment WHERE km_from = 760")).one()
        conn.execute(
            text("""INSERT INTO observation (id, kind, observed_at, note, review_status, dataset, content_sha256, geom)
                    SELECT gen_random_uuid(), 'rockfall', '2026-06-01', 'block ' || i, 'accepted', 'test', CAST(i AS text),
                           ST_LineInterpolatePoint(s.geom, 0.5) FROM segment AS s, generate_series(1, 1000) AS i WHERE s.id = :id"""),
            {"id": segment.id},
        )
        risk.update(conn, date(2026, 7, 1))
        row = next(row for row in risk.show(conn, 760, 761) if row.hazard == "rockfall")
    listed = [part for part in row.contributions if part["source"] == "observation" and part["records"] == 1]
    rest = [part for part in row.contributions if part["source"] == "observation" and part["records"] > 1]
    assert len(listed) == 12
    assert [part["records"] for part in rest] == [988]
    assert row.score == pytest.approx(load_weights().most["observation"])
    assert sum(part["points"] for part in row.contributions) == pytest.approx(row.score)
    assert (row.data_from, row.data_to) == ("2026-06-01", "2026-06-01")


def test_loss_and_threat_raise_what_a_record_counts(database: Any) -> None:
    weights = load_weights()
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        place = "ST_LineInterpolatePoint((SELECT geom FROM segment WHERE km_from = 760), 0.5)"
        for deaths, money in ((0, 0), (4, 0), (0, 6_000_000), (31, 0)):
            conn.execute(
                text(f"""INSERT INTO event (kind, name, occurred_on, accuracy_m, source, source_id, content_sha256, fatalities,
                                            impacts, geom)
                         VALUES ('rockfall', :name, '2026-07-01', 0, 'test', :name, :name, :deaths,
                                 jsonb_build_object('loss_cny', CAST(:money AS integer)), {place})"""),
                {"name": f"{deaths} {money}", "deaths": deaths, "money": money},
            )
        conn.execute(
            text(f"""INSERT INTO site (code, kind, name, activity, source, geom)
                     VALUES ('T-1', 'rockfall', 'T', 'active', 'test', {place})""")
        )
        conn.execute(
            text("""INSERT INTO claim (site_id, attribute, value, source)
                    SELECT id, 'threatened_people', v, 'test' FROM site, unnest(ARRAY['620', 'about 90']) AS v WHERE code = 'T-1'""")
        )
        risk.update(conn, date(2026, 7, 1))
        row = next(row for row in risk.show(conn, 760, 761) if row.hazard == "rockfall")
    told = {part["label"]: part for part in row.contributions}
    assert [told[name]["points"] for name in ("0 0", "4 0", "0 6000000", "31 0")] == [
        pytest.approx(weights.events.points * factor, abs=0.05) for factor in weights.loss.factors
    ]
    assert "loss extra-large" in told["31 0"]["detail"]
    assert told["T-1 T"]["points"] == pytest.approx(30 * weights.threat.factors[2], abs=0.05)
    assert "threat large" in told["T-1 T"]["detail"]


def test_works_count_by_kind_and_cost_and_not_once_withdrawn(database: Any) -> None:
    works = load_weights().works
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        for name, kind, cost, currency, withdrawn in (
            ("dear", "clearing", 4e7, "PKR", None),
            ("cheap", "clearing", 2_500_000, "PKR", None),
            ("told by nobody", "slope", None, None, None),
            ("a road like new", "pavement", 4e7, "PKR", None),
            ("a mistake", "clearing", 4e7, "PKR", "2026-06-30"),
        ):
            conn.execute(
                text("""INSERT INTO road_work (kind, chainage_from_km, chainage_to_km, description, started_on, cost, currency,
                                               source, withdrawn_at)
                        VALUES (:kind, 760.2, 760.4, :name, '2026-07-01', :cost, :currency, 'test', CAST(:withdrawn AS timestamptz))"""),
                {"name": name, "kind": kind, "cost": cost, "currency": currency, "withdrawn": withdrawn},
            )
        risk.update(conn, date(2026, 7, 1))
        row = next(row for row in risk.show(conn, 760, 761) if row.hazard == "landslide")
    told = {part["label"]: part["points"] for part in row.contributions if part["source"] == "work"}
    assert told == {
        "dear": pytest.approx(works.points["clearing"]),
        "cheap": pytest.approx(works.points["clearing"] / 2),
        "told by nobody": pytest.approx(works.points["slope"] * works.unknown_cost),
    }


PARTS = st.dictionaries(
    st.tuples(st.sampled_from(["site", "event", "change", "cap"]), st.sampled_from("abcd")),
    st.tuples(st.integers(-300, 300), st.sampled_from(["candidate", "confirmed", None]), st.floats(0, 1)),
)


@given(PARTS, PARTS)
def test_the_reasons_add_up_to_the_difference(before: Any, after: Any) -> None:
    base = {"detail": "", "date": None}
    old, new = (
        [
            base | {"source": k[0], "id": k[1], "label": k[1], "points": v[0] / 10, "state": v[1], "exposure": v[2]}
            for k, v in parts.items()
        ]
        for parts in (before, after)
    )
    reasons = list(risk_history.explain(old, new, reweighed=False))
    difference = sum(part["points"] for part in new) - sum(part["points"] for part in old)
    assert sum(one.points_after - one.points_before for one in reasons) == pytest.approx(difference, abs=1e-6)
    assert list(risk_history.explain(old, old, reweighed=True)) == []
