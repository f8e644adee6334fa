-- facts --
SELECT
    current_setting('server_version_num')::int AS version,
    current_setting('server_encoding') AS encoding,
    rolsuper AS superuser,
    rolsuper OR rolcreaterole AS may_create_roles,
    has_database_privilege(current_database(), 'CREATE') AS may_create_schemas,
    current_setting('max_locks_per_transaction')::int AS locks,
    current_setting('data_checksums')::boolean AS checksums,
    ARRAY(SELECT wanted FROM unnest(%(roles)s::text[]) AS wanted WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = wanted)) AS missing_roles
FROM pg_roles
WHERE rolname = current_user

-- installed_extensions --
SELECT extname, extversion FROM pg_extension

-- available_extensions --
SELECT name, default_version FROM pg_available_extensions WHERE name = ANY (%(names)s)
