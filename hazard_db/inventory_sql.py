"""Statements of `inventory_sites`, in the order in which they run; `:year` NULL is a mapping without a date."""

from __future__ import annotations

STAGED = (
    "number", "source_key", "year", "kind", "letters", "name", "told_class", "varnes_class", "chinese_class", "activity",
    "accuracy_m", "note", "attributes", "geom",
)  # fmt: skip

STAGING = """
CREATE TEMPORARY TABLE staged_site (number int PRIMARY KEY, source_key text, year int, kind text, letters text, name text,
    told_class text, varnes_class text, chinese_class text, activity text, accuracy_m float8, note text, attributes jsonb,
    geom geometry(Geometry, 4326), site_id bigint, code text, state text NOT NULL DEFAULT 'fresh', status text) ON COMMIT DROP
"""

# What a mapping says of a site, as claims; made once, since outlines are long.
TOLD = """
CREATE TEMPORARY TABLE told ON COMMIT DROP AS
SELECT s.number, s.source_key, said.attribute, said.value, said.unit
FROM staged_site AS s, LATERAL (VALUES
    ('outline', ST_AsGeoJSON(s.geom, 7), 'EPSG:4326'),
    ('area', CASE WHEN ST_Dimension(s.geom) = 2 THEN CAST(round(CAST(ST_Area(CAST(s.geom AS geography)) AS numeric), 1) AS text) END,
     'm2'),
    ('class', s.told_class, NULL),
    ('repaired', s.attributes ->> 'repaired', NULL),
    ('activity', nullif(s.activity, 'unknown'), NULL)) AS said(attribute, value, unit)
WHERE said.value IS NOT NULL
"""

# A record that came in before belongs to its site, whatever it says now.
KNOWN = """
WITH known AS (
    SELECT t.number, min(c.site_id) AS site_id, bool_and(c.value IS NOT DISTINCT FROM t.value) AS same
    FROM told AS t LEFT JOIN claim AS c ON c.source = t.source_key AND c.attribute = t.attribute
    GROUP BY t.number HAVING count(c.id) > 0)
UPDATE staged_site AS s SET site_id = k.site_id, code = x.code, state = CASE WHEN k.same THEN 'unchanged' ELSE 'changed' END
FROM known AS k JOIN site AS x ON x.id = k.site_id WHERE k.number = s.number
"""

YEARS = "SELECT DISTINCT year FROM staged_site WHERE state = 'fresh' ORDER BY year NULLS FIRST"

# The mapping of the dataset before this one.
BEFORE = """
SELECT max(CAST(seen AS int)) FROM site, jsonb_array_elements_text(attributes -> 'mapped' -> :dataset) AS seen
WHERE attributes -> 'mapped' ? :dataset AND CAST(seen AS int) < :year
"""

# Outlines of one mapping are different places, also where they overlap.
MATCH = """
UPDATE staged_site AS s SET site_id = found.id, code = found.code
FROM (SELECT DISTINCT ON (n.number) n.number, x.id, x.code
      FROM staged_site AS n JOIN site AS x ON x.geom && n.geom AND x.kind = n.kind AND ST_Dimension(x.geom) = 2
           AND NOT coalesce(x.attributes -> 'mapped' -> :dataset @> coalesce(to_jsonb(:year), '[]'), false),
           LATERAL (SELECT ST_Area(ST_Intersection(x.geom, n.geom)) / least(ST_Area(x.geom), ST_Area(n.geom)) AS share) AS common
      WHERE n.year IS NOT DISTINCT FROM :year AND n.state = 'fresh' AND ST_Dimension(n.geom) = 2
        AND common.share >= :same_share
      ORDER BY n.number, common.share DESC, x.id) AS found
WHERE found.number = s.number
"""

# All outlines of one mapping on a site together: `known` from other datasets, `earlier` than what is known, or how it went on.
EVOLVE = """
WITH together AS (
    SELECT site_id, ST_Union(geom) AS geom FROM staged_site
    WHERE year IS NOT DISTINCT FROM :year AND state = 'fresh' AND site_id IS NOT NULL GROUP BY site_id),
found AS (
    SELECT t.site_id, CASE
        WHEN last.year IS NULL THEN 'known'
        WHEN :year < last.year THEN 'earlier'
        WHEN last.year < :before THEN 'reactivated'
        WHEN ST_Area(ST_Difference(t.geom, x.geom)) >= :grown_share * ST_Area(x.geom) THEN 'enlarged'
        ELSE 'continued' END AS status
    FROM together AS t JOIN site AS x ON x.id = t.site_id,
         LATERAL (SELECT max(CAST(seen AS int)) AS year
                  FROM jsonb_array_elements_text(x.attributes -> 'mapped' -> :dataset) AS seen) AS last)
UPDATE staged_site AS s SET status = found.status FROM found
WHERE found.site_id = s.site_id AND s.year IS NOT DISTINCT FROM :year AND s.state = 'fresh'
"""

NUMBER = """
WITH fresh AS (
    SELECT s.number, CASE WHEN r.chainage_km IS NULL THEN :slug ELSE :prefix END || '-' || s.letters AS stem
    FROM staged_site AS s, corridor_reference(s.geom, current_alignment()) AS r
    WHERE s.year IS NOT DISTINCT FROM :year AND s.state = 'fresh' AND s.site_id IS NULL),
taken AS (
    SELECT substring(code FROM '^(.*)-[0-9]+$') AS stem, max(CAST(substring(code FROM '[0-9]+$') AS int)) AS number
    FROM site WHERE code ~ '-[0-9]{1,9}$' GROUP BY 1),
given AS (
    SELECT f.number, f.stem, CAST(greatest(t.number, :reserved) + row_number() OVER (PARTITION BY f.stem ORDER BY f.number)
                               AS text) AS digits
    FROM fresh AS f LEFT JOIN taken AS t USING (stem))
UPDATE staged_site AS s SET status = CASE WHEN :before IS NULL THEN 'mapped' ELSE 'new' END,
    code = g.stem || '-' || lpad(g.digits, greatest(4, length(g.digits)), '0')
FROM given AS g WHERE g.number = s.number
"""

INSERT = """
WITH made AS (
    INSERT INTO site (code, kind, name, activity, varnes_class, chinese_class, accuracy_m, note, source, attributes, geom)
    SELECT code, kind, name, CASE WHEN status = 'new' AND activity = 'unknown' THEN 'active' ELSE activity END, varnes_class,
           chinese_class, accuracy_m, note, :dataset,
           attributes || jsonb_build_object('mapped', jsonb_build_object(:dataset,
               CASE WHEN :year IS NULL THEN CAST('[]' AS jsonb) ELSE jsonb_build_array(:year) END)), geom
    FROM staged_site WHERE year IS NOT DISTINCT FROM :year AND state = 'fresh' AND site_id IS NULL
    ORDER BY number RETURNING id, code)
UPDATE staged_site AS s SET site_id = made.id, state = 'new' FROM made WHERE made.code = s.code AND s.site_id IS NULL
"""

# What other datasets say of a site stays a claim; only its own mappings draw it and tell its state.
UPDATE = """
WITH together AS (
    SELECT site_id, status, ST_Union(geom) AS geom, max(nullif(activity, 'unknown')) AS told FROM staged_site
    WHERE year IS NOT DISTINCT FROM :year AND state = 'fresh' GROUP BY site_id, status)
UPDATE site AS x SET
    geom = CASE WHEN t.status = 'known' OR ST_Covers(x.geom, t.geom) THEN x.geom ELSE ST_Multi(ST_Union(x.geom, t.geom)) END,
    activity = CASE WHEN t.status IN ('known', 'earlier') THEN x.activity WHEN t.told IS NOT NULL THEN t.told
                    WHEN t.status = ANY(:happened) THEN 'active' ELSE x.activity END,
    attributes = jsonb_set(x.attributes, '{mapped}', coalesce(x.attributes -> 'mapped', '{}') || jsonb_build_object(:dataset,
        coalesce(x.attributes -> 'mapped' -> :dataset, '[]')
        || CASE WHEN :year IS NULL THEN CAST('[]' AS jsonb) ELSE jsonb_build_array(:year) END))
FROM together AS t WHERE t.site_id = x.id
"""

# It happened at some time between the mapping before and this one.
HAPPEN = """
WITH happened AS (
    SELECT site_id, code, kind, status, ST_Multi(ST_Union(geom)) AS geom, max(accuracy_m) AS accuracy_m FROM staged_site
    WHERE year = :year AND state IN ('fresh', 'new') AND status = ANY(:happened) GROUP BY site_id, code, kind, status),
made AS (
    INSERT INTO event (kind, name, occurred_on, occurred_to, precision, accuracy_m, impacts, source, source_id, source_file_id,
                       site_id, content_sha256, geom)
    SELECT kind, code || ' ' || status || ' by ' || CAST(:year AS text), make_date(:before, 1, 1), make_date(:year, 12, 31), 'year',
           accuracy_m,
           jsonb_build_object('evolution', status), :dataset, CAST(:year AS text) || ' ' || code, :file, site_id,
           encode(sha256(ST_AsBinary(geom)), 'hex'), geom
    FROM happened ON CONFLICT (source, source_id) DO NOTHING RETURNING id, site_id, impacts ->> 'evolution' AS status)
INSERT INTO evidence (site_id, event_id, note) SELECT site_id, id, status || ' by ' || CAST(:year AS text) FROM made
"""

# What a later mapping of the same ground no longer shows.
REST = """
UPDATE site AS x SET activity = 'dormant'
WHERE x.activity = 'active' AND x.source = :dataset AND x.attributes -> 'mapped' ? :dataset
  AND (SELECT max(CAST(seen AS int)) FROM jsonb_array_elements_text(x.attributes -> 'mapped' -> :dataset) AS seen) < :year
  AND x.geom && (SELECT ST_SetSRID(CAST(ST_Extent(geom) AS geometry), 4326) FROM staged_site WHERE year = :year)
"""

STATUSES = """
SELECT status, count(DISTINCT site_id) AS count FROM staged_site
WHERE year IS NOT DISTINCT FROM :year AND status IS NOT NULL GROUP BY status ORDER BY status
"""

TELL = """
WITH replaced AS (
    DELETE FROM claim AS c USING staged_site AS s WHERE s.state = 'changed' AND c.site_id = s.site_id AND c.source = s.source_key)
INSERT INTO claim (site_id, attribute, value, unit, source)
SELECT s.site_id, t.attribute, t.value, t.unit, t.source_key FROM told AS t JOIN staged_site AS s USING (number)
WHERE s.state <> 'unchanged' ORDER BY t.number
"""

# An outline that was corrected draws its site anew, from all that its own dataset says.
REDRAW = """
UPDATE site AS x SET geom = drawn.geom
FROM (SELECT c.site_id, ST_Union(ST_GeomFromGeoJSON(c.value)) AS geom FROM claim AS c
      WHERE c.attribute = 'outline' AND starts_with(c.source, :dataset)
        AND c.site_id IN (SELECT site_id FROM staged_site WHERE state = 'changed') GROUP BY c.site_id) AS drawn
WHERE drawn.site_id = x.id AND x.source = :dataset
"""

# Points are never merged; a new place near one that another source gave may be it. Either way the search starts from
# the points, which are few or indexed against: nothing is compared with everything.
DUPLICATES = """
WITH fresh AS MATERIALIZED (
    SELECT s.source_key, x.id, x.kind, x.accuracy_m, x.geom, ST_Dimension(x.geom) AS dimension
    FROM staged_site AS s JOIN site AS x ON x.id = s.site_id WHERE s.state = 'new'),
points AS MATERIALIZED (
    SELECT id, code, kind, accuracy_m, geom FROM site WHERE source <> :dataset AND ST_Dimension(geom) < 2),
pair AS (
    SELECT n.id, p.code, n.source_key FROM points AS p JOIN site AS x ON x.geom && ST_Expand(p.geom, 0.02) JOIN fresh AS n ON n.id = x.id
    WHERE n.kind = p.kind AND ST_DWithin(CAST(n.geom AS geography), CAST(p.geom AS geography),
        least(coalesce(n.accuracy_m, 0) + coalesce(p.accuracy_m, 0), :same_site_m))
    UNION
    SELECT n.id, o.code, n.source_key FROM fresh AS n JOIN site AS o ON o.geom && ST_Expand(n.geom, 0.02)
    WHERE n.dimension < 2 AND o.source <> :dataset AND n.kind = o.kind
      AND ST_DWithin(CAST(n.geom AS geography), CAST(o.geom AS geography),
        least(coalesce(n.accuracy_m, 0) + coalesce(o.accuracy_m, 0), :same_site_m))),
marked AS (
    INSERT INTO claim (site_id, attribute, value, source)
    SELECT id, 'possible_duplicate_of', code, source_key FROM pair RETURNING site_id)
SELECT count(DISTINCT site_id) FROM marked
"""

COUNTS = """
SELECT count(DISTINCT site_id) FILTER (WHERE state = 'new') AS new,
       count(DISTINCT s.site_id) FILTER (WHERE state IN ('fresh', 'changed')) AS updated,
       count(*) FILTER (WHERE state = 'unchanged') AS unchanged,
       count(DISTINCT site_id) FILTER (WHERE state <> 'unchanged' AND x.chainage_km IS NOT NULL) AS near_road
FROM staged_site AS s JOIN site AS x ON x.id = s.site_id
"""
