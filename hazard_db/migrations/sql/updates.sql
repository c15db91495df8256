-- Runs as its owner: whoever reads what is published may not read the log. It tells ids, moments and whether the feature is there,
-- never who or what, and nothing of features that were never published.
CREATE FUNCTION published_updates(wanted text, since timestamptz, most integer)
RETURNS TABLE (feature_id text, action text, changed_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    source record;
BEGIN
    SELECT * INTO source FROM (VALUES
        ('observations', 'observation', 'uuid', $q$before ->> 'review_status' <> 'rejected'$q$),
        ('sites', 'site', 'bigint', 'before IS NOT NULL'),
        ('events', 'event', 'bigint', 'before IS NOT NULL'),
        ('scenes', 'scene', 'text', 'before IS NOT NULL'),
        ('changes', 'change', 'bigint', $q$before ->> 'status' = 'confirmed'$q$),
        ('alerts', 'alert', 'bigint', $q$before ->> 'scope' = 'Public' AND before ->> 'state' <> 'candidate'$q$)
    ) AS known (view_name, table_name, id_type, was_shown) WHERE known.view_name = wanted;
    IF source IS NULL THEN
        RETURN;
    END IF;
    -- Entries of transactions that began before others that are still under way come first: what is told once is never
    -- followed by something earlier. Ties go out together, so that the last moment can be the next `since`.
    RETURN QUERY EXECUTE format($q$
        SELECT found.row_id, CASE WHEN found.shown THEN 'upsert' ELSE 'removed' END, found.at
        FROM (SELECT l.row_id, max(l.at) AS at, bool_or(coalesce(%s, false)) AS was_shown,
                     EXISTS (SELECT FROM published.%I AS v WHERE v.id = CAST(l.row_id AS %s)) AS shown
              FROM audit_log AS l
              WHERE l.table_name = %L AND l.at > $1 AND age(l.xmin) > age(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS xid))
              GROUP BY l.row_id) AS found
        WHERE found.shown OR found.was_shown
        ORDER BY found.at FETCH FIRST $2 ROWS WITH TIES$q$,
        source.was_shown, source.view_name, source.id_type, source.table_name) USING since, most;
END
$$;
REVOKE ALL ON FUNCTION published_updates(text, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION published_updates(text, timestamptz, integer) TO kkh_app, kkh_public;

-- Which rasters a scene has: readers of tiles name them, and only them.
CREATE INDEX ix_scene_assets ON scene USING gin (assets jsonb_path_ops);
CREATE OR REPLACE VIEW published.scenes AS
SELECT id, collection, sensor, acquired_at, grid_tile, epsg, cloud_cover, sun_elevation_deg, sun_azimuth_deg, geom,
       ARRAY(SELECT a.value ->> 'href' FROM jsonb_each(assets) AS a ORDER BY a.key) AS hrefs
FROM scene;
