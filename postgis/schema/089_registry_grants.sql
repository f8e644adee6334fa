-- Who may call what of files 050–085. Functions are open to everybody by default, so close them first.

DO $$
DECLARE
    called text;
    editor_calls constant text[] := ARRAY['begin_login', 'find_account', 'open_session', 'find_session', 'close_session', 'set_password',
        'rehash_password', 'first_account', 'reset_password', 'add_key', 'find_key', 'revoke_key', 'list_keys',
        'set_product_status', 'put_product', 'read_product', 'submit_job', 'cancel_job', 'record_blob', 'read_blob', 'index_search'];
    importer_calls constant text[] := ARRAY['submit_job', 'start_job', 'report_job', 'close_job', 'cancel_job', 'sweep_jobs', 'record_blob',
        'read_blob', 'index_search', 'index_everything', 'index_divisions', 'replace_divisions', 'rebuild_division_parts', 'fill_division',
        'set_product_status', 'put_product', 'read_product'];
    inner_calls constant text[] := ARRAY['index_product', 'queue_job', 'announce_job', 'announce_product', 'announce_layer', 'find_kind'];
BEGIN
    FOR called IN
        SELECT p.oid::regprocedure FROM pg_proc p
        WHERE p.pronamespace = 'twin'::regnamespace AND p.proname = ANY (editor_calls || importer_calls || inner_calls)
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', called);
    END LOOP;
    FOR called IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'twin'::regnamespace AND p.proname = ANY (editor_calls) LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO twin_editor', called);
    END LOOP;
    FOR called IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'twin'::regnamespace AND p.proname = ANY (importer_calls) LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO twin_importer', called);
    END LOOP;
END $$;

-- Pure functions that views, indexes and other roles' statements use.
GRANT EXECUTE ON FUNCTION twin.grams(text), twin.search_key(text), twin.bounds_of(geometry), twin.divisions_at(geometry), twin.division_of(geometry) TO PUBLIC;

GRANT SELECT, INSERT, DELETE ON twin.division TO twin_importer;
GRANT SELECT ON twin.division_part, twin.blob TO twin_importer;
GRANT SELECT ON door.division, door.product, door.job TO twin_server, twin_editor, twin_importer;
GRANT SELECT ON door.layer_card TO twin_editor, twin_importer;
REVOKE ALL ON FUNCTION door.find(text, integer, double precision, double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door.find(text, integer, double precision, double precision) TO twin_server, twin_editor, twin_importer;
REVOKE ALL ON FUNCTION door.division_at(double precision, double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door.division_at(double precision, double precision) TO twin_server, twin_editor, twin_importer;
