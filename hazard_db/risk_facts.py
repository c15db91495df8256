"""Everything that speaks of a segment and what it adds to its rating, weighed in the database: one statement for all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, text

from hazard_db.risk_weights import Weights

LISTED = 12
"""Records of a segment and hazard that are listed one by one; the rest of each source is told as a number and a sum."""
LEAST_POINTS = 0.1
"""What adds less explains nothing."""


def weighed(
    conn: Connection, segments: Sequence[Any], weights: Weights, on: date, *, listed: int = LISTED
) -> list[Row[Any]]:
    """Return what adds to each segment and hazard, most first, and per source what the unlisted rest adds.

    Parameters
    ----------
    segments
        Rows with id, km_from and km_to in order along the road, without gaps.

    Returns
    -------
    rows with segment_id, hazard, source, points and hazard_points, exposure, vulnerability, age; a rest has no id, and
    `records` says how many it stands for.
    """
    conn.execute(text("SELECT set_config('work_mem', '256MB', true), set_config('jit', 'off', true)"))
    return list(conn.execute(text(_WEIGHED), _parameters(segments, weights, on, listed)))


def _parameters(segments: Sequence[Any], weights: Weights, on: date, listed: int) -> dict[str, Any]:
    given: dict[str, Any] = {
        "on": on,
        "listed": listed,
        "least": LEAST_POINTS,
        "stretch_km": weights.stretch_km,
        "segment_ids": [segment.id for segment in segments],
        "starts": [segment.km_from for segment in segments],
        "vulnerability": list(weights.vulnerability),
        "most_vulnerable": max(weights.vulnerability),
        "default_near_m": weights.reach["default"].near_m,
        "default_far_m": weights.reach["default"].far_m,
        "reach_kinds": list(weights.reach),
        "near_m": [reach.near_m for reach in weights.reach.values()],
        "far_m": [reach.far_m for reach in weights.reach.values()],
        "kinds": list(weights.hazard_of),
        "hazards": list(weights.hazard_of.values()),
        "states": list(weights.sites.points),
        "state_points": list(weights.sites.points.values()),
        "work_kinds": list(weights.works.points),
        "work_points": list(weights.works.points.values()),
        "currencies": list(weights.works.full_cost),
        "full_costs": list(weights.works.full_cost.values()),
    }
    for name in ("threat", "loss"):
        sized = getattr(weights, name)
        given |= {
            f"{name}_people": list(sized.people),
            f"{name}_cny": list(sized.cny),
            f"{name}_factors": list(sized.factors),
        }
    for name in (
        "events", "closures", "works", "changes", "deformation", "displacement", "observations", "cascades", "rhrs",
        "susceptibility", "run_out",
    ):  # fmt: skip
        part: Mapping[str, Any] = getattr(weights, name).model_dump()
        given |= {f"{name}_{key}": value for key, value in part.items() if not isinstance(value, dict)}
    return given


# A record reaches to both sides by what is unsure of its place. A line that lies on the road is a stretch of it, and what hit the
# road is on it, however badly the place is known. `points` is the hazard before it ages.
_FACT = """
    SELECT 'site' AS source, CAST(s.id AS text) AS id, s.code || ' ' || s.name AS label, s.kind, s.activity AS state,
           NULL::float8 AS amount, NULL::date AS day, NULL::float8 AS half_life, w.points, g.grade,
           (CAST(:threat_factors AS float8[]))[1 + coalesce(g.grade, 0)] AS factor, NULL::float8 AS sure, true AS reviewed,
           s.chainage_from_km AS a, s.chainage_to_km AS b, s.offset_m, coalesce(s.accuracy_m, 0) AS accuracy_m,
           ST_Dimension(s.geom) = 1 AND s.offset_m < 1 AS on_road
    FROM site AS s JOIN unnest(CAST(:states AS text[]), CAST(:state_points AS float8[])) AS w(state, points) ON w.state = s.activity
    LEFT JOIN LATERAL (
        SELECT max(CASE c.attribute WHEN 'threatened_people' THEN width_bucket(CAST(c.value AS float8), CAST(:threat_people AS float8[]))
                   ELSE width_bucket(CAST(c.value AS float8), CAST(:threat_cny AS float8[])) END) AS grade
        FROM claim AS c WHERE c.site_id = s.id AND c.attribute IN ('threatened_people', 'threatened_assets_cny')
          AND c.value ~ '^[0-9]+([.][0-9]+)?$') AS g ON true
    WHERE s.chainage_km IS NOT NULL
    UNION ALL
    SELECT 'event', CAST(e.id AS text), e.name, e.kind, NULL, e.fatalities, e.occurred_on, :events_half_life_years, :events_points, g.grade,
           (CAST(:loss_factors AS float8[]))[1 + coalesce(g.grade, 0)], NULL, true, e.chainage_from_km, e.chainage_to_km, e.offset_m,
           coalesce(e.accuracy_m, CASE WHEN ST_Dimension(e.geom) = 0 THEN :events_unknown_accuracy_m ELSE 0 END),
           e.impacts ? 'road' OR (ST_Dimension(e.geom) = 1 AND e.offset_m < 1)
    FROM event AS e CROSS JOIN LATERAL (SELECT greatest(width_bucket(CAST(e.fatalities AS float8), CAST(:loss_people AS float8[])),
               CASE WHEN jsonb_typeof(e.impacts -> 'loss_cny') = 'number'
                    THEN width_bucket(CAST(e.impacts ->> 'loss_cny' AS float8), CAST(:loss_cny AS float8[])) END) AS grade) AS g
    WHERE e.chainage_km IS NOT NULL AND e.occurred_on <= :on
    UNION ALL
    SELECT 'closure', CAST(c.id AS text), c.cause, coalesce(e.kind, 'landslide'), NULL, d.days, CAST(c.closed_at AS date),
           :closures_half_life_years, :closures_points * sqrt(least(1, coalesce(d.days, :closures_long_days) / :closures_long_days)),
           NULL, 1, NULL, true, c.chainage_from_km, c.chainage_to_km, 0, 0, true
    FROM closure AS c LEFT JOIN event AS e ON e.id = c.event_id
    CROSS JOIN LATERAL (SELECT CASE WHEN c.opened_at IS NOT NULL  -- greatest() would make 0 days of an end that nobody knows
        THEN greatest(0, extract(epoch FROM c.opened_at - c.closed_at) / 86400) END AS days) AS d
    WHERE c.closed_at <= :on AND c.withdrawn_at IS NULL AND c.chainage_from_km IS NOT NULL
    UNION ALL
    -- where money goes again and again, something comes down again and again
    SELECT 'work', CAST(w.id AS text), w.description, coalesce(e.kind, s.kind, 'landslide'), w.kind, CAST(w.cost AS float8),
           coalesce(w.ended_on, w.started_on), :works_half_life_years,
           k.points * CASE WHEN c.cost IS NULL THEN :works_unknown_cost ELSE sqrt(least(1, CAST(w.cost AS float8) / c.cost)) END,
           NULL, 1, NULL, true, w.chainage_from_km, w.chainage_to_km, 0, 0, true
    FROM road_work AS w JOIN unnest(CAST(:work_kinds AS text[]), CAST(:work_points AS float8[])) AS k(kind, points) ON k.kind = w.kind
    LEFT JOIN event AS e ON e.id = w.event_id LEFT JOIN site AS s ON s.id = w.site_id
    LEFT JOIN unnest(CAST(:currencies AS text[]), CAST(:full_costs AS float8[])) AS c(currency, cost) ON c.currency = w.currency
    WHERE w.withdrawn_at IS NULL AND w.status IN ('done', 'under_way') AND w.started_on <= :on AND w.chainage_from_km IS NOT NULL
    UNION ALL
    SELECT 'change', CAST(id AS text), 'Change ' || id, kind, status, area_m2, last_date, :changes_half_life_years,
           CASE status WHEN 'confirmed' THEN :changes_confirmed ELSE :changes_candidate * confidence END
               * sqrt(least(1, area_m2 / :changes_large_m2)),
           NULL, 1, confidence, status = 'confirmed', chainage_from_km, chainage_to_km, offset_m, 0, false
    FROM change WHERE chainage_km IS NOT NULL AND part_of IS NULL AND status <> 'false_alarm' AND first_date <= :on
      AND NOT EXISTS (SELECT FROM deformation_area AS a JOIN displacement_set AS d ON d.latest_run_id = a.run_id
                      WHERE a.change_id = change.id)
    UNION ALL
    -- a change that two sets show, or one set in parts, counts once: as the fastest of its areas
    (SELECT DISTINCT ON (a.change_id) 'deformation', CAST(a.id AS text), 'Ground motion ' || a.id, 'settlement', c.status, v.speed,
           a.last_date,
           :deformation_half_life_years,
           CASE c.status WHEN 'confirmed' THEN :deformation_confirmed ELSE :deformation_candidate * a.confidence END
               * least(1, v.speed / :deformation_fast_mm_yr),
           NULL::integer, 1::float8, a.confidence, c.status = 'confirmed', a.chainage_from_km, a.chainage_to_km, a.offset_m,
           0::float8, false
    FROM deformation_area AS a JOIN displacement_set AS d ON d.latest_run_id = a.run_id JOIN change AS c ON c.id = a.change_id
    CROSS JOIN LATERAL (SELECT greatest(abs(a.velocity_mm_yr), a.slope_velocity_mm_yr) AS speed) AS v
    WHERE a.chainage_km IS NOT NULL AND c.status <> 'false_alarm' AND a.last_date <= :on
    ORDER BY a.change_id, v.speed DESC, a.id)
    UNION ALL
    -- points of sets whose areas have been sought are in those areas, or were found to be none
    SELECT 'displacement', CAST(m.set_id AS text), m.name, 'settlement', m.moving || ' of ' || m.measured, m.speed, m.day,
           :displacement_half_life_years,
           :displacement_points * least(1, m.moving / :displacement_enough_points) * least(1, m.speed / :displacement_fast_mm_yr),
           NULL, 1, NULL, false, m.km_from, m.km_to, 0, 0, true
    FROM (SELECT s.km_from, s.km_to, d.id AS set_id, d.name, d.dates[cardinality(d.dates)] AS day, count(*) AS measured,
                 count(*) FILTER (WHERE f.moves) AS moving,
                 percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(p.velocity_mm_yr)) FILTER (WHERE f.moves) AS speed
          FROM strip AS s JOIN displacement_set AS d ON d.latest_run_id IS NULL AND d.geom && s.area AND cardinality(d.dates) > 0
          JOIN displacement_point AS p ON p.set_id = d.id AND ST_Intersects(s.area, p.geom)
          CROSS JOIN LATERAL (SELECT abs(p.velocity_mm_yr) > greatest(:displacement_slow_mm_yr,
                                     :displacement_sigmas * p.velocity_std_mm_yr) AS moves) AS f
          WHERE p.velocity_mm_yr IS NOT NULL AND d.dates[cardinality(d.dates)] <= :on
          GROUP BY s.km_from, s.km_to, d.id) AS m
    WHERE m.moving > 0
    UNION ALL
    SELECT 'observation', CAST(id AS text), coalesce(left(note, 80), kind), kind, review_status, NULL,
           CAST(observed_at AT TIME ZONE 'Asia/Karachi' AS date), :observations_half_life_years,
           CASE review_status WHEN 'accepted' THEN :observations_accepted ELSE :observations_submitted END,
           NULL, 1, NULL, review_status = 'accepted', chainage_from_km, chainage_to_km, offset_m, coalesce(accuracy_m, 0), false
    FROM observation WHERE chainage_km IS NOT NULL AND review_status <> 'rejected'
    UNION ALL
    SELECT 'cascade', l.lake_id, coalesce(l.name, 'Lake ' || l.lake_id), 'cascade',
           CASE WHEN l.ice_dammed THEN 'ice_dammed' ELSE 'lake' END, o.area_m2, o.observed_on, :cascades_half_life_years,
           CASE WHEN l.ice_dammed THEN :cascades_ice_dammed ELSE :cascades_lake END
               * sqrt(least(1, o.area_m2 / :cascades_large_m2)) * o.confidence,
           NULL, 1, o.confidence, false, k.chainage_km, k.chainage_km, k.flow_m, k.gap_m, false
    FROM cascade AS k JOIN glacial_lake AS l ON l.id = k.lake
    JOIN LATERAL (SELECT * FROM lake_outline AS o WHERE o.lake = l.id AND o.superseded_at IS NULL AND o.observed_on <= :on
                  ORDER BY o.observed_on DESC LIMIT 1) AS o ON o.state <> 'dry'
    WHERE k.alignment_id = current_alignment()
      AND (SELECT count(*) FROM lake_outline AS v WHERE v.lake = l.id AND v.superseded_at IS NULL AND v.state = 'water') >= 2
    UNION ALL
    SELECT 'cascade', g.glacier_id, coalesce(g.name, 'Glacier ' || g.glacier_id), 'cascade', 'surge', NULL, t.observed_on,
           :cascades_half_life_years, :cascades_surge * t.confidence,
           NULL, 1, t.confidence, false, k.chainage_km, k.chainage_km, k.flow_m, k.gap_m, false
    FROM cascade AS k JOIN glacier AS g ON g.id = k.glacier
    JOIN LATERAL (SELECT * FROM terminus AS t WHERE t.glacier = g.id AND t.superseded_at IS NULL AND t.length_m IS NOT NULL
                  AND t.observed_on <= :on ORDER BY t.observed_on DESC LIMIT 1) AS t ON t.trend = 'surge'
    WHERE k.alignment_id = current_alignment()
    UNION ALL
    (SELECT DISTINCT ON (r.slope) 'rhrs', CAST(r.id AS text), r.slope, 'rockfall', NULL, r.total, r.scored_on, NULL::float8,
           :rhrs_points * least(1, r.total / :rhrs_full_total), NULL::integer, 1::float8, NULL::float8, true,
           r.chainage_from_km, r.chainage_to_km, r.offset_m, 0::float8, ST_Dimension(r.geom) = 1 AND r.offset_m < 1
    FROM rhrs_score AS r WHERE r.chainage_km IS NOT NULL AND r.scored_on <= :on ORDER BY r.slope, r.scored_on DESC)
    UNION ALL
    SELECT y.layer, CAST(y.id AS text), y.name, y.hazard, NULL, v.maximum, y.made_on, NULL,
           CASE y.layer WHEN 'susceptibility'
               THEN :susceptibility_points * least(1, greatest(0,
                   (v.maximum - :susceptibility_least) / (:susceptibility_full - :susceptibility_least)))
               ELSE :run_out_points * least(1, greatest(0, (v.maximum - :run_out_least) / (:run_out_full - :run_out_least))) END,
           NULL, 1, NULL, false, s.km_from, s.km_to, 0, 0, true
    FROM hazard_layer AS y JOIN segment_layer AS v ON v.layer_id = y.id JOIN segment AS s ON s.id = v.segment_id
    WHERE y.superseded_at IS NULL AND y.made_on <= :on AND s.alignment_id = current_alignment()
"""

# Segments follow each other along the road: the ones that a record touches lie between two places in the list of their starts.
# What is known of segments is taken from lists by place: a join would be made anew for every record.
_WEIGHED = f"""
WITH strip AS MATERIALIZED (
    SELECT km_from, km_to, ST_Transform(ST_Buffer(ST_Transform(geom, 32643), :displacement_strip_m), 4326) AS area
    FROM segment WHERE alignment_id = current_alignment() AND EXISTS (SELECT FROM displacement_set WHERE latest_run_id IS NULL)
), cost AS MATERIALIZED (
    SELECT array_agg((CAST(:vulnerability AS float8[]))[s.consequence] ORDER BY o.number) AS by_segment
    FROM unnest(CAST(:segment_ids AS bigint[])) WITH ORDINALITY AS o(id, number) JOIN segment AS s ON s.id = o.id
), fact AS ({_FACT}
), aged AS (
    SELECT f.*, coalesce(h.hazard, f.kind) AS hazard, f.b - f.a + 2 * f.accuracy_m / 1000 AS length_km,
           f.a - f.accuracy_m / 1000 AS first_km, f.b + f.accuracy_m / 1000 AS last_km,
           CASE WHEN f.on_road THEN 1 ELSE reach_share(f.offset_m, f.accuracy_m, coalesce(r.near_m, :default_near_m),
                                                       coalesce(r.far_m, :default_far_m)) END
               * least(1, :stretch_km / greatest(f.b - f.a + 2 * f.accuracy_m / 1000, 1e-9)) AS exposure,
           CASE WHEN f.half_life IS NULL THEN 1
                ELSE power(0.5, greatest(0, coalesce((:on - f.day) / 365.25, f.half_life)) / f.half_life) END AS age
    FROM fact AS f
    LEFT JOIN unnest(CAST(:reach_kinds AS text[]), CAST(:near_m AS float8[]), CAST(:far_m AS float8[])) AS r(kind, near_m, far_m)
      ON r.kind = f.kind
    LEFT JOIN unnest(CAST(:kinds AS text[]), CAST(:hazards AS text[])) AS h(kind, hazard) ON h.kind = f.kind
), marked AS (
    SELECT a.*, width_bucket(first_km, CAST(:starts AS float8[])) AS first_one, width_bucket(last_km, CAST(:starts AS float8[])) AS last_one
    FROM aged AS a WHERE hazard <> 'none' AND points * age * factor * exposure * :most_vulnerable >= :least
), seen AS (  -- a stretch that ends where a segment begins does not touch it
    SELECT m.*, last_one - CAST(last_km > first_km AND last_km = (CAST(:starts AS float8[]))[last_one] AS integer) AS end_one
    FROM marked AS m OFFSET 0  -- what adds too little is left out before anything is made of it
), pair AS (
    SELECT source, id, label, kind, state, amount, sure, day, grade, reviewed, offset_m, accuracy_m, on_road, length_km, points, age,
           exposure, hazard, (CAST(:segment_ids AS bigint[]))[ordinal] AS segment_id,
           ((SELECT by_segment FROM cost))[ordinal] * factor AS vulnerability,
           points * age * exposure * factor * ((SELECT by_segment FROM cost))[ordinal] AS total
    FROM seen CROSS JOIN LATERAL generate_series(greatest(1, first_one), end_one) AS ordinal
), ranked AS MATERIALIZED (
    SELECT *, row_number() OVER (PARTITION BY segment_id, hazard ORDER BY total DESC, source, id) AS place
    FROM pair WHERE total >= :least
)
SELECT segment_id, hazard, source, id, label, kind, state, amount, sure, day, grade, reviewed, offset_m, accuracy_m, on_road, length_km,
       points AS hazard_points, age, exposure, vulnerability, total AS points, 1 AS records
FROM ranked WHERE place <= :listed
UNION ALL
SELECT segment_id, hazard, source, NULL, NULL, NULL, NULL, NULL, NULL, max(day), NULL, bool_or(reviewed), NULL, NULL, NULL, NULL,
       NULL, NULL, NULL, NULL, sum(total), count(*)
FROM ranked WHERE place > :listed GROUP BY segment_id, hazard, source
"""
