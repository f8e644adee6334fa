-- Typed reading of jsonb attributes. IMMUTABLE, so that view, expression index and query share one text; a bad value is NULL, never an error.
-- The RETURN ones are inlined by the planner and bound to what they name when made: keep them one expression without SET clauses.

CREATE OR REPLACE FUNCTION twin.as_text(attrs jsonb, field text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN attrs ->> field;

CREATE OR REPLACE FUNCTION twin.as_json(attrs jsonb, field text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN attrs -> field;

CREATE OR REPLACE FUNCTION twin.as_integer(attrs jsonb, field text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN attrs ->> field ~ '^\s*[+-]?[0-9]{1,18}(\.0*)?\s*$' THEN (attrs ->> field)::numeric::bigint END;

-- At most 300 digits, or 200 with a two-digit exponent: no text that passes can overflow or underflow a float8.
CREATE OR REPLACE FUNCTION twin.as_number(attrs jsonb, field text) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE jsonb_typeof(attrs -> field)
        WHEN 'number' THEN CASE WHEN length(attrs ->> field) <= 300 THEN (attrs ->> field)::double precision END
        WHEN 'string' THEN CASE
            WHEN length(attrs ->> field) <= 200 AND attrs ->> field ~ '^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?\s*$'
            THEN (attrs ->> field)::double precision END
    END;

CREATE OR REPLACE FUNCTION twin.as_boolean(attrs jsonb, field text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN lower(attrs ->> field) IN ('true', 't', 'yes', 'y', '1', '是') THEN true
                WHEN lower(attrs ->> field) IN ('false', 'f', 'no', 'n', '0', '否') THEN false END;

-- What people write for a day, as ISO 8601: 2026-1-2, 2026/1/2, 2026.1.2, 2026年1月2日, 20260102 (each with or without a time of day, its zone kept),
-- and the day number of a spreadsheet (five digits: 1927 to 2173). NULL where it is none of these; whether there is such a day is not asked.
CREATE OR REPLACE FUNCTION twin.iso_time(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    plain constant text := translate(btrim(value), '０１２３４５６７８９／－．：　', '0123456789/-.: ');
    part text[];
BEGIN
    part := regexp_match(plain, '^([0-9]{4})(?:[-/.]|年)([0-9]{1,2})(?:[-/.]|月)([0-9]{1,2})日?(?:[T ]*([0-9]{1,2})(?::|时|点)([0-9]{1,2})(?:(?::|分)([0-9]{1,2}(?:\.[0-9]+)?)?秒?)?分? ?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$');
    IF part IS NULL THEN
        part := regexp_match(plain, '^((?:1[5-9]|2[01])[0-9]{2})([0-9]{2})([0-9]{2})(?:[T ]?([0-9]{2}):?([0-9]{2})(?::?([0-9]{2}))?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$');
    END IF;
    IF part IS NOT NULL THEN
        RETURN part[1] || '-' || lpad(part[2], 2, '0') || '-' || lpad(part[3], 2, '0')
            || coalesce(' ' || lpad(part[4], 2, '0') || ':' || lpad(part[5], 2, '0') || coalesce(':' || lpad(part[6], 2, '0'), '') || coalesce(part[7], ''), '');
    END IF;
    IF plain ~ '^[1-9][0-9]{4}(\.[0-9]+)?$' THEN
        RETURN to_char(timestamp '1899-12-30' + round(plain::numeric * 86400) * interval '1 second',
                       CASE WHEN plain ~ '\.0*[1-9]' THEN 'YYYY-MM-DD HH24:MI:SS' ELSE 'YYYY-MM-DD' END);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION twin.as_date(attrs jsonb, field text) RETURNS date
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
DECLARE
    value text := attrs ->> field;
BEGIN
    IF value !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?$' THEN
        value := twin.iso_time(value);
    END IF;
    RETURN make_date(left(value, 4)::integer, substr(value, 6, 2)::integer, substr(value, 9, 2)::integer);
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;

-- A time without an offset is Beijing time, so the answer depends on no setting.
CREATE OR REPLACE FUNCTION twin.as_instant(attrs jsonb, field text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
DECLARE
    value text := attrs ->> field;
BEGIN
    IF value !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$' THEN
        value := twin.iso_time(value);
    END IF;
    RETURN CASE WHEN value ~ '[T ].*(Z|[+-][0-9:]+)$' THEN value ELSE value || CASE WHEN value ~ '[T ]' THEN '' ELSE ' 00:00' END || '+08' END::timestamptz;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;

-- Length and perimeter see each vertex, and NaN and infinity sort above every number; only loose points need a look at each.
CREATE OR REPLACE FUNCTION twin.points_are_finite(geom geometry) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM ST_DumpPoints(geom) p WHERE NOT (abs(ST_X(p.geom)) <= 400 AND abs(ST_Y(p.geom)) <= 400));
END $$;

-- Whether every coordinate is a number a map can have (a CHECK of every object; NULL and empty are fine). 0.2 s for a million footprints.
CREATE OR REPLACE FUNCTION twin.is_finite(geom geometry) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE WHEN ST_NumGeometries(geom) > 1 AND GeometryType(geom) IN ('MULTIPOINT', 'GEOMETRYCOLLECTION') THEN twin.points_are_finite(geom)
         WHEN ST_Dimension(geom) = 0 THEN abs(ST_XMax(geom)) <= 400 AND abs(ST_YMax(geom)) <= 400
         WHEN ST_Dimension(geom) = 1 THEN ST_Length(geom) < 'Infinity' AND geom @ ST_MakeEnvelope(-400, -400, 400, 400, 4490)
         ELSE ST_Perimeter(geom) < 'Infinity' AND geom @ ST_MakeEnvelope(-400, -400, 400, 400, 4490)
    END IS NOT FALSE OR ST_IsEmpty(geom);
