-- The only thing the public role may read. Names of people and unreviewed detections stay inside.
CREATE SCHEMA published;

CREATE VIEW published.segments AS
SELECT s.id, s.km_from, s.km_to, s.place, s.basis, s.country, s.consequence,
       r.grade AS risk_grade, r.score AS risk_score, r.confidence AS risk_confidence, r.rated_at, s.geom
FROM segment AS s
LEFT JOIN risk_rating AS r ON r.segment_id = s.id AND r.hazard = 'all' AND r.superseded_at IS NULL
WHERE s.alignment_id = (SELECT id FROM alignment WHERE valid_to IS NULL);

CREATE VIEW published.observations AS
SELECT id, kind, observed_at, accuracy_m, note, review_status, revision, dataset, source_id,
       chainage_km, offset_m, side, created_at, geom
FROM observation WHERE review_status <> 'rejected';

CREATE VIEW published.sites AS
SELECT id, code, kind, name, activity, varnes_class, chinese_class, accuracy_m, note, source,
       chainage_km, chainage_from_km, chainage_to_km, offset_m, side, created_at, geom
FROM site;

CREATE VIEW published.events AS
SELECT id, kind, name, occurred_on, occurred_to, precision, accuracy_m, trigger, fatalities, injuries, impacts, note, source, source_id,
       chainage_km, offset_m, side, geom
FROM event;

CREATE VIEW published.changes AS
SELECT id, kind, status, confidence, magnitude, area_m2, area_uncertainty_m2, mean_slope_deg, observed_share, first_date, last_date,
       chainage_km, chainage_from_km, chainage_to_km, offset_m, side, geom
FROM change WHERE status = 'confirmed';

CREATE VIEW published.scenes AS
SELECT id, collection, sensor, acquired_at, grid_tile, epsg, cloud_cover, sun_elevation_deg, sun_azimuth_deg, geom
FROM scene;

CREATE VIEW published.alerts AS
SELECT id, identifier, kind, state, severity, certainty, urgency, headline ->> 'en' AS headline, raised_at, updated_at, expires_at, resolved_at,
       chainage_km, chainage_from_km, chainage_to_km, offset_m, side, geom
FROM alert WHERE scope = 'Public' AND state <> 'candidate';
