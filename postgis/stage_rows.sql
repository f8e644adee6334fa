-- object_rows --
-- Staged rows as the columns of twin.object: geometry placed and repaired, base columns by role, every other field typed into attrs.
SELECT r.rid, {code} AS code, {class} AS class, {name} AS name, {division} AS division, {geom} AS geom,
       {zmin} AS zmin, {zmax} AS zmax, {attrs} AS attrs, {phase} AS phase, {plan} AS plan,
       {valid_from} AS valid_from, {valid_to} AS valid_to, r.key, r.hash, {deep} AS deep{picked}
FROM {keys} r {needed_join} {moved_join} {fixed_join}
WHERE {kept} {share}

-- with_division --
-- The source's own division, else the one the object lies in.
SELECT p.*, coalesce(p.division, d.code) AS in_division FROM ({prepared}) p
LEFT JOIN LATERAL twin.divisions_at(CASE WHEN p.division IS NULL THEN ST_PointOnSurface(p.geom) END) d ON true

-- without_division --
SELECT p.*, p.division AS in_division FROM ({prepared}) p

-- has_divisions --
SELECT EXISTS (SELECT FROM twin.division_part)
