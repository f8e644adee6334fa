-- The first rows of a layer, written before their publish (schema/033_bulk.sql).

-- new_table --
SELECT twin.new_bulk_table(%(run)s, %(layer)s), now()

-- fill --
INSERT INTO {object} (oid, code, class, name, division, geom, zmin, zmax, attrs, valid, sys, phase, plan, source, source_key, content_hash)
SELECT ({number}::bigint << 40) + rid, code, class, name, in_division, geom, zmin, zmax, attrs, {valid}, tstzrange({moment}, NULL), phase, plan,
       {source}, key, hash
FROM ({prepared}) s

-- indexes --
SELECT suffix FROM twin.object_indexes(%(fields)s)

-- index --
SELECT twin.index_bulk_table({run}, {fields}, {suffix})
