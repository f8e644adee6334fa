-- How overviews are filled: the same statements for a whole layer and for the few places that changed, so that both come to the same.

-- Rows of a base twin with all that an overview wants to know of them, as a subquery. `places`: what to read, the twin called t;
-- `wanted`: a condition on dim, size and kept_from, asked before the dear things are worked out; `extra`: more columns of `places`.
CREATE OR REPLACE FUNCTION twin.overview_rows(number integer, places text, wanted text, extra text DEFAULT '') RETURNS text
LANGUAGE plpgsql STABLE SET search_path = twin, public, pg_temp AS $$
DECLARE
    plays jsonb := (
        SELECT coalesce(jsonb_object_agg(field ->> 'role', format('t.%I', twin.column_of(field))), '{}')
        FROM twin.layer l, jsonb_array_elements(l.fields) field
        WHERE l.number = overview_rows.number AND twin.column_of(field) IN (SELECT twin.overview_columns(overview_rows.number))
          AND (field ->> 'role' = 'class' OR field ->> 'role' IN ('floors', 'population') AND field ->> 'type' IN ('integer', 'number')));
BEGIN
    RETURN format('(SELECT s.*, twin.morton(column_20, row_20) AS quad, CASE dim WHEN 2 THEN size * twin.ground_share(y) END AS area_m2
        FROM (SELECT s.*, twin.cell_20(x) AS column_20, twin.cell_20(-y) AS row_20
        FROM (SELECT s.*, ST_X(place) AS x, ST_Y(place) AS y
        FROM (SELECT s.*, ST_Centroid(geom) AS place
        FROM (SELECT s.*, twin.kept_from(size) AS kept_from
        FROM (SELECT t.oid, t.geom, t.division, %s AS class, %s::float8 AS floors, %s::float8 AS people, ST_Dimension(t.geom) AS dim,
                     (CASE ST_Dimension(t.geom) WHEN 2 THEN ST_Area(t.geom) WHEN 1 THEN ST_Length(t.geom) ELSE 0 END)::real AS size%s
              FROM %s OFFSET 0) s OFFSET 0) s WHERE %s OFFSET 0) s OFFSET 0) s OFFSET 0) s)',
        coalesce(plays ->> 'class', 'NULL::text'), coalesce(plays ->> 'floors', 'NULL'), coalesce(plays ->> 'population', 'NULL'), extra, places, wanted);
END $$;

-- A polygon with about this tolerance, exterior clockwise; what would lose its shape stays as it is, or becomes its narrowest box.
CREATE OR REPLACE FUNCTION twin.simplified(shape geometry, tolerance double precision, mercator_area double precision) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
DECLARE
    simple geometry := ST_Simplify(shape, tolerance, true);
BEGIN
    IF coalesce(ST_Area(simple), 0) BETWEEN 0.7 * mercator_area AND 1.4 * mercator_area THEN
        RETURN ST_ForcePolygonCW(simple);
    END IF;
    RETURN CASE WHEN ST_NPoints(shape) <= 256 THEN shape
        ELSE ST_ForcePolygonCW(coalesce(nullif(ST_SimplifyPreserveTopology(shape, tolerance), 'POLYGON EMPTY'::geometry), ST_OrientedEnvelope(shape))) END;
END $$;

-- The statement that writes polygons into tile_kept: `rows` from overview_rows() with the published columns as c1, c2 …; `shape` draws one row in band b.
CREATE OR REPLACE FUNCTION twin.kept_statement(number integer, suffix text, rows text, bands text, shape text) RETURNS text
LANGUAGE sql STABLE SET search_path = twin, public, pg_temp AS $$
    SELECT format('INSERT INTO twin.tile_kept_%s%s (zoom_from, zoom_to, oid, geom, size, division, count, area_m2, floor_area_m2, population,
            quad, centre_x, centre_y%s)
        SELECT b.zoom_from, b.zoom_to, r.oid, %s, r.size, r.division, 1, r.area_m2, r.area_m2 * r.floors, r.people, r.quad, r.x, r.y%s
        FROM %s r CROSS JOIN LATERAL (%s) b', number, suffix, string_agg(format(', %I', twin.kept_column(name)), '' ORDER BY place), shape,
        string_agg(format(', r.c%s', place), '' ORDER BY place), rows, bands)
    FROM twin.overview_columns(number) WITH ORDINALITY c (name, place)
$$;

CREATE OR REPLACE FUNCTION twin.column_list(number integer) RETURNS text
LANGUAGE sql STABLE SET search_path = twin, public, pg_temp AS $$
    SELECT coalesce(string_agg(format(', t.%I AS c%s', name, place), '' ORDER BY place), '') FROM twin.overview_columns(number) WITH ORDINALITY c (name, place)
$$;

-- Polygons that are still drawn as themselves at some zoom below 14: all, or these.
CREATE OR REPLACE FUNCTION twin.fill_kept(number integer, suffix text, oids bigint[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET jit = off AS $$
DECLARE
    places constant text := format('twin.tile_%s t', number) || CASE WHEN oids IS NULL THEN '' ELSE ' WHERE t.oid = ANY ($1)' END;
BEGIN
    EXECUTE twin.kept_statement(number, suffix, twin.overview_rows(number, places, 'dim = 2 AND kept_from < 14', twin.column_list(number)),
        'SELECT greatest(zoom_from, r.kept_from) AS zoom_from, zoom_to FROM twin.overview_bands() WHERE zoom_to >= r.kept_from',
        'twin.simplified(r.geom, twin.pixel_m(b.zoom_to) / 2, r.size)') USING oids;
END $$;

-- Polygons of a coverage in one band, in the shapes given (WKB): every one is kept at every zoom.
CREATE OR REPLACE FUNCTION twin.put_coverage(number integer, suffix text, band integer, oids bigint[], shapes bytea[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    EXECUTE twin.kept_statement(number, suffix, twin.overview_rows(number,
            format('unnest($1, $2) given (oid, shape) JOIN twin.tile_%s t USING (oid)', number), 'dim = 2', ', given.shape' || twin.column_list(number)),
        'SELECT zoom_from, zoom_to FROM twin.overview_bands() WHERE zoom_to = $3', 'ST_ForcePolygonCW(ST_GeomFromWKB(r.shape, 3857))')
        USING oids, shapes, band;
END $$;

-- The statement that sums up `source` into the cells of one zoom. A cell's class is the one with most area (points: most rows) among those of its parts:
-- the first of its sorted classes, for ordering inside the aggregate would sort every cell by itself.
CREATE OR REPLACE FUNCTION twin.fold_statement(target text, zoom integer, source text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT format('INSERT INTO %s (zoom, quad, division, count, area_m2, floor_area_m2, population, class, x, y, mercator_area, oid, mass, class_mass)
        SELECT %s, quad, division, sum(count), sum(area_m2), sum(floor_area_m2), sum(population),
            (array_agg(class))[1], sum(x_mass) / sum(mass), sum(y_mass) / sum(mass), sum(mercator_area),
            CASE WHEN sum(count) = 1 THEN min(oid) END, sum(mass), max(class_mass)
        FROM (SELECT quad, division, class, sum(count) AS count, sum(area_m2) AS area_m2, sum(floor_area_m2) AS floor_area_m2,
                sum(population) AS population, sum(x * mass) AS x_mass, sum(y * mass) AS y_mass, sum(mercator_area) AS mercator_area, min(oid) AS oid,
                sum(mass) AS mass, sum(class_mass) AS class_mass
            FROM (%s) parts GROUP BY quad, division, class ORDER BY quad, division, sum(class_mass)::real DESC, class) classes
        GROUP BY quad, division', target, zoom, source)
$$;

-- Levels between a tile and the cells of its fold.
CREATE OR REPLACE FUNCTION twin.fold_levels(number integer) RETURNS integer
LANGUAGE sql STABLE SET search_path = twin, public, pg_temp AS $$
    SELECT CASE WHEN geometry_type IN ('Point', 'MultiPoint') THEN 5 ELSE 7 END FROM twin.layer l WHERE l.number = fold_levels.number
$$;

-- Fold what is too small from the finest zoom up: each zoom sums up the next finer one and what is drawn there but not here.
-- `quads`: level-20 cells whose rows changed; all their ancestors are made anew, and nothing else.
CREATE OR REPLACE FUNCTION twin.fill_fold(number integer, suffix text, quads bigint[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET work_mem = '128MB' SET jit = off AS $$
DECLARE
    levels constant integer := twin.fold_levels(number);
    fold constant text := format('twin.tile_fold_%s%s', number, suffix);
    kept constant text := format('twin.tile_kept_%s%s', number, suffix);
    class constant text := CASE WHEN 'class' IN (SELECT twin.overview_columns(number)) THEN 'class' ELSE 'NULL::text' END;
    finer constant text := 'SELECT quad >> 2 AS quad, division, class, count, area_m2, floor_area_m2, population, mass, class_mass, x, y, mercator_area, oid
        FROM %s f WHERE zoom = %s + 1%s';
    shrunk constant text := 'SELECT quad >> %s, coalesce(division, ''''), %s, count, area_m2, floor_area_m2, population, size::float8, size::float8,
        centre_x, centre_y, size, oid FROM %s k WHERE area_m2 IS NOT NULL AND zoom_to = %s AND zoom_from = %s + 1 AND twin.kept_from(size) = %5$s + 1%s';
    places text := format('twin.tile_%s t', number);
    here text := '';
    shift integer;
    dirty bigint[];
BEGIN
    FOR zoom IN REVERSE 13..0 LOOP
        shift := 2 * (20 - zoom - levels);
        IF quads IS NOT NULL THEN
            dirty := ARRAY(SELECT DISTINCT quad >> shift FROM unnest(quads) quad);
            EXECUTE format('DELETE FROM %s WHERE zoom = %s AND quad = ANY ($1)', fold, zoom) USING dirty;
        END IF;
        IF zoom = 13 AND quads IS NOT NULL THEN
            places := format('unnest($1) asked CROSS JOIN LATERAL (SELECT * FROM twin.tile_%s t WHERE t.geom && ST_Expand(twin.quad_box(asked, %s), 0.01)
                AND NOT EXISTS (SELECT FROM %s k WHERE k.oid = t.oid AND k.area_m2 IS NOT NULL) OFFSET 0) t', number, 13 + levels, kept);
            here := format('WHERE quad >> %s = asked', shift);
        END IF;
        IF zoom = 13 THEN
            EXECUTE twin.fold_statement(fold, zoom, format('SELECT quad >> %s AS quad, coalesce(division, '''') AS division, class, 1 AS count, area_m2,
                area_m2 * floors AS floor_area_m2, people AS population, mass, mass AS class_mass, x, y, size::float8 AS mercator_area, oid
                FROM (SELECT *, greatest(size, 1e-6)::float8 AS mass FROM %s r %s) r', shift,
                twin.overview_rows(number, places, 'dim <> 1 AND kept_from = 14', CASE WHEN quads IS NULL THEN '' ELSE ', asked' END), here)) USING dirty;
        ELSIF quads IS NULL THEN
            EXECUTE twin.fold_statement(fold, zoom, concat(format(finer, fold, zoom, ''), ' UNION ALL ',
                format(shrunk, shift, class, kept, (SELECT b.zoom_to FROM twin.overview_bands() b WHERE zoom + 1 BETWEEN b.zoom_from AND b.zoom_to), zoom, '')));
        ELSE
            EXECUTE twin.fold_statement(fold, zoom, format('SELECT part.* FROM unnest($1) asked CROSS JOIN LATERAL (%s UNION ALL %s OFFSET 0) part',
                format(finer, fold, zoom, ' AND quad BETWEEN asked << 2 AND (asked << 2) + 3'),
                format(shrunk, shift, class, kept, (SELECT b.zoom_to FROM twin.overview_bands() b WHERE zoom + 1 BETWEEN b.zoom_from AND b.zoom_to), zoom,
                    format(' AND quad BETWEEN asked << %s AND (asked + 1 << %1$s) - 1', shift)))) USING dirty;
        END IF;
    END LOOP;
END $$;
