-- Every write is kept: who, what, before, after. The function runs as its owner, so that writers need no right on the log.
CREATE FUNCTION actor_name() RETURNS text LANGUAGE sql STABLE AS
    $$SELECT coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)$$;

-- Secrets and bulky geometry stay out of the log; a hash of the geometry shows that it changed.
CREATE FUNCTION audit_image(row_image jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT (row_image - 'password_hash' - 'secret_sha256' - 'geom' - 'shape')
        || CASE WHEN row_image ? 'geom' THEN jsonb_build_object('geom_md5', md5(row_image ->> 'geom')) ELSE '{}'::jsonb END
$$;

-- The plan of its join is kept for the session: made at an update of no or one row it would be a nested loop, which at 10,000 rows
-- takes hours.
CREATE FUNCTION audit_statement() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_nestloop = off AS $$
BEGIN
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

DO $$
DECLARE
    audited text;
BEGIN
    FOREACH audited IN ARRAY ARRAY['alignment', 'calibration_point', 'closure', 'observation', 'media', 'site', 'event', 'evidence',
        'claim', 'scene', 'change', 'alert_rule', 'alert', 'subscription', 'account', 'api_key'] LOOP
        EXECUTE format('CREATE TRIGGER audit_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()', audited);
        EXECUTE format('CREATE TRIGGER audit_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()', audited);
        EXECUTE format('CREATE TRIGGER audit_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()', audited);
    END LOOP;
END
$$;

-- Nothing of an observation is overwritten: its earlier version moves to the revisions.
CREATE FUNCTION keep_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.kind, NEW.observed_at, NEW.observer, NEW.accuracy_m, NEW.note, NEW.attributes, NEW.review_status)
       IS DISTINCT FROM (OLD.kind, OLD.observed_at, OLD.observer, OLD.accuracy_m, OLD.note, OLD.attributes, OLD.review_status)
       OR NOT ST_OrderingEquals(NEW.geom, OLD.geom) OR NEW.content_sha256 <> OLD.content_sha256 THEN
        INSERT INTO observation_revision (observation_id, revision, content, changed_by)
        VALUES (OLD.id, OLD.revision, to_jsonb(OLD), actor_name());
        NEW.revision := OLD.revision + 1;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_revision BEFORE UPDATE ON observation FOR EACH ROW EXECUTE FUNCTION keep_revision();
