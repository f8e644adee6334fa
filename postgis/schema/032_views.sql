-- The typed views of a layer: the serving role's only door, and the one QGIS, GeoServer, Spark and people with psql use.
-- Plain views of the owner: a security_barrier or row level security would turn 2 ms into 200 (`&&` and `->>` are not leakproof).

-- The typed column of a field, in the one text that view, expression index and statistics share; NULL for a field that is a base column.
CREATE OR REPLACE FUNCTION twin.field_expression(field jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN coalesce(field ->> 'role', '') NOT IN ('code', 'name', 'class', 'division', 'phase', 'plan')
        THEN format('twin.%I(attrs, %L)', 'as_' || coalesce(field ->> 'type', 'text'), field ->> 'name') END
$$;

CREATE OR REPLACE FUNCTION twin.drop_views(number integer, layer_id text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    name constant text := coalesce(layer_id, (SELECT id FROM twin.layer l WHERE l.number = drop_views.number));
BEGIN
    EXECUTE format('DROP VIEW IF EXISTS layer.%I', name);
    EXECUTE format('DROP VIEW IF EXISTS history.%I', name);
    EXECUTE format('DROP FUNCTION IF EXISTS mvt.%I(integer, integer, integer, json)', name);
END $$;

-- Make one view; a change that only adds columns keeps the view, its grants and whatever is built on it.
CREATE OR REPLACE FUNCTION twin.put_view(name text, body text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    BEGIN
        EXECUTE format('CREATE OR REPLACE VIEW %s AS %s', name, body);
    EXCEPTION WHEN invalid_table_definition THEN
        EXECUTE format('DROP VIEW %s', name);
        EXECUTE format('CREATE VIEW %s AS %s', name, body);
    END;
    EXECUTE format('GRANT SELECT ON %s TO twin_server, twin_importer, twin_editor', name);
END $$;

-- layer."<id>": live rows (planned and future ones too: filter `valid @> now() AND plan IS NULL` for the present).
-- history."<id>": live and past rows with `sys`. Both show only what `twin.scope` allows.
CREATE OR REPLACE FUNCTION twin.refresh_view(number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    wall constant text := format('WHERE (SELECT twin.may_read(%s)) AND ((SELECT twin.scope_unbounded()) '
        'OR division ^@ ANY ((SELECT twin.scope_divisions())::text[]))', number);
    past constant regclass := to_regclass(format('twin.object_past_%s', number));
    -- The shape with heights of this very version; an edit of the plan outline alone has none, so that the two never disagree.
    deep constant text := CASE WHEN to_regclass(format('twin.shape_%s', number)) IS NULL THEN 'NULL::geometry(GeometryZ,4490)'
        ELSE format('(SELECT s.geom FROM twin.shape_%s s WHERE s.oid = o.oid AND s.lod = ''0'' AND s.valid = o.valid AND s.sys = o.sys)', number) END;
    base constant text := concat('SELECT oid, code, class, name, parent_oid, division, geom, ', deep, ' AS geom_z, zmin, zmax, valid, ');
    typed text;
    layer_id text;
BEGIN
    SELECT l.id, (SELECT string_agg(format(', %s AS %I', twin.field_expression(field), field ->> 'name'), '' ORDER BY place)
            FROM jsonb_array_elements(l.fields) WITH ORDINALITY f (field, place) WHERE twin.field_expression(field) IS NOT NULL)
        INTO layer_id, typed FROM twin.layer l WHERE l.number = refresh_view.number;
    typed := concat('phase, plan', typed);
    PERFORM twin.put_view(format('layer.%I', layer_id), concat(base, typed, format(' FROM twin.object_%s o %s', number, wall)));
    PERFORM twin.put_view(format('history.%I', layer_id), concat(
        base, 'sys, ', typed, format(' FROM twin.object_%s o %s', number, wall),
        CASE WHEN past IS NOT NULL THEN concat(' UNION ALL ', base, 'sys, ', typed, format(' FROM %s o %s', past, wall)) END));
    PERFORM twin.put_mvt(number);
END $$;

-- What is indexed of these fields: the column or expression of each queryable one.
CREATE OR REPLACE FUNCTION twin.field_indexes(fields jsonb) RETURNS TABLE (expression text, of_text boolean)
LANGUAGE sql IMMUTABLE SET search_path = twin, public, pg_temp AS $$
    SELECT e.expression, coalesce(field ->> 'type', 'text') = 'text'
    FROM jsonb_array_elements(fields) WITH ORDINALITY f (field, place), LATERAL (
        SELECT coalesce(twin.field_expression(field), CASE twin.column_of(field) WHEN 'class' THEN 'class' WHEN 'name' THEN 'name' END) AS expression) e
    WHERE field ->> 'queryable' = 'true' AND e.expression IS NOT NULL AND field ->> 'type' IS DISTINCT FROM 'json'
    ORDER BY place
$$;

-- An expression index and statistics for each queryable field; those of fields no longer queryable go. Long texts get no index.
CREATE OR REPLACE FUNCTION twin.index_fields(number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET maintenance_work_mem = '256MB' AS $$
DECLARE
    name constant text := format('object_%s', number);
    wanted text[] := '{}';
    field record;
    mark text;
    widest integer;
    stale text;
BEGIN
    FOR field IN SELECT f.* FROM twin.layer l, twin.field_indexes(l.fields) f WHERE l.number = index_fields.number LOOP
        mark := left(md5(field.expression), 10);
        wanted := wanted || mark;
        widest := 0;
        IF to_regclass(format('twin.%I', name || '_f_' || mark)) IS NULL THEN
            IF field.of_text THEN
                EXECUTE format('SELECT max(octet_length(%s)) FROM twin.%I', field.expression, name) INTO widest;
            END IF;
            IF coalesce(widest, 0) <= 1000 THEN
                EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON twin.%I ((%s))', name || '_f_' || mark, name, field.expression);
            END IF;
        END IF;
        IF field.expression ~ '\(' THEN
            EXECUTE format('CREATE STATISTICS IF NOT EXISTS twin.%I ON (%s) FROM twin.%I', name || '_s_' || mark, field.expression, name);
        END IF;
    END LOOP;
    FOR stale IN
        SELECT format('DROP INDEX twin.%I', c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE i.indrelid = format('twin.%I', name)::regclass AND c.relname ~ ('^' || name || '_f_') AND right(c.relname, 10) <> ALL (wanted)
        UNION ALL
        SELECT format('DROP STATISTICS twin.%I', s.stxname) FROM pg_statistic_ext s
            WHERE s.stxrelid = format('twin.%I', name)::regclass AND s.stxname ~ ('^' || name || '_s_') AND right(s.stxname, 10) <> ALL (wanted)
    LOOP
        EXECUTE stale;
    END LOOP;
END $$;
