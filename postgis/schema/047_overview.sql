-- Overviews: what tiles below zoom 14 read. tile_kept holds what is still drawn as itself, tile_fold what is too small for that, summed up in cells.
-- Both are derived from twin.tile_<number>. At every zoom the two together have every polygon and point exactly once.

CREATE TABLE IF NOT EXISTS twin.overview (
    layer integer PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('none', 'coverage', 'fold')),
    generation bigint NOT NULL,
    seen bigint NOT NULL
);
COMMENT ON COLUMN twin.overview.generation IS 'Generation of the base twin it was made from; of another one it is made anew.';
COMMENT ON COLUMN twin.overview.seen IS 'Epoch of the layer at which it was last asked whether it needs an overview.';

-- Rows of a base twin that changed since the overview was refreshed, as they were and as they are: written by a trigger, so in the same transaction.
CREATE TABLE IF NOT EXISTS twin.overview_dirty (
    layer integer NOT NULL,
    oid bigint NOT NULL,
    quad bigint NOT NULL,
    west double precision NOT NULL,
    south double precision NOT NULL,
    east double precision NOT NULL,
    north double precision NOT NULL
);
CREATE INDEX IF NOT EXISTS overview_dirty_layer ON twin.overview_dirty (layer);

-- Bands of zooms that share one simplified shape.
CREATE OR REPLACE FUNCTION twin.overview_bands(OUT zoom_from smallint, OUT zoom_to smallint) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 4 AS $$
    VALUES (12::smallint, 13::smallint), (9::smallint, 11::smallint), (6::smallint, 8::smallint), (0::smallint, 5::smallint)
$$;

-- Metres of EPSG:3857 under one pixel of a 512-pixel tile.
CREATE OR REPLACE FUNCTION twin.pixel_m(zoom integer) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 78271.51696402048 / (1 << zoom) $$;

-- The smallest zoom at which something of this Mercator area is at least 2 × 2 pixels; 14 when there is none below 14.
CREATE OR REPLACE FUNCTION twin.kept_from(mercator_area real) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN mercator_area > 0 THEN least(greatest(ceil(ln(24505721471.395786::float8 / mercator_area) / ln(4.0::float8)), 0), 14)::integer ELSE 14 END
$$;

-- Square metres on the ground for one of EPSG:3857 at this northing: its exact local scale on the GRS 80 ellipsoid.
CREATE OR REPLACE FUNCTION twin.ground_share(y double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 0.993305619977099213 * (1 - tanh(y / 6378137) ^ 2) / (1 - 0.006694380022900787 * tanh(y / 6378137) ^ 2) ^ 2
$$;

-- Column (of x) or row (of -y) of WebMercatorQuad level 20.
CREATE OR REPLACE FUNCTION twin.cell_20(metres double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT least(greatest(floor((metres + 20037508.342789244) / 38.21851414258813), 0), 1048575)::integer
$$;

-- Eight bits, each followed by a nought; a table, for it is asked a million times in a build.
CREATE OR REPLACE FUNCTION twin.spread_8(bits integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ('{0,1,4,5,16,17,20,21,64,65,68,69,80,81,84,85,256,257,260,261,272,273,276,277,320,321,324,325,336,337,340,341,1024,
        1025,1028,1029,1040,1041,1044,1045,1088,1089,1092,1093,1104,1105,1108,1109,1280,1281,1284,1285,1296,1297,1300,1301,1344,1345,
        1348,1349,1360,1361,1364,1365,4096,4097,4100,4101,4112,4113,4116,4117,4160,4161,4164,4165,4176,4177,4180,4181,4352,4353,4356,
        4357,4368,4369,4372,4373,4416,4417,4420,4421,4432,4433,4436,4437,5120,5121,5124,5125,5136,5137,5140,5141,5184,5185,5188,5189,
        5200,5201,5204,5205,5376,5377,5380,5381,5392,5393,5396,5397,5440,5441,5444,5445,5456,5457,5460,5461,16384,16385,16388,16389,
        16400,16401,16404,16405,16448,16449,16452,16453,16464,16465,16468,16469,16640,16641,16644,16645,16656,16657,16660,16661,16704,
        16705,16708,16709,16720,16721,16724,16725,17408,17409,17412,17413,17424,17425,17428,17429,17472,17473,17476,17477,17488,17489,
        17492,17493,17664,17665,17668,17669,17680,17681,17684,17685,17728,17729,17732,17733,17744,17745,17748,17749,20480,20481,20484,
        20485,20496,20497,20500,20501,20544,20545,20548,20549,20560,20561,20564,20565,20736,20737,20740,20741,20752,20753,20756,20757,
        20800,20801,20804,20805,20816,20817,20820,20821,21504,21505,21508,21509,21520,21521,21524,21525,21568,21569,21572,21573,21584,
        21585,21588,21589,21760,21761,21764,21765,21776,21777,21780,21781,21824,21825,21828,21829,21840,21841,21844,21845}'::bigint[])[1 + bits]
$$;

-- Morton code of a cell: bits of the column at even places, of the row at odd ones. Parent of a level up: code >> 2.
CREATE OR REPLACE FUNCTION twin.morton(x integer, y integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT twin.spread_8(x & 255) | (twin.spread_8(x >> 8 & 255) << 16) | (twin.spread_8(x >> 16 & 255) << 32)
        | (twin.spread_8(y & 255) << 1) | (twin.spread_8(y >> 8 & 255) << 17) | (twin.spread_8(y >> 16 & 255) << 33)
$$;

-- The square of the cell with this Morton code.
CREATE OR REPLACE FUNCTION twin.quad_box(quad bigint, level integer) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = twin, public, pg_temp AS $$
DECLARE
    x integer := 0;
    y integer := 0;
BEGIN
    FOR place IN 0..level - 1 LOOP
        x := x | ((quad >> 2 * place & 1)::integer << place);
        y := y | ((quad >> 2 * place + 1 & 1)::integer << place);
    END LOOP;
    RETURN ST_TileEnvelope(level, x, y);
END $$;

CREATE OR REPLACE FUNCTION twin.quad_20(place geometry) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT twin.morton(twin.cell_20(public.ST_X(place)), twin.cell_20(-public.ST_Y(place))) $$;

-- Published columns of a base twin: all it has beside oid, geom and division.
CREATE OR REPLACE FUNCTION twin.overview_columns(number integer) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = twin, public, pg_temp AS $$
    SELECT attname::text FROM pg_attribute
    WHERE attrelid = to_regclass(format('twin.tile_%s', number)) AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('oid', 'geom', 'division')
    ORDER BY attnum
$$;

-- The name of a published column in tile_kept: one that would hide a column of ours gets an underscore.
CREATE OR REPLACE FUNCTION twin.kept_column(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN name IN ('zoom_from', 'zoom_to', 'size', 'count', 'quad', 'area_m2', 'floor_area_m2', 'population',
                             'centre_x', 'centre_y') THEN name || '_' ELSE name END
$$;

-- Empty tables of an overview, beside the ones in use; no index yet, so that they fill at full speed.
-- Kept: drawn at zooms zoom_from..zoom_to, a band; zoom_from is the row's own. `size` in Mercator m² or m. Lines have no area_m2.
-- Fold: `quad` is of level zoom + 7 (points: + 5); oid only where count = 1; mass and class_mass are the weights of centre and class.
CREATE OR REPLACE FUNCTION twin.new_overview(number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET client_min_messages = warning AS $$
DECLARE
    columns constant text := (SELECT string_agg(format('t.%I AS %I, ', name, twin.kept_column(name)), '') FROM twin.overview_columns(number) name);
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS twin.tile_kept_%s_new, twin.tile_fold_%1$s_new', number);
    EXECUTE format('CREATE TABLE twin.tile_kept_%s_new AS SELECT NULL::smallint AS zoom_from, NULL::smallint AS zoom_to, t.oid, t.geom, NULL::real AS size,
        t.division, 1 AS count, NULL::float8 AS area_m2, NULL::float8 AS floor_area_m2, NULL::float8 AS population, %s NULL::bigint AS quad,
        NULL::float8 AS centre_x, NULL::float8 AS centre_y
        FROM twin.tile_%1$s t WITH NO DATA', number, columns);
    EXECUTE format('CREATE TABLE twin.tile_fold_%s_new (zoom smallint NOT NULL, quad bigint NOT NULL, division text NOT NULL, count integer NOT NULL,
        area_m2 double precision, floor_area_m2 double precision, population double precision, class text, x double precision NOT NULL,
        y double precision NOT NULL, mercator_area double precision NOT NULL, oid bigint, mass double precision NOT NULL,
        class_mass double precision NOT NULL)', number);
END $$;

-- The views of an overview, with the wall of every layer view; a bound reader sees what has a division only.
CREATE OR REPLACE FUNCTION twin.put_overview_views(number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    layer_id constant text := (SELECT l.id FROM twin.layer l WHERE l.number = put_overview_views.number);
    columns constant text := (SELECT string_agg(format(', %I', twin.kept_column(name)), '') FROM twin.overview_columns(number) name);
    wall constant text := format('WHERE (SELECT twin.may_read(%s)) AND ((SELECT twin.scope_unbounded()) '
        'OR division ^@ ANY ((SELECT twin.scope_divisions())::text[]))', number);
BEGIN
    PERFORM twin.put_view(format('tile_kept.%I', layer_id), format('SELECT zoom_from, zoom_to, oid, geom, size, division, count, area_m2,
        floor_area_m2, population%s FROM twin.tile_kept_%s %s', columns, number, wall));
    PERFORM twin.put_view(format('tile_fold.%I', layer_id), format('SELECT zoom, quad, division, count, area_m2, floor_area_m2, population, class,
        x, y, mercator_area, oid FROM twin.tile_fold_%s %s', number, wall));
END $$;

-- Index what new_overview() made.
CREATE OR REPLACE FUNCTION twin.index_overview(number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET maintenance_work_mem = '256MB' AS $$
DECLARE
    band record;
BEGIN
    FOR band IN SELECT zoom_to FROM twin.overview_bands() LOOP
        EXECUTE format('CREATE INDEX ON twin.tile_kept_%s_new USING gist (geom) WHERE zoom_to = %s', number, band.zoom_to);
    END LOOP;
    EXECUTE format('CREATE INDEX ON twin.tile_kept_%s_new (zoom_to, quad)', number);
    EXECUTE format('CREATE INDEX ON twin.tile_kept_%s_new (oid)', number);
    EXECUTE format('ALTER TABLE twin.tile_fold_%s_new ADD PRIMARY KEY (zoom, quad, division)', number);
    EXECUTE format('ANALYZE twin.tile_kept_%s_new', number);
    EXECUTE format('ANALYZE twin.tile_fold_%s_new', number);
END $$;

-- Put the new tables in the place of the ones in use; false while readers hold those (nobody is made to wait behind us: come again).
-- The views go first, for whoever reads through them is waited for there.
CREATE OR REPLACE FUNCTION twin.swap_overview(number integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET client_min_messages = warning SET lock_timeout = '250ms' AS $$
DECLARE
    layer_id constant text := (SELECT l.id FROM twin.layer l WHERE l.number = swap_overview.number);
BEGIN
    EXECUTE format('DROP VIEW IF EXISTS tile_kept.%I', layer_id);
    EXECUTE format('DROP VIEW IF EXISTS tile_fold.%I', layer_id);
    EXECUTE format('DROP TABLE IF EXISTS twin.tile_kept_%s, twin.tile_fold_%1$s', number);
    EXECUTE format('ALTER TABLE twin.tile_kept_%s_new RENAME TO tile_kept_%1$s', number);
    EXECUTE format('ALTER TABLE twin.tile_fold_%s_new RENAME TO tile_fold_%1$s', number);
    PERFORM twin.put_overview_views(number);
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END $$;

-- Forget the overview of a layer; what is left reads the base twin. `layer_id` for a layer whose row is gone.
CREATE OR REPLACE FUNCTION twin.drop_overview(number integer, layer_id text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET client_min_messages = warning AS $$
DECLARE
    name constant text := coalesce(layer_id, (SELECT id FROM twin.layer l WHERE l.number = drop_overview.number));
BEGIN
    EXECUTE format('DROP VIEW IF EXISTS tile_kept.%I', name);
    EXECUTE format('DROP VIEW IF EXISTS tile_fold.%I', name);
    EXECUTE format('DROP TABLE IF EXISTS twin.tile_kept_%s, twin.tile_fold_%1$s, twin.tile_kept_%1$s_new, twin.tile_fold_%1$s_new', number);
    PERFORM twin.unwatch_overview(number);
    DELETE FROM twin.overview WHERE layer = number;
    DELETE FROM twin.overview_dirty WHERE layer = number;
END $$;

-- Note what a statement changed in a base twin. TG_ARGV: the layer's number.
CREATE OR REPLACE FUNCTION twin.note_overview() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    name text;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE twin.overview SET generation = -1 WHERE layer = TG_ARGV[0]::integer;
        RETURN NULL;
    END IF;
    FOREACH name IN ARRAY CASE TG_OP WHEN 'INSERT' THEN '{new_rows}' WHEN 'DELETE' THEN '{old_rows}' ELSE '{old_rows,new_rows}'::text[] END LOOP
        EXECUTE format('INSERT INTO twin.overview_dirty
            SELECT $1, oid, twin.quad_20(place), ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom)
            FROM (SELECT oid, geom, ST_Centroid(geom) AS place FROM %I OFFSET 0) s', name) USING TG_ARGV[0]::integer;
    END LOOP;
    RETURN NULL;
END $$;

-- From here on changes of the base twin are noted; a twin that was swapped in has no triggers yet. Gives up at once while somebody writes:
-- other writers would wait behind us.
CREATE OR REPLACE FUNCTION twin.watch_overview(number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET lock_timeout = '250ms' AS $$
DECLARE
    target constant text := format('twin.tile_%s', number);
BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = target::regclass AND tgname = 'overview_truncate') THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TRIGGER overview_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION twin.note_overview(%s)', target, number);
    EXECUTE format('CREATE TRIGGER overview_update AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION twin.note_overview(%s)', target, number);
    EXECUTE format('CREATE TRIGGER overview_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION twin.note_overview(%s)', target, number);
    EXECUTE format('CREATE TRIGGER overview_truncate AFTER TRUNCATE ON %s
                    FOR EACH STATEMENT EXECUTE FUNCTION twin.note_overview(%s)', target, number);
END $$;

CREATE OR REPLACE FUNCTION twin.unwatch_overview(number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET client_min_messages = warning AS $$
DECLARE
    trigger_name text;
BEGIN
    FOR trigger_name IN SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(format('twin.tile_%s', number)) AND tgname ~ '^overview_' LOOP
        EXECUTE format('DROP TRIGGER %I ON twin.tile_%s', trigger_name, number);
    END LOOP;
END $$;

GRANT SELECT ON twin.overview, twin.overview_dirty TO twin_importer;
GRANT EXECUTE ON FUNCTION twin.new_overview(integer), twin.index_overview(integer), twin.swap_overview(integer), twin.drop_overview(integer, text), twin.watch_overview(integer)
    TO twin_importer;
