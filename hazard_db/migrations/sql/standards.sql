-- Scenes and rasters that not everybody may see, rasters that runs leave behind, both as STAC, and updates of every view that has a trail.
ALTER TABLE scene ADD COLUMN scope text NOT NULL DEFAULT 'Public' CONSTRAINT ck_scene_scope CHECK (scope IN ('Public', 'Restricted'));

CREATE TABLE raster (
    id text CONSTRAINT pk_raster PRIMARY KEY,
    kind text NOT NULL CONSTRAINT ck_raster_kind CHECK (kind ~ '^[a-z][a-z0-9_-]*$'),
    title text NOT NULL,
    run_id bigint CONSTRAINT fk_raster_run_id REFERENCES detection_run,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    epsg integer NOT NULL,
    assets jsonb NOT NULL,
    properties jsonb NOT NULL DEFAULT '{}',
    scope text NOT NULL DEFAULT 'Restricted' CONSTRAINT ck_raster_scope CHECK (scope IN ('Public', 'Restricted')),
    geom geometry(MultiPolygon, 4326) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT coalesce(nullif(current_setting('hazard.actor', true), ''), session_user),
    CONSTRAINT ck_raster_times CHECK (last_at >= first_at)
);
CREATE INDEX idx_raster_geom ON raster USING gist (geom);
CREATE INDEX ix_raster_kind ON raster (kind);
CREATE INDEX ix_raster_run_id ON raster (run_id);
CREATE INDEX ix_raster_assets ON raster USING gin (assets jsonb_path_ops);
CREATE TRIGGER audit_insert AFTER INSERT ON raster REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_statement();
CREATE TRIGGER audit_update AFTER UPDATE ON raster REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_statement();
CREATE TRIGGER audit_delete AFTER DELETE ON raster REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_statement();
GRANT SELECT, INSERT, UPDATE ON raster TO kkh_app;
REVOKE DELETE ON raster FROM kkh_app;

CREATE OR REPLACE VIEW published.scenes AS
SELECT id, collection, sensor, acquired_at, grid_tile, epsg, cloud_cover, sun_elevation_deg, sun_azimuth_deg, geom,
       ARRAY(SELECT a.value ->> 'href' FROM jsonb_each(assets) AS a ORDER BY a.key) AS hrefs
FROM scene WHERE scope = 'Public';

-- Named as STAC names them, so that filters need no second list of names.
CREATE VIEW stac_item AS
SELECT id, collection, acquired_at AS datetime, acquired_at AS start_datetime, acquired_at AS end_datetime, sensor AS platform,
       'EPSG:' || epsg AS "proj:code", cloud_cover AS "eo:cloud_cover", sun_elevation_deg AS "view:sun_elevation",
       sun_azimuth_deg AS "view:sun_azimuth", created_at AS created, NULL::text AS title, grid_tile, assets, properties, scope, geom
FROM scene
UNION ALL
SELECT id, 'results-' || kind, last_at, first_at, last_at, NULL, 'EPSG:' || epsg, NULL, NULL, NULL, created_at, title, NULL, assets,
       properties, scope, geom
FROM raster;
CREATE VIEW published.stac_items AS SELECT * FROM stac_item WHERE scope = 'Public';
COMMENT ON VIEW published.stac_items IS 'Items of /stac';
GRANT SELECT ON stac_item TO kkh_app;
GRANT SELECT ON published.stac_items TO kkh_app, kkh_public;

CREATE OR REPLACE FUNCTION published_updates(wanted text, since timestamptz, most integer)
RETURNS TABLE (feature_id text, action text, changed_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    source record;
    safe timestamptz := clock_timestamp();
BEGIN
    -- What is written in `table_name` touches the features that `touched` names (NULL = the one of the same id); each was published
    -- where `was_shown` holds. Of a lake that one date alone shows nothing is told: it never was.
    SELECT view_name, id_type, string_agg(format(
        'SELECT %s AS feature, l.at, coalesce(%s, false) AS was_shown FROM audit_log AS l %s WHERE l.table_name = %L AND l.at > $1 AND l.at < $3',
        CASE WHEN touched IS NULL THEN 'l.row_id' ELSE 'CAST(v.id AS text)' END, was_shown,
        CASE WHEN touched IS NULL THEN '' ELSE 'CROSS JOIN LATERAL (' || touched || ') AS v' END, table_name), ' UNION ALL ') AS trail
    INTO source FROM (VALUES
        ('observations', 'uuid', 'observation', NULL, $q$l.before ->> 'review_status' <> 'rejected'$q$),
        ('sites', 'bigint', 'site', NULL, 'l.before IS NOT NULL'),
        ('events', 'bigint', 'event', NULL, 'l.before IS NOT NULL'),
        ('scenes', 'text', 'scene', NULL, $q$coalesce(l.before ->> 'scope', 'Public') = 'Public' AND l.before IS NOT NULL$q$),
        ('changes', 'bigint', 'change', NULL, $q$l.before ->> 'status' = 'confirmed'$q$),
        ('alerts', 'bigint', 'alert', NULL, $q$l.before ->> 'scope' = 'Public' AND l.before ->> 'state' <> 'candidate'$q$),
        ('closures', 'bigint', 'closure', NULL, $q$l.before ->> 'withdrawn_at' IS NULL AND l.before IS NOT NULL$q$),
        ('works', 'bigint', 'road_work', NULL, $q$l.before ->> 'withdrawn_at' IS NULL AND l.before IS NOT NULL$q$),
        ('structures', 'bigint', 'structure', NULL, 'l.before IS NOT NULL'),
        ('displacement_sets', 'bigint', 'displacement_set', NULL, 'l.before IS NOT NULL'),
        ('deformation_areas', 'bigint', 'change', 'SELECT id FROM deformation_area WHERE change_id = CAST(l.row_id AS bigint)',
         $q$l.before ->> 'status' = 'confirmed'$q$),
        ('deformation_areas', 'bigint', 'displacement_set', $q$SELECT a.id, a.run_id, c.status FROM deformation_area AS a
         JOIN change AS c ON c.id = a.change_id WHERE a.set_id = CAST(l.row_id AS bigint)$q$,
         $q$v.status = 'confirmed' AND CAST(v.run_id AS text) = l.before ->> 'latest_run_id'$q$),
        ('deformation_areas', 'bigint', 'deformation_area', NULL, 'false'),
        ('glacier_outlines', 'bigint', 'glacier_outline', NULL, 'l.before IS NOT NULL'),
        ('glacier_outlines', 'bigint', 'glacier', 'SELECT id FROM glacier_outline WHERE glacier = CAST(l.row_id AS bigint)', 'true'),
        ('glaciers', 'bigint', 'glacier', 'SELECT id FROM glacier_outline WHERE glacier = CAST(l.row_id AS bigint)', 'true'),
        ('glaciers', 'bigint', 'glacier_outline', 'SELECT id FROM glacier_outline WHERE CAST(glacier AS text) = coalesce(l.after, l.before) ->> ''glacier''', 'true'),
        ('glaciers', 'bigint', 'terminus', 'SELECT id FROM glacier_outline WHERE CAST(glacier AS text) = coalesce(l.after, l.before) ->> ''glacier''', 'true'),
        ('glaciers', 'bigint', 'cascade', 'SELECT id FROM glacier_outline WHERE CAST(glacier AS text) = coalesce(l.after, l.before) ->> ''glacier''', 'true'),
        ('termini', 'bigint', 'terminus', NULL, $q$l.before ->> 'superseded_at' IS NULL AND l.before IS NOT NULL$q$),
        ('termini', 'bigint', 'glacier', 'SELECT id FROM terminus WHERE glacier = CAST(l.row_id AS bigint) AND superseded_at IS NULL', 'true'),
        ('cascades', 'bigint', 'cascade', NULL, 'l.before IS NOT NULL'),
        ('cascades', 'bigint', 'glacial_lake', 'SELECT id FROM cascade WHERE lake = CAST(l.row_id AS bigint)', 'false'),
        ('cascades', 'bigint', 'glacier', 'SELECT id FROM cascade WHERE glacier = CAST(l.row_id AS bigint)', 'false'),
        ('lakes', 'bigint', 'glacial_lake', NULL, $q$2 <= (SELECT count(DISTINCT o.observed_on) FROM lake_outline AS o
         WHERE CAST(o.lake AS text) = l.row_id AND o.state = 'water')$q$),
        ('lakes', 'bigint', 'lake_outline', $q$SELECT g.id FROM glacial_lake AS g WHERE CAST(g.id AS text) = coalesce(l.after, l.before) ->> 'lake'$q$,
         $q$2 <= (SELECT count(DISTINCT o.observed_on) FROM lake_outline AS o WHERE o.lake = v.id AND o.state = 'water')$q$),
        ('lakes', 'bigint', 'cascade', $q$SELECT g.id FROM glacial_lake AS g WHERE CAST(g.id AS text) = coalesce(l.after, l.before) ->> 'lake'$q$, 'false'),
        ('lakes', 'bigint', 'glacier', 'SELECT id FROM glacial_lake WHERE glacier = CAST(l.row_id AS bigint)', 'false'),
        ('lake_outlines', 'bigint', 'lake_outline', $q$SELECT a.id, a.lake FROM lake_outline AS a WHERE CAST(a.lake AS text) = coalesce(l.after, l.before) ->> 'lake'$q$,
         $q$2 <= (SELECT count(DISTINCT o.observed_on) FROM lake_outline AS o WHERE o.lake = v.lake AND o.state = 'water')$q$),
        ('lake_outlines', 'bigint', 'glacial_lake', 'SELECT id FROM lake_outline WHERE lake = CAST(l.row_id AS bigint)', 'false')
    ) AS known (view_name, id_type, table_name, touched, was_shown) WHERE known.view_name = wanted GROUP BY view_name, id_type;
    IF source IS NULL THEN
        RETURN;
    END IF;
    -- Nothing from the beginning of the oldest transaction on that has entries and has not ended: what is told once is never followed
    -- by something earlier. Read before the log is (VOLATILE: each statement sees what is there when it begins), so that whoever ends
    -- meanwhile is either held back or seen.
    SELECT least(safe, min(to_timestamp(CAST(l.objid AS bigint) - 1))) INTO safe FROM pg_locks AS l
    WHERE l.locktype = 'advisory' AND l.classid = 8080 AND l.objsubid = 2
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());
    -- Ties go out together, so that the last moment can be the next `since`.
    RETURN QUERY EXECUTE format($q$
        SELECT found.feature, CASE WHEN found.shown THEN 'upsert' ELSE 'removed' END, found.at
        FROM (SELECT t.feature, max(t.at) AS at, bool_or(t.was_shown) AS was_shown,
                     EXISTS (SELECT FROM published.%I AS v WHERE v.id = CAST(t.feature AS %s)) AS shown
              FROM (%s) AS t GROUP BY t.feature) AS found
        WHERE found.shown OR found.was_shown
        ORDER BY found.at FETCH FIRST $2 ROWS WITH TIES$q$,
        source.view_name, source.id_type, source.trail) USING since, most, safe;
END
$$;
