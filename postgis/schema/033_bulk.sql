-- Tables that an import fills and indexes over several connections before its publish: stage.run_<run>_object, visible to nobody else.
-- A publish takes one over in its own transaction; what a killed import leaves is dropped by the sweep.

CREATE OR REPLACE FUNCTION twin.bulk_name(run uuid) RETURNS text
LANGUAGE sql IMMUTABLE RETURN format('run_%s_object', replace(run::text, '-', ''));

-- Make the table for the first rows of a layer; returns the layer's number, a new one where there is no such layer.
CREATE OR REPLACE FUNCTION twin.new_bulk_table(run uuid, layer_id text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    name constant text := twin.bulk_name(run);
    number integer := (SELECT l.number FROM twin.layer l WHERE l.id = layer_id);
BEGIN
    number := coalesce(number, twin.free_number());
    EXECUTE format('CREATE TABLE stage.%I (LIKE twin.object INCLUDING DEFAULTS INCLUDING CONSTRAINTS, CONSTRAINT of_layer CHECK (layer = %s))
        WITH (autovacuum_enabled = false)', name, number);
    EXECUTE format('ALTER TABLE stage.%I ALTER layer SET DEFAULT %s', name, number);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON stage.%I TO twin_importer', name);
    RETURN number;
END $$;

-- The indexes a layer with these fields gets, those first that take longest: `suffix` of the name, and what follows the table's.
CREATE OR REPLACE FUNCTION twin.object_indexes(fields jsonb) RETURNS TABLE (suffix text, kind text, body text, tested text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT v.* FROM (VALUES
        ('_geom', '', 'USING gist (geom)', NULL),
        ('_key', 'UNIQUE', '(source_key, source, layer, plan, lower(valid)) NULLS NOT DISTINCT', NULL)) v
    UNION ALL
    SELECT '_f_' || left(md5(f.expression), 10), '', format('((%s))', f.expression), CASE WHEN f.of_text THEN f.expression END
        FROM twin.field_indexes(fields) f
    UNION ALL
    SELECT v.* FROM (VALUES
        ('_oid', 'UNIQUE', '(oid, layer, plan, lower(valid)) NULLS NOT DISTINCT', NULL),
        ('_code', '', '(code)', NULL),
        ('_division', '', '(division text_pattern_ops)', NULL)) v
$$;

-- Make one of these indexes; a text with a value of over 1000 bytes gets none. Several connections may do so at once.
CREATE OR REPLACE FUNCTION twin.index_bulk_table(run uuid, fields jsonb, suffix text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET maintenance_work_mem = '256MB'
SET max_parallel_maintenance_workers = 0 AS $$
DECLARE
    name constant text := twin.bulk_name(run);
    wanted record;
    widest integer;
BEGIN
    SELECT * INTO STRICT wanted FROM twin.object_indexes(fields) i WHERE i.suffix = index_bulk_table.suffix;
    IF wanted.tested IS NOT NULL THEN
        EXECUTE format('SELECT max(octet_length(%s)) FROM stage.%I', wanted.tested, name) INTO widest;
    END IF;
    IF coalesce(widest, 0) <= 1000 THEN
        EXECUTE format('CREATE %s INDEX %I ON stage.%I %s', wanted.kind, name || wanted.suffix, name, wanted.body);
    END IF;
END $$;

-- Take the table over as the rows of its layer, which must still have none. attach_objects() follows in the same transaction.
CREATE OR REPLACE FUNCTION twin.adopt_bulk_table(run uuid, number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET client_min_messages = warning AS $$
DECLARE
    name constant text := twin.bulk_name(run);
    own constant text := format('object_%s', number);
    occupied boolean := to_regclass(format('twin.object_past_%s', number)) IS NOT NULL;
    index_name text;
BEGIN
    IF to_regclass('twin.' || own) IS NOT NULL AND NOT occupied THEN
        PERFORM twin.drop_views(number);
        EXECUTE format('LOCK TABLE twin.%I IN ACCESS EXCLUSIVE MODE', own);
        EXECUTE format('SELECT EXISTS (SELECT FROM twin.%I)', own) INTO occupied;
    END IF;
    IF occupied THEN
        RAISE object_not_in_prerequisite_state USING MESSAGE = format('layer %s has rows: write a difference instead', number);
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS twin.%I', own);
    EXECUTE format('ALTER TABLE stage.%I RESET (autovacuum_enabled)', name);
    EXECUTE format('ALTER TABLE stage.%I SET SCHEMA twin', name);
    EXECUTE format('ALTER TABLE twin.%I RENAME TO %I', name, own || '_new');
    EXECUTE format('ALTER TABLE twin.%I ALTER oid SET DEFAULT nextval(%L)', own || '_new', format('twin.oid_%s', number));
    FOR index_name IN SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = format('twin.%I', own || '_new')::regclass LOOP
        EXECUTE format('ALTER INDEX twin.%I RENAME TO %I', index_name, replace(index_name, name, own));
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION twin.drop_bulk_table(run uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET client_min_messages = warning AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS stage.%I', twin.bulk_name(run));
END $$;
