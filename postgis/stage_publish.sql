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
-- The rows to write, with their valid times and their object: a key that was removed once and is back is the object it was.
CREATE UNLOGGED TABLE {fresh} WITH (autovacuum_enabled = false) AS
SELECT t.*, {valid} AS valid_now, coalesce(known_oid, nextval({sequence})) AS as_oid FROM (
    SELECT s.*, {since} AS since, coalesce(s.oid, p.oid, (
        SELECT o.oid FROM {live} o WHERE {moment_or_now} > {now} AND s.oid IS NULL AND s.plan IS NULL -- its end is announced
        AND o.source_key = s.key AND o.source = {source} AND o.plan IS NULL ORDER BY o.valid DESC LIMIT 1)) AS known_oid
    FROM ({prepared}) s
    LEFT JOIN (SELECT DISTINCT ON (source_key) source_key, oid FROM {past}
               WHERE source = {source} AND upper_inf(sys) AND plan IS NULL AND upper(valid) <= {now} ORDER BY source_key, upper(valid) DESC) p
        ON p.source_key = s.key AND s.oid IS NULL AND s.plan IS NULL) t

-- next_known --
-- The next change that is known to come after the version a row stands for.
(SELECT min(lower(k.valid)) FROM (SELECT oid, plan, valid FROM {live} UNION ALL SELECT oid, plan, valid FROM {past} WHERE upper_inf(sys)) k
 WHERE NOT upper_inf(t.valid_was) AND k.oid = t.oid AND k.plan IS NOT DISTINCT FROM t.plan AND lower(k.valid) >= upper(t.valid_was))

-- spans --
-- The time of which each object is told anew: a change from V to the end of the version it stands for (or beyond, to an end it gives), of a
-- version that begins after V only the time before it; a removal all that comes after V; a correction exactly that version.
SELECT coalesce(n.as_oid, d.oid) AS oid, d.valid AS was, d.sys AS was_sys, coalesce(n.since, {moment_or_now}) AS since, {plan_of} AS plan,
       CASE WHEN {correct} AND d.oid IS NOT NULL THEN d.valid
            WHEN d.action = 'removed' THEN tstzrange({moment_or_now}, NULL)
            WHEN d.oid IS NULL OR (n.valid_from IS NULL AND lower(d.valid) > n.since) THEN n.valid_now
            ELSE range_merge(n.valid_now, d.valid * tstzrange(n.since, NULL)) END AS span
FROM {diff} d LEFT JOIN {fresh} n ON n.rid = d.rid WHERE d.action = 'removed' OR n.known_oid IS NOT NULL

-- plan_of_removed --
CASE WHEN n.rid IS NOT NULL THEN n.plan ELSE (
    SELECT o.plan FROM (SELECT oid, plan, valid, sys FROM {live} UNION ALL SELECT oid, plan, valid, sys FROM {past}) o
    WHERE o.oid = d.oid AND o.valid = d.valid AND o.sys = d.sys) END

-- take_old --
-- Take all that is known of these times out of its table and file it by the rules of the two time axes (schema/038_edits.sql): V the moment
-- of the change, T this moment. What ends at V = T goes to the past as it is; what was believed wrongly since V < T, or is replaced from
-- its very start, is closed in sys; what remains of it before and after is known again. What has ended by T is only looked for where a span begins before T.
-- Undo is told what it cannot see from the rows: each version taken as it was and where it was cut, and what has an end from now on.
WITH due AS MATERIALIZED (
    {spans}
), taken AS (
    DELETE FROM {live} o USING due d WHERE o.oid = d.oid AND o.plan IS NOT DISTINCT FROM d.plan AND o.valid && d.span
    RETURNING o.*, d.since, d.span, o.valid = d.was AND o.sys = d.was_sys AS compared
), taken_past AS (
    DELETE FROM {past} o USING due d
    WHERE coalesce(lower(d.span) < {now}, true) AND o.oid = d.oid AND coalesce(o.plan, '') = coalesce(d.plan, '') AND o.valid && d.span AND upper_inf(o.sys)
    RETURNING o.*, d.since, d.span, o.valid = d.was AND o.sys = d.was_sys AS compared
), split AS (
    SELECT *, {before} AS before, {after} AS after FROM (SELECT * FROM taken UNION ALL SELECT * FROM taken_past) o
), filed AS (
    SELECT *, valid AS valid_now, tstzrange(lower(sys), {now}) AS sys_now FROM split WHERE {believed}
    UNION ALL
    SELECT *, before, CASE WHEN {believed} THEN tstzrange({now}, NULL) ELSE sys END FROM split WHERE NOT isempty(before)
    UNION ALL
    SELECT *, after, tstzrange({now}, NULL) FROM split WHERE NOT isempty(after)
), past AS (
    INSERT INTO {past} (layer, oid, code, class, name, parent_oid, division, geom, zmin, zmax, attrs, psets, valid, sys, phase, plan, source, source_key, content_hash)
    SELECT layer, oid, code, class, name, parent_oid, division, geom, zmin, zmax, attrs, psets, valid_now, sys_now, phase, plan, source, source_key, content_hash
    FROM filed WHERE NOT upper_inf(sys_now) OR upper(valid_now) <= {now}
), live AS (
    INSERT INTO {live} (layer, oid, code, class, name, parent_oid, division, geom, zmin, zmax, attrs, psets, valid, sys, phase, plan, source, source_key, content_hash)
    SELECT layer, oid, code, class, name, parent_oid, division, geom, zmin, zmax, attrs, psets, valid_now, sys_now, phase, plan, source, source_key, content_hash
    FROM filed WHERE upper_inf(sys_now) AND coalesce(upper(valid_now) > {now}, true)
), touched AS (
    INSERT INTO twin.import_touch (run, oid, valid, known, cut) SELECT {run}, oid, valid, lower(sys), upper(before) FROM split
    UNION ALL
    SELECT {run}, oid, after, NULL, NULL FROM split WHERE NOT isempty(after) AND NOT upper_inf(after)
)
SELECT (SELECT count(*) FROM due WHERE was && span), (SELECT count(*) FROM split WHERE compared)

-- before --
CASE WHEN lower_inf(o.span) THEN 'empty' ELSE o.valid * tstzrange(NULL, lower(o.span)) END

-- after --
CASE WHEN upper_inf(o.span) THEN 'empty' ELSE o.valid * tstzrange(upper(o.span), NULL) END

-- believed --
(since < {now} OR isempty(before) OR NOT isempty(after))

-- take_old_shapes --
-- The same for the deep shapes of these versions, which live in one table.
WITH due AS MATERIALIZED (
    {spans}
), taken AS (
    DELETE FROM {shape} o USING due d, twin.import_touch t
    WHERE t.run = {run} AND t.oid = d.oid AND t.valid && d.span AND o.oid = t.oid AND o.valid = t.valid AND lower(o.sys) = t.known AND upper_inf(o.sys)
    RETURNING o.*, d.since, d.span
), split AS (
    SELECT *, {before} AS before, {after} AS after FROM taken o
)
INSERT INTO {shape} (layer, oid, lod, geom, valid, sys)
SELECT layer, oid, lod, geom, valid, tstzrange(lower(sys), {now}) FROM split WHERE {believed}
UNION ALL
SELECT layer, oid, lod, geom, before, CASE WHEN {believed} THEN tstzrange({now}, NULL) ELSE sys END FROM split WHERE NOT isempty(before)
UNION ALL
SELECT layer, oid, lod, geom, after, tstzrange({now}, NULL) FROM split WHERE NOT isempty(after)

-- put_fresh --
-- Where they belong: what is over already goes to the past.
WITH live AS (
    INSERT INTO {live} (oid, code, class, name, division, geom, zmin, zmax, attrs, valid, sys, phase, plan, source, source_key, content_hash)
    SELECT as_oid, code, class, name, in_division, geom, zmin, zmax, attrs, valid_now, tstzrange({now}, NULL), phase, plan, {source}, key, hash
    FROM {fresh} WHERE coalesce(upper(valid_now) > {now}, true)
), past AS (
    INSERT INTO {past} (oid, code, class, name, division, geom, zmin, zmax, attrs, valid, sys, phase, plan, source, source_key, content_hash)
    SELECT as_oid, code, class, name, in_division, geom, zmin, zmax, attrs, valid_now, tstzrange({now}, NULL), phase, plan, {source}, key, hash
    FROM {fresh} WHERE upper(valid_now) <= {now}
), ends AS (
    INSERT INTO twin.import_touch (run, oid, valid) SELECT {run}, as_oid, valid_now FROM {fresh} WHERE NOT upper_inf(valid_now)
)
SELECT array_agg(as_oid) FROM {fresh}

-- put_shapes --
INSERT INTO {shape} (oid, lod, geom, valid, sys) SELECT as_oid, '0', deep, valid_now, tstzrange({now}, NULL) FROM {fresh} WHERE deep IS NOT NULL

-- note_ends_of_new --
INSERT INTO twin.import_touch (run, oid, valid) SELECT {run}, oid, valid FROM {live} WHERE NOT upper_inf(valid)

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
