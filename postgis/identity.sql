-- whose_data --
-- Which data an epoch counts: another cluster, a database restored from a backup, or a schema made anew are others
SELECT concat_ws('.', s.system_identifier, c.timeline_id, d.oid, to_regclass('door.outbox')::oid)
FROM pg_control_system() AS s, pg_control_checkpoint() AS c, pg_database AS d
WHERE d.datname = current_database()
