-- enter --
-- Who reads: the views' own predicate asks it.
SELECT set_config('twin.scope', $1, false)
