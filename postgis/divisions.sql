-- load_table --
CREATE TEMPORARY TABLE division_load (
    code text, level smallint, name_zh text, name_en text, parent_code text, wkb bytea, valid_from timestamptz, valid_to timestamptz
) ON COMMIT DROP

-- load --
COPY pg_temp.division_load FROM STDIN (FORMAT BINARY)

-- replace --
SELECT twin.replace_divisions('pg_temp.division_load', %(source)s)

-- drop_load --
DROP TABLE pg_temp.division_load

-- fill --
SELECT twin.fill_division(%(table)s::regclass)

-- children --
SELECT code, level, name_zh, name_en, parent_code, has_children, lon, lat, bounds FROM door.division
WHERE parent_code IS NOT DISTINCT FROM $1 ORDER BY code

-- roots --
SELECT code, level, name_zh, name_en, parent_code, has_children, lon, lat, bounds FROM door.division d
WHERE parent_code IS NULL OR NOT EXISTS (SELECT FROM door.division p WHERE p.code = d.parent_code) ORDER BY code

-- one --
SELECT code, level, name_zh, name_en, parent_code, has_children, lon, lat, bounds FROM door.division WHERE code = $1

-- containing --
SELECT d.code, d.level, d.name_zh, d.name_en, d.parent_code, d.has_children, d.lon, d.lat, d.bounds
FROM door.division_at($1, $2) a JOIN door.division d ON d.code = a.code ORDER BY d.level
