-- Import staging: unlogged tables of one run in schema stage, named by the run, dropped at its end or by the sweep.

-- session --
SELECT set_config('timezone', 'UTC', false), set_config('jit', 'off', false), set_config('client_min_messages', 'warning', false),
       set_config('client_connection_check_interval', '2s', false), set_config('parallel_tuple_cost', '0', false)

-- start_run --
INSERT INTO twin.import_run (id, layer_id, source) VALUES (%(run)s, %(layer)s, %(source)s)

-- hold_run --
SELECT pg_advisory_lock(hashtextextended('twin.import_run ' || %(run)s::text, 0))

-- hold_layer --
SELECT pg_try_advisory_lock(hashtextextended('twin.import_layer ' || %(layer)s, 0))

-- close_run --
UPDATE twin.import_run SET status = %(status)s, finished = clock_timestamp(), layer = coalesce(%(number)s, layer), report = coalesce(%(report)s, report)
WHERE id = %(run)s

-- fail_run --
UPDATE twin.import_run SET status = 'failed', finished = clock_timestamp(), report = jsonb_build_object('error', %(reason)s::text)
WHERE id = %(run)s AND status = 'running'

-- previous_report --
SELECT report FROM twin.import_run
WHERE layer_id = %(layer)s AND source = %(source)s AND status = 'done' AND undone_by IS NULL AND undo_of IS NULL AND report ->> 'dry_run' = 'false'
ORDER BY finished DESC LIMIT 1

-- dead_runs --
-- A living run holds its lock; a lock we can take is that of a dead one.
SELECT id FROM twin.import_run
WHERE status = 'running' AND pg_try_advisory_lock(hashtextextended('twin.import_run ' || id::text, 0))

-- release_run --
SELECT pg_advisory_unlock(hashtextextended('twin.import_run ' || %(run)s::text, 0))

-- abort_run --
UPDATE twin.import_run SET status = 'aborted', finished = clock_timestamp() WHERE id = %(run)s AND status = 'running'

-- stage_tables --
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'stage' AND c.relkind = 'r' AND c.relname ~ '^run_[0-9a-f]{32}_[a-z]+$'

-- running_runs --
SELECT id FROM twin.import_run WHERE status = 'running'

-- drop_table --
DROP TABLE IF EXISTS {table} CASCADE

-- drop_bulk --
SELECT twin.drop_bulk_table(%(run)s)

-- make_rows --
CREATE UNLOGGED TABLE {rows} (rid bigint NOT NULL, "row" bigint NOT NULL, part integer NOT NULL, wkb bytea{columns}, digest bytea) WITH (autovacuum_enabled = false);
ALTER TABLE {rows} ALTER wkb SET STATISTICS 0, ALTER digest SET STATISTICS 0

-- make_moved --
CREATE UNLOGGED TABLE {moved} (rid bigint NOT NULL, wkb bytea) WITH (autovacuum_enabled = false)

-- rough_statistics --
SELECT set_config('default_statistics_target', '10', true)

-- analyze --
ANALYZE {table}

-- column_facts --
-- What ANALYZE saw of each staged column: distinct values (negative = share of the rows) and share of nulls.
SELECT s.attname, s.n_distinct, s.null_frac FROM pg_stats s WHERE s.schemaname = 'stage' AND s.tablename = %(table)s

-- is_key --
-- Whether every row has a value in the column and no two features share one (parts of one feature do).
SELECT count(*) = count({column}) AND count(DISTINCT {column}) = count(DISTINCT "row") FROM {rows}

-- geometry_headers --
SELECT DISTINCT substr(r.wkb, 1, 5) FROM {rows} r {needed} WHERE r.wkb IS NOT NULL

-- geometry_types --
-- One shape for each kind of header tells its type.
SELECT GeometryType(s.wkb::geometry) FROM unnest(%(headers)s::bytea[]) h, LATERAL (SELECT r.wkb FROM {rows} r WHERE substr(r.wkb, 1, 5) = h LIMIT 1) s
UNION SELECT GeometryType(geom) FROM {fixed} WHERE geom IS NOT NULL

-- to_move --
SELECT r.rid, r.wkb FROM {rows} r {needed} WHERE r.wkb IS NOT NULL

-- needed --
JOIN {diff} d ON d.staged_at = r.ctid AND d.action IN ('added', 'changed')

-- make_fixed --
-- Rows whose geometry cannot be stored as it is: refused (outside longitude and latitude) or repaired, keeping dimension and, of the two
-- ways to repair an area, the one that keeps its size better. The fence keeps the test from running before the join, on rows nobody needs.
CREATE UNLOGGED TABLE {fixed} WITH (autovacuum_enabled = false) AS
WITH placed AS (
    SELECT r.rid, ST_SetSRID({wkb}::geometry, 4490) AS geom
    FROM {rows} r {needed} {moved_join} WHERE r.wkb IS NOT NULL {fence}
), odd AS (
    SELECT rid, ST_Force2D(geom) AS geom, ST_Dimension(geom) AS dimension,
           geom IS NULL OR NOT geom @ ST_MakeEnvelope(-180, -90, 180, 90, 4490) AS refused
    FROM placed WHERE geom IS NULL OR NOT geom @ ST_MakeEnvelope(-180, -90, 180, 90, 4490) OR NOT ST_IsValid(geom)
), tried AS MATERIALIZED (
    SELECT rid, geom, refused, dimension, ST_Area(geom) AS before, (ST_IsValidDetail(geom)).reason AS reason, (ST_IsValidDetail(geom)).location AS place,
           CASE WHEN NOT refused THEN ST_CollectionExtract(ST_MakeValid(geom, 'method=linework'), dimension + 1) END AS lines,
           CASE WHEN NOT refused AND dimension = 2 THEN ST_CollectionExtract(ST_MakeValid(geom, 'method=structure'), 3) END AS structure
    FROM odd
), chosen AS MATERIALIZED (
    SELECT rid, refused, dimension, before, reason, place,
           CASE WHEN dimension = 2 AND abs(ST_Area(structure) - before) < abs(ST_Area(lines) - before) THEN structure ELSE lines END AS geom
    FROM tried
)
SELECT rid, refused, reason, before, ST_Area(geom) AS after,
       CASE WHEN NOT refused AND NOT ST_IsEmpty(geom) THEN geom END AS geom,
       CASE WHEN refused THEN 'out-of-range' WHEN ST_IsEmpty(geom) THEN 'collapsed' ELSE 'invalid-geometry' END AS rule,
       dimension = 2 AND NOT refused AND abs(ST_Area(geom) - before) > 0.001 * before AS resized,
       CASE WHEN NOT refused THEN place END AS place
FROM chosen

-- count_fixed --
SELECT count(*), count(*) FILTER (WHERE refused) FROM {fixed}

-- report_fixed --
INSERT INTO twin.import_finding (run, "row", source_key, rule, severity, detail_zh, detail_en, lon, lat)
SELECT {run}, r."row", k.key, f.rule, {severity}::jsonb ->> f.rule, coalesce({severity}::jsonb ->> f.reason, f.reason, ''), coalesce(f.reason, ''), ST_X(place), ST_Y(place)
FROM {fixed} f JOIN {rows} r USING (rid) JOIN {keys} k USING (rid)
UNION ALL
SELECT {run}, r."row", k.key, 'repair-area', 'warn', coalesce(change, ''), coalesce(change, ''), ST_X(place), ST_Y(place)
FROM (SELECT *, round((100 * (after - before) / nullif(before, 0))::numeric, 3) || ' %' AS change FROM {fixed} WHERE resized) f
JOIN {rows} r USING (rid) JOIN {keys} k USING (rid)

-- copy_findings --
COPY twin.import_finding (run, "row", source_key, rule, severity, detail_zh, detail_en, lon, lat) FROM STDIN

-- place_findings --
-- A reader knows the row only; its key and place are known now.
UPDATE twin.import_finding f SET source_key = k.key, lon = coalesce(f.lon, ST_XMin(s.geom)), lat = coalesce(f.lat, ST_YMin(s.geom))
FROM (SELECT DISTINCT ON (r."row") r."row", r.rid, ST_SetSRID({wkb}::geometry, 4490) AS geom
      FROM {rows} r {moved_join}
      WHERE r."row" IN (SELECT "row" FROM twin.import_finding WHERE run = {run} AND source_key IS NULL) ORDER BY r."row", r.rid) s JOIN {keys} k ON k.rid = s.rid
WHERE f.run = {run} AND f."row" = s."row" AND f."row" > 0 AND f.source_key IS NULL AND f.severity <> 'refuse'

-- count_findings --
SELECT rule, severity, count(*), count(DISTINCT nullif("row", 0)) FROM twin.import_finding WHERE run = %(run)s GROUP BY rule, severity ORDER BY count(*) DESC, rule

-- sample_findings --
SELECT rule, "row", source_key, lon, lat, detail_zh, detail_en FROM (
    SELECT *, row_number() OVER (PARTITION BY rule ORDER BY id) AS nth FROM twin.import_finding WHERE run = %(run)s) f
WHERE nth <= %(most)s ORDER BY rule, nth

-- densest_tiles --
-- Rows of the fullest cell of each zoom from 0 to 14, on a quarter of a tile grid in degrees; a sample stands for all.
WITH points AS (
    SELECT floor((ST_XMin(g) + ST_XMax(g) + 360) / 720 * 16384)::integer AS x, floor((ST_YMin(g) + ST_YMax(g) + 180) / 720 * 16384)::integer AS y
    FROM (SELECT {wkb}::geometry AS g FROM {rows} r {moved_join} WHERE mod(r.rid, {every}) = 0) s WHERE g IS NOT NULL
), cells AS (
    SELECT x, y, count(*) AS n FROM points GROUP BY x, y
)
SELECT zoom, max(n) * {every} FROM (
    SELECT zoom, sum(n) AS n FROM cells, generate_series(0, 14) zoom GROUP BY zoom, x >> (14 - zoom), y >> (14 - zoom)) s
GROUP BY zoom ORDER BY zoom

-- known_divisions --
SELECT DISTINCT ON (r.rid) {wkb}, ST_AsBinary(d.geom), d.code FROM {rows} r {moved_join}
JOIN twin.division d ON d.geom IS NOT NULL AND d.valid @> now() AND ({matches})
WHERE r.rid <= 2000 AND r.wkb IS NOT NULL AND ST_Dimension({wkb}::geometry) = 2 AND ST_DWithin(d.geom, ST_SetSRID(ST_Envelope({wkb}::geometry), 4490), 0.05)
ORDER BY r.rid, d.level DESC LIMIT 40
