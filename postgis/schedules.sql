-- Sources that are read again by the clock.

-- put --
SELECT twin.put_import_schedule(%(path)s, %(options)s, %(every_s)s, %(starts_at)s, %(by)s)

-- drop --
SELECT twin.drop_import_schedule(%(id)s, %(by)s)

-- rush --
SELECT twin.rush_import_schedule(%(id)s)

-- tick --
SELECT queued FROM twin.tick_import_schedules()

-- all --
SELECT * FROM door.import_schedule WHERE %(gone)s OR deleted_at IS NULL ORDER BY created_at, id

-- one --
SELECT * FROM door.import_schedule WHERE id = %(id)s AND deleted_at IS NULL

-- seen --
SELECT seen FROM twin.import_schedule WHERE id = %(id)s

-- note --
UPDATE twin.import_schedule SET seen = %(seen)s, last_at = now(), last_status = %(status)s, last_result = %(result)s,
    next_at = CASE WHEN %(status)s = 'waiting' THEN least(next_at, now() + interval '1 minute') ELSE next_at END
WHERE id = %(id)s
