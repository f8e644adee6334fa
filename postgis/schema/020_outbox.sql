-- What happened, in commit order. A number (`seq`) given at commit is the epoch of all that the event touched: no reader can miss a late commit.

CREATE SEQUENCE IF NOT EXISTS twin.outbox_seq;
CREATE TABLE IF NOT EXISTS twin.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seq bigint UNIQUE,
    topic text NOT NULL,
    layer integer,
    cells bigint[],
    payload jsonb NOT NULL DEFAULT '{}',
    at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);
COMMENT ON COLUMN twin.outbox.cells IS 'Dirty coarse cells of a layer event: level << 48 | row << 24 | column of CGCS2000Quad level 12; NULL = the whole layer, {} = no place.';
-- Rows without a number are always of the transaction that looks.
CREATE INDEX IF NOT EXISTS outbox_pending ON twin.outbox (layer) WHERE seq IS NULL;
CREATE INDEX IF NOT EXISTS outbox_at ON twin.outbox USING brin (at);

-- Epoch of each coarse cell, levels 4 to 12; cell 0 is the whole layer. A reader takes the greatest of cell 0 and its own cells.
-- With bit 62 set the same cells of the layer's overview: a tile that reads an overview changes when that is refreshed, not when the rows change.
CREATE TABLE IF NOT EXISTS twin.cell_epoch (
    layer integer NOT NULL,
    cell bigint NOT NULL,
    epoch bigint NOT NULL,
    PRIMARY KEY (layer, cell)
) WITH (fillfactor = 70);

-- The given level-12 cells and all their parents up to level 4.
CREATE OR REPLACE FUNCTION twin.with_parents(cells bigint[]) RETURNS SETOF bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT DISTINCT (level << 48) | (((cell >> 24) & 16777215) >> (12 - level)::integer << 24) | ((cell & 16777215) >> (12 - level)::integer)
    FROM unnest(cells) cell, generate_series(4::bigint, 12) level
$$;

-- Runs at commit, once for each new event. Nothing else writes epochs; nothing is locked after this lock, so it cannot deadlock.
CREATE OR REPLACE FUNCTION twin.number_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    event twin.outbox;
BEGIN
    PERFORM pg_advisory_xact_lock(6082937401);
    UPDATE twin.outbox SET seq = nextval('twin.outbox_seq'), at = clock_timestamp() WHERE id = NEW.id AND seq IS NULL RETURNING * INTO event;
    IF event.topic = 'layer' AND event.layer IS NOT NULL THEN
        INSERT INTO twin.layer_epoch VALUES (event.layer, event.seq, event.at)
            ON CONFLICT (layer) DO UPDATE SET epoch = excluded.epoch, at = excluded.at;
        INSERT INTO twin.cell_epoch
            SELECT event.layer, cell, event.seq FROM twin.with_parents(event.cells) cell WHERE event.cells IS NOT NULL
            UNION ALL SELECT event.layer, 0, event.seq WHERE event.cells IS NULL
            ON CONFLICT (layer, cell) DO UPDATE SET epoch = excluded.epoch;
    ELSIF event.topic = 'overview' AND event.layer IS NOT NULL THEN
        INSERT INTO twin.cell_epoch
            SELECT event.layer, cell | (1::bigint << 62), event.seq FROM twin.with_parents(event.cells) cell WHERE event.cells IS NOT NULL
            UNION ALL SELECT event.layer, 1::bigint << 62, event.seq WHERE event.cells IS NULL
            ON CONFLICT (layer, cell) DO UPDATE SET epoch = excluded.epoch;
    END IF;
    PERFORM pg_notify('twin', '');
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS outbox_number ON twin.outbox;
CREATE CONSTRAINT TRIGGER outbox_number AFTER INSERT ON twin.outbox DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION twin.number_event();

CREATE OR REPLACE FUNCTION twin.emit(topic text, payload jsonb, of_layer integer DEFAULT NULL, of_cells bigint[] DEFAULT NULL) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    INSERT INTO twin.outbox (topic, layer, cells, payload) VALUES (topic, of_layer, of_cells, payload)
$$;

-- Rows of a layer changed in these cells (NULL: everywhere). One event for each layer and transaction: a pending one grows.
CREATE OR REPLACE FUNCTION twin.emit_change(of_layer integer, of_cells bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    pending twin.outbox;
    merged bigint[] := of_cells;
BEGIN
    SELECT * INTO pending FROM twin.outbox o WHERE o.seq IS NULL AND o.layer = of_layer AND o.topic = 'layer';
    IF NOT FOUND THEN
        INSERT INTO twin.outbox (topic, layer, cells, payload)
            VALUES ('layer', of_layer, of_cells, jsonb_build_object('layer', (SELECT id FROM twin.layer WHERE number = of_layer)));
    ELSIF pending.cells IS NOT NULL AND NOT coalesce(pending.cells @> of_cells, false) THEN
        merged := ARRAY(SELECT DISTINCT unnest(pending.cells || of_cells));
        UPDATE twin.outbox SET cells = CASE WHEN of_cells IS NOT NULL AND cardinality(merged) <= 256 THEN merged END WHERE id = pending.id;
    END IF;
END $$;

-- Events older than `keep` are of no use: who slept longer reads everything anew.
CREATE OR REPLACE FUNCTION twin.trim_outbox(keep interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    trimmed bigint;
BEGIN
    DELETE FROM twin.outbox WHERE at < now() - keep AND seq < (SELECT max(seq) FROM twin.outbox);
    GET DIAGNOSTICS trimmed = ROW_COUNT;
    RETURN trimmed;
END $$;
