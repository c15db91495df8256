-- Least privilege: the app role reads and writes rows but owns nothing and cannot touch the audit log or the schema's version;
-- the public role sees the schema `published` alone.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO kkh_app, kkh_public;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO kkh_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO kkh_app;
REVOKE INSERT, UPDATE, DELETE ON audit_log, observation_revision, alembic_version FROM kkh_app;
GRANT INSERT ON observation_revision TO kkh_app;
REVOKE DELETE ON observation, site, event, change, alert, alert_event, account FROM kkh_app;
GRANT USAGE ON SCHEMA published TO kkh_app, kkh_public;
GRANT SELECT ON ALL TABLES IN SCHEMA published TO kkh_app, kkh_public;
ALTER DEFAULT PRIVILEGES IN SCHEMA published GRANT SELECT ON TABLES TO kkh_app, kkh_public;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO kkh_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO kkh_app;
