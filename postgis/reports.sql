-- run --
SELECT id, layer_id, layer, source, status, started, finished, undone_by, report::text AS report FROM door.import_run WHERE id = $1

-- runs --
-- The newest runs first
SELECT id, layer_id, layer, source, status, started, finished, undone_by, NULL AS report FROM door.import_run ORDER BY started DESC, id LIMIT $1

-- findings --
SELECT id, "row", source_key, rule, severity, detail_zh, detail_en, lon, lat FROM door.import_finding
WHERE run = $1 AND id > $2 AND ($4 = '' OR rule = $4) ORDER BY id LIMIT $3

-- rows_struck --
-- Rows of the file with a finding of this severity; one struck by several rules is one
SELECT count(DISTINCT nullif("row", 0)) FROM twin.import_finding WHERE run = %(run)s AND severity = %(severity)s
