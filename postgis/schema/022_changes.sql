-- Change triggers: every write of rows, through a parent or a member, with COPY too, leaves one event with its dirty cells,
-- and is carried into the layer's tile twin (044_tiles.sql).

-- Instants at which a live row starts or ends; the clock job reads it. Insert-only, so writers never wait for each other.
CREATE TABLE IF NOT EXISTS twin.due (
    layer integer NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS due_at ON twin.due (at);

-- Level-12 cells under the boxes, each widened by the tile margin (64 / 4096 of a cell); NULL when that is too many to name.
CREATE OR REPLACE FUNCTION twin.dirty_cells(boxes geometry[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE SET search_path = public, pg_temp AS $$
DECLARE
    size constant double precision := 360.0 / 4096;
    margin constant double precision := 360.0 / 4096 / 64;
    span record;
    cells bigint[] := '{}';
    seen integer := 0;
BEGIN
    FOR span IN
        SELECT DISTINCT greatest(0, least(4095, floor((ST_XMin(box) - margin + 180) / size)))::bigint AS west,
                        greatest(0, least(4095, floor((ST_XMax(box) + margin + 180) / size)))::bigint AS east,
                        greatest(0, least(2047, floor((90 - ST_YMax(box) - margin) / size)))::bigint AS north,
                        greatest(0, least(2047, floor((90 - ST_YMin(box) + margin) / size)))::bigint AS south
        FROM unnest(boxes) box WHERE NOT ST_IsEmpty(box)
    LOOP
        seen := seen + (span.east - span.west + 1) * (span.south - span.north + 1);
        IF (span.east - span.west + 1) * (span.south - span.north + 1) > 256 OR seen > 4096 THEN
            RETURN NULL;
        END IF;
        cells := cells || ARRAY(SELECT (12::bigint << 48) | (y << 24) | x FROM generate_series(span.north, span.south) y, generate_series(span.west, span.east) x);
    END LOOP;
    cells := ARRAY(SELECT DISTINCT unnest(cells));
    RETURN CASE WHEN cardinality(cells) <= 256 THEN cells END;
END $$;

-- TG_ARGV: 'live' or 'past', then the layer's number on a member (a parent looks for the numbers in the rows).
CREATE OR REPLACE FUNCTION twin.note_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    live constant boolean := TG_ARGV[0] = 'live';
    at_most constant integer := CASE TG_OP WHEN 'UPDATE' THEN 40000 ELSE 20000 END;
    taken constant text := CASE WHEN live THEN 'layer, geom, oid, plan, valid' ELSE 'layer, geom' END;
    changed constant text := CASE TG_OP WHEN 'INSERT' THEN 'new_rows' WHEN 'DELETE' THEN 'old_rows'
        ELSE format('(SELECT %s FROM old_rows UNION ALL SELECT %1$s FROM new_rows) both_rows', taken) END;
    -- The facts that hold or held: only these can be in the tile twin.
    facts constant text := CASE WHEN live THEN
        'array_agg(DISTINCT oid) FILTER (WHERE plan IS NULL AND coalesce(lower(valid) <= clock_timestamp(), true))' ELSE 'NULL::bigint[]' END;
    numbers integer[] := ARRAY[TG_ARGV[1]::integer];
    number integer;
    boxes geometry[];
    oids bigint[];
    every bigint[];
    seen integer;
    next_due timestamptz;
BEGIN
    IF TG_NARGS = 1 THEN
        EXECUTE format('SELECT array_agg(DISTINCT layer) FROM %s', changed) INTO numbers;
    END IF;
    FOREACH number IN ARRAY coalesce(numbers, '{}') LOOP
        EXECUTE format('SELECT count(*), array_agg(ST_Envelope(geom)), %s FROM (SELECT %s FROM %s WHERE layer = $1 LIMIT $2) s', facts, taken, changed)
            INTO seen, boxes, oids USING number, at_most + 1;
        CONTINUE WHEN seen = 0;
        PERFORM twin.emit_change(number, CASE WHEN seen <= at_most THEN twin.dirty_cells(boxes) END);
        -- Who follows the layer is told each object, up to a number above which reading everything anew is quicker.
        EXECUTE format('SELECT array_agg(DISTINCT oid) FROM (SELECT oid FROM %s WHERE layer = $1 LIMIT 250001) s',
            CASE TG_OP WHEN 'DELETE' THEN 'old_rows' ELSE 'new_rows' END) INTO every USING number;
        PERFORM twin.log_change(number, CASE WHEN NOT live OR TG_OP = 'UPDATE' THEN 'touched' WHEN TG_OP = 'INSERT' THEN 'put' ELSE 'taken' END,
            CASE WHEN cardinality(every) <= 250000 THEN every END);
        IF live THEN
            PERFORM twin.carry_tiles(number, CASE WHEN seen <= at_most THEN coalesce(oids, '{}') END);
        END IF;
        IF live AND TG_OP <> 'DELETE' THEN
            EXECUTE 'SELECT min(least(upper(valid), CASE WHEN lower(valid) > now() THEN lower(valid) END)) FROM new_rows WHERE layer = $1'
                INTO next_due USING number;
            INSERT INTO twin.due SELECT number, next_due WHERE next_due < 'infinity';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- A TRUNCATE, of the member or of its parent, names no rows. TG_ARGV as above.
CREATE OR REPLACE FUNCTION twin.note_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    PERFORM twin.emit_change(TG_ARGV[1]::integer, NULL), twin.log_change(TG_ARGV[1]::integer, 'all', NULL);
    IF TG_ARGV[0] = 'live' THEN
        PERFORM twin.doubt_tiles(TG_ARGV[1]::integer);
    END IF;
    RETURN NULL;
END $$;

-- Three triggers for rows: a transition table allows one event each. A TRUNCATE of a parent fires those of the members.
CREATE OR REPLACE FUNCTION twin.watch(target regclass, family text, number integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    arguments constant text := concat_ws(', ', quote_literal(family), number);
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER note_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION twin.note_change(%s)', target, arguments);
    EXECUTE format('CREATE OR REPLACE TRIGGER note_update AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION twin.note_change(%s)', target, arguments);
    EXECUTE format('CREATE OR REPLACE TRIGGER note_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION twin.note_change(%s)', target, arguments);
    IF number IS NOT NULL THEN
        EXECUTE format('CREATE OR REPLACE TRIGGER note_truncate AFTER TRUNCATE ON %s
                        FOR EACH STATEMENT EXECUTE FUNCTION twin.note_truncate(%s)', target, arguments);
    END IF;
END $$;

SELECT twin.watch('twin.object', 'live'), twin.watch('twin.object_past', 'past'), twin.watch('twin.shape', 'shape');
