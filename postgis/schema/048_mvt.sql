-- Every layer of objects as a function mvt."<id>"(z, x, y, query_params) → MVT, which foreign tile servers (martin, pg_tileserv) find and publish.
-- It reads what our own server reads, with the arithmetic of postgis/mvt_units.py and mvt_overview.py: the twin or overview where fresh, else the rows.
-- query_params: {"grid": "CGCS2000Quad"} for tiles of that grid, whose level 1 is two tiles; anything else in it is ignored.

-- The properties that tiles of a zoom carry and how a source ('live', 'twin', 'kept' or 'fold') tells them: fields, then what a feature of an
-- overview stands for, but for what a field of the same name says.
CREATE OR REPLACE FUNCTION twin.mvt_columns(number integer, zoom integer, source text) RETURNS TABLE (place bigint, name text, expression text)
LANGUAGE sql STABLE SET search_path = twin, public, pg_temp AS $$
    WITH shown AS (
        SELECT f.place, field, field ->> 'role' AS role, twin.column_of(field) AS of_view
        FROM twin.layer l, jsonb_array_elements(l.fields) WITH ORDINALITY f (field, place)
        WHERE l.number = mvt_columns.number AND (field ->> 'in_tiles_from_zoom')::integer <= zoom
    )
    SELECT s.place, field ->> 'name', CASE
        WHEN source = 'fold' THEN CASE role WHEN 'class' THEN 'class' WHEN 'population' THEN 'population' ELSE 'NULL' END
        WHEN source = 'kept' THEN quote_ident(twin.kept_column(of_view))
        WHEN source = 'live' AND field ->> 'type' IN ('date', 'instant', 'json') THEN quote_ident(of_view) || '::text'
        ELSE quote_ident(of_view) END
    FROM shown s
    UNION ALL
    SELECT 1000 + s.place, s.name, CASE source WHEN 'fold' THEN format('CASE WHEN here THEN %s END', summed) ELSE own END
    FROM twin.layer l, (VALUES (1, 'count', NULL, 'count', 'nullif(count, 1)'),
        (2, 'area_m2', NULL, 'round(area_m2)::bigint', 'round(area_m2)::bigint'),
        (3, 'floor_area_m2', 'floors', 'round(floor_area_m2)::bigint', 'round(floor_area_m2)::bigint'),
        (4, 'population', 'population', 'round(population * 10) / 10::float8', 'round(population * 10) / 10::float8')) s (place, name, role, summed, own)
    WHERE l.number = mvt_columns.number AND source IN ('kept', 'fold') AND NOT (s.name = 'area_m2' AND l.geometry_type IN ('Point', 'MultiPoint'))
      AND (s.role IS NULL OR EXISTS (SELECT FROM jsonb_array_elements(l.fields) field WHERE field ->> 'role' = s.role))
      AND NOT EXISTS (SELECT FROM shown WHERE field ->> 'name' = s.name)
$$;

-- Oid, properties and shape of the rows of a source in a box ($1), the shape in the plane (3857 or 4490).
CREATE OR REPLACE FUNCTION twin.mvt_rows(number integer, zoom integer, source text, plane integer) RETURNS text
LANGUAGE sql STABLE SET search_path = twin, public, pg_temp AS $$
    SELECT format('SELECT oid AS "tile id"%s, %s AS "tile geometry" FROM %I.%I WHERE geom && $1%s LIMIT 65536',
        (SELECT string_agg(format(', %s AS %I', c.expression, c.name), '' ORDER BY c.place) FROM twin.mvt_columns(number, zoom, source) c),
        CASE WHEN (source = 'live') = (plane = 4490) THEN 'geom' ELSE format('ST_Transform(geom, %s)', plane) END,
        CASE source WHEN 'twin' THEN 'tile' WHEN 'kept' THEN 'tile_kept' ELSE 'layer' END, l.id,
        CASE source WHEN 'live' THEN ' AND valid @> now() AND plan IS NULL'
            WHEN 'kept' THEN format(' AND zoom_to = %s AND zoom_from <= %s', (SELECT min(b.zoom_to) FROM twin.overview_bands() b WHERE b.zoom_to >= zoom), zoom)
        END)
    FROM twin.layer l WHERE l.number = mvt_rows.number
$$;

-- The same rows with shapes in units of the tile: scaled when they lie about it, else clipped. $2: the tile in the plane, $3: the margin in units,
-- $4 … $7: units across and down, and of the plane's origin.
CREATE OR REPLACE FUNCTION twin.mvt_features(number integer, zoom integer, source text, plane integer) RETURNS text
LANGUAGE sql STABLE SET search_path = twin, public, pg_temp AS $$
    SELECT format('SELECT "tile id"%s, CASE WHEN ST_IsPolygonCCW("quick shape") AND NOT ST_IsEmpty("quick shape") THEN "quick shape"
            ELSE ST_AsMVTGeom(CASE WHEN ST_HasArc("tile geometry") THEN ST_CurveToLine("tile geometry")
                WHEN GeometryType("tile geometry") NOT IN (''TIN'', ''TRIANGLE'', ''POLYHEDRALSURFACE'') THEN "tile geometry" END, $2, 4096, $3, true)
            END AS "tile geometry"
        FROM (SELECT *, CASE WHEN "tile geometry" @ ST_Expand($2, (ST_XMax($2) - ST_XMin($2)) / 2)
                AND GeometryType("tile geometry") IN (''POLYGON'', ''MULTIPOLYGON'', ''LINESTRING'', ''MULTILINESTRING'', ''POINT'', ''MULTIPOINT'')
            THEN ST_ForcePolygonCCW(ST_SnapToGrid(ST_Affine("tile geometry", $4, 0, 0, $5, $6, $7), 1)) END AS "quick shape"
        FROM (%s) r OFFSET 0) q', string_agg(format(', %I', c.name), '' ORDER BY c.place), twin.mvt_rows(number, zoom, source, plane))
    FROM twin.mvt_columns(number, zoom, source) c
$$;

-- The fold of a tile as features: squares of the area they stand for, inside their cell; points for layers of points. $8, $9: first and last cell of
-- each run under the tile. A cell over the edge of a tile of the other grid is drawn in both and counted where its centre is.
CREATE OR REPLACE FUNCTION twin.mvt_fold(number integer, zoom integer, plane integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = twin, public, pg_temp AS $$
DECLARE
    l constant twin.layer := (SELECT l FROM twin.layer l WHERE l.number = mvt_fold.number);
    levels constant integer := twin.fold_levels(number);
    world constant double precision := 40075016.685578488;
    cell constant double precision := world / 2.0 ^ (zoom + levels);
    breadth constant integer := 4096 >> levels;
    x_units constant text := CASE plane WHEN 3857 THEN '(@) * $4 + $6' ELSE format('(@) * %s * $4 + $6', 360 / world) END;
    y_units constant text := CASE plane WHEN 3857 THEN '(@) * $5 + $7' ELSE 'degrees(atan(sinh((@) / 6378137::float8))) * $5 + $7' END;
    line constant text := format('%s - (floor((%1$s - y) / %s) + %%s) * %2$s', world / 2, cell);
    flat constant boolean := l.geometry_type IN ('Point', 'MultiPoint');
    here constant text := CASE plane WHEN 3857 THEN 'true' ELSE 'down >= 0 AND down < 4096' END;
    point constant text := 'ST_MakePoint(floor(across), floor(down))';
    square constant text := 'ST_MakeEnvelope(west + width, greatest(north, 0), west, least(north + height, 4096))';
BEGIN
    RETURN format('SELECT oid AS "tile id"%s, %s AS "tile geometry" FROM (
        SELECT *, %s AS here, round(greatest(first_x, least(first_x + %s - width, across - width * 0.5::float8))) AS west,
               round(greatest(first_y, least(last_y - height, down - height * 0.5::float8))) AS north FROM (
        SELECT *, greatest(1, least(round(last_y - first_y), round(side * side * (last_y - first_y) / %4$s::float8 / width))) AS height FROM (
        SELECT *, least(%4$s, greatest(1, round(side))) AS width FROM (
        SELECT oid, count, area_m2, floor_area_m2, population, class, mercator_area, %s AS across, %s AS down, round(%s) AS first_x, %s AS first_y, %s AS last_y,
               sqrt(mercator_area) * %s AS side
        FROM unnest($8, $9) runs (first, last) JOIN tile_fold.%I f ON quad BETWEEN first AND last AND zoom = %s
        OFFSET 0) f OFFSET 0) f OFFSET 0) f OFFSET 0) f WHERE %s',
        (SELECT string_agg(format(', %s AS %I', c.expression, c.name), '' ORDER BY c.place) FROM twin.mvt_columns(number, zoom, 'fold') c),
        CASE WHEN flat THEN point WHEN l.geometry_type = 'Geometry' THEN format('CASE WHEN mercator_area > 0 THEN %s ELSE %s END', square, point) ELSE square END,
        here, breadth, replace(x_units, '@', 'x'), replace(y_units, '@', 'y'),
        replace(x_units, '@', format('floor((x + %s) / %s) * %2$s - %1$s', world / 2, cell)),
        replace(y_units, '@', format(line, 0)), replace(y_units, '@', format(line, 1)), 4096 * 2.0 ^ zoom / world, l.id, zoom,
        CASE WHEN flat THEN here ELSE 'north < 4096 AND north + height > 0' END);
END $$;

-- One tile of one layer, for whom `twin.scope` says. NULL where there is no such tile.
CREATE OR REPLACE FUNCTION twin.mvt(number integer, z integer, x integer, y integer, params json) RETURNS bytea
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp SET jit = off AS $$
DECLARE
    world constant double precision := 40075016.685578488;
    l constant twin.layer := (SELECT l FROM twin.layer l WHERE l.number = mvt.number);
    plane constant integer := CASE params ->> 'grid' WHEN 'CGCS2000Quad' THEN 4490 ELSE 3857 END;
    breadth constant double precision := CASE plane WHEN 3857 THEN world ELSE 360 END;
    buffer constant integer := CASE WHEN l.geometry_type IN ('Point', 'MultiPoint') THEN 128 ELSE 64 END;
    state record;
    source text := 'live';
    size double precision;
    box geometry;
    near geometry;
    runs record;
    rows text;
    body bytea;
BEGIN
    IF l.number IS NULL OR z < l.min_zoom OR NOT (z BETWEEN 0 AND 22 AND plane = 3857 OR z BETWEEN 1 AND 18 AND plane = 4490) THEN
        RETURN NULL;
    ELSIF NOT (x BETWEEN 0 AND (1 << z) - 1 AND y BETWEEN 0 AND (1 << z - CASE plane WHEN 4490 THEN 1 ELSE 0 END) - 1) THEN
        RETURN NULL;
    END IF;
    SELECT s.base, s.overview INTO state FROM door.tile_state s WHERE s.layer = number;
    IF z < 14 AND state.overview = 'fresh' THEN
        source := 'kept';
    ELSIF plane = 3857 AND state.base = 'fresh' THEN
        source := 'twin';
    END IF;
    size := breadth / (1 << z);
    box := ST_MakeEnvelope(x * size - breadth / 2, CASE plane WHEN 3857 THEN breadth / 2 ELSE 90 END - (y + 1) * size,
        (x + 1) * size - breadth / 2, CASE plane WHEN 3857 THEN breadth / 2 ELSE 90 END - y * size, plane);
    near := twin.mvt_near(ST_Expand(box, size * buffer / 4096), CASE source WHEN 'live' THEN 4490 ELSE 3857 END);
    rows := twin.mvt_features(number, z, source, plane);
    IF source = 'kept' THEN
        rows := concat(rows, ' UNION ALL ', twin.mvt_fold(number, z, plane));
        SELECT array_agg(twin.morton(x, mercator_y) << 2 * levels) AS first, array_agg((twin.morton(x, mercator_y) + 1 << 2 * levels) - 1) AS last INTO runs
        FROM twin.fold_levels(number) levels, generate_series(
            CASE plane WHEN 3857 THEN y ELSE greatest(0, floor((1 - ST_YMax(twin.mvt_near(box, 3857)) * 2 / world) / 2 * (1 << z)))::integer END,
            CASE plane WHEN 3857 THEN y ELSE least((1 << z) - 1, floor((1 - ST_YMin(twin.mvt_near(box, 3857)) * 2 / world) / 2 * (1 << z)))::integer END) mercator_y;
    ELSE
        SELECT NULL::bigint[] AS first, NULL::bigint[] AS last INTO runs;
    END IF;
    EXECUTE format('SELECT ST_AsMVT(t.*, %L, 4096, ''tile geometry'', ''tile id'') FROM (%s) t', l.id, rows) INTO body
        USING near, box, buffer, 4096 / size, -4096 / size, -ST_XMin(box) * 4096 / size, ST_YMax(box) * 4096 / size, runs.first, runs.last;
    RETURN body;
END $$;

-- A box in the other plane, by the formulas themselves: PROJ would wrap one that goes over 180° round to the other side. No latitude beyond 89°.
CREATE OR REPLACE FUNCTION twin.mvt_near(box geometry, plane integer) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
DECLARE
    degree constant double precision := 40075016.685578488 / 360;
    ys double precision[] := ARRAY[ST_YMin(box), ST_YMax(box)];
BEGIN
    IF ST_SRID(box) = plane THEN
        RETURN box;
    ELSIF plane = 4490 THEN
        ys := ARRAY(SELECT degrees(atan(sinh(y / 6378137))) FROM unnest(ys) y);
        RETURN ST_MakeEnvelope(greatest(ST_XMin(box) / degree, -180), ys[1], least(ST_XMax(box) / degree, 180), ys[2], plane);
    END IF;
    ys := ARRAY(SELECT ln(tan(pi() / 4 + radians(least(greatest(y, -89), 89)) / 2)) * 6378137 FROM unnest(ys) y);
    RETURN ST_MakeEnvelope(ST_XMin(box) * degree, ys[1], ST_XMax(box) * degree, ys[2], plane);
END $$;

-- Of a public layer what everybody sees, whoever calls; of an internal one what `twin.scope` of the session allows.
-- The scope is set and put back by hand: a SET clause with a setting of ours is the superuser's privilege, and an external server may grant none.
CREATE OR REPLACE FUNCTION twin.mvt_of(number integer, z integer, x integer, y integer, params json) RETURNS bytea
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    scope constant text := current_setting('twin.scope', true);
    public constant boolean := EXISTS (SELECT FROM twin.layer l WHERE l.number = mvt_of.number AND l.access = 'public');
    body bytea;
BEGIN
    IF NOT public THEN
        RETURN twin.mvt(number, z, x, y, params);
    END IF;
    PERFORM set_config('twin.scope', '{"access": ["public"], "divisions": []}', true);
    body := twin.mvt(number, z, x, y, params);
    PERFORM set_config('twin.scope', coalesce(scope, ''), true);
    RETURN body;
END $$;

-- Make or renew the function of a layer; drop_views() takes it away.
CREATE OR REPLACE FUNCTION twin.put_mvt(number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    l constant twin.layer := (SELECT l FROM twin.layer l WHERE l.number = put_mvt.number);
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION mvt.%I(z integer, x integer, y integer, query_params json DEFAULT NULL) RETURNS bytea
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS ''SELECT twin.mvt_of(%s, z, x, y, query_params)''', l.id, number);
    EXECUTE format('COMMENT ON FUNCTION mvt.%I(integer, integer, integer, json) IS %L', l.id,
        jsonb_build_object('name', l.title_zh, 'description', l.description_zh, 'minzoom', l.min_zoom, 'maxzoom', l.max_zoom));
    EXECUTE format('REVOKE ALL ON FUNCTION mvt.%I(integer, integer, integer, json) FROM PUBLIC', l.id);
    EXECUTE format('GRANT EXECUTE ON FUNCTION mvt.%I(integer, integer, integer, json) TO twin_server, twin_importer, twin_editor', l.id);
END $$;
