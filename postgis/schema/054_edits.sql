-- Many edits as one: the eight cases of 038_edits.sql over a table of what was sent, whatever its length, in one transaction.

-- One writer at a time for an object, as lock_object() does; many objects hold the whole layer instead of a lock each.
CREATE OR REPLACE FUNCTION twin.lock_edits(number integer) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    oids constant bigint[] := ARRAY(SELECT DISTINCT s.oid FROM pg_temp.edit_sent s WHERE s.oid IS NOT NULL ORDER BY 1);
    past constant regclass := to_regclass(format('twin.object_past_%s', number));
    newest timestamptz;
    one bigint;
BEGIN
    IF cardinality(oids) > 500 THEN
        PERFORM pg_advisory_xact_lock(hashtext('twin.edits'), number);
    ELSE
        PERFORM pg_advisory_xact_lock_shared(hashtext('twin.edits'), number);
        FOREACH one IN ARRAY oids LOOP
            PERFORM pg_advisory_xact_lock(one);
        END LOOP;
    END IF;
    EXECUTE format('SELECT count(*) FROM (SELECT FROM twin.object_%s WHERE oid = ANY ($1) ORDER BY oid FOR UPDATE) s', number) INTO one USING oids;
    EXECUTE format('SELECT max(greatest(lower(o.sys), upper(o.sys))) FROM pg_temp.edit_sent s JOIN twin.object_%s o USING (oid)', number) INTO newest;
    IF past IS NOT NULL THEN
        EXECUTE format('SELECT greatest($1, max(greatest(lower(o.sys), upper(o.sys)))) FROM pg_temp.edit_sent s JOIN %s o USING (oid)', past)
            INTO newest USING newest;
    END IF;
    RETURN CASE WHEN newest > now() THEN clock_timestamp() ELSE now() END;
END $$;

-- Find the state each edit is about (the fact known now that holds `since`), the tag of the state of this moment, and the state to be.
CREATE OR REPLACE FUNCTION twin.work_edits(number integer, moment timestamptz, since timestamptz, srid integer, turned boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    wanted constant text := (SELECT geometry_type FROM twin.layer l WHERE l.number = work_edits.number);
    every constant text := concat(format('SELECT o.oid, o.valid, o.sys, o.plan, ROW(o.*)::twin.object AS version FROM twin.object_%s o', number),
        CASE WHEN to_regclass(format('twin.object_past_%s', number)) IS NOT NULL
            THEN format(' UNION ALL SELECT o.oid, o.valid, o.sys, o.plan, ROW(o.*)::twin.object FROM twin.object_past_%s o', number) END);
    named constant text := CASE WHEN EXISTS (SELECT FROM pg_temp.edit_sent s WHERE s.version IS NOT NULL)
        THEN every ELSE 'SELECT NULL::bigint AS oid, NULL::tstzrange AS valid, NULL::tstzrange AS sys, NULL AS plan, NULL::twin.object AS version WHERE false' END;
    blank twin.object;
BEGIN
    blank.layer := number;
    blank.attrs := '{}';
    blank.source := 'edit';
    ANALYZE pg_temp.edit_sent;
    EXECUTE format($q$
        INSERT INTO pg_temp.edit_done (line, action, oid, head, old, new, spot, repaired, refused)
        SELECT s.line, s.action, s.target, twin.version_tag(s.oid, h.sys, h.valid), k.version,
            CASE WHEN s.action <> 'delete' THEN twin.edited_version(
                CASE s.action WHEN 'create' THEN $4 WHEN 'restore' THEN r.version ELSE k.version END, s.target,
                CASE WHEN s.has_shape THEN ROW(NULL, s.target, NULL, NULL, NULL, NULL, here.code, g.geom, g.zmin, g.zmax,
                    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::twin.object END, s.columns, s.attrs) END,
            here.code, g.repaired, g.refused
        FROM (SELECT *, coalesce(oid, nextval(%1$L)) AS target FROM pg_temp.edit_sent) s
        LEFT JOIN (%2$s) k ON k.oid = s.oid AND k.plan IS NULL AND upper_inf(k.sys) AND k.valid @> $2
        LEFT JOIN (%2$s) h ON h.oid = s.oid AND h.plan IS NULL AND upper_inf(h.sys) AND h.valid @> $1
        LEFT JOIN (%3$s) r ON r.oid = s.oid AND r.plan IS NULL AND twin.version_name(r.sys, r.valid) = s.version AND twin.scope_holds((r.version).division)
        LEFT JOIN LATERAL twin.edited_shape(s.shape, $5, $6, $3) g ON s.shape IS NOT NULL
        LEFT JOIN LATERAL twin.divisions_at(ST_PointOnSurface(g.geom)) here ON g.refused IS NULL
    $q$, format('twin.oid_%s', number), every, named) USING moment, since, wanted, blank, srid, turned;
    ANALYZE pg_temp.edit_done;
END $$;

-- Why edits cannot be done, if any: 'missing' (not there, or not for this caller), 'mismatch', 'forbidden', 'doubled', 'invalid'.
CREATE OR REPLACE FUNCTION twin.refused_edits(area geometry) RETURNS TABLE (line integer, problem text, detail text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT d.line, v.problem, v.detail
    FROM pg_temp.edit_done d JOIN pg_temp.edit_sent s USING (line)
    CROSS JOIN LATERAL (SELECT
        d.action = 'create' OR ((d.action = 'restore' OR (d.old).oid IS NOT NULL) AND ((d.old).oid IS NULL OR (twin.scope_holds((d.old).division)
            AND (area IS NULL OR coalesce(ST_Intersects((d.old).geom, area), false))))) AS seen,
        d.action = 'delete' OR (twin.scope_holds((d.new).division) AND (s.shape IS NULL OR twin.scope_holds(d.spot) OR coalesce((d.old).geom = (d.new).geom, false))
            AND (area IS NULL OR coalesce(ST_CoveredBy((d.new).geom, area), false))) AS inside) c
    CROSS JOIN LATERAL (
        SELECT 'doubled' AS problem, format('object %s is edited more than once in this transaction', d.oid) AS detail
            WHERE d.oid IN (SELECT e.oid FROM pg_temp.edit_sent e WHERE e.oid IS NOT NULL GROUP BY e.oid HAVING count(*) > 1)
        UNION ALL SELECT 'missing', format('there is no feature %s at that moment', d.oid) WHERE NOT c.seen
        UNION ALL SELECT 'missing', format('feature %s has no version %s', d.oid, left(s.version, 60))
            WHERE c.seen AND d.action = 'restore' AND (d.new).geom IS NULL AND (d.new).attrs IS NULL
        UNION ALL SELECT 'mismatch', format('feature %s is another version by now', d.oid)
            WHERE c.seen AND s.if_match IS NOT NULL AND NOT (d.head IS NOT NULL AND ('*' = ANY (s.if_match) OR d.head = ANY (s.if_match)))
        UNION ALL SELECT 'invalid', 'geometry: ' || d.refused WHERE c.seen AND d.refused IS NOT NULL
        UNION ALL SELECT 'forbidden', 'this is outside of where you may edit'
            WHERE c.seen AND d.refused IS NULL AND NOT c.inside AND NOT (d.action = 'restore' AND (d.new).attrs IS NULL)
        LIMIT 1) v;
END $$;

-- What is taken out of the tables and what is put in, by the eight cases. V is `since`, T is `moment`.
CREATE OR REPLACE FUNCTION twin.split_edits(number integer, moment timestamptz, since timestamptz, correcting boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    late constant boolean := since < moment;
    known text := format('SELECT o.oid, o.valid, ROW(o.*)::twin.object AS version FROM twin.object_%s o WHERE o.plan IS NULL', number);
BEGIN
    IF to_regclass(format('twin.object_past_%s', number)) IS NOT NULL THEN
        known := known || format(' UNION ALL SELECT o.oid, o.valid, ROW(o.*)::twin.object FROM twin.object_past_%s o WHERE o.plan IS NULL AND upper_inf(o.sys)', number);
    END IF;
    INSERT INTO pg_temp.edit_taken SELECT d.line, d.old FROM pg_temp.edit_done d WHERE (d.old).oid IS NOT NULL AND d.action <> 'delete';
    EXECUTE format('INSERT INTO pg_temp.edit_taken SELECT d.line, k.version FROM pg_temp.edit_done d JOIN (%s) k USING (oid)
        WHERE d.action = ''delete'' AND coalesce(upper(k.valid) > $1, true)', known) USING since;
    INSERT INTO pg_temp.edit_put
    SELECT twin.dated(s.version, s.valid, s.sys), upper_inf(s.sys) AND coalesce(upper(s.valid) > moment, true)
    FROM (
        SELECT t.old AS version, (t.old).valid AS valid, tstzrange(lower((t.old).sys), moment) AS sys
            FROM pg_temp.edit_taken t JOIN pg_temp.edit_done d USING (line)
            WHERE (correcting AND d.action <> 'delete') OR late OR isempty((t.old).valid * tstzrange(NULL, since))
        UNION ALL
        SELECT t.old, (t.old).valid * tstzrange(NULL, since), CASE WHEN late THEN tstzrange(moment, NULL) ELSE (t.old).sys END
            FROM pg_temp.edit_taken t JOIN pg_temp.edit_done d USING (line)
            WHERE NOT (correcting AND d.action <> 'delete')
    ) s WHERE NOT isempty(s.valid) AND NOT isempty(s.sys);
    EXECUTE format($q$
        INSERT INTO pg_temp.edit_put
        SELECT twin.dated(s.new, s.valid, tstzrange($2, NULL)), coalesce(upper(s.valid) > $2, true)
        FROM (SELECT d.new, CASE WHEN (d.old).oid IS NULL THEN tstzrange($1,
                CASE WHEN d.action = 'restore' THEN (SELECT min(lower(k.valid)) FROM (%s) k WHERE k.oid = d.oid AND lower(k.valid) > $1) END)
            WHEN $3 THEN (d.old).valid ELSE tstzrange($1, upper((d.old).valid)) END AS valid
            FROM pg_temp.edit_done d WHERE d.action <> 'delete') s WHERE NOT isempty(s.valid)
    $q$, known) USING since, moment, correcting;
END $$;

CREATE OR REPLACE FUNCTION twin.dated(version twin.object, valid tstzrange, sys tstzrange) RETURNS twin.object
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    version.valid := valid;
    version.sys := sys;
    RETURN version;
END $$;

-- Write what split_edits() found: four statements, each of which the triggers see as one.
CREATE OR REPLACE FUNCTION twin.write_edits(number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    past boolean := to_regclass(format('twin.object_past_%s', number)) IS NOT NULL;
    family text;
BEGIN
    IF NOT past AND EXISTS (SELECT FROM pg_temp.edit_put p WHERE NOT p.live) THEN
        PERFORM twin.ensure_past(number);
        past := true;
    END IF;
    ANALYZE pg_temp.edit_taken;
    FOREACH family IN ARRAY CASE WHEN past THEN ARRAY['object_', 'object_past_'] ELSE ARRAY['object_'] END LOOP
        IF EXISTS (SELECT FROM pg_temp.edit_taken) THEN
            EXECUTE format('DELETE FROM twin.%I o USING pg_temp.edit_taken t
                WHERE o.oid = (t.old).oid AND o.plan IS NULL AND o.valid = (t.old).valid AND o.sys = (t.old).sys', family || number);
        END IF;
    END LOOP;
    EXECUTE format('INSERT INTO twin.%I SELECT (p.version).* FROM pg_temp.edit_put p WHERE p.live', 'object_' || number);
    IF past THEN
        EXECUTE format('INSERT INTO twin.%I SELECT (p.version).* FROM pg_temp.edit_put p WHERE NOT p.live', 'object_past_' || number);
    END IF;
    PERFORM twin.index_search(number, ARRAY(SELECT d.oid FROM pg_temp.edit_done d WHERE d.action IN ('create', 'delete', 'restore')
        OR ((d.old).name, (d.old).code, (d.old).division) IS DISTINCT FROM ((d.new).name, (d.new).code, (d.new).division)
        OR NOT coalesce((d.old).geom = (d.new).geom, (d.old).geom IS NULL AND (d.new).geom IS NULL)));
END $$;

-- Do what was staged, all or nothing. With `refused` in the answer nothing was written, and the caller rolls back.
CREATE OR REPLACE FUNCTION twin.apply_edits(layer_id text, valid_from timestamptz, correcting boolean, srid integer, turned boolean,
    area geometry, by text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    number constant integer := twin.layer_number(layer_id);
    moment timestamptz;
    since timestamptz;
    refused jsonb;
    counts jsonb;
BEGIN
    IF NOT twin.may_read(number) OR to_regclass(format('twin.object_%s', number)) IS NULL THEN
        RAISE no_data_found USING MESSAGE = format('there is no layer %L', layer_id);
    END IF;
    moment := twin.lock_edits(number);
    since := coalesce(valid_from, moment);
    PERFORM twin.work_edits(number, moment, since, srid, turned);
    SELECT jsonb_build_object('count', count(*), 'first', (jsonb_agg(to_jsonb(r) ORDER BY r.line) FILTER (WHERE r.place <= 100))) INTO refused
        FROM (SELECT *, row_number() OVER (ORDER BY e.line) AS place FROM twin.refused_edits(area) e) r;
    IF (refused ->> 'count')::bigint > 0 THEN
        RETURN jsonb_build_object('refused', refused);
    END IF;
    PERFORM twin.split_edits(number, moment, since, correcting);
    PERFORM twin.write_edits(number);
    counts := (SELECT coalesce(jsonb_object_agg(c.action, c.n), '{}') FROM (SELECT action, count(*) AS n FROM pg_temp.edit_done GROUP BY action) c);
    INSERT INTO twin.edit (layer, moment, by, counts, oids) SELECT number, moment, apply_edits.by, counts, coalesce(array_agg(d.oid), '{}') FROM pg_temp.edit_done d;
    RETURN twin.told_edits(number, moment) || jsonb_build_object('counts', counts, 'moment', moment);
END $$;

-- What the caller is told of edits that were done: ids of new objects, repairs, and of a single edit its tag.
CREATE OR REPLACE FUNCTION twin.told_edits(number integer, moment timestamptz) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    tag text;
    known boolean := (SELECT count(*) = 1 FROM pg_temp.edit_done);
BEGIN
    IF known THEN
        EXECUTE format('SELECT twin.version_tag(o.oid, o.sys, o.valid) FROM twin.object_%s o JOIN pg_temp.edit_done d USING (oid)
            WHERE o.plan IS NULL AND o.valid @> $1', number) INTO tag USING moment;
    END IF;
    RETURN jsonb_build_object(
        'tag', tag,
        'made', (SELECT coalesce(jsonb_agg(s.oid ORDER BY s.line), '[]') FROM (
            SELECT d.oid, d.line FROM pg_temp.edit_done d WHERE d.action = 'create' ORDER BY d.line LIMIT 10000) s),
        'repaired', (SELECT count(*) FROM pg_temp.edit_done d WHERE d.repaired IS NOT NULL),
        'repairs', (SELECT coalesce(jsonb_agg(jsonb_build_object('line', s.line, 'id', s.oid, 'detail', s.repaired) ORDER BY s.line), '[]') FROM (
            SELECT d.line, d.oid, d.repaired FROM pg_temp.edit_done d WHERE d.repaired IS NOT NULL ORDER BY d.line LIMIT 100) s));
END $$;

-- The answer a request with this key was given before (NULL: none yet); P0001 when it was another request. Holds the key until the end.
CREATE OR REPLACE FUNCTION twin.edit_answer_of(by text, key text, digest bytea) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    known twin.edit_answer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(edit_answer_of.by || E'\n' || edit_answer_of.key, 11));
    DELETE FROM twin.edit_answer WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM twin.edit_answer WHERE at < now() - interval '7 days' LIMIT 100 FOR UPDATE SKIP LOCKED));
    SELECT * INTO known FROM twin.edit_answer a WHERE a.by = edit_answer_of.by AND a.key = edit_answer_of.key;
    IF known.digest IS DISTINCT FROM edit_answer_of.digest AND known.digest IS NOT NULL THEN
        RAISE EXCEPTION 'this key was sent with another request';
    END IF;
    RETURN known.answer;
END $$;

CREATE OR REPLACE FUNCTION twin.keep_edit_answer(by text, key text, digest bytea, answer jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    INSERT INTO twin.edit_answer (by, key, digest, answer) VALUES (by, key, digest, answer)
$$;

-- Who wrote which state, as far as it is known: edits by HTTP, and imports.
CREATE OR REPLACE VIEW door.writer AS
    SELECT e.layer, e.moment, e.by, 'edit' AS what, e.oids, NULL::uuid AS run FROM twin.edit e
        WHERE e.layer IN (SELECT l.number FROM twin.layer l WHERE l.access = ANY ((SELECT twin.scope_access())::text[]))
    UNION ALL
    SELECT r.layer, r.moment, NULL, 'import', NULL, r.id FROM twin.import_run r
        WHERE r.moment IS NOT NULL AND r.layer IN (SELECT l.number FROM twin.layer l WHERE l.access = ANY ((SELECT twin.scope_access())::text[]));

REVOKE ALL ON FUNCTION twin.lock_edits(integer), twin.work_edits(integer, timestamptz, timestamptz, integer, boolean), twin.refused_edits(geometry),
    twin.split_edits(integer, timestamptz, timestamptz, boolean), twin.dated(twin.object, tstzrange, tstzrange), twin.write_edits(integer),
    twin.apply_edits(text, timestamptz, boolean, integer, boolean, geometry, text), twin.told_edits(integer, timestamptz), twin.stage_edits(),
    twin.edit_answer_of(text, text, bytea), twin.keep_edit_answer(text, text, bytea, jsonb), twin.scope_holds(text),
    twin.version_tag(bigint, tstzrange, tstzrange), twin.version_name(tstzrange, tstzrange), twin.edited_shape(text, integer, boolean, text),
    twin.edited_version(twin.object, bigint, twin.object, jsonb, jsonb), twin.log_change(integer, text, bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION twin.stage_edits(), twin.apply_edits(text, timestamptz, boolean, integer, boolean, geometry, text),
    twin.edit_answer_of(text, text, bytea), twin.keep_edit_answer(text, text, bytea, jsonb) TO twin_editor;
GRANT SELECT ON door.writer TO twin_server, twin_editor, twin_importer;
