-- What the serving role reads beside the layers. Like the layer views these are plain views of the owner that ask `twin.scope` first.

CREATE OR REPLACE VIEW door.layer AS
    SELECT l.number, l.id, l.kind, l.title_zh, l.title_en, l.description_zh, l.geometry_type, l.fields, l.bounds, l.time_from, l.time_to, l.count,
           coalesce(e.epoch, 0) AS epoch, l.min_zoom, l.max_zoom, l.access, l.synthetic, l.attribution, l.licence, l.accuracy_note_zh,
           greatest(l.updated_at, e.at) AS updated_at,
           (SELECT jsonb_build_object('sha256', encode(a.sha256, 'hex'), 'vector_layers', a.vector_layers)
            FROM twin.tile_archive a WHERE a.layer = l.number) AS archive,
           CASE WHEN s.base IS DISTINCT FROM 'fresh' OR EXISTS (SELECT FROM twin.tile_note n WHERE n.layer = l.number AND n.oid IS NULL) THEN 'live'
                WHEN s.overview = 'fresh' THEN 'overview' ELSE 'twin' END AS tile_source,
           l.vertical_datum
    FROM twin.layer l LEFT JOIN twin.layer_epoch e ON e.layer = l.number LEFT JOIN twin.tile_state s ON s.layer = l.number
    WHERE l.access = ANY ((SELECT twin.scope_access())::text[]);

-- Numbered events only, those of a layer for who may read it, those of jobs for who is signed in; without a scope there are none.
CREATE OR REPLACE VIEW door.outbox AS
    SELECT o.id, o.seq, o.topic, o.layer, o.cells, o.payload, o.at FROM twin.outbox o
    WHERE o.seq IS NOT NULL AND cardinality((SELECT twin.scope_access())) > 0
      AND (o.layer IS NULL OR o.layer IN (SELECT l.number FROM twin.layer l WHERE l.access = ANY ((SELECT twin.scope_access())::text[])))
      AND (o.topic <> 'job' OR 'internal' = ANY ((SELECT twin.scope_access())::text[]));

-- What each event of a layer touched (021_change_log.sql); 'all' where it does not say.
CREATE OR REPLACE VIEW door.change AS
    SELECT o.seq, o.at, o.layer, coalesce(c.op, 'all') AS op, c.oids FROM twin.outbox o LEFT JOIN twin.change_log c ON c.event = o.id
    WHERE o.seq IS NOT NULL AND o.topic = 'layer'
      AND o.layer IN (SELECT l.number FROM twin.layer l WHERE l.access = ANY ((SELECT twin.scope_access())::text[]));

-- The events that are still kept. No wall: two numbers tell nothing of what happened.
CREATE OR REPLACE VIEW door.kept AS SELECT min(seq) AS first, max(seq) AS last FROM twin.outbox WHERE seq IS NOT NULL;

CREATE OR REPLACE VIEW door.cell_epoch AS
    SELECT c.layer, c.cell, c.epoch FROM twin.cell_epoch c
    WHERE c.layer IN (SELECT l.number FROM twin.layer l WHERE l.access = ANY ((SELECT twin.scope_access())::text[]));

-- What a query over a twin asks in its own snapshot: whether the twin, and the overview, show exactly the rows of that snapshot. No wall: it
-- tells nothing but that, and every tile asks it.
CREATE OR REPLACE VIEW door.tile_state AS
    SELECT s.layer, CASE WHEN EXISTS (SELECT FROM twin.tile_note n WHERE n.layer = s.layer) THEN 'stale' ELSE s.base END AS base, s.overview
    FROM twin.tile_state s;

CREATE OR REPLACE VIEW door.import_run AS
    SELECT r.id, r.layer_id, r.layer, r.source, r.status, r.started, r.finished, r.report, r.undone_by, r.undo_of FROM twin.import_run r
    WHERE 'internal' = ANY ((SELECT twin.scope_access())::text[]);

CREATE OR REPLACE VIEW door.import_finding AS
    SELECT f.id, f.run, f."row", f.source_key, f.rule, f.severity, f.detail_zh, f.detail_en, f.lon, f.lat FROM twin.import_finding f
    WHERE 'internal' = ANY ((SELECT twin.scope_access())::text[]);

GRANT SELECT ON door.layer, door.outbox, door.change, door.kept, door.tile_state, door.cell_epoch, door.import_run, door.import_finding TO twin_server, twin_importer, twin_editor;
