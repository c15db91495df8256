-- Termini, lakes and the way from both to the road.
CREATE TRIGGER reference BEFORE INSERT OR UPDATE OF geom, alignment_id ON glacial_lake FOR EACH ROW EXECUTE FUNCTION reference_row();

-- Where the way down first comes to the road. It comes to it where it crosses the line; the line may be wrong by its accuracy,
-- a straight guess by kilometres, so a way that comes as near as that meets it too, unless it crosses soon after.
CREATE FUNCTION meet_road() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    soon_m CONSTANT double precision := 2000;
    way geometry := ST_Transform(NEW.geom, 32643);
    flat geometry := ST_Force2D(way);
    long_m double precision := ST_Length(flat);
    doubt_m double precision;
    near record;
    crossing double precision;
    spot geometry;
BEGIN
    NEW.chainage_km := NULL; NEW.flow_m := NULL; NEW.drop_m := NULL; NEW.gap_m := NULL; NEW.meeting := NULL;
    SELECT id, greatest(coalesce(accuracy_m, 0), 2 * NEW.pixel_m, 100) INTO NEW.alignment_id, doubt_m FROM alignment WHERE valid_to IS NULL;
    SELECT ST_LineLocatePoint(flat, corner.geom) AS share, part.reach_m INTO near
    FROM (SELECT p.geom, CASE WHEN s.basis = 'straight infill' THEN greatest(doubt_m, 3000) ELSE doubt_m END AS reach_m
          FROM alignment_part AS p LEFT JOIN segment AS s
            ON s.alignment_id = p.alignment_id AND (p.km_from + p.km_to) / 2 >= s.km_from AND (p.km_from + p.km_to) / 2 < s.km_to
          WHERE p.alignment_id = NEW.alignment_id AND ST_DWithin(p.geom, flat, greatest(doubt_m, 3000))) AS part,
         ST_DumpPoints(ST_Intersection(flat, ST_Buffer(part.geom, part.reach_m))) AS corner
    WHERE ST_DWithin(part.geom, flat, part.reach_m)
    ORDER BY share LIMIT 1;
    IF near.share IS NULL THEN
        NEW.alignment_id := NULL;
        RETURN NEW;
    END IF;
    SELECT min(ST_LineLocatePoint(flat, corner.geom)) INTO crossing
    FROM alignment_part AS p, ST_DumpPoints(ST_Intersection(flat, p.geom)) AS corner
    WHERE p.alignment_id = NEW.alignment_id AND ST_Intersects(p.geom, flat)
      AND ST_LineLocatePoint(flat, corner.geom) >= near.share - 1e-9;
    IF crossing IS NULL OR (crossing - near.share) * long_m > soon_m + near.reach_m THEN
        crossing := near.share;
    END IF;
    spot := ST_LineInterpolatePoint(way, crossing);
    SELECT c.chainage_km, c.offset_m INTO NEW.chainage_km, NEW.gap_m FROM chainage_of_point(ST_Force2D(spot), NEW.alignment_id) AS c;
    NEW.flow_m := crossing * long_m;
    NEW.drop_m := ST_Z(ST_StartPoint(way)) - ST_Z(spot);
    NEW.meeting := point_at_chainage(NEW.chainage_km, NEW.alignment_id);
    RETURN NEW;
END
$$;
CREATE TRIGGER reference BEFORE INSERT OR UPDATE OF geom, alignment_id ON cascade FOR EACH ROW EXECUTE FUNCTION meet_road();

DO $$
DECLARE
    audited text;
BEGIN
    FOREACH audited IN ARRAY ARRAY['terminus', 'glacial_lake', 'lake_outline', 'cascade'] LOOP
        EXECUTE format('CREATE TRIGGER audit_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()', audited);
        EXECUTE format('CREATE TRIGGER audit_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()', audited);
        EXECUTE format('CREATE TRIGGER audit_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()', audited);
    END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE ON terminus, glacial_lake, lake_outline, cascade TO kkh_app;
REVOKE DELETE ON terminus, glacial_lake, lake_outline, cascade FROM kkh_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO kkh_app;

-- A lake that one date alone shows may be a shadow or a flood plain: it is published from the second date on.
CREATE VIEW published.lake_outlines AS
WITH seen AS (
    SELECT *, count(*) FILTER (WHERE state = 'water') OVER (PARTITION BY lake) AS dates_seen FROM lake_outline WHERE superseded_at IS NULL
)
SELECT o.id, o.observed_on, l.lake_id, l.name, o.state, o.area_m2, o.area_uncertainty_m2, o.growth_m2_yr, o.growth_uncertainty_m2_yr,
       o.confidence, l.ice_dammed, l.chainage_km, l.offset_m, o.geom
FROM seen AS o JOIN glacial_lake AS l ON l.id = o.lake WHERE o.dates_seen >= 2;

CREATE VIEW published.lakes AS
SELECT l.id, last.observed_on, l.lake_id, l.name, last.state, last.area_m2, last.area_uncertainty_m2, last.growth_m2_yr,
       last.growth_uncertainty_m2_yr, last.confidence, span.first_seen_on, span.dates_seen, span.largest_m2, l.ice_dammed,
       l.ice_contact_share, g.glacier_id, l.chainage_km, l.offset_m, l.side, k.chainage_km AS road_km, k.flow_m, k.drop_m,
       coalesce(last.geom, l.geom) AS geom
FROM glacial_lake AS l
JOIN LATERAL (SELECT * FROM lake_outline AS o WHERE o.lake = l.id AND o.superseded_at IS NULL ORDER BY o.observed_on DESC LIMIT 1) AS last ON true
JOIN LATERAL (SELECT min(o.observed_on) AS first_seen_on, count(*) AS dates_seen, max(o.area_m2) AS largest_m2
              FROM lake_outline AS o WHERE o.lake = l.id AND o.superseded_at IS NULL AND o.state = 'water') AS span ON span.dates_seen >= 2
LEFT JOIN glacier AS g ON g.id = l.glacier
LEFT JOIN cascade AS k ON k.lake = l.id AND k.alignment_id = (SELECT id FROM alignment WHERE valid_to IS NULL);

CREATE VIEW published.glacier_outlines AS
SELECT o.id, o.outlined_on, g.glacier_id, g.name, o.date_precision, o.dataset, o.schema, o.area_m2, o.area_uncertainty_m2,
       o.chainage_km, o.offset_m, o.geom
FROM glacier_outline AS o JOIN glacier AS g ON g.id = o.glacier;

CREATE VIEW published.termini AS
SELECT t.id, t.observed_on, g.glacier_id, g.name, t.trend, t.length_m, t.length_uncertainty_m, t.change_m, t.change_uncertainty_m,
       t.rate_m_yr, t.rate_uncertainty_m_yr, t.area_m2, t.area_uncertainty_m2, t.surge_on, t.surface, t.centreline, t.reason, t.confidence,
       t.geom
FROM terminus AS t JOIN glacier AS g ON g.id = t.glacier WHERE t.superseded_at IS NULL;

CREATE VIEW published.cascades AS
SELECT k.id, l.lake_id, g.glacier_id, coalesce(l.name, g.name) AS name, k.chainage_km, k.flow_m, k.drop_m, k.gap_m, k.dem, k.pixel_m,
       ST_Force2D(k.geom) AS geom
FROM cascade AS k LEFT JOIN glacial_lake AS l ON l.id = k.lake LEFT JOIN glacier AS g ON g.id = k.glacier
WHERE k.alignment_id = (SELECT id FROM alignment WHERE valid_to IS NULL);

DROP VIEW published.glaciers;
CREATE VIEW published.glaciers AS
WITH dated AS (
    SELECT o.*, g.glacier_id, g.name,
           row_number() OVER (PARTITION BY o.glacier ORDER BY o.outlined_on DESC NULLS LAST, o.id DESC) AS latest,
           lead(o.outlined_on) OVER later_first AS previous_on,
           lead(o.area_m2) OVER later_first AS previous_m2,
           lead(o.area_uncertainty_m2) OVER later_first AS previous_uncertainty_m2
    FROM glacier_outline AS o JOIN glacier AS g ON g.id = o.glacier
    WINDOW later_first AS (PARTITION BY o.glacier ORDER BY o.outlined_on DESC NULLS LAST, o.id DESC)
)
SELECT d.id, d.glacier_id, d.name, d.outlined_on, d.date_precision, d.dataset, d.schema, d.area_m2, d.area_uncertainty_m2, d.previous_on,
       d.area_m2 - d.previous_m2 AS area_change_m2,
       sqrt(d.area_uncertainty_m2 ^ 2 + d.previous_uncertainty_m2 ^ 2) AS area_change_uncertainty_m2,
       t.observed_on AS measured_on, t.trend, t.length_m, t.length_uncertainty_m, t.rate_m_yr, t.rate_uncertainty_m_yr, t.surge_on,
       d.chainage_km, d.chainage_from_km, d.chainage_to_km, d.offset_m, d.side, k.chainage_km AS road_km, k.flow_m, k.drop_m, d.geom
FROM dated AS d
LEFT JOIN LATERAL (SELECT * FROM terminus AS t WHERE t.glacier = d.glacier AND t.superseded_at IS NULL AND t.length_m IS NOT NULL
                   ORDER BY t.observed_on DESC LIMIT 1) AS t ON true
LEFT JOIN cascade AS k ON k.glacier = d.glacier AND k.alignment_id = (SELECT id FROM alignment WHERE valid_to IS NULL)
WHERE d.latest = 1;

GRANT SELECT ON published.glaciers, published.glacier_outlines, published.termini, published.lakes, published.lake_outlines,
    published.cascades TO kkh_app, kkh_public;
