-- An import taken back: what was known before it is known again from now on, and its own rows stay in the history as believed until now.

-- note_publish --
UPDATE twin.import_run SET layer = %(number)s, moment = %(moment)s, layer_before = %(before)s, layer_after = %(after)s WHERE id = %(run)s

-- run --
SELECT id, layer_id, layer, source, status, moment, undone_by, undo_of, report, layer_before, layer_after FROM twin.import_run WHERE id = %(run)s

-- later_run --
-- A later import of the same source that published something and stands.
SELECT id FROM twin.import_run
WHERE layer = %(number)s AND source = %(source)s AND status = 'done' AND moment > %(moment)s AND undone_by IS NULL AND undo_of IS NULL
  AND (report ->> 'added')::bigint + (report ->> 'changed')::bigint + (report ->> 'removed')::bigint > 0 ORDER BY moment LIMIT 1

-- tables --
SELECT to_regclass(%(live)s) IS NOT NULL, to_regclass(%(past)s) IS NOT NULL, to_regclass(%(shape)s) IS NOT NULL

-- ensure_past --
SELECT twin.ensure_past(%(number)s)

-- moment --
SELECT clock_timestamp()

-- mark_undo --
UPDATE twin.import_run SET undo_of = %(of)s WHERE id = %(run)s

-- versions --
-- Every version of the layer that this run wrote, by object, plan and start: the start of a version never moves.
CREATE UNLOGGED TABLE {wrote} WITH (autovacuum_enabled = false) AS
SELECT DISTINCT oid, plan, lower(valid) AS since FROM (SELECT oid, plan, valid, sys, source FROM {live} UNION ALL SELECT oid, plan, valid, sys, source FROM {past}) v
WHERE lower(sys) = {published} AND source = {source}

-- objects --
CREATE UNLOGGED TABLE {touched} WITH (autovacuum_enabled = false) AS
SELECT oid FROM {wrote} UNION SELECT oid FROM twin.import_touch WHERE run = {of} AND known IS NOT NULL

-- lock_rows --
SELECT count(*) FROM (SELECT FROM {live} o WHERE o.oid IN (SELECT oid FROM {touched}) ORDER BY o.oid FOR UPDATE) locked

-- foreign_touches --
-- Objects of the run that were written or closed later by anything but an import taken back since, or its undo.
WITH own AS (
    SELECT u.moment FROM twin.import_run u WHERE u.layer = {number} AND u.moment > {published} AND (u.undo_of IS NOT NULL OR u.undone_by IS NOT NULL)
)
SELECT count(DISTINCT oid) FROM (SELECT oid, sys FROM {live} UNION ALL SELECT oid, sys FROM {past}) v JOIN {touched} USING (oid)
WHERE (lower(sys) > {published} AND lower(sys) <> ALL (ARRAY(SELECT moment FROM own)))
   OR (upper(sys) > {published} AND upper(sys) <> ALL (ARRAY(SELECT moment FROM own)))

-- known --
-- The versions known now that come of the run: those it wrote, and what it left of those it cut.
CREATE UNLOGGED TABLE {known} WITH (autovacuum_enabled = false) AS
SELECT v.* FROM (SELECT * FROM {live} UNION ALL SELECT * FROM {past} WHERE upper_inf(sys)) v JOIN {touched} USING (oid)
WHERE EXISTS (SELECT FROM {wrote} w WHERE w.oid = v.oid AND w.plan IS NOT DISTINCT FROM v.plan AND w.since IS NOT DISTINCT FROM lower(v.valid))
   OR EXISTS (SELECT FROM twin.import_touch t WHERE t.run = {of} AND t.known IS NOT NULL AND t.oid = v.oid AND lower(t.valid) IS NOT DISTINCT FROM lower(v.valid)
              AND t.cut = upper(v.valid))

-- ended_since --
-- A version that has an end which the run neither published nor cut was ended by somebody later.
SELECT count(DISTINCT k.oid) FROM {known} k WHERE NOT upper_inf(k.valid)
  AND NOT EXISTS (SELECT FROM twin.import_touch t WHERE t.run = {of} AND t.oid = k.oid
                  AND ((t.known IS NULL AND t.valid = k.valid) OR (t.known IS NOT NULL AND lower(t.valid) IS NOT DISTINCT FROM lower(k.valid) AND t.cut = upper(k.valid))))

-- lost --
-- Versions the run wrote, or cut, that are not where it left them.
SELECT count(*) FROM {wrote} w WHERE NOT EXISTS (
    SELECT FROM {known} k WHERE k.oid = w.oid AND k.plan IS NOT DISTINCT FROM w.plan AND lower(k.valid) IS NOT DISTINCT FROM w.since)

-- pieces_lost --
SELECT count(*) FROM twin.import_touch t WHERE t.run = {of} AND t.known IS NOT NULL AND t.cut IS NOT NULL AND coalesce(lower(t.valid) < t.cut, true)
  AND NOT EXISTS (SELECT FROM {known} k WHERE k.oid = t.oid AND lower(k.valid) IS NOT DISTINCT FROM lower(t.valid))

-- back --
-- What was taken, as it was: the same version lies cut, or closed, in the history.
CREATE UNLOGGED TABLE {back} WITH (autovacuum_enabled = false) AS
SELECT DISTINCT ON (t.oid, t.valid) v.*, t.valid AS was, t.known AS was_known
FROM twin.import_touch t JOIN (SELECT * FROM {live} UNION ALL SELECT * FROM {past}) v
    ON v.oid = t.oid AND lower(v.valid) IS NOT DISTINCT FROM lower(t.valid) AND lower(v.sys) = t.known
WHERE t.run = {of} AND t.known IS NOT NULL ORDER BY t.oid, t.valid, upper(v.valid) DESC NULLS FIRST

-- counts --
-- Objects both written and taken, only written, only taken; and what was taken but cannot be found.
SELECT (SELECT count(*) FROM (SELECT oid FROM {wrote} INTERSECT SELECT oid FROM {back}) both_ways),
       (SELECT count(*) FROM (SELECT oid FROM {wrote} EXCEPT SELECT oid FROM {back}) only_written),
       (SELECT count(*) FROM (SELECT oid FROM {back} EXCEPT SELECT oid FROM {wrote}) only_taken),
       (SELECT count(*) FROM twin.import_touch WHERE run = {of} AND known IS NOT NULL) - (SELECT count(*) FROM {back})

-- take_live --
DELETE FROM {live} o USING {known} k WHERE o.oid = k.oid AND o.plan IS NOT DISTINCT FROM k.plan AND o.valid = k.valid AND o.sys = k.sys

-- take_past --
DELETE FROM {past} o USING {known} k WHERE o.oid = k.oid AND o.plan IS NOT DISTINCT FROM k.plan AND o.valid = k.valid AND o.sys = k.sys

-- file --
INSERT INTO {past} (layer, oid, code, class, name, parent_oid, division, geom, zmin, zmax, attrs, psets, valid, sys, phase, plan, source, source_key, content_hash)
SELECT layer, oid, code, class, name, parent_oid, division, geom, zmin, zmax, attrs, psets, valid, tstzrange(lower(sys), {now}), phase, plan, source,
       source_key, content_hash FROM {known}

-- put_live --
INSERT INTO {live} (layer, oid, code, class, name, parent_oid, division, geom, zmin, zmax, attrs, psets, valid, sys, phase, plan, source, source_key, content_hash)
SELECT layer, oid, code, class, name, parent_oid, division, geom, zmin, zmax, attrs, psets, was, tstzrange({now}, NULL), phase, plan, source, source_key,
       content_hash FROM {back} WHERE coalesce(upper(was) > {now}, true)

-- put_past --
INSERT INTO {past} (layer, oid, code, class, name, parent_oid, division, geom, zmin, zmax, attrs, psets, valid, sys, phase, plan, source, source_key, content_hash)
SELECT layer, oid, code, class, name, parent_oid, division, geom, zmin, zmax, attrs, psets, was, tstzrange({now}, NULL), phase, plan, source, source_key,
       content_hash FROM {back} WHERE upper(was) <= {now}

-- file_shapes --
UPDATE {shape} s SET sys = tstzrange(lower(s.sys), {now}) FROM {known} k WHERE s.oid = k.oid AND s.valid = k.valid AND s.sys = k.sys

-- put_shapes --
INSERT INTO {shape} (layer, oid, lod, geom, valid, sys)
SELECT DISTINCT ON (s.oid, s.lod, b.was) s.layer, s.oid, s.lod, s.geom, b.was, tstzrange({now}, NULL)
FROM {back} b JOIN {shape} s ON s.oid = b.oid AND lower(s.valid) IS NOT DISTINCT FROM lower(b.was) AND lower(s.sys) = b.was_known
ORDER BY s.oid, s.lod, b.was, upper(s.valid) DESC NULLS FIRST

-- oids --
SELECT array_agg(oid) FROM {touched}

-- is_empty --
SELECT NOT EXISTS (SELECT FROM {live}) AND NOT EXISTS (SELECT FROM {past} WHERE upper_inf(sys))

-- mark_undone --
UPDATE twin.import_run SET undone_by = %(by)s, report = report || jsonb_build_object('undone_by', %(by)s::text) WHERE id = %(run)s

-- drop --
DROP TABLE {wrote}, {touched}, {known}, {back}
