-- window --
SELECT k.first, k.last,
    (SELECT l.epoch FROM door.layer l WHERE l.number = $1) AS newest,
    (SELECT max(c.seq) FROM door.change c WHERE c.layer = $1 AND c.seq > $2 AND c.op = 'all') AS renewed
FROM door.kept k

-- changes --
-- Events that bring more objects than a page are cut by the object; the page goes on after (seq, oid).
SELECT e.seq, e.at, e.oid, e.put, e.taken FROM (
    SELECT c.seq, min(c.at) AS at, o.oid, bool_or(c.op = 'put') AS put, bool_or(c.op = 'taken') AS taken
    FROM door.change c CROSS JOIN LATERAL unnest(c.oids) o (oid)
    WHERE c.layer = $1 AND c.seq IN (SELECT DISTINCT n.seq FROM door.change n WHERE n.layer = $1 AND n.seq >= $2 AND n.seq <= $5 AND n.oids <> '{}'
        ORDER BY n.seq LIMIT $4 + 1)
    GROUP BY c.seq, o.oid) e
WHERE (e.seq, e.oid) > ($2, $3) ORDER BY e.seq, e.oid LIMIT $4

-- writers --
SELECT w.moment, w.what, w.by, w.run FROM door.writer w WHERE w.layer = $1 AND w.moment = ANY ($2) AND (w.oids IS NULL OR $3 = ANY (w.oids))
