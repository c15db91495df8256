-- The plan of its join is kept for the session: made at an update of no or one row it would be a nested loop, which at 10,000 rows
-- takes hours.
CREATE OR REPLACE FUNCTION audit_statement() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_nestloop = off AS $$
BEGIN
    -- Tells readers of updates since when this transaction may have entries: see published_updates.
    PERFORM pg_advisory_xact_lock_shared(8080, CAST(extract(epoch FROM now()) AS integer));
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit_log (actor, role, action, table_name, row_id, before, after)
        SELECT actor_name(), session_user, 'insert', TG_TABLE_NAME, n.image ->> 'id', NULL, audit_image(n.image)
        FROM (SELECT to_jsonb(new_rows) AS image FROM new_rows) AS n;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO audit_log (actor, role, action, table_name, row_id, before, after)
        SELECT actor_name(), session_user, 'delete', TG_TABLE_NAME, o.image ->> 'id', audit_image(o.image), NULL
        FROM (SELECT to_jsonb(old_rows) AS image FROM old_rows) AS o;
    ELSE
        -- Joined by the key itself: by an expression of it every row would be compared with every other.
        INSERT INTO audit_log (actor, role, action, table_name, row_id, before, after)
        SELECT actor_name(), session_user, 'update', TG_TABLE_NAME, i.id, audit_image(i.before), audit_image(i.after)
        FROM (SELECT CAST(n.id AS text) AS id, to_jsonb(o) AS before, to_jsonb(n) AS after
              FROM new_rows AS n JOIN old_rows AS o ON o.id = n.id OFFSET 0) AS i
        WHERE i.before IS DISTINCT FROM i.after;
    END IF;
    RETURN NULL;
END
$$;

-- Runs as its owner: whoever reads what is published may not read the log. It tells ids, moments and whether the feature is there,
-- never who or what, and nothing of features that were never published.
CREATE FUNCTION published_updates(wanted text, since timestamptz, most integer)
RETURNS TABLE (feature_id text, action text, changed_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    source record;
    safe timestamptz := clock_timestamp();
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
    -- Nothing from the beginning of the oldest transaction on that has entries and has not ended: what is told once is never followed
    -- by something earlier. Read before the log is (VOLATILE: each statement sees what is there when it begins), so that whoever ends
    -- meanwhile is either held back or seen.
    SELECT least(safe, min(to_timestamp(CAST(l.objid AS bigint) - 1))) INTO safe FROM pg_locks AS l
    WHERE l.locktype = 'advisory' AND l.classid = 8080 AND l.objsubid = 2
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());
    -- Ties go out together, so that the last moment can be the next `since`.
    RETURN QUERY EXECUTE format($q$
        SELECT found.row_id, CASE WHEN found.shown THEN 'upsert' ELSE 'removed' END, found.at
        FROM (SELECT l.row_id, max(l.at) AS at, bool_or(coalesce(%s, false)) AS was_shown,
                     EXISTS (SELECT FROM published.%I AS v WHERE v.id = CAST(l.row_id AS %s)) AS shown
              FROM audit_log AS l WHERE l.table_name = %L AND l.at > $1 AND l.at < $3
              GROUP BY l.row_id) AS found
        WHERE found.shown OR found.was_shown
        ORDER BY found.at FETCH FIRST $2 ROWS WITH TIES$q$,
        source.was_shown, source.view_name, source.id_type, source.table_name) USING since, most, safe;
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
