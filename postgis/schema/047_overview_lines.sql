-- Lines in overviews: joined end to end within a block, class and division, simplified band by band. A block is a tile of the band's finest zoom.

-- Longer than two blocks, a line stays by itself: its block would have the bounds of a province.
CREATE OR REPLACE FUNCTION twin.line_alone(geom geometry, oid bigint, zoom integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN greatest(public.ST_XMax(geom) - public.ST_XMin(geom), public.ST_YMax(geom) - public.ST_YMin(geom)) > 1024 * twin.pixel_m(zoom) THEN oid END
$$;

-- The statement that writes the lines of one band. `source` has block, division, class, oid, geom, length, count, alone.
-- A part is drawn from the zoom at which it has a pixel; the longest one already when all together have one, so that no road dissolves into dust.
-- Rows of a group share out its whole length as their `size`, and its count is on the first: coarser bands know by these what is not drawn any more.
CREATE OR REPLACE FUNCTION twin.line_statement(number integer, suffix text, band_from integer, band_to integer, source text) RETURNS text
LANGUAGE sql STABLE SET search_path = twin, public, pg_temp AS $$
    SELECT format('WITH merged AS MATERIALIZED (
            SELECT row_number() OVER () AS row, block, division, class, count, oid, length,
                ST_Simplify(coalesce(nullif(ST_LineMerge(geom), ''GEOMETRYCOLLECTION EMPTY''), geom), %s, true) AS geom
            FROM (SELECT block, division, class, sum(count) AS count, CASE WHEN sum(count) = 1 THEN min(oid) END AS oid, sum(length::float8) AS length,
                      ST_CollectionExtract(ST_Collect(geom ORDER BY oid, geom), 2) AS geom
                  FROM (%s) source GROUP BY block, division, class, alone) grouped
        ), part AS (
            SELECT row, whole, (d).geom AS geom, ST_Length((d).geom) AS length,
                row_number() OVER (PARTITION BY row ORDER BY ST_Length((d).geom) DESC, (d).geom) AS place
            FROM (SELECT row, length AS whole, ST_Dump(geom) AS d FROM merged OFFSET 0) dumped
        ), shown AS (
            SELECT row, geom, length,
                greatest(%s, ceil(ln(78271.51696402048 / CASE WHEN place = 1 THEN greatest(whole, length) ELSE length END) / ln(2::float8)))::integer AS zoom_from
            FROM part WHERE length > 0
        ), drawn AS (
            SELECT row, zoom_from, ST_Collect(geom) AS geom, sum(length) AS length, row_number() OVER (PARTITION BY row ORDER BY zoom_from) AS place,
                sum(sum(length)) OVER (PARTITION BY row) AS lengths
            FROM shown WHERE zoom_from <= %s GROUP BY row, zoom_from
        )
        INSERT INTO twin.tile_kept_%s%s (zoom_from, zoom_to, oid, geom, size, division, count, quad%s)
        SELECT d.zoom_from, %4$s, m.oid, d.geom, d.length + CASE WHEN d.place = 1 THEN greatest(m.length - d.lengths, 0) ELSE 0 END, m.division,
            CASE WHEN d.place = 1 THEN m.count ELSE 0 END, m.block << %8$s%9$s
        FROM drawn d JOIN merged m USING (row) LEFT JOIN twin.tile_%5$s t ON t.oid = m.oid',
        twin.pixel_m(band_to) / 2, source, band_from, band_to, number, suffix,
        string_agg(format(', %I', twin.kept_column(name)), '' ORDER BY place), 2 * (20 - band_to),
        string_agg(CASE name WHEN 'class' THEN ', m.class' ELSE format(', t.%I', name) END, '' ORDER BY place))
    FROM twin.overview_columns(number) WITH ORDINALITY c (name, place)
$$;

-- Lines of all blocks, or of those in which rows changed; each band joins what the finer one still draws at its lowest zoom. Sorted groups: a city's lines need not fit in memory.
CREATE OR REPLACE FUNCTION twin.fill_lines(number integer, suffix text, quads bigint[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp SET work_mem = '128MB' SET enable_hashagg = off SET jit = off AS $$
DECLARE
    kept constant text := format('twin.tile_kept_%s%s', number, suffix);
    class constant text := CASE WHEN 'class' IN (SELECT twin.overview_columns(number)) THEN 'class' ELSE 'NULL::text' END;
    band record;
    finer integer;
    shift integer;
    dirty bigint[];
    source text;
BEGIN
    FOR band IN SELECT zoom_from, zoom_to FROM twin.overview_bands() ORDER BY zoom_to DESC LOOP
        shift := 2 * (20 - band.zoom_to);
        dirty := ARRAY(SELECT DISTINCT quad >> shift FROM unnest(quads) quad);
        IF quads IS NOT NULL THEN
            EXECUTE format('DELETE FROM %s WHERE area_m2 IS NULL AND zoom_to = %s AND quad = ANY (ARRAY(SELECT block << %s FROM unnest($1) block))',
                kept, band.zoom_to, shift) USING dirty;
        END IF;
        IF finer IS NULL THEN
            source := format('SELECT quad >> %s AS block, division, class, oid, geom, size AS length, 1 AS count, twin.line_alone(geom, oid, 13) AS alone
                FROM %s r %s', shift,
                twin.overview_rows(number, CASE WHEN quads IS NULL THEN format('twin.tile_%s t', number) ELSE format('unnest($1) asked CROSS JOIN LATERAL (
                    SELECT * FROM twin.tile_%s t WHERE t.geom && ST_Expand(twin.quad_box(asked, 13), 0.01) OFFSET 0) t', number) END,
                    'dim = 1', CASE WHEN quads IS NULL THEN '' ELSE ', asked' END),
                CASE WHEN quads IS NULL THEN '' ELSE format('WHERE quad >> %s = asked', shift) END);
        ELSE
            source := format('SELECT quad >> %s AS block, division, %s AS class, oid, CASE WHEN zoom_from = %s OR count > 0 THEN geom END AS geom,
                size AS length, count, twin.line_alone(geom, oid, %s) AS alone FROM %s k WHERE area_m2 IS NULL AND zoom_to = %s%s',
                shift, class, band.zoom_to + 1, band.zoom_to, kept, finer, CASE WHEN quads IS NULL THEN '' ELSE
                format(' AND quad = ANY (ARRAY(SELECT (block << %s) + (step << %s) FROM unnest($1) block, generate_series(0, (1 << %s) - 1) step))',
                    shift, 2 * (20 - finer), 2 * (finer - band.zoom_to)) END);
        END IF;
        EXECUTE twin.line_statement(number, suffix, band.zoom_from, band.zoom_to, source) USING dirty;
        finer := band.zoom_to;
    END LOOP;
END $$;
