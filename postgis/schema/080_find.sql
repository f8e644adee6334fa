-- The search door: exact before prefix before contains, big before small, near before far. Scope is read from the setting, as in every view.
-- A word that fits nearly everything is answered from the biggest rows of each branch: the reader will type on.

CREATE OR REPLACE FUNCTION twin.find_kind(of_kind text, words text, at_most integer, near geometry, readable integer[], bound text[])
RETURNS TABLE (tier integer, ref text, layer integer, oid bigint, title text, subtitle text, code text, division text, point geometry, bounds float8[], rank real, away float8)
LANGUAGE plpgsql STABLE ROWS 30 SET plan_cache_mode = force_custom_plan SET search_path = twin, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    parts constant text[] := string_to_array(words, ' ');
    needed constant text[] := ARRAY(SELECT DISTINCT g FROM unnest(parts) part, unnest(twin.grams(part)) g WHERE length(g) = 2 OR length(part) = 1);
    cap constant integer := CASE of_kind WHEN 'object' THEN 1000 ELSE 2500 END;
    after_last constant text := words || U&'\+10FFFF';
BEGIN
    RETURN QUERY
    WITH found AS (
        (SELECT s.ref, s.layer, s.oid, s.title, s.subtitle, s.code, s.division, s.title_key, s.code_key, s.more_key, s.rank, s.point, s.bounds
            FROM twin.search s WHERE s.kind = of_kind AND s.title_key >= words AND s.title_key < after_last
            AND (s.layer IS NULL OR s.layer = ANY (readable)) AND (cardinality(bound) = 0 OR s.division ^@ ANY (bound))
            ORDER BY CASE of_kind WHEN 'object' THEN NULL ELSE s.rank END DESC, s.title_key LIMIT cap)
        UNION ALL
        (SELECT s.ref, s.layer, s.oid, s.title, s.subtitle, s.code, s.division, s.title_key, s.code_key, s.more_key, s.rank, s.point, s.bounds
            FROM twin.search s WHERE s.kind = of_kind AND s.code_key >= words AND s.code_key < after_last AND s.code_key <> ''
            AND (s.layer IS NULL OR s.layer = ANY (readable)) AND (cardinality(bound) = 0 OR s.division ^@ ANY (bound))
            ORDER BY CASE of_kind WHEN 'object' THEN NULL ELSE s.rank END DESC, s.code_key LIMIT cap)
        UNION ALL
        (SELECT s.ref, s.layer, s.oid, s.title, s.subtitle, s.code, s.division, s.title_key, s.code_key, s.more_key, s.rank, s.point, s.bounds
            FROM twin.search s WHERE s.kind = of_kind AND s.grams @> needed AND s.grams <> '{}'
            AND (s.layer IS NULL OR s.layer = ANY (readable)) AND (cardinality(bound) = 0 OR s.division ^@ ANY (bound))
            ORDER BY s.rank DESC LIMIT cap)
    ), tiered AS (
        SELECT f.*, CASE
            WHEN f.title_key = words OR f.code_key = words THEN 0
            WHEN f.title_key ^@ words OR f.code_key ^@ words THEN 1
            WHEN strpos(f.title_key, words) > 0 OR strpos(f.code_key, words) > 0 THEN 2
            WHEN (SELECT bool_and(strpos(f.title_key || ' ' || f.code_key || ' ' || f.more_key, part) > 0) FROM unnest(parts) part) THEN 3
            END AS tier
        FROM found f
    ), once AS (
        SELECT DISTINCT ON (t.ref, t.layer) t.*, CASE WHEN near IS NULL OR t.point IS NULL THEN 0 ELSE ST_Distance(t.point, near) END AS away
        FROM tiered t WHERE t.tier IS NOT NULL
    )
    SELECT o.tier, o.ref, o.layer, o.oid, o.title, o.subtitle, o.code, o.division, o.point, o.bounds, o.rank, o.away
    FROM once o ORDER BY o.tier, o.rank DESC, o.away, length(o.title_key), o.title_key, o.ref LIMIT at_most;
END $$;

CREATE OR REPLACE FUNCTION door.find(words text, at_most integer, lon double precision DEFAULT NULL, lat double precision DEFAULT NULL)
RETURNS TABLE (kind text, tier integer, ref text, layer text, oid bigint, title text, subtitle text, code text, lon_4490 float8, lat_4490 float8, bounds float8[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    scope constant jsonb := nullif(current_setting('twin.scope', true), '')::jsonb;
    readable constant integer[] := ARRAY(SELECT l.number FROM twin.layer l WHERE scope -> 'access' ? l.access);
    bound constant text[] := ARRAY(SELECT jsonb_array_elements_text(scope -> 'divisions'));
    key constant text := twin.search_key(words);
    near constant geometry := ST_SetSRID(ST_MakePoint(lon, lat), 4490);
BEGIN
    IF scope IS NULL OR coalesce(key, '') = '' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT k.kind, f.tier, f.ref, l.id, f.oid, f.title,
        CASE k.kind WHEN 'object' THEN coalesce((SELECT d.name_zh FROM twin.division d WHERE d.code = f.division AND d.valid @> now()), '') ELSE f.subtitle END, f.code, ST_X(f.point), ST_Y(f.point), f.bounds
    FROM unnest(ARRAY['division', 'product', 'object']) WITH ORDINALITY k (kind, place)
    CROSS JOIN LATERAL twin.find_kind(k.kind, key, at_most, near, readable, CASE k.kind WHEN 'product' THEN '{}' ELSE bound END) f
    LEFT JOIN twin.layer l ON l.number = f.layer
    ORDER BY k.place, f.tier, f.rank DESC, f.away, length(f.title), f.title, f.ref;
END $$;
