-- Which objects an event of a layer touched, for those who follow a layer (`/changes`). It goes with its event when the outbox is trimmed.

-- op: 'put' a live row was written, 'taken' one was taken away, 'touched' anything else of the object was written (history, shapes),
-- 'all' too many to name. An event of a layer without any row here touched everything too.
CREATE TABLE IF NOT EXISTS twin.change_log (
    event bigint NOT NULL REFERENCES twin.outbox ON DELETE CASCADE,
    op text NOT NULL CHECK (op IN ('put', 'taken', 'touched', 'all')),
    oids bigint[]
);
CREATE INDEX IF NOT EXISTS change_log_event ON twin.change_log (event);

-- Note these objects (NULL: everything) at the layer's pending event; emit_change() comes first.
CREATE OR REPLACE FUNCTION twin.log_change(of_layer integer, op text, oids bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    INSERT INTO twin.change_log (event, op, oids)
    SELECT coalesce((SELECT o.id FROM twin.outbox o WHERE o.seq IS NULL AND o.layer = of_layer AND o.topic = 'layer'),
                    (SELECT max(o.id) FROM twin.outbox o WHERE o.layer = of_layer AND o.topic = 'layer')),
        CASE WHEN oids IS NULL THEN 'all' ELSE op END, oids
$$;
