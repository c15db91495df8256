-- Where a geometry lies along the current alignment, in metres of UTM zone 43N.
-- Nothing is said of what lies further than the corridor's reach: a chainage there would mean nothing.
CREATE FUNCTION corridor_reach_m() RETURNS double precision LANGUAGE sql IMMUTABLE AS 'SELECT 50000.0';

CREATE FUNCTION chainage_of_point(point geometry, alignment bigint,
    OUT chainage_km double precision, OUT offset_m double precision, OUT side text)
LANGUAGE sql STABLE AS $$
    SELECT part.km_from + (part.km_to - part.km_from) * ST_LineLocatePoint(part.geom, point),
           ST_Distance(part.geom, point),
           CASE WHEN ST_Distance(part.geom, point) < 0.5 THEN 'on'
                WHEN (ST_X(ST_EndPoint(part.geom)) - ST_X(ST_StartPoint(part.geom))) * (ST_Y(point) - ST_Y(ST_StartPoint(part.geom)))
                   > (ST_Y(ST_EndPoint(part.geom)) - ST_Y(ST_StartPoint(part.geom))) * (ST_X(point) - ST_X(ST_StartPoint(part.geom)))
                THEN 'left' ELSE 'right' END
    FROM alignment_part AS part
    WHERE part.alignment_id = alignment
    ORDER BY part.geom <-> point, part.km_from
    LIMIT 1
$$;

CREATE FUNCTION corridor_reference(shape geometry, alignment bigint,
    OUT chainage_km double precision, OUT chainage_from_km double precision, OUT chainage_to_km double precision,
    OUT offset_m double precision, OUT side text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    metric geometry;
    near geometry;
BEGIN
    IF shape IS NULL OR ST_IsEmpty(shape) OR NOT EXISTS (
        SELECT FROM alignment AS a WHERE a.id = alignment AND ST_Expand(Box2D(a.geom)::geometry, 0.6) && shape) THEN
        RETURN;
    END IF;
    metric := ST_Transform(ST_Force2D(shape), 32643);
    near := metric;
    IF ST_Dimension(metric) > 0 OR ST_NumGeometries(metric) > 1 THEN
        SELECT ST_ClosestPoint(metric, part.geom) INTO near
        FROM alignment_part AS part WHERE part.alignment_id = alignment
        ORDER BY part.geom <-> metric, part.km_from LIMIT 1;
    END IF;
    SELECT c.chainage_km, c.offset_m, c.side INTO chainage_km, offset_m, side FROM chainage_of_point(near, alignment) AS c;
    IF offset_m > corridor_reach_m() THEN
        chainage_km := NULL; offset_m := NULL; side := NULL;
        RETURN;
    END IF;
    chainage_from_km := chainage_km;
    chainage_to_km := chainage_km;
    IF near IS DISTINCT FROM metric THEN
        SELECT least(min(c.chainage_km), chainage_km), greatest(max(c.chainage_km), chainage_km) INTO chainage_from_km, chainage_to_km
        FROM ST_DumpPoints(ST_SimplifyPreserveTopology(ST_ConvexHull(metric), 10)) AS corner,
             chainage_of_point(corner.geom, alignment) AS c;
    END IF;
END
$$;

CREATE FUNCTION current_alignment() RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT id FROM alignment WHERE valid_to IS NULL';

CREATE FUNCTION reference_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.alignment_id := current_alignment();
    SELECT r.chainage_km, r.chainage_from_km, r.chainage_to_km, r.offset_m, r.side
    INTO NEW.chainage_km, NEW.chainage_from_km, NEW.chainage_to_km, NEW.offset_m, NEW.side
    FROM corridor_reference(NEW.geom, NEW.alignment_id) AS r;
    IF NEW.chainage_km IS NULL THEN NEW.alignment_id := NULL; END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER reference BEFORE INSERT OR UPDATE OF geom, alignment_id ON observation FOR EACH ROW EXECUTE FUNCTION reference_row();
CREATE TRIGGER reference BEFORE INSERT OR UPDATE OF geom, alignment_id ON site FOR EACH ROW EXECUTE FUNCTION reference_row();
CREATE TRIGGER reference BEFORE INSERT OR UPDATE OF geom, alignment_id ON event FOR EACH ROW EXECUTE FUNCTION reference_row();
CREATE TRIGGER reference BEFORE INSERT OR UPDATE OF geom, alignment_id ON change FOR EACH ROW EXECUTE FUNCTION reference_row();
CREATE TRIGGER reference BEFORE INSERT OR UPDATE OF geom, alignment_id ON alert FOR EACH ROW EXECUTE FUNCTION reference_row();

-- The other way: the place of a kilometre on any version of the alignment.
CREATE FUNCTION point_at_chainage(km double precision, alignment bigint) RETURNS geometry LANGUAGE sql STABLE AS $$
    SELECT ST_Transform(ST_LineInterpolatePoint(part.geom, least(1, greatest(0, (km - part.km_from) / (part.km_to - part.km_from)))), 4326)
    FROM alignment_part AS part
    WHERE part.alignment_id = alignment AND km BETWEEN part.km_from AND part.km_to
    ORDER BY part.km_from LIMIT 1
$$;
