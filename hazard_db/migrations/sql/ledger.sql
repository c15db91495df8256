-- Closures and works are told by kilometre: the database keeps the place of that stretch, so that the kilometres can follow it onto
-- a later version of the alignment. What no longer lies on the road keeps the kilometres and the version that it was told on.
CREATE FUNCTION stretch_of_road(first double precision, last double precision, version_id bigint) RETURNS geometry LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN first = last THEN point_at_chainage(first, version_id)
                ELSE ST_LineMerge(ST_Force2D(ST_LocateBetween(geom, first, last))) END
    FROM alignment WHERE id = version_id
$$;

CREATE FUNCTION reference_stretch() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    present bigint := current_alignment();
    at record;
BEGIN
    IF TG_OP = 'INSERT' OR NEW.geom IS NULL
       OR (NEW.chainage_from_km, NEW.chainage_to_km) IS DISTINCT FROM (OLD.chainage_from_km, OLD.chainage_to_km) THEN
        NEW.alignment_id := present;
        NEW.geom := stretch_of_road(NEW.chainage_from_km, NEW.chainage_to_km, present);
    ELSIF NEW.alignment_id IS DISTINCT FROM present THEN
        SELECT * INTO at FROM corridor_reference(NEW.geom, present);
        IF at.chainage_from_km IS NOT NULL THEN
            NEW.alignment_id := present;
            NEW.chainage_from_km := at.chainage_from_km;
            NEW.chainage_to_km := at.chainage_to_km;
        END IF;
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION count_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := OLD.revision + 1;
    RETURN NEW;
END
$$;

CREATE TRIGGER reference BEFORE INSERT OR UPDATE OF geom, alignment_id, chainage_from_km, chainage_to_km ON closure
    FOR EACH ROW EXECUTE FUNCTION reference_stretch();
CREATE TRIGGER reference BEFORE INSERT OR UPDATE OF geom, alignment_id, chainage_from_km, chainage_to_km ON road_work
    FOR EACH ROW EXECUTE FUNCTION reference_stretch();
CREATE TRIGGER reference BEFORE INSERT OR UPDATE OF geom, alignment_id ON structure FOR EACH ROW EXECUTE FUNCTION reference_row();
UPDATE closure SET geom = NULL;
CREATE TRIGGER revision BEFORE UPDATE ON closure FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION count_revision();
CREATE TRIGGER revision BEFORE UPDATE ON road_work FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION count_revision();

DO $$
DECLARE
    audited text;
BEGIN
    FOREACH audited IN ARRAY ARRAY['road_work', 'structure'] LOOP
        EXECUTE format('CREATE TRIGGER audit_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()', audited);
        EXECUTE format('CREATE TRIGGER audit_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()', audited);
        EXECUTE format('CREATE TRIGGER audit_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()', audited);
    END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE ON road_work, structure TO kkh_app;
REVOKE DELETE ON closure, road_work, structure FROM kkh_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO kkh_app;

CREATE VIEW published.closures AS
SELECT id, chainage_from_km AS chainage_km, chainage_from_km, chainage_to_km, closed_at, closed_precision, opened_at, cause, vehicle_class,
       detour, note, event_id, structure_id, source, revision, geom
FROM closure WHERE withdrawn_at IS NULL AND alignment_id = (SELECT id FROM alignment WHERE valid_to IS NULL);
-- What a work cost and who did it stays inside.
CREATE VIEW published.works AS
SELECT id, chainage_from_km AS chainage_km, chainage_from_km, chainage_to_km, kind, status, description, started_on, ended_on, closure_id,
       event_id, site_id, structure_id, source, revision, geom
FROM road_work WHERE withdrawn_at IS NULL AND alignment_id = (SELECT id FROM alignment WHERE valid_to IS NULL);
CREATE VIEW published.structures AS
SELECT id, kind, name, accuracy_m, note, source, chainage_km, offset_m, side, geom FROM structure;
COMMENT ON VIEW published.closures IS 'When and where the road was closed, to whom, why, and which way around there was.';
COMMENT ON VIEW published.works IS 'Works on the road: clearing, slopes, drainage, bridges; without costs.';
COMMENT ON VIEW published.structures IS 'Bridges, tunnels and other structures of the road.';
GRANT SELECT ON published.closures, published.works, published.structures TO kkh_app, kkh_public;

-- Copies elsewhere follow these collections too.
DO $$
DECLARE
    known text := pg_get_functiondef('published_updates(text, timestamptz, integer)'::regprocedure);
BEGIN
    EXECUTE replace(known, $q$('alerts', 'alert',$q$, $q$('closures', 'closure', 'bigint', $z$before ->> 'withdrawn_at' IS NULL AND before IS NOT NULL$z$),
        ('works', 'road_work', 'bigint', $z$before ->> 'withdrawn_at' IS NULL AND before IS NOT NULL$z$),
        ('structures', 'structure', 'bigint', 'before IS NOT NULL'),
        ('alerts', 'alert',$q$);
END
$$;
