-- Roles, extensions and schemas. Run before every upgrade by the superuser (or by the account of an external URL), so it must be repeatable.
DO $$
DECLARE
    role_name text;
    extension_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['twin_owner', 'twin_importer', 'twin_editor', 'twin_server'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role_name);
        END IF;
        IF NOT pg_has_role(current_user, role_name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
        END IF;
    END LOOP;
    FOREACH extension_name IN ARRAY ARRAY['postgis', 'btree_gist', 'pg_trgm', 'ltree', 'pgrouting', 'unaccent'] LOOP
        IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = extension_name) THEN
            EXECUTE format('CREATE EXTENSION %I SCHEMA public', extension_name);
        END IF;
    END LOOP;
END
$$;

DO $$
BEGIN
    EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO twin_owner', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO twin_importer, twin_editor', current_database());
END
$$;

CREATE SCHEMA IF NOT EXISTS twin AUTHORIZATION twin_owner;
CREATE SCHEMA IF NOT EXISTS layer AUTHORIZATION twin_owner;
CREATE SCHEMA IF NOT EXISTS history AUTHORIZATION twin_owner;
CREATE SCHEMA IF NOT EXISTS door AUTHORIZATION twin_owner;
CREATE SCHEMA IF NOT EXISTS tile AUTHORIZATION twin_owner;
CREATE SCHEMA IF NOT EXISTS tile_kept AUTHORIZATION twin_owner;
CREATE SCHEMA IF NOT EXISTS tile_fold AUTHORIZATION twin_owner;
CREATE SCHEMA IF NOT EXISTS mvt AUTHORIZATION twin_owner;
CREATE SCHEMA IF NOT EXISTS stage AUTHORIZATION twin_owner;
CREATE SCHEMA IF NOT EXISTS job AUTHORIZATION twin_owner;

-- The serving role sees only the views; what else a role may do is granted beside each object.
GRANT USAGE ON SCHEMA layer, history, tile, tile_kept, tile_fold, mvt, door TO twin_server, twin_editor, twin_importer;
GRANT USAGE ON SCHEMA twin, job TO twin_editor, twin_importer;
GRANT USAGE, CREATE ON SCHEMA stage TO twin_importer;
