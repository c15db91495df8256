-- Glaciers as they are published: the latest outline of each, and what became of its area since the one before.
CREATE TRIGGER reference BEFORE INSERT OR UPDATE OF geom, alignment_id ON glacier_outline FOR EACH ROW EXECUTE FUNCTION reference_row();

DO $$
DECLARE
    audited text;
BEGIN
    FOREACH audited IN ARRAY ARRAY['glacier', 'glacier_outline'] LOOP
        EXECUTE format('CREATE TRIGGER audit_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()', audited);
        EXECUTE format('CREATE TRIGGER audit_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()', audited);
        EXECUTE format('CREATE TRIGGER audit_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()', audited);
    END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE ON glacier, glacier_outline TO kkh_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO kkh_app;
REVOKE DELETE ON glacier, glacier_outline FROM kkh_app;

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
SELECT id, glacier_id, name, outlined_on, date_precision, dataset, schema, area_m2, area_uncertainty_m2, previous_on,
       area_m2 - previous_m2 AS area_change_m2,
       sqrt(area_uncertainty_m2 ^ 2 + previous_uncertainty_m2 ^ 2) AS area_change_uncertainty_m2,
       chainage_km, chainage_from_km, chainage_to_km, offset_m, side, geom
FROM dated WHERE latest = 1;

GRANT SELECT ON published.glaciers TO kkh_app, kkh_public;
