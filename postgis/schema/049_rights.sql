-- Who may call what: PostgreSQL lets everybody run a new function, so first nobody may, then each role what it needs.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA twin FROM PUBLIC;

GRANT EXECUTE ON FUNCTION
    twin.scope_access(), twin.scope_divisions(), twin.scope_unbounded(), twin.may_read(integer),
    twin.as_text(jsonb, text), twin.as_json(jsonb, text), twin.as_integer(jsonb, text), twin.as_number(jsonb, text),
    twin.as_boolean(jsonb, text), twin.as_date(jsonb, text), twin.as_instant(jsonb, text), twin.iso_time(text),
    twin.is_finite(geometry), twin.points_are_finite(geometry), twin.tile_shape(geometry), twin.odd_tile_shape(geometry)
    TO twin_server, twin_importer, twin_editor;

GRANT EXECUTE ON FUNCTION
    twin.change(text, bigint, jsonb, timestamptz), twin.correct(text, bigint, jsonb, timestamptz),
    twin.end_object(text, bigint, timestamptz, text), twin.create_object(text, jsonb, timestamptz)
    TO twin_editor, twin_importer;

GRANT EXECUTE ON FUNCTION
    twin.reserve_layer(jsonb), twin.make_layer(jsonb), twin.drop_layer(text), twin.new_object_table(integer), twin.attach_objects(integer),
    twin.new_bulk_table(uuid, text), twin.object_indexes(jsonb), twin.index_bulk_table(uuid, jsonb, text), twin.adopt_bulk_table(uuid, integer),
    twin.drop_bulk_table(uuid),
    twin.ensure_past(integer), twin.ensure_shape(integer), twin.refresh_view(integer), twin.index_fields(integer),
    twin.update_extent(integer), twin.refresh_extents(), twin.layer_number(text), twin.dirty_cells(geometry[]),
    twin.emit(text, jsonb, integer, bigint[]), twin.emit_change(integer, bigint[]), twin.advance_clock(), twin.trim_outbox(interval),
    twin.put_archive(integer, bytea, bigint, double precision[], jsonb)
    TO twin_importer;

GRANT EXECUTE ON FUNCTION
    twin.make_tiles(integer), twin.doubtful_tiles(), twin.twin_stands(integer), twin.twin_is_fresh(integer), twin.settle_tiles(integer),
    twin.build_tiles(integer), twin.finish_tiles(integer)
    TO twin_importer;

GRANT SELECT, INSERT, UPDATE, DELETE ON twin.object, twin.object_past, twin.shape, twin.entity, twin.tree, twin.relation, twin.mesh, twin.mesh_use,
    twin.import_run, twin.import_finding TO twin_importer;
GRANT SELECT ON twin.layer, twin.layer_epoch, twin.cell_epoch, twin.outbox, twin.due, twin.tile_state, twin.tile_note TO twin_importer;
