-- scope --
SELECT set_config('twin.scope', $1, true)

-- read_after --
SELECT seq, topic, layer, cells, payload::text AS payload, at FROM door.outbox WHERE seq > $1 ORDER BY seq LIMIT $2

-- last_seq --
SELECT coalesce(max(seq), 0) FROM door.outbox

-- alive --
SELECT 1
