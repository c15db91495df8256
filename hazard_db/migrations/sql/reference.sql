-- Where a geometry lies along the current alignment, in metres of UTM zone 43N.
-- Nothing is said of what lies further than the corridor's reach: a chainage there would mean nothing.
CREATE FUNCTION corridor_reach_m() RETURNS double precision LANGUAGE sql IMMUTABLE AS 'SELECT 50000.0';

-- plpgsql keeps its plans; an SQL function would be planned anew for every row of a trigger.
CREATE FUNCTION chainage_of_point(point geometry, alignment bigint,
    OUT chainage_km double precision, OUT offset_m double precision, OUT side text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    near record;
    cross_product double precision;
BEGIN
    SELECT p.km_from, p.km_to, p.geom, ST_StartPoint(p.geom) AS a, ST_EndPoint(p.geom) AS b INTO near
    FROM alignment_part AS p WHERE p.alignment_id = alignment ORDER BY p.geom <-> point LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    chainage_km := near.km_from + (near.km_to - near.km_from) * ST_LineLocatePoint(near.geom, point);
    offset_m := ST_Distance(near.geom, point);
    cross_product := (ST_X(near.b) - ST_X(near.a)) * (ST_Y(point) - ST_Y(near.a))
                   - (ST_Y(near.b) - ST_Y(near.a)) * (ST_X(point) - ST_X(near.a));
    side := CASE WHEN offset_m < 0.5 THEN 'on' WHEN cross_product > 0 THEN 'left' ELSE 'right' END;
END
$$;

CREATE FUNCTION corridor_reference(shape geometry, alignment bigint,
    OUT chainage_km double precision, OUT chainage_from_km double precision, OUT chainage_to_km double precision,
    OUT offset_m double precision, OUT side text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
    metric geometry;
    near geometry;
BEGIN
    -- The metric zone is only meant for this part of the world; the box is cheap and keeps the transformation in its domain.
    IF shape IS NULL OR ST_IsEmpty(shape) OR NOT shape && ST_MakeEnvelope(60, 20, 90, 55, 4326) THEN
        RETURN;
    END IF;
    metric := ST_Transform(ST_Force2D(shape), 32643);
    near := metric;
    IF ST_Dimension(metric) > 0 OR ST_NumGeometries(metric) > 1 THEN
        SELECT ST_ClosestPoint(metric, part.geom) INTO near
        FROM alignment_part AS part WHERE part.alignment_id = alignment
        ORDER BY part.geom <-> metric LIMIT 1;
    END IF;
    SELECT * INTO chainage_km, offset_m, side FROM chainage_of_point(near, alignment);
    IF offset_m IS NULL OR offset_m > corridor_reach_m() THEN
        chainage_km := NULL; offset_m := NULL; side := NULL;
        RETURN;
    END IF;
    chainage_from_km := chainage_km;
    chainage_to_km := chainage_km;
    IF near IS DISTINCT FROM metric THEN
        SELECT least(min(c.chainage_km), chainage_km), greatest(max(c.chainage_km), chainage_km) INTO chainage_from_km, chainage_to_km
        FROM ST_DumpPoints(ST_SimplifyPreserveTopology(metric, 25)) AS corner,
             chainage_of_point(corner.geom, alignment) AS c;
    END IF;
END
$$;

CREATE FUNCTION current_alignment() RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT id FROM alignment WHERE valid_to IS NULL';

CREATE FUNCTION reference_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT id INTO NEW.alignment_id FROM alignment WHERE valid_to IS NULL;
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
