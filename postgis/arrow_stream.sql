-- set_value --
SELECT set_config($1, $2, false)
