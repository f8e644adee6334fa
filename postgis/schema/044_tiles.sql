-- Base twins: of every layer of objects the present facts as tiles want them, twin.tile_<number>, and the view tile."<id>" over it.
-- A twin is changed in the transaction that changes the rows; a statement over 20,000 rows only doubts it, and the worker builds it anew.
--
-- Who writes rows asks for the layer's twin lock, shared, without waiting. Got: no build is under way and none can begin before this commit,
-- so the twin is written, or left alone when it waits for a build, which will read these rows. Not got: a build is under way, and the
-- rows' oids are noted. The build (one transaction, lock exclusive) reads, catches up what was noted and changes places with the old twin;
-- notes that come later count as doubt until they are settled. Nobody who writes rows ever waits for a build.

CREATE TABLE IF NOT EXISTS twin.tile_state (
    layer integer PRIMARY KEY,
    generation bigint NOT NULL DEFAULT 0,
    base text NOT NULL DEFAULT 'stale' CHECK (base IN ('stale', 'fresh')),
    overview text NOT NULL DEFAULT 'none' CHECK (overview IN ('none', 'stale', 'fresh')),
    built_at timestamptz,
    body text NOT NULL DEFAULT ''
) WITH (fillfactor = 50);
COMMENT ON COLUMN twin.tile_state.base IS 'Whether the twin has been built for its columns. Doubt is in tile_note: ask door.tile_state or twin.twin_is_fresh().';
COMMENT ON COLUMN twin.tile_state.overview IS 'none: low zooms read the base twin.';
COMMENT ON COLUMN twin.tile_state.body IS 'The SELECT that the rows of the twin as it stands come from; $1 is the moment.';

-- Rows the twin does not show yet: an oid, or NULL for who knows how many. Insert-only, so writers never wait for each other.
CREATE TABLE IF NOT EXISTS twin.tile_note (
    layer integer NOT NULL,
    oid bigint
);
CREATE INDEX IF NOT EXISTS tile_note_layer ON twin.tile_note (layer, oid);

-- Whether the twin was built and nobody doubts it as a whole; single oids may still be noted.
CREATE OR REPLACE FUNCTION twin.twin_stands(number integer) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM twin.tile_state WHERE layer = number AND base = 'fresh')
       AND NOT EXISTS (SELECT FROM twin.tile_note WHERE layer = number AND oid IS NULL)
$$;

-- Whether the twin shows, in this snapshot, exactly the present facts of the layer.
CREATE OR REPLACE FUNCTION twin.twin_is_fresh(number integer) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM twin.tile_state WHERE layer = number AND base = 'fresh')
       AND NOT EXISTS (SELECT FROM twin.tile_note WHERE layer = number)
$$;

-- Shapes the map plane cannot take as they are: curves become lines, what lies beyond ±180° is brought back, poles and emptiness go.
CREATE OR REPLACE FUNCTION twin.odd_tile_shape(geom geometry) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
DECLARE
    world constant box2d := ST_MakeBox2D(ST_MakePoint(-180, -85.06), ST_MakePoint(180, 85.06));
    flat geometry;
BEGIN
    IF geom IS NULL OR ST_IsEmpty(geom) THEN
        RETURN NULL;
    END IF;
    flat := ST_CurveToLine(geom);
    IF ST_XMax(flat) > 180 OR ST_XMin(flat) < -180 THEN
        flat := ST_WrapX(ST_WrapX(flat, 180, -360), -180, 360);
    END IF;
    IF NOT flat @ ST_SetSRID(world, 4490) THEN
        flat := ST_ClipByBox2D(flat, world);
    END IF;
    flat := ST_CollectionExtract(flat);
    RETURN CASE WHEN NOT ST_IsEmpty(flat) AND GeometryType(flat) ~ '^(MULTI)?(POINT|LINESTRING|POLYGON)$'
        THEN ST_ForcePolygonCW(ST_Transform(flat, 3857)) END;
EXCEPTION WHEN internal_error THEN
    RETURN NULL; -- a shape no map can draw must not keep its owner from writing it
END $$;

-- The shape in web mercator metres, exterior rings clockwise so that tiles need no more than scaling; NULL for what no tile can show.
-- Inlined by the planner: keep it one expression without SET clauses.
CREATE OR REPLACE FUNCTION twin.tile_shape(geom geometry) RETURNS geometry
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE WHEN geom @ ST_MakeEnvelope(-180, -85.06, 180, 85.06, 4490) THEN
        CASE GeometryType(geom)
            WHEN 'POLYGON' THEN ST_ForcePolygonCW(ST_Transform(geom, 3857))
            WHEN 'MULTIPOLYGON' THEN ST_ForcePolygonCW(ST_Transform(geom, 3857))
            WHEN 'POINT' THEN ST_Transform(geom, 3857)
            WHEN 'LINESTRING' THEN ST_Transform(geom, 3857)
            WHEN 'MULTIPOINT' THEN ST_Transform(geom, 3857)
            WHEN 'MULTILINESTRING' THEN ST_Transform(geom, 3857)
            ELSE twin.odd_tile_shape(geom) END
    ELSE twin.odd_tile_shape(geom) END;

-- How far a vertex may move before a shape could break, in metres; 0 for points and for what is broken or flat already. A tile whose
-- unit is much smaller needs no look at the shape after rounding it. Twice area over perimeter is the width of a strip.
CREATE OR REPLACE FUNCTION twin.tile_clearance(geom geometry) RETURNS real
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE ST_Dimension(geom)
        WHEN 2 THEN CASE WHEN ST_Area(geom) > 0 THEN least(ST_MinimumClearance(geom), 2 * ST_Area(geom) / ST_Perimeter(geom)) ELSE 0 END
        WHEN 1 THEN coalesce(nullif(least(ST_MinimumClearance(geom), 1e9), 1e9), 0)
        ELSE 0 END;

-- The columns a twin has beside oid, geom, "tile clearance" and division: each field that tiles carry, times and JSON as the text that tiles show.
CREATE OR REPLACE FUNCTION twin.tile_columns(number integer) RETURNS TABLE (name text, type text, expression text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT twin.column_of(field), CASE WHEN twin.field_expression(field) IS NULL THEN 'text'
            ELSE CASE field ->> 'type' WHEN 'integer' THEN 'bigint' WHEN 'number' THEN 'double precision' WHEN 'boolean' THEN 'boolean' ELSE 'text' END END,
        coalesce(twin.field_expression(field) || CASE WHEN field ->> 'type' IN ('date', 'instant', 'json') THEN '::text' ELSE '' END,
            quote_ident(twin.column_of(field)))
    FROM twin.layer l, jsonb_array_elements(l.fields) WITH ORDINALITY f (field, place)
    WHERE l.number = tile_columns.number AND field ->> 'in_tiles_from_zoom' IS NOT NULL AND twin.column_of(field) <> 'division'
    ORDER BY place
$$;

-- The SELECT behind a twin, of what holds at a moment; OFFSET 0 keeps a shape from being made twice.
CREATE OR REPLACE FUNCTION twin.tile_select(number integer, moment text, filter text DEFAULT '') RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT concat('SELECT oid, geom, twin.tile_clearance(geom), division', string_agg(format(', %I', name), ''),
        ' FROM (SELECT oid, twin.tile_shape(geom) AS geom, division', string_agg(format(', %s AS %I', expression, name), ''), ' FROM twin.object_', number,
        ' WHERE plan IS NULL AND geom IS NOT NULL AND valid @> ', moment, filter, ' OFFSET 0) o WHERE geom IS NOT NULL')
    FROM twin.tile_columns(number)
$$;

-- The function that derives oids of a twin anew, one for each layer, for its statements are planned once a session and not once an edit.
-- The second DELETE sees what the first had to wait for; `$1` because any name could be a field's.
CREATE OR REPLACE FUNCTION twin.put_derivation(number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    called constant text := format('twin.derive_tiles_%s(bigint[])', number);
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION %s RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET timezone = ''UTC'' SET datestyle = ''ISO, YMD'' AS %L',
        called, format('#variable_conflict use_column
        DECLARE gone integer;
        BEGIN
            DELETE FROM twin.tile_%s WHERE oid = ANY ($1);
            GET DIAGNOSTICS gone = ROW_COUNT;
            IF gone < cardinality($1) THEN
                DELETE FROM twin.tile_%1$s WHERE oid = ANY ($1);
            END IF;
            INSERT INTO twin.tile_%1$s %s;
        END', number, twin.tile_select(number, 'clock_timestamp()', ' AND oid = ANY ($1)')));
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', called);
END $$;

-- Whether this transaction may trust what it sees of the twin until its commit: no build is under way, and its snapshot is not from before one.
CREATE OR REPLACE FUNCTION twin.hold_tiles(number integer) RETURNS boolean
LANGUAGE sql VOLATILE AS $$
    SELECT pg_try_advisory_xact_lock_shared(hashtext('twin.tiles'), number) AND current_setting('transaction_isolation') = 'read committed'
$$;

-- Nobody knows which rows of the twin are wrong: it waits for the worker, and tiles are made from the rows themselves until then.
-- A doubt that is there already may be about to go with a build that does not know of these rows.
CREATE OR REPLACE FUNCTION twin.doubt_tiles(number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    held constant boolean := twin.hold_tiles(number);
    doubted constant boolean := EXISTS (SELECT FROM twin.tile_note WHERE layer = number AND oid IS NULL);
BEGIN
    IF NOT (held AND doubted) THEN
        INSERT INTO twin.tile_note VALUES (number, NULL);
    END IF;
    IF NOT doubted THEN
        PERFORM twin.emit('catalogue', jsonb_build_object('layer', (SELECT id FROM twin.layer l WHERE l.number = doubt_tiles.number)));
    END IF;
END $$;

-- Bring these oids of the twin up to the rows, in the transaction that wrote them; NULL: too many to name.
CREATE OR REPLACE FUNCTION twin.carry_tiles(number integer, oids bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    IF oids = '{}' THEN
        RETURN;
    ELSIF oids IS NULL THEN
        PERFORM twin.doubt_tiles(number);
    ELSIF NOT twin.hold_tiles(number) THEN
        INSERT INTO twin.tile_note SELECT number, unnest(oids);
    ELSIF EXISTS (SELECT FROM twin.tile_state WHERE layer = number AND base = 'fresh')
        AND NOT EXISTS (SELECT FROM twin.tile_note WHERE layer = number AND oid IS NULL) THEN
        EXECUTE format('SELECT twin.derive_tiles_%s($1)', number) USING oids;
    END IF;
END $$;

-- The table of a twin to be, empty and without indexes. A worker's has another name than that of a change of fields, which may not wait for it.
CREATE OR REPLACE FUNCTION twin.new_tile_table(number integer, name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET client_min_messages = warning AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS twin.%I', name);
    EXECUTE format('CREATE TABLE twin.%I (oid bigint NOT NULL, geom geometry(Geometry, 3857) NOT NULL, "tile clearance" real NOT NULL,
        division text%s)', name,
        (SELECT string_agg(format(', %I %s', c.name, c.type), '') FROM twin.tile_columns(number) c));
    EXECUTE format('GRANT SELECT ON twin.%I TO twin_importer', name);
END $$;

-- Fill and index what new_tile_table() made, in Hilbert order. What was noted before is in the rows that are read now.
CREATE OR REPLACE FUNCTION twin.fill_tile_table(number integer, name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET work_mem = '128MB' AS $$
BEGIN
    DELETE FROM twin.tile_note WHERE layer = number;
    EXECUTE format('INSERT INTO twin.%I %s ORDER BY geom', name, twin.tile_select(number, '$1')) USING clock_timestamp();
END $$;

CREATE OR REPLACE FUNCTION twin.index_tile_table(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET maintenance_work_mem = '256MB' AS $$
BEGIN
    EXECUTE format('CREATE INDEX %I ON twin.%I USING gist (geom)', name || '_geom', name);
    EXECUTE format('CREATE INDEX %I ON twin.%I (oid)', name || '_oid', name);
    EXECUTE format('ANALYZE twin.%I', name);
END $$;

-- tile."<id>": oid, geom (EPSG:3857), division and the tile columns, behind the wall of layer."<id>".
CREATE OR REPLACE FUNCTION twin.put_tile_view(number integer, over text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    PERFORM twin.put_view(format('tile.%I', (SELECT id FROM twin.layer l WHERE l.number = put_tile_view.number)),
        format('SELECT * FROM twin.%I o WHERE (SELECT twin.may_read(%s)) AND ((SELECT twin.scope_unbounded()) '
               'OR division ^@ ANY ((SELECT twin.scope_divisions())::text[]))', over, number));
END $$;

-- The new table takes the place of the old one. Holds both tables and the view until commit: call it last.
CREATE OR REPLACE FUNCTION twin.switch_tiles(number integer, new_name text, filled boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET client_min_messages = warning AS $$
DECLARE
    name constant text := format('tile_%s', number);
    part text;
BEGIN
    PERFORM twin.put_tile_view(number, new_name);
    EXECUTE format('DROP TABLE IF EXISTS twin.%I', name);
    EXECUTE format('ALTER TABLE twin.%I RENAME TO %I', new_name, name);
    FOREACH part IN ARRAY ARRAY['_geom', '_oid'] LOOP
        EXECUTE format('ALTER INDEX twin.%I RENAME TO %I', new_name || part, name || part);
    END LOOP;
    INSERT INTO twin.tile_state AS s (layer, generation, base, built_at, body)
        VALUES (number, 1, CASE WHEN filled THEN 'fresh' ELSE 'stale' END, clock_timestamp(), twin.tile_select(number, '$1'))
        ON CONFLICT (layer) DO UPDATE SET generation = s.generation + 1, base = excluded.base, built_at = excluded.built_at, body = excluded.body;
    PERFORM twin.put_derivation(number);
END $$;

-- The twin of a layer whose rows or fields are new: at once for few rows, else empty and in doubt until the worker comes.
CREATE OR REPLACE FUNCTION twin.make_tiles(number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    at_most constant integer := 20000;
    name constant text := format('tile_%s_new', number);
    few boolean;
BEGIN
    EXECUTE format('SELECT count(*) <= $1 FROM (SELECT FROM twin.object_%s LIMIT $1 + 1) s', number) INTO few USING at_most;
    few := few AND pg_try_advisory_xact_lock(hashtext('twin.tiles'), number) AND current_setting('transaction_isolation') = 'read committed';
    PERFORM twin.new_tile_table(number, name);
    IF few THEN
        PERFORM twin.fill_tile_table(number, name);
    END IF;
    PERFORM twin.index_tile_table(name), twin.switch_tiles(number, name, few);
    IF NOT few THEN
        PERFORM twin.doubt_tiles(number);
    END IF;
END $$;

-- The worker's part, in one transaction: build_tiles(), then finish_tiles() until it is not 'busy'. A rollback at any point leaves the old twin.

-- Layers whose twin is not fresh, or was never made.
CREATE OR REPLACE FUNCTION twin.doubtful_tiles() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT layer FROM twin.tile_note UNION SELECT layer FROM twin.tile_state WHERE base = 'stale'
    UNION SELECT l.number FROM twin.layer l WHERE l.kind = 'objects' AND NOT EXISTS (SELECT FROM twin.tile_state s WHERE s.layer = l.number)
        AND to_regclass(format('twin.object_%s', l.number)) IS NOT NULL
    ORDER BY 1
$$;

-- Bring noted oids into a twin that stands; false when it has to be built, or is being built.
CREATE OR REPLACE FUNCTION twin.settle_tiles(number integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    oids bigint[];
BEGIN
    IF NOT twin.hold_tiles(number) OR NOT twin.twin_stands(number) THEN
        RETURN false;
    END IF;
    WITH taken AS (DELETE FROM twin.tile_note WHERE layer = number AND oid IS NOT NULL RETURNING oid)
        SELECT array_agg(DISTINCT oid) INTO oids FROM taken;
    EXECUTE format('SELECT twin.derive_tiles_%s($1)', number) USING oids;
    RETURN true;
END $$;

-- Build the twin beside; false when another worker does, when writers hold the layer for long, or when there is nothing to build from.
CREATE OR REPLACE FUNCTION twin.build_tiles(number integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    name constant text := format('tile_%s_built', number);
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE object_not_in_prerequisite_state USING MESSAGE = 'a twin is built in a transaction that sees what is committed meanwhile';
    ELSIF NOT pg_try_advisory_xact_lock(hashtext('twin.build_tiles'), number) THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('twin.tiles'), number);
    IF to_regclass(format('twin.object_%s', number)) IS NULL THEN
        DELETE FROM twin.tile_note WHERE layer = number;
        RETURN false;
    END IF;
    PERFORM twin.new_tile_table(number, name), twin.fill_tile_table(number, name), twin.index_tile_table(name);
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END $$;

-- Bring what was noted meanwhile into the twin being built; false when that is more than oids can say.
CREATE OR REPLACE FUNCTION twin.catch_up_tiles(number integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    name constant text := format('tile_%s_built', number);
    oids bigint[];
BEGIN
    WITH taken AS (DELETE FROM twin.tile_note WHERE layer = number RETURNING oid) SELECT array_agg(DISTINCT oid) INTO oids FROM taken;
    IF oids IS NULL THEN
        RETURN true;
    ELSIF array_position(oids, NULL) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('DELETE FROM twin.%I WHERE oid = ANY ($1)', name) USING oids;
    EXECUTE format('INSERT INTO twin.%I %s', name, twin.tile_select(number, '$1', ' AND oid = ANY ($2)')) USING clock_timestamp(), oids;
    RETURN true;
END $$;

-- Catch up and take the old twin's place: 'done', 'busy' while readers hold it (they are not made to wait: come again), or 'void'.
CREATE OR REPLACE FUNCTION twin.finish_tiles(number integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET lock_timeout = '250ms' AS $$
BEGIN
    IF NOT twin.catch_up_tiles(number) THEN
        RETURN 'void';
    END IF;
    BEGIN
        IF to_regclass(format('twin.tile_%s', number)) IS NOT NULL THEN
            EXECUTE format('LOCK TABLE twin.tile_%s IN ACCESS EXCLUSIVE MODE', number);
        END IF;
        IF NOT twin.catch_up_tiles(number) THEN
            RETURN 'void';
        END IF;
        PERFORM twin.switch_tiles(number, format('tile_%s_built', number), true);
    EXCEPTION WHEN lock_not_available THEN
        RETURN 'busy';
    END;
    PERFORM twin.emit('catalogue', jsonb_build_object('layer', (SELECT id FROM twin.layer l WHERE l.number = finish_tiles.number)));
    RETURN 'done';
END $$;

-- Everything that was derived for tiles of a layer that goes.
CREATE OR REPLACE FUNCTION twin.drop_tiles(number integer, layer_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET client_min_messages = warning AS $$
DECLARE
    family text;
BEGIN
    FOREACH family IN ARRAY ARRAY['tile', 'tile_kept', 'tile_fold'] LOOP
        EXECUTE format('DROP VIEW IF EXISTS %I.%I', family, layer_id);
        EXECUTE format('DROP TABLE IF EXISTS twin.%I', format('%s_%s', family, number));
    END LOOP;
    EXECUTE format('DROP FUNCTION IF EXISTS twin.%I(bigint[])', 'derive_tiles_' || number);
    DELETE FROM twin.tile_state WHERE layer = number;
    DELETE FROM twin.tile_note WHERE layer = number;
END $$;

-- What tiles are made from is part of the catalogue: a change is told.
CREATE OR REPLACE FUNCTION twin.announce_tiles() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    PERFORM twin.emit('catalogue', jsonb_build_object('layer', (SELECT id FROM twin.layer WHERE number = NEW.layer)));
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER tile_source_announced AFTER UPDATE OF overview ON twin.tile_state
    FOR EACH ROW WHEN (OLD.overview IS DISTINCT FROM NEW.overview) EXECUTE FUNCTION twin.announce_tiles();
