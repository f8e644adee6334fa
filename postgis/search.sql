-- find --
SELECT kind, tier, ref, layer, oid, title, subtitle, code, lon_4490, lat_4490, bounds FROM door.find($1, $2, $3, $4)

-- layer_number --
SELECT number FROM twin.layer WHERE id = %(layer)s

-- index --
SELECT twin.index_search(%(number)s, %(oids)s)

-- index_everything --
SELECT twin.index_everything()

-- written_by --
SELECT oid FROM twin.import_touch WHERE run = {run}
UNION SELECT o.oid FROM {live} o JOIN twin.import_run r ON r.id = {run} AND lower(o.sys) = r.moment
