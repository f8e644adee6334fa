-- A million-footprint city in SQL: eight towns, normally spread, buildings of 13 vertices; the same rows on every machine.
INSERT INTO twin.object_{number}_new (oid, class, name, division, geom, attrs, phase, valid, sys, source, source_key)
WITH town AS (
    SELECT t, 112.9 + 0.3 * t AS lon, 22.5 + 0.22 * (t * 3 % 8) AS lat FROM generate_series(0, 7) t
), place AS MATERIALIZED (
    SELECT i, lon + {spread} * sqrt(-2 * ln(u1)) * cos(6.283185307 * u2) AS x, lat + {spread} * sqrt(-2 * ln(u1)) * sin(6.283185307 * u2) AS y,
           0.00005 + 0.00010 * u3 AS r, 6.283185307 * u4 AS a, u3
    FROM generate_series(1, {rows}) i
    CROSS JOIN LATERAL (SELECT hashint4extended(i, 1) AS h1, hashint4extended(i, 2) AS h2, hashint4extended(i, 3) AS h3, hashint4extended(i, 4) AS h4 OFFSET 0) h
    CROSS JOIN LATERAL (SELECT ((h1 & 1048575) + 0.5) / 1048576::float8 AS u1, (h2 & 1048575) / 1048576::float8 AS u2,
                               (h3 & 1048575) / 1048576::float8 AS u3, (h4 & 1048575) / 1048576::float8 AS u4 OFFSET 0) u
    JOIN town ON t = i % 8
)
SELECT ({number}::bigint << 40) + i, (ARRAY['住宅', '商业', '工业', '公共'])[1 + i % 4], NULL, '44030' || i % 8,
    ST_SetSRID(ST_MakePolygon(ST_MakeLine(ARRAY[
        ST_MakePoint(x + r * cos(a), y + r * sin(a)), ST_MakePoint(x + 0.7 * r * cos(a + 0.52), y + 0.7 * r * sin(a + 0.52)),
        ST_MakePoint(x + r * cos(a + 1.05), y + r * sin(a + 1.05)), ST_MakePoint(x + 0.7 * r * cos(a + 1.57), y + 0.7 * r * sin(a + 1.57)),
        ST_MakePoint(x + r * cos(a + 2.09), y + r * sin(a + 2.09)), ST_MakePoint(x + 0.7 * r * cos(a + 2.62), y + 0.7 * r * sin(a + 2.62)),
        ST_MakePoint(x + r * cos(a + 3.14), y + r * sin(a + 3.14)), ST_MakePoint(x + 0.7 * r * cos(a + 3.67), y + 0.7 * r * sin(a + 3.67)),
        ST_MakePoint(x + r * cos(a + 4.19), y + r * sin(a + 4.19)), ST_MakePoint(x + 0.7 * r * cos(a + 4.71), y + 0.7 * r * sin(a + 4.71)),
        ST_MakePoint(x + r * cos(a + 5.24), y + r * sin(a + 5.24)), ST_MakePoint(x + 0.7 * r * cos(a + 5.76), y + 0.7 * r * sin(a + 5.76)),
        ST_MakePoint(x + r * cos(a), y + r * sin(a))])), 4490),
    jsonb_build_object('height', round((3 + 97 * u3)::numeric, 1), 'floors', 1 + (32 * u3)::int),
    'built', tstzrange('2020-01-01', NULL), tstzrange('2024-01-01', NULL), 'bench', i::text
FROM place
