-- reserve --
SELECT twin.reserve_layer(%(spec)s)

-- make --
SELECT twin.make_layer(%(spec)s)

-- drop --
SELECT twin.drop_layer(%(id)s)

-- update_extent --
SELECT twin.update_extent(%(number)s)

-- recount --
-- The same after a publish of its own, with word to whoever shows the catalogue.
SELECT twin.emit('catalogue', jsonb_build_object('layer', l.id)) FROM twin.layer l WHERE l.number = %(number)s AND twin.update_extent(l.number)

-- scope --
-- For this transaction only: a connection that goes back to a pool keeps its own scope.
SELECT set_config('twin.scope', %(scope)s, true)

-- ascope --
SELECT set_config('twin.scope', $1, true)
