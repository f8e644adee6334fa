-- Versions of one object on the two time axes. Internal: the functions of 038 are the way in.
--   valid = when it was so in the world, sys = when we knew it. Known now: sys has no end. Live: known now and not ended.

-- One writer at a time for an object. Live rows are locked too, so that a publish that writes them without asking here is waited for.
CREATE OR REPLACE FUNCTION twin.lock_object(number integer, of_oid bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(of_oid);
    EXECUTE format('SELECT FROM twin.object_%s WHERE oid = $1 FOR UPDATE', number) USING of_oid;
END $$;

-- The versions known now of an object as fact (plan NULL) or in a plan, oldest first.
CREATE OR REPLACE FUNCTION twin.known_versions(number integer, of_oid bigint, of_plan text) RETURNS SETOF twin.object
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    past constant regclass := to_regclass(format('twin.object_past_%s', number));
BEGIN
    RETURN QUERY EXECUTE format('SELECT * FROM twin.object_%s WHERE oid = $1 AND plan IS NOT DISTINCT FROM $2', number)
        || coalesce(' UNION ALL SELECT * FROM ' || past::text || ' WHERE oid = $1 AND plan IS NOT DISTINCT FROM $2 AND upper_inf(sys)', '')
        || ' ORDER BY valid' USING of_oid, of_plan;
END $$;

-- The moment a write becomes known: this transaction's, unless a writer that began later has been here first.
CREATE OR REPLACE FUNCTION twin.write_moment(number integer, of_oid bigint) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    past constant regclass := to_regclass(format('twin.object_past_%s', number));
    newest timestamptz;
BEGIN
    EXECUTE format('SELECT max(greatest(lower(sys), upper(sys))) FROM (SELECT sys FROM twin.object_%s WHERE oid = $1', number)
        || coalesce(' UNION ALL SELECT sys FROM ' || past::text || ' WHERE oid = $1', '') || ') s' INTO newest USING of_oid;
    RETURN CASE WHEN newest > now() THEN clock_timestamp() ELSE now() END;
END $$;

-- Take a version known now out of whichever table holds it.
CREATE OR REPLACE FUNCTION twin.take_version(version twin.object) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    family text;
BEGIN
    FOREACH family IN ARRAY ARRAY['object_', 'object_past_'] LOOP
        CONTINUE WHEN to_regclass('twin.' || family || version.layer) IS NULL;
        EXECUTE format('DELETE FROM twin.%I WHERE oid = $1 AND plan IS NOT DISTINCT FROM $2 AND valid = $3 AND sys = $4', family || version.layer)
            USING version.oid, version.plan, version.valid, version.sys;
    END LOOP;
END $$;

-- Put a version where it belongs at `moment`: live when known now and not ended, else past. Empty times leave nothing.
CREATE OR REPLACE FUNCTION twin.put_version(version twin.object, valid_now tstzrange, sys_now tstzrange, moment timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    live constant boolean := upper_inf(sys_now) AND coalesce(upper(valid_now) > moment, true);
BEGIN
    IF isempty(valid_now) OR isempty(sys_now) THEN
        RETURN;
    END IF;
    version.valid := valid_now;
    version.sys := sys_now;
    IF NOT live THEN
        PERFORM twin.ensure_past(version.layer);
    END IF;
    EXECUTE format('INSERT INTO twin.%I SELECT ($1).*', CASE WHEN live THEN 'object_' ELSE 'object_past_' END || version.layer) USING version;
END $$;

-- Refuse what no reader could make sense of: two states known now at one moment.
CREATE OR REPLACE FUNCTION twin.check_apart(number integer, of_oid bigint, of_plan text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT valid, lag(valid) OVER (ORDER BY valid) AS before FROM twin.known_versions(number, of_oid, of_plan)) v
               WHERE v.valid && v.before) THEN
        RAISE exclusion_violation USING MESSAGE = format('object %s would have two states at one time', of_oid);
    END IF;
END $$;

-- The version known now whose valid time holds `moment`; P0002 when there is none.
CREATE OR REPLACE FUNCTION twin.version_at(number integer, of_oid bigint, of_plan text, moment timestamptz) RETURNS twin.object
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    found_version twin.object;
BEGIN
    SELECT * INTO found_version FROM twin.known_versions(number, of_oid, of_plan) v WHERE v.valid @> moment;
    IF NOT FOUND THEN
        RAISE no_data_found USING MESSAGE = format('object %s has no state at %s', of_oid, moment);
    END IF;
    RETURN found_version;
END $$;

-- A GeoJSON geometry in degrees of EPSG:4490, made flat; 22023 when it is none.
CREATE OR REPLACE FUNCTION twin.read_geometry(geojson jsonb) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE SET search_path = twin, public, pg_temp AS $$
DECLARE
    geom geometry;
BEGIN
    IF geojson IS NULL OR jsonb_typeof(geojson) = 'null' THEN
        RETURN NULL;
    END IF;
    BEGIN
        geom := ST_SetSRID(ST_Force2D(ST_GeomFromGeoJSON(geojson)), 4490);
    EXCEPTION WHEN internal_error OR data_exception THEN
        RAISE invalid_parameter_value USING MESSAGE = 'geom is not a GeoJSON geometry';
    END;
    IF NOT twin.is_finite(geom) OR NOT ST_IsValid(geom) THEN
        RAISE invalid_parameter_value USING MESSAGE = 'geom is not valid: ' || ST_IsValidReason(geom);
    END IF;
    RETURN geom;
END $$;

-- The version with a patch laid over it: named columns are replaced, `attrs` is merged (a null value takes the key away).
CREATE OR REPLACE FUNCTION twin.patched(version twin.object, patch jsonb) RETURNS twin.object
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    plain constant text[] := ARRAY['code', 'class', 'name', 'division', 'parent_oid', 'zmin', 'zmax', 'phase', 'plan'];
    odd constant text := (SELECT string_agg(key, ', ') FROM jsonb_object_keys(patch) key WHERE key <> ALL (plain || ARRAY['geom', 'attrs']));
    attrs constant jsonb := coalesce(nullif(patch -> 'attrs', 'null'), '{}');
BEGIN
    IF odd IS NOT NULL OR jsonb_typeof(attrs) <> 'object' THEN
        RAISE invalid_parameter_value USING MESSAGE = coalesce('the patch has unknown keys: ' || odd, 'attrs is not an object');
    END IF;
    IF patch ? 'geom' THEN
        version.geom := twin.read_geometry(patch -> 'geom');
        version.division := coalesce(twin.division_of(version.geom), version.division);
    END IF;
    version := jsonb_populate_record(version, patch - ARRAY['geom', 'attrs']);
    version.attrs := (version.attrs || attrs) - ARRAY(SELECT key FROM jsonb_each(attrs) WHERE jsonb_typeof(value) = 'null');
    RETURN version;
END $$;
