-- Making and dropping layers: the catalogue row, the tables of the layer in both families, their indexes, triggers and rights.

-- The column a field has in the layer's views: a base column for a base role, else its own name.
CREATE OR REPLACE FUNCTION twin.column_of(field jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN field ->> 'role' IN ('code', 'name', 'class', 'division', 'phase', 'plan') THEN field ->> 'role' ELSE field ->> 'name' END
$$;

-- Refuse fields that cannot be columns: too long for an identifier, twice there, or hiding a base column.
CREATE OR REPLACE FUNCTION twin.check_fields(fields jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    field jsonb;
    name text;
    seen text[] := '{}';
BEGIN
    FOR field IN SELECT * FROM jsonb_array_elements(fields) LOOP
        name := twin.column_of(field);
        IF coalesce(name, '') = '' OR octet_length(name) > 63 OR name = ANY (seen)
            OR (twin.field_expression(field) IS NOT NULL
                AND name IN ('oid', 'code', 'class', 'name', 'parent_oid', 'division', 'geom', 'geom_z', 'zmin', 'zmax', 'valid', 'sys', 'phase', 'plan',
                             'tableoid', 'ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tile id', 'tile geometry', 'tile clearance')) THEN
            RAISE invalid_parameter_value USING MESSAGE = format('field %L cannot be a column: too long, repeated or reserved', coalesce(name, ''));
        END IF;
        seen := seen || name;
    END LOOP;
END $$;

-- A number never used before; when all 8191 have been, the smallest free one.
CREATE OR REPLACE FUNCTION twin.free_number() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    sequence constant text := pg_get_serial_sequence('twin.layer', 'number');
    number integer;
BEGIN
    EXECUTE format('SELECT last_value FROM %s', sequence) INTO number;
    IF number < 8191 THEN
        RETURN nextval(sequence);
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('twin.free_number'));
    SELECT min(n) INTO number FROM generate_series(1, 8191) n WHERE NOT EXISTS (SELECT FROM twin.layer l WHERE l.number = n);
    IF number IS NULL THEN
        RAISE program_limit_exceeded USING MESSAGE = 'there are 8191 layers already';
    END IF;
    RETURN number;
END $$;

-- The catalogue row alone: a new number (`reserved` where the spec says one), or the metadata of a known id brought up to the spec (keys left out stay as they are).
CREATE OR REPLACE FUNCTION twin.reserve_layer(spec jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    made integer;
BEGIN
    PERFORM twin.check_fields(coalesce(spec -> 'fields', '[]'));
    PERFORM pg_advisory_xact_lock(hashtext('twin.layer_id'), hashtext(spec ->> 'id'));
    UPDATE twin.layer l SET (title_zh, title_en, description_zh, geometry_type, fields, min_zoom, max_zoom, access, synthetic,
                             attribution, licence, accuracy_note_zh, vertical_datum, updated_at) =
        (SELECT n.title_zh, n.title_en, n.description_zh, n.geometry_type, n.fields, n.min_zoom, n.max_zoom, n.access, n.synthetic,
                n.attribution, n.licence, n.accuracy_note_zh, n.vertical_datum, now() FROM jsonb_populate_record(l, spec - 'number') n)
        WHERE l.id = spec ->> 'id' RETURNING number INTO made;
    IF made IS NULL THEN
        made := coalesce((spec ->> 'reserved')::integer, twin.free_number());
        INSERT INTO twin.layer SELECT * FROM jsonb_populate_record(
            ROW(made, NULL, 'objects', '', '', '', 'Geometry', '[]', NULL, NULL, NULL, 0, 0, 16, 'public', false, '', '', '', now(), 0, '')::twin.layer,
            spec - ARRAY['number', 'count', 'bounds', 'time_from', 'time_to', 'extent_epoch', 'updated_at']);
        EXECUTE format('CREATE SEQUENCE twin.%I MINVALUE %s START %2$s', 'oid_' || made, (made::bigint << 40) + 1);
        EXECUTE format('GRANT USAGE ON SEQUENCE twin.%I TO twin_importer', 'oid_' || made);
    END IF;
    RETURN made;
END $$;

-- A plain table of the shape of a family member: no index, no trigger, and a CHECK that spares ATTACH its scan.
CREATE OR REPLACE FUNCTION twin.plain_table(parent regclass, name text, number integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TABLE twin.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS, CONSTRAINT of_layer CHECK (layer = %s))', name, parent, number);
    EXECUTE format('ALTER TABLE twin.%I ALTER layer SET DEFAULT %s', name, number);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON twin.%I TO twin_importer', name);
    RETURN format('twin.%I', name);
END $$;

-- The table an import fills before attach_objects(): nobody sees it, and it is written at full speed.
CREATE OR REPLACE FUNCTION twin.new_object_table(number integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    name constant text := format('object_%s_new', number);
    attached constant regclass := to_regclass(format('twin.object_%s', number));
    occupied boolean := false;
BEGIN
    IF attached IS NOT NULL THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', attached) INTO occupied;
    END IF;
    IF occupied OR to_regclass(format('twin.object_past_%s', number)) IS NOT NULL THEN
        RAISE object_not_in_prerequisite_state USING MESSAGE = format('layer %s has rows: write a difference instead', number);
    END IF;
    PERFORM twin.plain_table('twin.object', name, number);
    EXECUTE format('ALTER TABLE twin.%I ALTER oid SET DEFAULT nextval(%L)', name, format('twin.oid_%s', number));
    RETURN format('twin.%I', name);
END $$;

-- Index (where that is not done yet), watch, ATTACH and publish what new_object_table() made or adopt_bulk_table() brought; returns how many rows there are. Call it last in its transaction.
CREATE OR REPLACE FUNCTION twin.attach_objects(number integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET maintenance_work_mem = '256MB'
SET client_min_messages = warning AS $$
DECLARE
    name constant text := format('object_%s', number);
    rows bigint;
    largest bigint;
BEGIN
    PERFORM twin.drop_views(number);
    EXECUTE format('DROP TABLE IF EXISTS twin.%I', name);
    EXECUTE format('ALTER TABLE twin.%I RENAME TO %I', name || '_new', name);
    EXECUTE format('CREATE UNIQUE INDEX IF NOT EXISTS %I ON twin.%I (oid, layer, plan, lower(valid)) NULLS NOT DISTINCT', name || '_oid', name);
    EXECUTE format('CREATE UNIQUE INDEX IF NOT EXISTS %I ON twin.%I (source_key, source, layer, plan, lower(valid)) NULLS NOT DISTINCT', name || '_key', name);
    EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON twin.%I USING gist (geom)', name || '_geom', name);
    EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON twin.%I (code)', name || '_code', name);
    EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON twin.%I (division text_pattern_ops)', name || '_division', name);
    PERFORM twin.watch(format('twin.%I', name)::regclass, 'live', number);
    EXECUTE format('ALTER TABLE twin.object ATTACH PARTITION twin.%I FOR VALUES IN (%s)', name, number);
    EXECUTE format('SELECT count(*), max(oid) FROM twin.%I', name) INTO rows, largest;
    IF largest > (number::bigint << 40) THEN
        PERFORM setval(format('twin.oid_%s', number), greatest(largest, nextval(format('twin.oid_%s', number))));
    END IF;
    PERFORM twin.index_fields(number);
    EXECUTE format('ANALYZE twin.%I', name);
    PERFORM twin.refresh_view(number), twin.make_tiles(number), twin.update_extent(number), twin.schedule(number), twin.emit_change(number, NULL),
        twin.log_change(number, 'all', NULL);
    RETURN rows;
END $$;

-- Make the past table at a layer's first change. Two sessions may ask at once; a bulk publish asks in a transaction of its own before.
CREATE OR REPLACE FUNCTION twin.ensure_past(number integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    name constant text := format('object_past_%s', number);
BEGIN
    IF to_regclass(format('twin.%I', name)) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('twin.layer'), number);
        IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'twin'::regnamespace AND relname = name) THEN -- to_regclass() may remember its last answer
            PERFORM twin.plain_table('twin.object_past', name, number);
            EXECUTE format('CREATE INDEX %I ON twin.%I USING gist (geom, valid)', name || '_geom', name);
            EXECUTE format('ALTER TABLE twin.%I ADD CONSTRAINT %I EXCLUDE USING gist
                (oid WITH =, (coalesce(plan, '''')) WITH =, valid WITH &&, sys WITH &&)', name, name || '_apart');
            PERFORM twin.watch(format('twin.%I', name)::regclass, 'past', number);
            EXECUTE format('ALTER TABLE twin.object_past ATTACH PARTITION twin.%I FOR VALUES IN (%s)', name, number);
            PERFORM twin.refresh_view(number);
        END IF;
    END IF;
    RETURN format('twin.%I', name);
END $$;

-- Make the shape table of a layer with Z.
CREATE OR REPLACE FUNCTION twin.ensure_shape(number integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    name constant text := format('shape_%s', number);
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('twin.layer'), number);
    IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'twin'::regnamespace AND relname = name) THEN
        PERFORM twin.plain_table('twin.shape', name, number);
        PERFORM twin.watch(format('twin.%I', name)::regclass, 'shape', number);
        EXECUTE format('ALTER TABLE twin.shape ATTACH PARTITION twin.%I FOR VALUES IN (%s)', name, number);
        IF to_regclass(format('twin.object_%s', number)) IS NOT NULL THEN
            PERFORM twin.refresh_view(number);
        END IF;
    END IF;
    RETURN format('twin.%I', name);
END $$;

-- Everything a layer of objects needs, empty; or a known layer brought up to the spec.
CREATE OR REPLACE FUNCTION twin.make_layer(spec jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    known_fields constant jsonb := (SELECT fields FROM twin.layer WHERE id = spec ->> 'id');
    number constant integer := twin.reserve_layer(spec);
BEGIN
    IF coalesce(spec ->> 'kind', 'objects') <> 'objects' THEN
        RETURN number;
    ELSIF to_regclass(format('twin.object_%s', number)) IS NULL THEN
        PERFORM twin.new_object_table(number);
        PERFORM twin.attach_objects(number);
    ELSIF known_fields IS DISTINCT FROM (SELECT l.fields FROM twin.layer l WHERE l.id = spec ->> 'id') THEN
        PERFORM twin.index_fields(number), twin.refresh_view(number), twin.make_tiles(number);
    END IF;
    RETURN number;
END $$;

-- Forget a layer with all its rows and history; false when there is none of that id.
CREATE OR REPLACE FUNCTION twin.drop_layer(layer_id text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET client_min_messages = warning AS $$
DECLARE
    gone integer;
    name text;
BEGIN
    DELETE FROM twin.layer WHERE id = layer_id RETURNING number INTO gone;
    IF gone IS NULL THEN
        RETURN false;
    END IF;
    PERFORM twin.drop_views(gone, layer_id), twin.drop_tiles(gone, layer_id);
    FOREACH name IN ARRAY ARRAY['object_', 'object_past_', 'shape_'] LOOP
        EXECUTE format('DROP TABLE IF EXISTS twin.%I', name || gone);
    END LOOP;
    EXECUTE format('DROP SEQUENCE IF EXISTS twin.%I', 'oid_' || gone);
    DELETE FROM twin.layer_epoch WHERE layer = gone;
    DELETE FROM twin.cell_epoch WHERE layer = gone;
    DELETE FROM twin.due WHERE layer = gone;
    DELETE FROM twin.mesh_use WHERE layer = gone;
    DELETE FROM twin.search WHERE layer = gone;
    DELETE FROM twin.tree WHERE oid BETWEEN gone::bigint << 40 AND (gone::bigint + 1 << 40) - 1;
    DELETE FROM twin.entity WHERE oid BETWEEN gone::bigint << 40 AND (gone::bigint + 1 << 40) - 1;
    DELETE FROM twin.relation WHERE from_oid BETWEEN gone::bigint << 40 AND (gone::bigint + 1 << 40) - 1
        OR to_oid BETWEEN gone::bigint << 40 AND (gone::bigint + 1 << 40) - 1;
    RETURN true;
END $$;
