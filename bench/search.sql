-- A province's worth of names in SQL: 29,000 divisions in five levels, 171,000 named places, 100,000 buildings that have a code only.
INSERT INTO twin.division (code, level, name_zh, parent_code, centroid, source)
WITH word AS (SELECT ARRAY['南','山','海','龙','江','平','安','新','和','福','石','东','西','北','湖','潭','沙','田','岭','桥','塘','坑','口','湾','洲','白','云','华','清','惠'] AS w),
tree AS (
    SELECT 1 AS level, '44' AS code, NULL AS parent, 0 AS n
    UNION ALL SELECT 2, '44' || to_char(c, 'FM00'), '44', c FROM generate_series(1, 21) c
    UNION ALL SELECT 3, '44' || to_char(c, 'FM00') || to_char(d, 'FM00'), '44' || to_char(c, 'FM00'), c * 100 + d FROM generate_series(1, 21) c, generate_series(1, 6) d
    UNION ALL SELECT 4, '44' || to_char(c, 'FM00') || to_char(d, 'FM00') || to_char(t, 'FM000'), '44' || to_char(c, 'FM00') || to_char(d, 'FM00'), c * 10000 + d * 100 + t
        FROM generate_series(1, 21) c, generate_series(1, 6) d, generate_series(1, 14) t
    UNION ALL SELECT 5, '44' || to_char(c, 'FM00') || to_char(d, 'FM00') || to_char(t, 'FM000') || to_char(v, 'FM000'),
        '44' || to_char(c, 'FM00') || to_char(d, 'FM00') || to_char(t, 'FM000'), c * 1000000 + d * 10000 + t * 100 + v
        FROM generate_series(1, 21) c, generate_series(1, 6) d, generate_series(1, 14) t, generate_series(1, 15) v
)
SELECT code, level, w[1 + abs(hashint4(n)) % 30] || w[1 + abs(hashint4(n + 7)) % 30] || (ARRAY['省', '市', '区', '街道', '村民委员会'])[level], parent,
    ST_SetSRID(ST_MakePoint(110 + abs(hashint4(n + 1)) % 7000 / 1000.0, 20.5 + abs(hashint4(n + 2)) % 5000 / 1000.0), 4490), 'bench'
FROM tree, word;

INSERT INTO twin.object_{number} (oid, code, name, division, geom, attrs, valid, sys, source, source_key)
WITH word AS (SELECT ARRAY['南','山','海','龙','江','平','安','新','和','福','石','东','西','北','湖','潭','沙','田','岭','桥','塘','坑','口','湾','洲','白','云','华','清','惠'] AS w,
    ARRAY['中学', '小学', '医院', '公园', '派出所', '消防站', '社区服务中心', '大厦', '花园', '工业园', '地铁站', '水库'] AS k)
SELECT ({number}::bigint << 40) + i, 'B' || to_char(i, 'FM00000000'),
    CASE WHEN i > 100000 THEN w[1 + abs(hashint4(i)) % 30] || w[1 + abs(hashint4(i + 1)) % 30] || w[1 + abs(hashint4(i + 2)) % 30] || k[1 + i % 12] END,
    '4403', ST_SetSRID(ST_MakePoint(110 + abs(hashint4(i + 5)) % 7000 / 1000.0, 20.5 + abs(hashint4(i + 6)) % 5000 / 1000.0), 4490),
    '{{}}', tstzrange('2020-01-01', NULL), tstzrange('2024-01-01', NULL), 'bench', i::text
FROM generate_series(1, 271000) i, word;
