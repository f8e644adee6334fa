-- When an overview is made, refreshed and removed. Each of these is one step of a transaction that postgis/overviews.py opens on one snapshot.

-- What a layer's overview should be: none while tiles can read the base twin at every zoom. A layer that has one keeps it down to four fifths of the limits.
CREATE OR REPLACE FUNCTION twin.overview_kind(number integer, was text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    share constant double precision := CASE WHEN was IN ('coverage', 'fold') THEN 0.8 ELSE 1 END;
    rows integer;
    found record;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM twin.tile_%s LIMIT 5001) s', number) INTO rows;
    IF rows > 5000 THEN
        RETURN 'fold';
    END IF;
    EXECUTE format('SELECT sum(ST_NPoints(geom)) AS points, bool_and(ST_Dimension(geom) = 2) AS polygons,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY ST_Area(geom)) AS median FROM twin.tile_%s', number) INTO found;
    IF rows <= 2000 * share AND coalesce(found.points, 0) <= 50000 * share THEN
        RETURN 'none';
    END IF;
    RETURN CASE WHEN found.polygons AND found.median >= 4 * twin.pixel_m(11) ^ 2 THEN 'coverage' ELSE 'fold' END;
END $$;

-- Layers whose overview may be out of date: how many rows changed, and whether it was made from another twin.
CREATE OR REPLACE FUNCTION twin.overviews_due() RETURNS TABLE (number integer, kind text, generation bigint, epoch bigint, changed bigint, anew boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT s.layer, coalesce(o.kind, 'none'), s.generation, coalesce(e.epoch, 0), d.changed, o.generation IS DISTINCT FROM s.generation
    FROM twin.tile_state s LEFT JOIN twin.overview o USING (layer) LEFT JOIN twin.layer_epoch e USING (layer)
        CROSS JOIN LATERAL (SELECT count(*) AS changed FROM (SELECT FROM twin.overview_dirty WHERE layer = s.layer LIMIT 20001) n) d
    WHERE s.base = 'fresh' AND to_regclass(format('twin.tile_%s', s.layer)) IS NOT NULL
        AND (o.generation IS DISTINCT FROM s.generation OR d.changed > 0 OR o.seen < coalesce(e.epoch, 0))
    ORDER BY s.layer
$$;

-- Fill the new tables of a layer that folds.
CREATE OR REPLACE FUNCTION twin.fill_overview(number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    PERFORM twin.fill_kept(number, '_new');
    IF twin.overview_has_lines(number) THEN
        PERFORM twin.fill_lines(number, '_new');
    END IF;
    PERFORM twin.fill_fold(number, '_new');
END $$;

CREATE OR REPLACE FUNCTION twin.overview_has_lines(number integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = twin, public, pg_temp AS $$
    SELECT geometry_type NOT IN ('Point', 'MultiPoint', 'Polygon', 'MultiPolygon') FROM twin.layer l WHERE l.number = overview_has_lines.number
$$;

-- Take what was noted of a layer: oids, level-20 cells and bounds (EPSG:3857) of rows as they were and as they are.
CREATE OR REPLACE FUNCTION twin.take_overview_dirty(number integer, OUT oids bigint[], OUT quads bigint[], OUT boxes geometry[])
LANGUAGE sql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    WITH taken AS (DELETE FROM twin.overview_dirty WHERE layer = number RETURNING *)
    SELECT array_agg(DISTINCT oid), array_agg(DISTINCT quad), array_agg(ST_MakeEnvelope(west, south, east, north, 3857)) FROM taken
$$;

-- Bring a layer that folds up to date with what was noted: its kept rows by oid, its lines by block, its cells and all above them.
CREATE OR REPLACE FUNCTION twin.refresh_overview(number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    dirty record;
BEGIN
    SELECT * INTO dirty FROM twin.take_overview_dirty(number);
    IF dirty.oids IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('DELETE FROM twin.tile_kept_%s WHERE oid = ANY ($1) AND area_m2 IS NOT NULL', number) USING dirty.oids;
    PERFORM twin.fill_kept(number, '', dirty.oids);
    IF twin.overview_has_lines(number) THEN
        PERFORM twin.fill_lines(number, '', dirty.quads);
        dirty.boxes := dirty.boxes || ARRAY(SELECT twin.quad_box(block, 13) FROM (SELECT DISTINCT quad >> 14 AS block FROM unnest(dirty.quads) quad) b);
    END IF;
    PERFORM twin.fill_fold(number, '', dirty.quads);
    PERFORM twin.emit_overview(number, dirty.boxes);
END $$;

-- Bounds in degrees of something in EPSG:3857, in closed form: PROJ takes a tenth of a second to wake up in a new session.
CREATE OR REPLACE FUNCTION twin.degrees_box(box geometry) RETURNS geometry
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
    SELECT ST_MakeEnvelope(degrees(ST_XMin(box) / 6378137), degrees(atan(sinh(ST_YMin(box) / 6378137))),
                           degrees(ST_XMax(box) / 6378137), degrees(atan(sinh(ST_YMax(box) / 6378137))), 4490)
$$;

-- Tell that the overview changed under these boxes (EPSG:3857; NULL: everywhere).
CREATE OR REPLACE FUNCTION twin.emit_overview(number integer, boxes geometry[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT twin.emit('overview', jsonb_build_object('layer', (SELECT id FROM twin.layer l WHERE l.number = emit_overview.number)), number,
        CASE WHEN boxes IS NOT NULL THEN twin.dirty_cells(ARRAY(SELECT twin.degrees_box(box) FROM unnest(boxes) box)) END)
$$;

-- Write down what the overview of a layer now is; a difference in twin.tile_state tells the catalogue.
CREATE OR REPLACE FUNCTION twin.settle_overview(number integer, is_kind text, of_generation bigint, at_epoch bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    shown constant text := CASE is_kind WHEN 'none' THEN 'none' ELSE 'fresh' END;
BEGIN
    INSERT INTO twin.overview VALUES (number, is_kind, of_generation, at_epoch)
        ON CONFLICT (layer) DO UPDATE SET kind = excluded.kind, generation = excluded.generation, seen = excluded.seen;
    UPDATE twin.tile_state SET overview = shown WHERE layer = number AND overview <> shown;
END $$;

-- A twin with other columns, or none at all, takes its overview with it: nobody may read columns that are not there.
CREATE OR REPLACE FUNCTION twin.void_overview() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM twin.overview WHERE layer = OLD.layer;
        DELETE FROM twin.overview_dirty WHERE layer = OLD.layer;
    ELSE
        PERFORM twin.drop_overview(NEW.layer);
        UPDATE twin.tile_state SET overview = 'none' WHERE layer = NEW.layer AND overview <> 'none';
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER overview_void AFTER UPDATE OF body ON twin.tile_state
    FOR EACH ROW WHEN (OLD.body IS DISTINCT FROM NEW.body) EXECUTE FUNCTION twin.void_overview();
CREATE OR REPLACE TRIGGER overview_gone AFTER DELETE ON twin.tile_state FOR EACH ROW EXECUTE FUNCTION twin.void_overview();

GRANT EXECUTE ON FUNCTION
    twin.overview_kind(integer, text), twin.overviews_due(), twin.fill_overview(integer), twin.put_coverage(integer, text, integer, bigint[], bytea[]),
    twin.take_overview_dirty(integer), twin.refresh_overview(integer), twin.emit_overview(integer, geometry[]),
    twin.settle_overview(integer, text, bigint, bigint), twin.overview_bands(), twin.pixel_m(integer)
    TO twin_importer;

-- Shapes of a coverage to be simplified together: all rows, or those that may share an edge with what is in `boxes` (changed) and around those the
-- ones that hold their other edges fast (not changed), so that an edge comes out the same however few of its neighbours are looked at.
CREATE OR REPLACE FUNCTION twin.coverage_rows(number integer, boxes geometry[] DEFAULT NULL) RETURNS TABLE (oid bigint, shape bytea, changed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    IF boxes IS NULL THEN
        RETURN QUERY EXECUTE format('SELECT t.oid, ST_AsBinary(t.geom), true FROM twin.tile_%s t WHERE ST_Dimension(t.geom) = 2 ORDER BY t.oid', number);
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format('WITH changed AS MATERIALIZED (
            SELECT t.oid, t.geom FROM twin.tile_%s t WHERE ST_Dimension(t.geom) = 2 AND EXISTS (SELECT FROM unnest($1) box WHERE t.geom && box))
        SELECT t.oid, ST_AsBinary(t.geom), t.oid IN (SELECT c.oid FROM changed c) FROM twin.tile_%1$s t
        WHERE ST_Dimension(t.geom) = 2 AND EXISTS (SELECT FROM changed c WHERE c.geom && t.geom) ORDER BY t.oid', number) USING boxes;
END $$;

-- Take what was noted of a coverage, forget what is kept of it and of what touches it, tell, and hand out the shapes to make that anew.
CREATE OR REPLACE FUNCTION twin.take_coverage(number integer) RETURNS TABLE (oid bigint, shape bytea, changed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    dirty record;
    gone bigint[];
    boxes_of_all geometry[];
BEGIN
    SELECT * INTO dirty FROM twin.take_overview_dirty(number);
    IF dirty.oids IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT $1 || array_agg(t.oid), $2 || array_agg(ST_Envelope(t.geom)) FROM twin.tile_%s t
            WHERE EXISTS (SELECT FROM unnest($2) box WHERE t.geom && box)', number) INTO gone, boxes_of_all USING dirty.oids, dirty.boxes;
    EXECUTE format('DELETE FROM twin.tile_kept_%s k WHERE k.oid = ANY ($1)', number) USING gone;
    PERFORM twin.emit_overview(number, boxes_of_all);
    RETURN QUERY SELECT * FROM twin.coverage_rows(number, dirty.boxes);
END $$;

GRANT EXECUTE ON FUNCTION twin.coverage_rows(integer, geometry[]), twin.take_coverage(integer) TO twin_importer;
