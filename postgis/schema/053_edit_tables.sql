-- Edits that come by HTTP: who wrote what, what a repeated request is answered, and reading what was sent.

-- One row for each request that wrote. With lower(sys) of a version it tells who wrote that.
CREATE TABLE IF NOT EXISTS twin.edit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    layer integer NOT NULL,
    moment timestamptz NOT NULL,
    by text NOT NULL DEFAULT '',
    counts jsonb NOT NULL,
    oids bigint[] NOT NULL
);
CREATE INDEX IF NOT EXISTS edit_moment ON twin.edit (layer, moment);

-- What a request with an Idempotency-Key was answered; kept for a week.
CREATE TABLE IF NOT EXISTS twin.edit_answer (
    by text NOT NULL,
    key text NOT NULL,
    digest bytea NOT NULL,
    answer jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (by, key)
);
CREATE INDEX IF NOT EXISTS edit_answer_at ON twin.edit_answer (at);

-- The name of a version among those of its object; it stays when the version is bounded later.
CREATE OR REPLACE FUNCTION twin.version_name(sys tstzrange, valid tstzrange) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(CASE WHEN isfinite(lower(sys)) THEN (extract(epoch FROM lower(sys)) * 1000000)::bigint END::text, '') || '.'
        || coalesce(CASE WHEN isfinite(lower(valid)) THEN (extract(epoch FROM lower(valid)) * 1000000)::bigint END::text, '')
$$;

-- The state of an object as text: who sends it back says which state was looked at. `web/caching.py` writes the same.
CREATE OR REPLACE FUNCTION twin.version_tag(oid bigint, sys tstzrange, valid tstzrange) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT oid || '.' || twin.version_name(sys, valid) || '.'
        || coalesce(CASE WHEN isfinite(upper(valid)) THEN (extract(epoch FROM upper(valid)) * 1000000)::bigint END::text, '')
$$;

-- Whether the scope of this session lets its caller see a row of this division; `twin.scope` unset: nobody sees anything.
CREATE OR REPLACE FUNCTION twin.scope_holds(division text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT twin.scope_unbounded() OR coalesce(division ^@ ANY (twin.scope_divisions()), false)
$$;

-- A geometry that was sent as flat degrees of 4490, of the layer's own type. `repaired` says what was done to it, `refused` why it cannot be taken.
CREATE OR REPLACE FUNCTION twin.edited_shape(shape text, srid integer, turned boolean, wanted text,
    OUT geom geometry, OUT zmin double precision, OUT zmax double precision, OUT repaired text, OUT refused text)
LANGUAGE plpgsql STABLE STRICT SET search_path = twin, public, pg_temp AS $$
DECLARE
    given geometry;
    dimension integer;
    notes text[] := '{}';
    reason text;
BEGIN
    BEGIN
        given := ST_GeomFromGeoJSON(shape);
        IF ST_NDims(given) > 2 AND NOT ST_IsEmpty(given) THEN
            zmin := ST_ZMin(given);
            zmax := ST_ZMax(given);
        END IF;
        given := ST_Force2D(given);
        IF turned THEN
            given := ST_FlipCoordinates(given);
        END IF;
        geom := CASE WHEN srid IN (4490, 4326) THEN ST_SetSRID(given, 4490) ELSE ST_Transform(ST_SetSRID(given, srid), 4490) END;
    EXCEPTION WHEN internal_error OR data_exception THEN
        refused := 'not a geometry';
        RETURN;
    END;
    IF ST_IsEmpty(geom) THEN
        refused := 'an empty geometry';
    ELSIF NOT (ST_XMin(geom) >= -180 AND ST_XMax(geom) <= 180 AND ST_YMin(geom) >= -90 AND ST_YMax(geom) <= 90 AND twin.is_finite(geom)) THEN
        refused := 'outside the earth: are the axes in the order of the reference system?';
    ELSIF NOT ST_IsValid(geom) THEN
        reason := ST_IsValidReason(geom);
        dimension := ST_Dimension(geom);
        geom := CASE WHEN dimension = 2 THEN ST_CollectionExtract(ST_MakeValid(geom, 'method=structure keepcollapsed=false'), 3) END;
        IF geom IS NULL OR ST_IsEmpty(geom) OR NOT ST_IsValid(geom) THEN
            refused := 'not valid, and nothing is left when it is repaired: ' || reason;
        ELSE
            notes := notes || ('made valid: ' || reason);
            IF ST_NumGeometries(geom) = 1 THEN
                geom := ST_GeometryN(geom, 1);
            END IF;
        END IF;
    END IF;
    IF refused IS NOT NULL OR wanted IN ('Geometry', 'GeometryCollection') THEN
        repaired := nullif(array_to_string(notes, '; '), '');
        RETURN;
    END IF;
    IF wanted ^@ 'Multi' AND NOT GeometryType(geom) ^@ 'MULTI' THEN
        geom := ST_Multi(geom);
    ELSIF NOT wanted ^@ 'Multi' AND GeometryType(geom) ^@ 'MULTI' AND ST_NumGeometries(geom) = 1 THEN
        geom := ST_GeometryN(geom, 1);
    END IF;
    IF lower(GeometryType(geom)) <> lower(wanted) THEN
        refused := format('a %s, and the layer holds %s', replace(ST_GeometryType(geom), 'ST_', ''), wanted)
            || coalesce(' (after it was ' || nullif(array_to_string(notes, '; '), '') || ')', '');
    END IF;
    repaired := nullif(array_to_string(notes, '; '), '');
END $$;

-- The version with what was sent laid over it: a shape with its division, named columns, and `attrs` merged (a null value takes the key away).
CREATE OR REPLACE FUNCTION twin.edited_version(version twin.object, target bigint, shape twin.object, columns jsonb, attrs jsonb) RETURNS twin.object
LANGUAGE plpgsql STABLE SET search_path = twin, public, pg_temp AS $$
BEGIN
    IF version.oid IS NULL THEN
        version.oid := target;
        version.source_key := target::text;
    END IF;
    IF shape.oid IS NOT NULL THEN
        version.geom := shape.geom;
        version.zmin := shape.zmin;
        version.zmax := shape.zmax;
        version.division := coalesce(shape.division, version.division);
    END IF;
    IF columns <> '{}' THEN
        version := jsonb_populate_record(version, columns);
    END IF;
    IF attrs <> '{}' THEN
        version.attrs := version.attrs || attrs;
        IF attrs @? '$.* ? (@ == null)' THEN -- finds a null in a list too, but none is missed: most edits have none, and spare the look at each key
            version.attrs := version.attrs - ARRAY(SELECT key FROM jsonb_each(attrs) WHERE jsonb_typeof(value) = 'null');
        END IF;
    END IF;
    RETURN version;
END $$;

-- The tables of one request, the session's own: what was sent, what comes of it. The caller copies into the first.
CREATE OR REPLACE FUNCTION twin.stage_edits() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET client_min_messages = warning AS $$
BEGIN
    IF to_regclass('pg_temp.edit_sent') IS NOT NULL THEN
        RETURN;
    END IF;
    CREATE TEMP TABLE edit_sent (line integer NOT NULL, action text NOT NULL, oid bigint, if_match text[], shape text, has_shape boolean NOT NULL,
        columns jsonb NOT NULL, attrs jsonb NOT NULL, version text) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE edit_done (line integer NOT NULL, action text NOT NULL, oid bigint, head text, old twin.object, new twin.object,
        spot text, repaired text, refused text) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE edit_taken (line integer NOT NULL, old twin.object) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE edit_put (version twin.object, live boolean NOT NULL) ON COMMIT DELETE ROWS;
    GRANT INSERT, SELECT ON edit_sent TO twin_editor;
END $$;
