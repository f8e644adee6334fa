-- Where staged rows lie before anybody believes their reference system.

-- sample --
-- A spread of rows with their words: blocks of the table first, so that a large one is not read whole.
SELECT r.wkb, {texts} FROM {rows} r TABLESAMPLE SYSTEM ({percent}) REPEATABLE (7) WHERE r.wkb IS NOT NULL AND mod(r.rid, {every}) = 0 LIMIT {most}

-- estimate --
SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = format('stage.%I', {table})::regclass

-- sample_placed --
-- The same of points and lines that are placed already; chosen before the join, which costs nothing when there are none.
SELECT ST_AsBinary(ST_GeometryN(ST_Points({wkb}::geometry), 1)), r.words FROM (
    SELECT r.rid, r.wkb, {texts} AS words FROM {rows} r TABLESAMPLE SYSTEM ({percent}) REPEATABLE (7)
    WHERE r.wkb IS NOT NULL AND mod(r.rid, {every}) = 0 AND ST_Dimension(r.wkb::geometry) < 2 LIMIT {most}) r {moved_join}
WHERE {wkb} IS NOT NULL AND NOT ST_IsEmpty({wkb}::geometry)

-- named_divisions --
SELECT d.code, d.name_zh, ST_AsBinary(d.geom) FROM twin.division d
WHERE d.geom IS NOT NULL AND d.level < 6 AND d.valid @> now()
    AND (d.code = ANY (%(words)s) OR d.name_zh = ANY (%(words)s) OR left(d.name_zh, -1) = ANY (%(words)s))
ORDER BY d.level DESC, d.code LIMIT %(most)s

-- earlier --
-- Objects of the same source and key: where the file puts them now, and where they lie.
SELECT ST_X(a), ST_Y(a), ST_X(b), ST_Y(b) FROM (
    SELECT ST_Centroid(ST_SetSRID({wkb}::geometry, 4490)) AS a, ST_Centroid(o.geom) AS b
    FROM {diff} d JOIN {rows} r ON r.ctid = d.staged_at JOIN {live} o ON o.oid = d.oid AND o.valid = d.valid AND o.sys = d.sys {moved_join}
    WHERE d.action = 'changed' AND o.geom IS NOT NULL AND {wkb} IS NOT NULL LIMIT {most}) s WHERE NOT ST_IsEmpty(a) AND NOT ST_IsEmpty(b)

-- extent --
SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM (SELECT ST_Extent(geom) AS e FROM twin.division_part) x WHERE e IS NOT NULL

-- names_divisions --
SELECT EXISTS (SELECT FROM twin.division d WHERE d.geom IS NOT NULL AND (d.code = ANY (%(words)s) OR d.name_zh = ANY (%(words)s) OR left(d.name_zh, -1) = ANY (%(words)s)))

-- divisions_near --
-- For each point whether a known division is within a twentieth of a degree (boundaries are coarse, bridges and islands lie outside), and which it is in.
SELECT EXISTS (SELECT FROM twin.division_part p WHERE ST_DWithin(p.geom, at.point, 0.05)), found.code, d.name_zh
FROM (SELECT nth, ST_SetSRID(ST_MakePoint(lon, lat), 4490) AS point
      FROM unnest(%(lon)s::float8[], %(lat)s::float8[]) WITH ORDINALITY p(lon, lat, nth)) at
LEFT JOIN LATERAL twin.divisions_at(at.point) found ON true
LEFT JOIN LATERAL (SELECT name_zh FROM twin.division d WHERE d.code = found.code AND d.valid @> now() LIMIT 1) d ON true
ORDER BY at.nth
