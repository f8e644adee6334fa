-- Administrative divisions: six levels, each with the time it is in force, and the pieces that answer "which division is this point in".

CREATE TABLE IF NOT EXISTS twin.division (
    code text NOT NULL CHECK (code <> ''),
    level smallint NOT NULL CHECK (level BETWEEN 1 AND 6),
    name_zh text NOT NULL,
    name_en text NOT NULL DEFAULT '',
    parent_code text,
    geom geometry(MultiPolygon, 4490),
    centroid geometry(Point, 4490),
    valid tstzrange NOT NULL DEFAULT tstzrange(NULL, NULL) CHECK (NOT isempty(valid)),
    source text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX IF NOT EXISTS division_code ON twin.division (code, lower(valid)) NULLS NOT DISTINCT;
CREATE INDEX IF NOT EXISTS division_parent ON twin.division (parent_code);

-- Small convex-ish pieces of the polygons: a point in polygon costs microseconds instead of a walk round a province.
CREATE TABLE IF NOT EXISTS twin.division_part (
    code text NOT NULL,
    level smallint NOT NULL,
    geom geometry(Polygon, 4490) NOT NULL
);
CREATE INDEX IF NOT EXISTS division_part_geom ON twin.division_part USING gist (geom);

CREATE OR REPLACE FUNCTION twin.rebuild_division_parts() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    written bigint;
BEGIN
    DELETE FROM twin.division_part;
    INSERT INTO twin.division_part (code, level, geom)
    SELECT d.code, d.level, (ST_Dump(part)).geom
    FROM twin.division d, LATERAL ST_Subdivide(ST_MakeValid(d.geom), 64) part
    WHERE d.geom IS NOT NULL AND d.level < 6 AND d.valid @> now() AND ST_Dimension(part) = 2;
    GET DIAGNOSTICS written = ROW_COUNT;
    ANALYZE twin.division_part;
    RETURN written;
END $$;

-- The smallest division (grids aside) a point lies in. Join it with LEFT JOIN LATERAL: the planner inlines it.
CREATE OR REPLACE FUNCTION twin.divisions_at(point geometry) RETURNS TABLE (code text, level smallint)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT p.code, p.level FROM twin.division_part p WHERE ST_Intersects(p.geom, point) ORDER BY p.level DESC, p.code LIMIT 1
$$;

CREATE OR REPLACE FUNCTION twin.division_of(shape geometry) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT p.code FROM twin.division_part p WHERE ST_Intersects(p.geom, ST_PointOnSurface(shape)) ORDER BY p.level DESC, p.code LIMIT 1);
END $$;

-- Fill the empty divisions of a whole table by point on surface, in one statement; returns how many rows got one.
CREATE OR REPLACE FUNCTION twin.fill_division(target regclass, geometry_column name DEFAULT 'geom', division_column name DEFAULT 'division')
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    filled bigint;
BEGIN
    EXECUTE format(
        'UPDATE %1$s t SET %3$I = found.code
         FROM %1$s s CROSS JOIN LATERAL twin.divisions_at(ST_PointOnSurface(s.%2$I)) found
         WHERE t.ctid = s.ctid AND s.%3$I IS NULL AND s.%2$I IS NOT NULL',
        target, geometry_column, division_column);
    GET DIAGNOSTICS filled = ROW_COUNT;
    RETURN filled;
END $$;

-- Replace every row of one source: the load table has code, level, name_zh, name_en, parent_code, wkb, valid_from, valid_to.
CREATE OR REPLACE FUNCTION twin.replace_divisions(load regclass, of_source text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    written bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('twin.division'));
    DELETE FROM twin.division WHERE source = of_source;
    EXECUTE format(
        'INSERT INTO twin.division (code, level, name_zh, name_en, parent_code, geom, centroid, valid, source)
         SELECT code, level, name_zh, name_en, parent_code, geom, ST_PointOnSurface(geom), tstzrange(valid_from, valid_to), $1
         FROM (SELECT *, ST_Multi(ST_CollectionExtract(ST_MakeValid(ST_GeomFromWKB(wkb, 4490)), 3)) AS geom FROM %s) l', load) USING of_source;
    GET DIAGNOSTICS written = ROW_COUNT;
    PERFORM twin.rebuild_division_parts();
    PERFORM twin.index_divisions();
    PERFORM twin.emit('catalogue', jsonb_build_object('divisions', written));
    RETURN written;
END $$;
