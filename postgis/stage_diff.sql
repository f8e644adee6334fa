-- The keys of staged rows, and what becomes of each when they are compared with what is known.

-- key --
coalesce({own} || CASE WHEN part > 0 THEN '#' || part ELSE '' END, encode(substr(digest, 1, 16), 'hex'))

-- any_doubled --
SELECT EXISTS (SELECT FROM {rows} r GROUP BY hashtextextended({key}, 0) HAVING count(*) > 1)

-- no_odd --
CREATE UNLOGGED TABLE {odd} (rid bigint, key text, nth bigint)

-- make_odd --
-- Rows whose key came before, with the ordinal that tells them apart; equal keys have equal hashes, and few others do.
CREATE UNLOGGED TABLE {odd} WITH (autovacuum_enabled = false) AS
WITH doubled AS (
    SELECT hashtextextended({key}, 0) AS hashed FROM {rows} r GROUP BY 1 HAVING count(*) > 1
)
SELECT rid, key || '~' || nth AS key, nth
FROM (SELECT rid, key, row_number() OVER (PARTITION BY key ORDER BY rid) AS nth
      FROM (SELECT r.rid, {key} AS key FROM {rows} r WHERE hashtextextended({key}, 0) IN (SELECT hashed FROM doubled)) s) counted
WHERE nth > 1

-- make_keys --
CREATE VIEW {keys} AS
SELECT r.*, r.ctid AS staged_at, {recipe}::bytea || r.digest AS hash, coalesce(o.key, {key}) AS key, coalesce(o.nth, 1) AS nth, {own} IS NULL AS keyless,
       {plan} AS plan, coalesce({valid_to} <= now(), false) AS over
FROM {rows} r LEFT JOIN {odd} o ON o.rid = r.rid

-- make_plain_keys --
-- The same where each row has a key of its own.
CREATE VIEW {keys} AS
SELECT r.*, r.ctid AS staged_at, {recipe}::bytea || r.digest AS hash, {plain} AS key, 1::bigint AS nth, {own} IS NULL AS keyless, {plan} AS plan,
       coalesce({valid_to} <= now(), false) AS over
FROM {rows} r

-- known_live --
-- The versions of this source that the file is compared with: the one at the moment of change, else the first to come.
-- Two queries in one: each can be shared by several processes, a subquery under OR cannot.
SELECT oid, source_key, plan, content_hash, valid, sys, false AS past FROM {live} o
WHERE source = {source} AND ({planned} OR plan IS NULL) AND valid @> {moment}
UNION ALL
SELECT oid, source_key, plan, content_hash, valid, sys, false FROM {live} o
WHERE source = {source} AND ({planned} OR plan IS NULL) AND lower(valid) > {moment} AND NOT EXISTS (
    SELECT FROM {live} e WHERE e.source = o.source AND e.source_key = o.source_key AND e.plan IS NOT DISTINCT FROM o.plan
        AND coalesce(lower(e.valid), '-infinity') < lower(o.valid) AND coalesce(upper(e.valid) > {moment}, true))

-- known_then --
-- The same for a moment that may be past: what has ended since comes before any live version.
WITH ended_since AS MATERIALIZED (
    SELECT DISTINCT ON (source_key, plan) oid, source_key, plan, content_hash, valid, sys, false AS past FROM {past} p
    WHERE source = {source} AND ({planned} OR plan IS NULL) AND upper_inf(sys) AND upper(valid) > {moment} ORDER BY source_key, plan, valid
)
SELECT * FROM ({known_now}) o
WHERE NOT EXISTS (SELECT FROM ended_since e WHERE e.source_key = o.source_key AND coalesce(e.plan, '') = coalesce(o.plan, ''))
UNION ALL SELECT * FROM ended_since

-- make_diff --
-- The rows of the file that stand for no version (added) or for one that is otherwise (changed), and where each of them is staged: a few are
-- fetched from there without a look at all the others.
CREATE UNLOGGED TABLE {diff} WITH (autovacuum_enabled = false) AS
SELECT k.rid, k.staged_at, o.oid, o.valid, o.sys, false AS past, CASE WHEN o.oid IS NULL THEN 'added' ELSE 'changed' END AS action
FROM {keys} k LEFT JOIN ({known}) o ON o.source_key = k.key AND {same_plan}
WHERE o.oid IS NULL OR o.content_hash IS DISTINCT FROM k.hash OR {edited}

-- make_diff_with_past --
-- The same where a row that is itself over may stand for a past version that is known now.
CREATE UNLOGGED TABLE {diff} WITH (autovacuum_enabled = false) AS
SELECT k.rid, k.staged_at, o.oid, o.valid, o.sys, coalesce(o.past, false) AS past, CASE WHEN o.oid IS NULL THEN 'added' ELSE 'changed' END AS action
FROM {keys} k LEFT JOIN ({known} {ended}) o ON o.source_key = k.key AND {same_plan} AND (k.over OR NOT o.past)
WHERE o.oid IS NULL OR o.content_hash IS DISTINCT FROM k.hash OR {edited}

-- count_known --
SELECT count(*) FROM ({known}) o

-- add_removed --
-- Each version that no row of the file stands for.
INSERT INTO {diff} (oid, valid, sys, past, action)
SELECT o.oid, o.valid, o.sys, false, 'removed' FROM ({known}) o
WHERE NOT EXISTS (SELECT FROM {keys} k WHERE k.key = o.source_key AND {same_plan})

-- edited --
-- A version that no import wrote; imports of before moments were kept are taken to have written all there was then.
lower(o.sys) <> ALL (ARRAY(SELECT moment FROM twin.import_run WHERE layer = {number} AND moment IS NOT NULL AND undo_of IS NULL))
AND lower(o.sys) > coalesce((SELECT max(finished) FROM twin.import_run WHERE layer = {number} AND status = 'done' AND moment IS NULL AND undo_of IS NULL
                             AND report ->> 'dry_run' = 'false'), '-infinity')

-- ended --
UNION ALL SELECT * FROM (
    SELECT DISTINCT ON (source_key, plan) oid, source_key, plan, content_hash, valid, sys, true AS past FROM {past} p
    WHERE source = {source} AND upper_inf(sys) AND NOT EXISTS (
        SELECT FROM {live} e WHERE e.source = p.source AND e.source_key = p.source_key AND e.plan IS NOT DISTINCT FROM p.plan)
    ORDER BY source_key, plan, lower(valid) DESC) ended WHERE upper(valid) <= {moment}

-- count_diff --
SELECT action, count(*) FROM {diff} GROUP BY action

-- report_keys --
INSERT INTO twin.import_finding (run, "row", source_key, rule, severity)
SELECT {run}, k."row", k.key, CASE WHEN k.keyless THEN 'empty-key' ELSE 'duplicate-key' END, 'warn'
FROM {keys} k WHERE k.keyless OR k.nth > 1
