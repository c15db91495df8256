-- The state of a site is the newest of its history, whichever way it came in: told in the history, it becomes the site's;
-- told of the site (an inventory, an observation that became one), it enters the history. The day that it is true of is named
-- for the transaction in hazard.state_on (YYYY-MM-DD or YYYY); a state whose day nobody knows is older than every other.
CREATE FUNCTION newest_state(site bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT activity FROM site_state WHERE site_id = site AND withdrawn_at IS NULL
                     ORDER BY since_on DESC NULLS LAST, id DESC LIMIT 1), 'unknown')
$$;

-- A plan made for few rows would be a nested loop for ever after.
CREATE FUNCTION note_site_states() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
    told text := nullif(current_setting('hazard.state_on', true), '');
    since date := CAST(told || CASE length(told) WHEN 4 THEN '-01-01' ELSE '' END AS date);
    exact text := CASE length(told) WHEN 4 THEN 'year' ELSE 'day' END;
BEGIN
    IF pg_trigger_depth() > 1 THEN
        RETURN NULL;  -- it comes from the history itself
    END IF;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO site_state (site_id, activity, since_on, precision, source)
        SELECT id, activity, since, exact, source FROM new_rows WHERE activity <> 'unknown';
        RETURN NULL;
    END IF;
    INSERT INTO site_state (site_id, activity, since_on, precision, source)
    SELECT n.id, n.activity, since, exact, n.source FROM new_rows AS n JOIN old_rows AS o ON o.id = n.id
    WHERE n.activity <> o.activity;
    UPDATE site SET activity = newest_state(site.id) FROM new_rows AS n JOIN old_rows AS o ON o.id = n.id
    WHERE site.id = n.id AND n.activity <> o.activity AND n.activity <> newest_state(n.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER state_of_new AFTER INSERT ON site REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION note_site_states();
CREATE TRIGGER state_of_changed AFTER UPDATE ON site REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION note_site_states();

CREATE FUNCTION apply_site_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() = 1 THEN  -- deeper it comes from the site
        UPDATE site SET activity = newest_state(id) WHERE id = NEW.site_id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER apply_state AFTER INSERT OR UPDATE ON site_state FOR EACH ROW EXECUTE FUNCTION apply_site_state();
