-- report_codes --
-- Values that stand in no code list stay as they are; each is told with its row and place.
INSERT INTO twin.import_finding (run, "row", source_key, rule, severity, detail_zh, detail_en, lon, lat)
SELECT {run}, r."row", k.key, 'bad-code', 'warn', left({name} || '：' || {value}::text || '（' || {list} || '）', 500),
       left({name} || ': ' || {value}::text || ' (' || {list} || ')', 500), ST_XMin({wkb}::geometry), ST_YMin({wkb}::geometry)
FROM {rows} r {needed} JOIN {keys} k ON k.rid = r.rid {moved_join}
WHERE {word} <> '' AND NOT {words} ? {word}
