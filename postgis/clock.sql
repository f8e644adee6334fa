-- advance --
SELECT twin.advance_clock()

-- refresh_extents --
SELECT twin.refresh_extents()

-- trim --
SELECT twin.trim_outbox(%(keep)s)
