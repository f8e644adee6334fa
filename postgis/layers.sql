-- reserve --
SELECT twin.reserve_layer(%(spec)s)

-- make --
SELECT twin.make_layer(%(spec)s)

-- drop --
SELECT twin.drop_layer(%(id)s)

-- update_extent --
SELECT twin.update_extent(%(number)s)

-- scope --
-- For this transaction only: a connection that goes back to a pool keeps its own scope.
SELECT set_config('twin.scope', %(scope)s, true)

-- ascope --
SELECT set_config('twin.scope', $1, true)
