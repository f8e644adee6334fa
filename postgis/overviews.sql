-- due --
SELECT number, kind, generation, epoch, changed, anew FROM twin.overviews_due()

-- try_lock --
SELECT pg_try_advisory_lock(hashtext('twin.overview'), %(number)s)

-- unlock --
SELECT pg_advisory_unlock(hashtext('twin.overview'), %(number)s)

-- kind --
SELECT twin.overview_kind(%(number)s, %(kind)s)

-- watch --
SELECT twin.watch_overview(%(number)s)

-- hold --
-- A lock takes no snapshot: what is seen afterwards is this very table, not one that took its place meanwhile and would look empty.
LOCK TABLE twin.{twin} IN ACCESS SHARE MODE

-- stands --
SELECT EXISTS (SELECT FROM twin.tile_state WHERE layer = %(number)s AND base = 'fresh' AND generation = %(generation)s)

-- drop --
SELECT set_config('lock_timeout', '250ms', true), twin.drop_overview(%(number)s)

-- begin --
SELECT twin.take_overview_dirty(%(number)s), twin.new_overview(%(number)s)

-- fill --
SELECT twin.fill_overview(%(number)s)

-- swap --
SELECT twin.swap_overview(%(number)s)

-- index --
SELECT twin.index_overview(%(number)s)

-- tell --
SELECT twin.emit_overview(%(number)s, NULL)

-- refresh --
SELECT twin.refresh_overview(%(number)s)

-- settle --
SELECT twin.settle_overview(%(number)s, %(kind)s, %(generation)s, %(epoch)s)

-- coverage_rows --
SELECT oid, shape, changed FROM twin.coverage_rows(%(number)s)

-- take_coverage --
SELECT oid, shape, changed FROM twin.take_coverage(%(number)s)

-- put_coverage --
SELECT twin.put_coverage(%(number)s, %(suffix)s, %(band)s, %(oids)s, %(shapes)s)

-- bands --
SELECT zoom_to, twin.pixel_m(zoom_to) FROM twin.overview_bands()
