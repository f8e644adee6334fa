-- The life of an import after its publish: what it took away, so that it can be undone, and sources that are read again by the clock.

-- moment: when its rows became known (lower(sys) of all it wrote). layer_before, layer_after: the catalogue row as it found and as it left it.
ALTER TABLE twin.import_run ADD COLUMN IF NOT EXISTS moment timestamptz;
ALTER TABLE twin.import_run ADD COLUMN IF NOT EXISTS layer_before jsonb;
ALTER TABLE twin.import_run ADD COLUMN IF NOT EXISTS layer_after jsonb;
ALTER TABLE twin.import_run ADD COLUMN IF NOT EXISTS undone_by uuid REFERENCES twin.import_run;
ALTER TABLE twin.import_run ADD COLUMN IF NOT EXISTS undo_of uuid REFERENCES twin.import_run;
CREATE INDEX IF NOT EXISTS import_run_moment ON twin.import_run (layer, moment);

-- What the rows themselves do not tell. With `known`: a version a run took away (known since `known`, valid as it was) and the moment it was
-- cut at. Without: a version the run itself published with an end, so that an end given later by hand can be told from it.
CREATE TABLE IF NOT EXISTS twin.import_touch (
    run uuid NOT NULL REFERENCES twin.import_run ON DELETE CASCADE,
    oid bigint NOT NULL,
    valid tstzrange NOT NULL,
    known timestamptz,
    cut timestamptz
);
CREATE INDEX IF NOT EXISTS import_touch_run ON twin.import_touch (run);

-- A source on the server's own disk that is read again every `every_s` seconds. `seen`: its files as they were last published. What is
-- deleted stays as a row, so that it is known who had what read, and until when.
CREATE TABLE IF NOT EXISTS twin.import_schedule (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    path text NOT NULL,
    options jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(options) = 'object'),
    every_s integer NOT NULL CHECK (every_s BETWEEN 60 AND 366 * 86400),
    starts_at timestamptz NOT NULL,
    next_at timestamptz NOT NULL,
    created_by text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    deleted_by text,
    deleted_at timestamptz,
    seen jsonb NOT NULL DEFAULT '{}',
    last_job uuid,
    last_at timestamptz,
    last_status text CHECK (last_status IN ('imported', 'unchanged', 'waiting', 'failed')),
    last_result jsonb
);
CREATE INDEX IF NOT EXISTS import_schedule_next ON twin.import_schedule (next_at) WHERE deleted_at IS NULL;

CREATE OR REPLACE FUNCTION twin.put_import_schedule(of_path text, of_options jsonb, of_every_s integer, of_start timestamptz, by text) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    INSERT INTO twin.import_schedule (path, options, every_s, starts_at, next_at, created_by)
    VALUES (of_path, of_options, of_every_s, coalesce(of_start, now()), coalesce(of_start, now()), by) RETURNING id
$$;

-- False when there is none.
CREATE OR REPLACE FUNCTION twin.drop_import_schedule(of_id uuid, by text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    UPDATE twin.import_schedule SET deleted_by = by, deleted_at = now() WHERE id = of_id AND deleted_at IS NULL;
    RETURN FOUND;
END $$;

-- Read it at the next tick of the worker, whatever was seen of it. False when there is none.
CREATE OR REPLACE FUNCTION twin.rush_import_schedule(of_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    UPDATE twin.import_schedule SET seen = '{}', next_at = now() WHERE id = of_id AND deleted_at IS NULL;
    RETURN FOUND;
END $$;

-- Queue what is due, one job for each however many ticks were missed; a source whose last job is still open waits for its next tick.
CREATE OR REPLACE FUNCTION twin.tick_import_schedules() RETURNS TABLE (queued integer, next timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    due twin.import_schedule;
BEGIN
    queued := 0;
    FOR due IN SELECT * FROM twin.import_schedule s WHERE s.deleted_at IS NULL AND s.next_at <= now() FOR UPDATE SKIP LOCKED LOOP
        IF NOT EXISTS (SELECT FROM twin.job j WHERE j.id = due.last_job AND j.status IN ('queued', 'running')) THEN
            due.last_job := twin.submit_job('scheduled-import', jsonb_build_object('schedule', due.id), due.created_by, 'import schedule ' || due.id);
            queued := queued + 1;
        END IF;
        UPDATE twin.import_schedule s SET last_job = due.last_job,
            next_at = due.starts_at + make_interval(secs => due.every_s * (1 + floor(extract(epoch FROM now() - due.starts_at) / due.every_s)))
            WHERE s.id = due.id;
    END LOOP;
    next := (SELECT min(s.next_at) FROM twin.import_schedule s WHERE s.deleted_at IS NULL);
    RETURN NEXT;
END $$;

CREATE OR REPLACE VIEW door.import_schedule AS
SELECT id, path, options, every_s, starts_at, next_at, created_by, created_at, deleted_by, deleted_at, last_job, last_at, last_status, last_result
FROM twin.import_schedule;

REVOKE ALL ON FUNCTION twin.put_import_schedule(text, jsonb, integer, timestamptz, text), twin.drop_import_schedule(uuid, text),
    twin.rush_import_schedule(uuid), twin.tick_import_schedules() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION twin.put_import_schedule(text, jsonb, integer, timestamptz, text), twin.drop_import_schedule(uuid, text),
    twin.rush_import_schedule(uuid) TO twin_editor, twin_importer;
GRANT EXECUTE ON FUNCTION twin.tick_import_schedules() TO twin_importer;
GRANT SELECT, INSERT, DELETE ON twin.import_touch TO twin_importer;
GRANT SELECT, UPDATE ON twin.import_schedule TO twin_importer;
GRANT SELECT ON door.import_schedule TO twin_editor, twin_importer;
