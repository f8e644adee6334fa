-- lock --
SELECT pg_advisory_lock(%s)

-- has_version_table --
SELECT 1 FROM pg_tables WHERE schemaname = 'twin' AND tablename = 'alembic_version'

-- versions --
SELECT version_num FROM twin.alembic_version

-- set_role --
ALTER ROLE {role} IN DATABASE {database} SET {setting} = {value}
