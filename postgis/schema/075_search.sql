-- Search over divisions, products and objects by 1- and 2-grams: Chinese has no word gaps, so words are no help.

-- One spelling of what is compared: full width = half width, upper = lower case, runs of space = one space.
CREATE OR REPLACE FUNCTION twin.search_key(words text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT lower(btrim(regexp_replace(normalize(words, NFKC), '\s+', ' ', 'g')))
$$;

CREATE OR REPLACE FUNCTION twin.grams(words text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT SET search_path = twin, public, pg_temp AS $$
DECLARE
    letters text[] := string_to_array(twin.search_key(words), NULL);
    found text[] := '{}';
    pair text;
    here integer;
BEGIN
    FOR here IN 1 .. coalesce(array_length(letters, 1), 0) LOOP
        IF letters[here] <> ' ' THEN
            IF letters[here] <> ALL (found) THEN
                found := found || letters[here];
            END IF;
            pair := letters[here] || letters[here + 1];
            IF pair IS NOT NULL AND letters[here + 1] <> ' ' AND pair <> ALL (found) THEN
                found := found || pair;
            END IF;
        END IF;
    END LOOP;
    RETURN found;
END $$;

CREATE TABLE IF NOT EXISTS twin.search (
    kind text NOT NULL,
    ref text NOT NULL,
    layer integer,
    oid bigint,
    title text NOT NULL,
    subtitle text NOT NULL DEFAULT '',
    code text NOT NULL DEFAULT '',
    division text,
    title_key text COLLATE "C" NOT NULL,
    code_key text COLLATE "C" NOT NULL,
    more_key text COLLATE "C" NOT NULL DEFAULT '',
    grams text[] NOT NULL DEFAULT '{}',
    rank real NOT NULL DEFAULT 0,
    point geometry(Point, 4490),
    bounds float8[]
) PARTITION BY LIST (kind);
CREATE TABLE IF NOT EXISTS twin.search_division PARTITION OF twin.search FOR VALUES IN ('division');
CREATE TABLE IF NOT EXISTS twin.search_product PARTITION OF twin.search FOR VALUES IN ('product');
CREATE TABLE IF NOT EXISTS twin.search_object PARTITION OF twin.search FOR VALUES IN ('object');
CREATE INDEX IF NOT EXISTS search_grams ON twin.search USING gin (grams);
CREATE INDEX IF NOT EXISTS search_title ON twin.search (title_key);
CREATE INDEX IF NOT EXISTS search_code ON twin.search (code_key) WHERE code_key <> '';
CREATE INDEX IF NOT EXISTS search_rank ON twin.search (rank DESC) WHERE grams <> '{}';
CREATE INDEX IF NOT EXISTS search_object_of ON twin.search (layer, oid);

-- Bounds of a shape as minx, miny, maxx, maxy.
CREATE OR REPLACE FUNCTION twin.bounds_of(shape geometry) RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT CASE WHEN NOT ST_IsEmpty(shape) THEN ARRAY[ST_XMin(shape), ST_YMin(shape), ST_XMax(shape), ST_YMax(shape)] END
$$;

-- Divisions are found by name, by code and (down to towns) by the names above them: 深圳市南山区.
CREATE OR REPLACE FUNCTION twin.index_divisions() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    written bigint;
BEGIN
    DELETE FROM twin.search WHERE kind = 'division';
    INSERT INTO twin.search (kind, ref, title, subtitle, code, division, title_key, code_key, more_key, grams, rank, point, bounds)
    WITH RECURSIVE tree AS (
        SELECT d.code, d.level, d.name_zh, d.name_en, d.centroid, d.geom, ''::text AS above, d.centroid AS at, 0 AS depth
        FROM twin.division d
        WHERE d.valid @> now() AND NOT EXISTS (SELECT FROM twin.division p WHERE p.code = d.parent_code AND p.valid @> now())
        UNION ALL
        SELECT d.code, d.level, d.name_zh, d.name_en, d.centroid, d.geom,
            CASE WHEN t.name_zh = d.name_zh THEN t.above ELSE t.above || t.name_zh END, coalesce(d.centroid, t.at), t.depth + 1
        FROM tree t JOIN twin.division d ON d.parent_code = t.code
        WHERE d.valid @> now() AND t.depth < 8
    ), named AS (
        SELECT t.*, twin.search_key(t.name_zh) AS title_key,
            twin.search_key(CASE WHEN t.level <= 4 THEN t.above || t.name_zh || ' ' || t.name_en ELSE t.name_en END) AS more_key
        FROM tree t
    )
    SELECT 'division', n.code, n.name_zh, n.above, n.code, n.code, n.title_key, twin.search_key(n.code), n.more_key,
        twin.grams(n.name_zh || ' ' || n.code || ' ' || n.more_key), 7 - n.level, n.at, twin.bounds_of(n.geom)
    FROM named n;
    GET DIAGNOSTICS written = ROW_COUNT;
    ANALYZE twin.search_division;
    RETURN written;
END $$;

CREATE OR REPLACE FUNCTION twin.index_product(of_code text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    DELETE FROM twin.search WHERE kind = 'product' AND ref = of_code;
    INSERT INTO twin.search (kind, ref, title, subtitle, code, division, title_key, code_key, more_key, grams, rank)
    SELECT 'product', p.code, p.title_zh, p.card ->> 'owner', p.code, p.division, twin.search_key(p.title_zh), twin.search_key(p.code),
        twin.search_key(more.words), twin.grams(p.title_zh || ' ' || p.code || ' ' || more.words), 1
    FROM twin.product p, LATERAL (
        SELECT concat_ws(' ', p.card ->> 'title_en', (SELECT string_agg(word, ' ') FROM jsonb_array_elements_text(p.card -> 'keywords') word)) AS words
    ) more
    WHERE p.code = of_code AND p.status = 'published';
    SELECT count(*) FROM twin.search WHERE kind = 'product' AND ref = of_code
$$;

-- Rows of one layer anew, all of them or those in `only_oids`. Objects with a name are found by any part of name or code,
-- those with a code alone by the code and its beginning: a million bare numbers would swell the gram index for nothing.
CREATE OR REPLACE FUNCTION twin.index_search(layer_number integer, only_oids bigint[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    written bigint := 0;
    partition regclass := to_regclass(format('twin.object_%s', layer_number));
BEGIN
    DELETE FROM twin.search WHERE kind = 'object' AND layer = layer_number AND (only_oids IS NULL OR oid = ANY (only_oids));
    IF partition IS NULL OR NOT EXISTS (SELECT FROM twin.layer WHERE number = layer_number) THEN
        RETURN 0;
    END IF;
    EXECUTE format($q$
        INSERT INTO twin.search (kind, ref, layer, oid, title, code, division, title_key, code_key, grams, rank, point, bounds)
        SELECT 'object', o.oid::text, %1$s, o.oid, coalesce(nullif(o.name, ''), o.code), coalesce(o.code, ''), o.division,
            twin.search_key(coalesce(nullif(o.name, ''), o.code)), twin.search_key(coalesce(o.code, '')),
            CASE WHEN o.name <> '' THEN twin.grams(concat_ws(' ', o.name, o.code)) ELSE '{}' END,
            CASE WHEN o.geom IS NULL OR ST_IsEmpty(o.geom) THEN 0
                ELSE floor(log((1 + 1e5 * (ST_XMax(o.geom) - ST_XMin(o.geom) + ST_YMax(o.geom) - ST_YMin(o.geom)))::numeric)) END,
            CASE WHEN o.geom IS NULL OR ST_IsEmpty(o.geom) THEN NULL WHEN ST_Dimension(o.geom) = 0 THEN ST_Centroid(o.geom)
                ELSE ST_PointOnSurface(o.geom) END,
            twin.bounds_of(o.geom)
        FROM (SELECT DISTINCT ON (oid) * FROM %2$s WHERE plan IS NULL AND (name <> '' OR code <> '') AND ($1 IS NULL OR oid = ANY ($1))
              ORDER BY oid, lower(valid) NULLS FIRST) o
    $q$, layer_number, partition) USING only_oids;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written > 20000 THEN
        PERFORM gin_clean_pending_list('twin.search_object_grams_idx');
        ANALYZE twin.search_object;
    END IF;
    RETURN written;
END $$;

-- Everything at once: after a restore, or when the recipe of the index changed.
CREATE OR REPLACE FUNCTION twin.index_everything() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT twin.index_divisions() + (SELECT coalesce(sum(twin.index_search(number)), 0) FROM twin.layer)
        + (SELECT coalesce(sum(twin.index_product(code)), 0) FROM (SELECT DISTINCT code FROM twin.product) p)
$$;
