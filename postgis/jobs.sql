-- submit --
SELECT twin.submit_job(%(kind)s, %(args)s, %(created_by)s, %(lock)s)

-- read --
SELECT * FROM door.job WHERE id = %(id)s

-- latest --
SELECT * FROM door.job ORDER BY created_at DESC, id LIMIT %(limit)s

-- cancel --
SELECT twin.cancel_job(%(id)s)

-- start --
SELECT kind, args, created_by FROM twin.start_job(%(id)s)

-- report --
SELECT twin.report_job(%(id)s, %(done)s, %(total)s, %(step_zh)s, %(step_en)s)

-- close --
SELECT twin.close_job(%(id)s, %(status)s, %(result)s, %(error)s)

-- sweep --
SELECT twin.sweep_jobs(%(stale_s)s, %(max_attempts)s)
