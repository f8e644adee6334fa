-- Time is a writer: a state that starts or ends writes an event, and an ended row leaves the live table, though nobody edits anything.

-- Note the next instant at which a row of this layer starts or ends.
CREATE OR REPLACE FUNCTION twin.schedule(number integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    EXECUTE format('INSERT INTO twin.due SELECT %s, next FROM (
        SELECT min(least(upper(valid), CASE WHEN lower(valid) > now() THEN lower(valid) END)) AS next FROM twin.object_%1$s) s
        WHERE next < ''infinity''', number);
END $$;

-- One layer at one tick: ended rows go to the past, the places where rows ended or started become dirty, and the tile twin follows.
-- Rows that a writer holds wait.
CREATE OR REPLACE FUNCTION twin.advance_layer(number integer, since timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    at_most constant integer := 20000;
    boxes geometry[];
    oids bigint[];
    ended boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM twin.object_%s WHERE upper(valid) <= now())', number) INTO ended;
    IF ended THEN
        PERFORM twin.ensure_past(number);
        EXECUTE format('WITH ended AS (
            DELETE FROM twin.object_%s WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM twin.object_%1$s WHERE upper(valid) <= now() FOR UPDATE SKIP LOCKED)) RETURNING *)
            INSERT INTO twin.object_past_%1$s SELECT * FROM ended', number);
    END IF;
    EXECUTE format('SELECT array_agg(ST_Envelope(geom)), array_agg(oid) FILTER (WHERE plan IS NULL) FROM (
        SELECT geom, oid, plan FROM twin.object_%s WHERE lower(valid) BETWEEN $1 AND now() LIMIT $2) s', number) INTO boxes, oids USING since, at_most + 1;
    IF boxes IS NOT NULL THEN
        PERFORM twin.emit_change(number, CASE WHEN cardinality(boxes) <= at_most THEN twin.dirty_cells(boxes) END),
                twin.log_change(number, 'touched', CASE WHEN cardinality(boxes) <= at_most THEN coalesce(oids, '{}') END),
                twin.carry_tiles(number, CASE WHEN cardinality(boxes) <= at_most THEN coalesce(oids, '{}') END);
    END IF;
END $$;

-- Do what is due and return the next instant something is (NULL: nothing is known); it may be past, when a writer still holds the rows.
CREATE OR REPLACE FUNCTION twin.advance_clock() RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    tick record;
BEGIN
    IF pg_try_advisory_xact_lock(hashtext('twin.advance_clock')) THEN
        FOR tick IN
            WITH done AS (DELETE FROM twin.due WHERE at <= now() RETURNING layer, at)
            SELECT layer, min(at) AS since FROM done GROUP BY layer ORDER BY layer
        LOOP
            CONTINUE WHEN to_regclass(format('twin.object_%s', tick.layer)) IS NULL;
            PERFORM twin.advance_layer(tick.layer, tick.since);
            PERFORM twin.schedule(tick.layer);
        END LOOP;
    END IF;
    RETURN (SELECT min(at) FROM twin.due);
END $$;
