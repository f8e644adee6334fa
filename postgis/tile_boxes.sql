-- session --
-- One read of everything may take longer than a request; sorts and parallel workers are for it alone.
SELECT set_config('statement_timeout', '0', false), set_config('twin.scope', %(scope)s, false), set_config('default_transaction_read_only', 'on', false)

-- boxes --
-- The boxes of a layer's present rows; an object wider than {large} degrees is cut up first, so that a long river is not a full rectangle.
COPY (
    SELECT ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom) FROM (
        SELECT geom FROM {view}
        WHERE plan IS NULL AND valid @> now() AND NOT ST_IsEmpty(geom) {within}
          AND greatest(ST_XMax(geom) - ST_XMin(geom), ST_YMax(geom) - ST_YMin(geom)) <= {large}
        UNION ALL
        SELECT ST_Subdivide(ST_Segmentize(ST_CurveToLine(geom), {large} / 2), 8) FROM {view}
        WHERE plan IS NULL AND valid @> now() AND NOT ST_IsEmpty(geom) {within}
          AND greatest(ST_XMax(geom) - ST_XMin(geom), ST_YMax(geom) - ST_YMin(geom)) > {large}
    ) pieces
) TO STDOUT (FORMAT binary)

-- within --
AND geom && ST_MakeEnvelope({west}, {south}, {east}, {north}, 4490)

-- by_index --
SELECT set_config('enable_seqscan', 'off', false)

-- filled --
-- For each box: true when a present row of at most {large} degrees meets it, false when only larger ones do, NULL when nothing does.
SELECT coalesce(
    (SELECT true FROM {view} WHERE plan IS NULL AND valid @> now() AND NOT ST_IsEmpty(geom) {within}
         AND geom && ST_MakeEnvelope(b.west, b.south, b.east, b.north, 4490)
         AND greatest(ST_XMax(geom) - ST_XMin(geom), ST_YMax(geom) - ST_YMin(geom)) <= {large} LIMIT 1),
    (SELECT false FROM {view} WHERE plan IS NULL AND valid @> now() AND NOT ST_IsEmpty(geom) {within}
         AND geom && ST_MakeEnvelope(b.west, b.south, b.east, b.north, 4490) LIMIT 1))
FROM unnest(%(west)s::float8[], %(south)s::float8[], %(east)s::float8[], %(north)s::float8[]) WITH ORDINALITY AS b (west, south, east, north, nth)
ORDER BY b.nth

-- ready --
-- Whether what tiles of the layers are read from is up to date: until then they are made from the rows, and again when it is.
SELECT count(*) FILTER (WHERE s.base = 'fresh' AND s.overview <> 'stale') = cardinality(%(layers)s) FROM door.tile_state s WHERE s.layer = ANY (%(layers)s)
