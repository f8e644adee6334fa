-- facts --
SELECT
    current_setting('server_version_num')::int,
    current_setting('server_encoding'),
    rolsuper,
    rolsuper OR rolcreaterole,
    has_database_privilege(current_database(), 'CREATE'),
    current_setting('max_locks_per_transaction')::int,
    current_setting('data_checksums')::boolean,
    ARRAY(SELECT wanted FROM unnest(%(roles)s::text[]) AS wanted WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = wanted))
FROM pg_roles
WHERE rolname = current_user

-- installed_extensions --
SELECT extname, extversion FROM pg_extension

-- available_extensions --
SELECT name, default_version FROM pg_available_extensions WHERE name = ANY (%(names)s)
