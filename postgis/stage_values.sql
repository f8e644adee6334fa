-- Values as staged, looked at before their types are fixed: what reads as a day, and codes that lost their leading zeros.

-- some_values --
-- A few values of one column, as text.
SELECT {column}::text FROM (SELECT {column} FROM {rows} WHERE {column} IS NOT NULL LIMIT 200) s WHERE btrim({column}::text) <> ''

-- days --
-- Filled values, how many of them are a day, and how many of those have a time of day.
SELECT count(*), count(twin.as_date(jsonb_build_object('v', v), 'v')), count(*) FILTER (WHERE twin.iso_time(v) ~ ' ')
FROM (SELECT {column}::text AS v FROM {rows}) s WHERE btrim(v) <> ''

-- day_forms --
-- One value of each way of writing, the most usual first.
SELECT v, twin.iso_time(v), n FROM (
    SELECT min(v) AS v, count(*) AS n FROM (SELECT {column}::text AS v FROM {rows} WHERE btrim({column}::text) <> '') s
    GROUP BY regexp_replace(regexp_replace(v, '[0-9]+', '9', 'g'), '^9$', length(v)::text)) f
WHERE twin.iso_time(v) IS NOT NULL ORDER BY n DESC LIMIT 6

-- make_text --
ALTER TABLE {rows} ALTER COLUMN {column} TYPE text USING {column}::text

-- restore --
-- Codes that are known with a zero before them and unknown without.
UPDATE {rows} SET {column} = fixed.code FROM (
    SELECT DISTINCT {column} AS given, '0' || btrim({column}) AS code FROM {rows}) fixed
WHERE {column} = fixed.given AND fixed.code = ANY (%(known)s) AND btrim(fixed.given) <> ALL (%(known)s)
RETURNING "row", fixed.given, fixed.code

-- pad --
UPDATE {rows} r SET {column} = lpad(btrim({column}), %(length)s, '0') FROM (SELECT rid, {column} AS given FROM {rows}) b
WHERE b.rid = r.rid AND b.given ~ %(short)s RETURNING r."row", b.given, r.{column}

-- lengths --
-- Of a sample: values of digits by their length, how many of each length begin with a zero, and all filled values.
SELECT length(v), count(*), count(*) FILTER (WHERE v LIKE '0%%') FROM (SELECT btrim({column}::text) AS v FROM {rows} WHERE mod(rid, {every}) = 0) s
WHERE v ~ '^[0-9]+$' GROUP BY length(v) ORDER BY count(*) DESC

-- short --
SELECT "row", btrim({column}::text) FROM {rows} WHERE btrim({column}::text) ~ '^[1-9][0-9]*$' AND length(btrim({column}::text)) = ANY (%(lengths)s) ORDER BY rid
