-- Files kept by content: the row holds the hash, never a path; the bytes lie below the home.

CREATE TABLE IF NOT EXISTS twin.blob (
    sha256 bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    size bigint NOT NULL CHECK (size >= 0),
    media_type text NOT NULL DEFAULT 'application/octet-stream',
    name text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE OR REPLACE FUNCTION twin.record_blob(sha256 bytea, size bigint, media_type text, name text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    INSERT INTO twin.blob (sha256, size, media_type, name) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
$$;

CREATE OR REPLACE FUNCTION twin.read_blob(of_sha256 bytea) RETURNS SETOF twin.blob
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT * FROM twin.blob b WHERE b.sha256 = of_sha256
$$;
