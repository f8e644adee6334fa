-- The publish: one transaction in which the old version gives way to the new one, or nothing happens.

-- layer_of --
SELECT number, id, kind, title_zh, title_en, description_zh, geometry_type, fields, min_zoom, max_zoom, access, synthetic, attribution, licence,
       accuracy_note_zh, vertical_datum, to_regclass(format('twin.object_%%s', number)) IS NOT NULL
FROM twin.layer WHERE id = %(layer)s

-- has_rows --
SELECT EXISTS (SELECT FROM {live}), to_regclass({past}) IS NOT NULL

-- adopt --
SELECT twin.adopt_bulk_table(%(run)s, %(number)s)

-- ensure_shape --
SELECT twin.ensure_shape(%(number)s)

-- ensure_past --
SELECT twin.ensure_past(%(number)s)

-- attach --
SELECT twin.attach_objects(%(number)s)

-- shapes_of_new --
INSERT INTO {shape} (oid, lod, geom, valid, sys)
SELECT ({number}::bigint << 40) + rid, '0', deep, {valid}, tstzrange({moment}, NULL) FROM ({prepared}) s WHERE deep IS NOT NULL

-- moment --
SELECT clock_timestamp()

-- lock_rows --
SELECT count(*) FROM (SELECT FROM {live} o WHERE o.oid IN (SELECT oid FROM {diff} WHERE action IN ('changed', 'removed')) ORDER BY o.oid FOR UPDATE) locked

-- make_fresh --
CREATE UNLOGGED TABLE {fresh} WITH (autovacuum_enabled = false) AS
SELECT s.*, {since} AS since FROM ({prepared}) s

-- take_old --
-- Take the versions to be replaced or ended out of their table and file them by the rules of the two time axes (schema/038_edits.sql): V the
-- moment of the change, T this moment. What ends at V = T goes to the past as it is; what was believed wrongly since V < T, or is replaced
-- from its very start, is closed in sys; what remains of it before V is known again.
WITH due AS (
    SELECT d.oid, d.valid, d.sys, d.past, coalesce(n.since, {moment_or_now}) AS since
    FROM {diff} d LEFT JOIN {fresh} n ON n.rid = d.rid WHERE d.action = 'removed' OR (d.action = 'changed' AND n.rid IS NOT NULL)
), taken AS (
    DELETE FROM {live} o USING due d WHERE o.oid = d.oid AND o.valid = d.valid AND o.sys = d.sys AND NOT d.past
    RETURNING o.*, d.since, d.since < {now} OR coalesce(d.since <= lower(o.valid), false) OR {correct} AS believed
), taken_past AS (
    DELETE FROM {past} o USING due d WHERE o.oid = d.oid AND o.valid = d.valid AND o.sys = d.sys AND d.past
    RETURNING o.*, d.since, true AS believed
), both_taken AS (
    SELECT * FROM taken UNION ALL SELECT * FROM taken_past
), filed AS (
    SELECT t.*, t.valid AS valid_now, tstzrange(lower(t.sys), {now}) AS sys_now FROM both_taken t WHERE believed
    UNION ALL
    SELECT t.*, t.valid * tstzrange(NULL, t.since), CASE WHEN believed THEN tstzrange({now}, NULL) ELSE t.sys END
    FROM both_taken t WHERE NOT {correct} AND NOT isempty(t.valid * tstzrange(NULL, t.since))
), past AS (
    INSERT INTO {past} (layer, oid, code, class, name, parent_oid, division, geom, zmin, zmax, attrs, psets, valid, sys, phase, plan, source, source_key, content_hash)
    SELECT layer, oid, code, class, name, parent_oid, division, geom, zmin, zmax, attrs, psets, valid_now, sys_now, phase, plan, source, source_key, content_hash
    FROM filed WHERE NOT upper_inf(sys_now) OR upper(valid_now) <= {now}
), live AS (
    INSERT INTO {live} (layer, oid, code, class, name, parent_oid, division, geom, zmin, zmax, attrs, psets, valid, sys, phase, plan, source, source_key, content_hash)
    SELECT layer, oid, code, class, name, parent_oid, division, geom, zmin, zmax, attrs, psets, valid_now, sys_now, phase, plan, source, source_key, content_hash
    FROM filed WHERE upper_inf(sys_now) AND coalesce(upper(valid_now) > {now}, true)
)
SELECT (SELECT count(*) FROM due), (SELECT count(*) FROM both_taken)

-- take_old_shapes --
-- The same for the deep shapes of these versions, which live in one table.
WITH due AS (
    SELECT d.oid, d.valid, coalesce(n.since, {moment_or_now}) AS since
    FROM {diff} d LEFT JOIN {fresh} n ON n.rid = d.rid WHERE d.action = 'removed' OR (d.action = 'changed' AND n.rid IS NOT NULL)
), taken AS (
    DELETE FROM {shape} o USING due d WHERE o.oid = d.oid AND o.valid = d.valid AND upper_inf(o.sys)
    RETURNING o.*, d.since, d.since < {now} OR coalesce(d.since <= lower(o.valid), false) OR {correct} AS believed
)
INSERT INTO {shape} (layer, oid, lod, geom, valid, sys)
SELECT layer, oid, lod, geom, valid, tstzrange(lower(sys), {now}) FROM taken WHERE believed
UNION ALL
SELECT layer, oid, lod, geom, valid * tstzrange(NULL, since), CASE WHEN believed THEN tstzrange({now}, NULL) ELSE sys END
FROM taken WHERE NOT {correct} AND NOT isempty(valid * tstzrange(NULL, since))

-- put_fresh --
-- New versions of changed objects keep their oid; a key that was removed once and is back gets the oid it had.
WITH put AS (
INSERT INTO {live} (oid, code, class, name, division, geom, zmin, zmax, attrs, valid, sys, phase, plan, source, source_key, content_hash)
SELECT coalesce(s.oid, p.oid, nextval({sequence})), code, class, name, in_division, geom, zmin, zmax, attrs, {valid}, tstzrange({now}, NULL), phase, plan,
       {source}, key, hash
FROM {fresh} s
LEFT JOIN (SELECT DISTINCT ON (source_key) source_key, oid, upper(valid) AS ended FROM {past}
           WHERE source = {source} AND upper_inf(sys) AND plan IS NULL AND upper(valid) <= {now} ORDER BY source_key, upper(valid) DESC) p
    ON p.source_key = s.key AND s.oid IS NULL AND s.plan IS NULL
RETURNING oid)
SELECT array_agg(oid) FROM put

-- note_taken --
-- What undo cannot see from the rows: each version taken as it was, and where it was cut (a correction leaves no piece of it).
INSERT INTO twin.import_touch (run, oid, valid, known, cut)
SELECT {run}, d.oid, d.valid, lower(d.sys), CASE WHEN NOT {correct} THEN least(coalesce(n.since, {moment_or_now}), upper(d.valid)) END
FROM {diff} d LEFT JOIN {fresh} n ON n.rid = d.rid WHERE d.action = 'removed' OR (d.action = 'changed' AND n.rid IS NOT NULL)

-- note_ends --
INSERT INTO twin.import_touch (run, oid, valid)
SELECT {run}, o.oid, o.valid FROM {fresh} s JOIN {live} o ON o.source = {source} AND o.source_key = s.key AND lower(o.sys) = {now}
WHERE NOT upper_inf(o.valid)

-- note_ends_of_new --
INSERT INTO twin.import_touch (run, oid, valid) SELECT {run}, oid, valid FROM {live} WHERE NOT upper_inf(valid)

-- put_shapes --
INSERT INTO {shape} (oid, lod, geom, valid, sys)
SELECT o.oid, '0', s.deep, o.valid, o.sys FROM {fresh} s JOIN {live} o ON o.source = {source} AND o.source_key = s.key AND lower(o.sys) = {now}
WHERE s.deep IS NOT NULL AND o.content_hash = s.hash

-- removed_oids --
SELECT array_agg(oid) FROM {diff} WHERE action = 'removed'

-- count_fresh --
SELECT count(*) FILTER (WHERE action = 'added'), count(*) FILTER (WHERE action = 'changed') FROM {fresh}

-- report_values --
INSERT INTO twin.import_finding (run, "row", source_key, rule, severity, detail_zh, detail_en, lon, lat)
SELECT {run}, r."row", o.source_key, 'bad-value', 'warn', left(o.attrs ->> '_raw', 500), left(o.attrs ->> '_raw', 500),
       ST_X(ST_PointOnSurface(o.geom)), ST_Y(ST_PointOnSurface(o.geom))
FROM {live} o JOIN {keys} r ON r.key = o.source_key
WHERE o.source = {source} AND lower(o.sys) = {now} AND o.attrs ? '_raw'

-- division_filled --
SELECT count(*) FROM {live} WHERE source = {source} AND lower(sys) = {now} AND division IS NOT NULL
