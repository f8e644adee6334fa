-- Long work. twin.job is what people see; procrastinate's own tables (schema job) only decide who runs it when.

ALTER DEFAULT PRIVILEGES FOR ROLE twin_owner IN SCHEMA job GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO twin_importer;
ALTER DEFAULT PRIVILEGES FOR ROLE twin_owner IN SCHEMA job GRANT USAGE, SELECT ON SEQUENCES TO twin_importer;

CREATE TABLE IF NOT EXISTS twin.job (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind text NOT NULL,
    args jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(args) = 'object'),
    status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    done bigint NOT NULL DEFAULT 0,
    total bigint,
    step_zh text NOT NULL DEFAULT '排队中',
    step_en text NOT NULL DEFAULT 'Waiting',
    result jsonb,
    error jsonb,
    created_by text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    queue_id bigint,
    attempts integer NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS job_created ON twin.job (created_at DESC);
CREATE INDEX IF NOT EXISTS job_open ON twin.job (queue_id) WHERE status IN ('queued', 'running');

CREATE OR REPLACE FUNCTION twin.announce_job() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    INSERT INTO twin.outbox (topic, payload) VALUES ('job', jsonb_build_object(
        'id', NEW.id, 'kind', NEW.kind, 'status', NEW.status, 'done', NEW.done, 'total', NEW.total,
        'step_zh', NEW.step_zh, 'step_en', NEW.step_en));
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER job_insert AFTER INSERT ON twin.job FOR EACH ROW EXECUTE FUNCTION twin.announce_job();
CREATE OR REPLACE TRIGGER job_update AFTER UPDATE OF status, done, total, step_zh, step_en ON twin.job
    FOR EACH ROW EXECUTE FUNCTION twin.announce_job();

CREATE OR REPLACE FUNCTION twin.queue_job(of_id uuid, of_lock text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = job, twin, public, pg_temp AS $$
BEGIN
    RETURN (job.procrastinate_defer_jobs_v1(ARRAY[
        ROW('twin', 'run', 0, of_lock, NULL, jsonb_build_object('id', of_id), NULL)::job.procrastinate_job_to_defer_v1]))[1];
END $$;

-- Put a job on the queue: both rows or none. Jobs that share `lock` run one after another.
CREATE OR REPLACE FUNCTION twin.submit_job(of_kind text, of_args jsonb, by text, of_lock text DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    new_id constant uuid := gen_random_uuid();
BEGIN
    INSERT INTO twin.job (id, kind, args, created_by, queue_id) VALUES (new_id, of_kind, of_args, by, twin.queue_job(new_id, of_lock));
    RETURN new_id;
END $$;

-- Take a job into work; no row when it was cancelled meanwhile.
CREATE OR REPLACE FUNCTION twin.start_job(of_id uuid) RETURNS SETOF twin.job
LANGUAGE sql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    UPDATE twin.job SET status = 'running', attempts = attempts + 1, started_at = now(), finished_at = NULL, done = 0, total = NULL, step_zh = '开始', step_en = 'Starting'
    WHERE id = of_id AND status IN ('queued', 'running') RETURNING *
$$;

-- Write progress and answer the status, which is how a running job learns that it was cancelled.
CREATE OR REPLACE FUNCTION twin.report_job(of_id uuid, now_done bigint, of_total bigint, now_zh text, now_en text) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    UPDATE twin.job SET done = now_done, total = of_total, step_zh = now_zh, step_en = now_en
    WHERE id = of_id AND status = 'running';
    SELECT status FROM twin.job WHERE id = of_id
$$;

-- Close a running job; an already closed one stays as it is.
CREATE OR REPLACE FUNCTION twin.close_job(of_id uuid, new_status text, with_result jsonb, with_error jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    UPDATE twin.job SET status = new_status, result = with_result, error = with_error, finished_at = now(),
        done = CASE WHEN new_status = 'done' THEN coalesce(total, done) ELSE done END,
        step_zh = CASE new_status WHEN 'done' THEN '完成' WHEN 'cancelled' THEN '已取消' ELSE '失败' END,
        step_en = CASE new_status WHEN 'done' THEN 'Done' WHEN 'cancelled' THEN 'Cancelled' ELSE 'Failed' END
    WHERE id = of_id AND status IN ('queued', 'running');
    RETURN FOUND;
END $$;

-- Cancel: a waiting job never starts, a running one is told to stop. False when it is over or unknown.
CREATE OR REPLACE FUNCTION twin.cancel_job(of_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = job, twin, public, pg_temp AS $$
DECLARE
    queued bigint;
BEGIN
    SELECT queue_id INTO queued FROM twin.job WHERE id = of_id AND status IN ('queued', 'running') FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM job.procrastinate_cancel_job_v1(queued, true, false);
    RETURN twin.close_job(of_id, 'cancelled', NULL, NULL);
END $$;

-- Two ways a job is lost: its worker fell silent, or its queue entry closed (shutdown, database away) before the job did.
-- It goes back on the queue as a new entry, or fails after `max_attempts` starts. Returns the jobs touched.
CREATE OR REPLACE FUNCTION twin.sweep_jobs(stale_s double precision, max_attempts integer) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = job, twin, public, pg_temp AS $$
DECLARE
    lost record;
    gave_up constant jsonb := jsonb_build_object('code', 'worker-died', 'place', '', 'mend', '',
        'title_zh', '后台进程中断', 'title_en', 'Worker died',
        'detail_zh', '执行任务的后台进程已中断，原有数据不受影响，可重新提交。',
        'detail_en', 'The worker that ran this job died; earlier data is untouched, submit it again.');
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('twin.sweep_jobs')) THEN
        RETURN;
    END IF;
    PERFORM job.procrastinate_finish_job_v1(q.id, 'failed', false) FROM job.procrastinate_jobs q
    LEFT JOIN job.procrastinate_workers w ON w.id = q.worker_id
    WHERE q.status = 'doing' AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => stale_s));
    FOR lost IN
        SELECT f.id, f.attempts, q.lock FROM twin.job f LEFT JOIN job.procrastinate_jobs q ON q.id = f.queue_id
        WHERE f.status IN ('queued', 'running') AND (q.id IS NULL OR q.status NOT IN ('todo', 'doing')) FOR UPDATE OF f SKIP LOCKED
    LOOP
        IF lost.attempts >= max_attempts THEN
            PERFORM twin.close_job(lost.id, 'failed', NULL, gave_up);
        ELSE
            UPDATE twin.job SET status = 'queued', step_zh = '重新排队', step_en = 'Waiting again', queue_id = twin.queue_job(lost.id, lost.lock)
            WHERE id = lost.id;
        END IF;
        RETURN NEXT lost.id;
    END LOOP;
END $$;
