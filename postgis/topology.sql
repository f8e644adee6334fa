-- What a check of a layer's polygons against each other reads: facts that hold now, by number.

-- boxes --
SELECT oid, ST_XMin(geom) AS west, ST_YMin(geom) AS south, ST_XMax(geom) AS east, ST_YMax(geom) AS north
FROM {live} WHERE ST_Dimension(geom) = 2 AND plan IS NULL AND valid @> now() ORDER BY oid

-- shapes --
SELECT oid, ST_AsBinary(ST_CollectionExtract(geom, 3)) FROM {live} WHERE oid = ANY (%(oids)s) AND plan IS NULL AND valid @> now()

-- names --
SELECT oid, coalesce(source_key, ''), coalesce(name, code, '') FROM {live} WHERE oid = ANY (%(oids)s) AND plan IS NULL AND valid @> now()

-- end_all --
SELECT count(twin.end_object(%(layer)s, oid)) FROM {live} WHERE plan IS NULL AND valid @> now()
