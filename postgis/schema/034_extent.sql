-- What the catalogue says of a layer's rows: count, bounds and time extent. Recounted after the fact, so that no edit waits for the catalogue row.

-- Recount one layer; true when what the catalogue shows has changed. Holds the catalogue row until commit: call it last.
CREATE OR REPLACE FUNCTION twin.update_extent(number integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    upto constant bigint := coalesce((SELECT epoch FROM twin.layer_epoch WHERE layer = number), 0);
    past constant regclass := to_regclass(format('twin.object_past_%s', number));
    old twin.layer;
    fresh record;
BEGIN
    SELECT * INTO old FROM twin.layer l WHERE l.number = update_extent.number FOR NO KEY UPDATE;
    IF to_regclass(format('twin.object_%s', number)) IS NULL OR old.number IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT count(*) FILTER (WHERE valid @> now() AND plan IS NULL) AS count, ST_Extent(geom)::box2d AS box,
            CASE WHEN NOT bool_or(lower_inf(valid)) THEN min(lower(valid)) END AS time_from,
            CASE WHEN NOT bool_or(upper_inf(valid)) THEN max(upper(valid)) END AS time_to FROM %s',
        CASE WHEN past IS NULL THEN format('twin.object_%s', number)
            ELSE format('(SELECT geom, valid, plan FROM twin.object_%s UNION ALL SELECT NULL, valid, plan FROM %s WHERE upper_inf(sys)) known', number, past) END)
        INTO fresh;
    UPDATE twin.layer l SET count = fresh.count, time_from = fresh.time_from, time_to = fresh.time_to, extent_epoch = upto,
            bounds = CASE WHEN fresh.box IS NOT NULL THEN ARRAY[ST_XMin(fresh.box), ST_YMin(fresh.box), ST_XMax(fresh.box), ST_YMax(fresh.box)] END
        WHERE l.number = update_extent.number;
    RETURN (SELECT (l.count, l.bounds, l.time_from, l.time_to) IS DISTINCT FROM (old.count, old.bounds, old.time_from, old.time_to)
            FROM twin.layer l WHERE l.number = update_extent.number);
END $$;

-- Recount the layers that changed since their last count; a layer that a publish holds is left for the next round. Returns how many.
CREATE OR REPLACE FUNCTION twin.refresh_extents() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    stale record;
    counted integer := 0;
BEGIN
    FOR stale IN
        SELECT l.number, l.id FROM twin.layer l JOIN twin.layer_epoch e ON e.layer = l.number AND e.epoch > l.extent_epoch
        WHERE l.kind = 'objects' ORDER BY l.number FOR NO KEY UPDATE OF l SKIP LOCKED
    LOOP
        IF twin.update_extent(stale.number) THEN
            PERFORM twin.emit('catalogue', jsonb_build_object('layer', stale.id));
        END IF;
        counted := counted + 1;
    END LOOP;
    RETURN counted;
END $$;
