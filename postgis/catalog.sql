-- layers --
SELECT number, id, kind, title_zh, title_en, description_zh, geometry_type, fields, bounds, time_from, time_to, count, epoch,
    min_zoom, max_zoom, access, synthetic, attribution, licence, accuracy_note_zh, updated_at, tile_source, archive, vertical_datum
FROM door.layer ORDER BY id

-- cell_epochs --
SELECT layer, cell, epoch FROM door.cell_epoch

-- last_seq --
SELECT coalesce(max(seq), 0) AS seq FROM door.outbox
