-- People and programs. Only hashes are stored: argon2id of passwords, SHA-256 of session tokens and keys. Nobody but these functions reads them.

CREATE TABLE IF NOT EXISTS twin.account (
    name text PRIMARY KEY CHECK (name ~ '^[^\s/]{1,60}$'),
    password_hash text NOT NULL,
    must_change boolean NOT NULL DEFAULT true,
    role text NOT NULL DEFAULT 'admin' CHECK (role IN ('admin')),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS twin.session (
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    account text NOT NULL REFERENCES twin.account (name) ON DELETE CASCADE ON UPDATE CASCADE,
    csrf text NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    expires timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS session_account ON twin.session (account);

CREATE TABLE IF NOT EXISTS twin.api_key (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[^\s/]{1,60}$'),
    hash bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    role text NOT NULL DEFAULT 'admin' CHECK (role IN ('admin')),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    last_used timestamptz
);

CREATE TABLE IF NOT EXISTS twin.login_attempt (
    name text NOT NULL,
    ip text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS login_attempt_who ON twin.login_attempt (name, ip, at);
CREATE INDEX IF NOT EXISTS login_attempt_at ON twin.login_attempt (at);

-- Count one attempt before its password is looked at, so that parallel guesses cannot slip past the limit.
-- Returns the seconds to wait: 0 lets the caller go on.
CREATE OR REPLACE FUNCTION twin.begin_login(of_name text, of_ip text, max_failures integer, window_s integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    failures integer;
    oldest timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(of_name || E'\n' || of_ip, 7));
    DELETE FROM twin.login_attempt WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM twin.login_attempt WHERE at < clock_timestamp() - make_interval(secs => window_s) FOR UPDATE SKIP LOCKED));
    SELECT count(*), min(at) INTO failures, oldest FROM twin.login_attempt WHERE name = of_name AND ip = of_ip;
    IF failures >= max_failures THEN
        RETURN greatest(1, ceil(extract(epoch FROM oldest + make_interval(secs => window_s) - clock_timestamp())))::integer;
    END IF;
    INSERT INTO twin.login_attempt (name, ip) VALUES (of_name, of_ip);
    RETURN 0;
END $$;

CREATE OR REPLACE FUNCTION twin.find_account(of_name text) RETURNS SETOF twin.account
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT * FROM twin.account a WHERE a.name = of_name
$$;

-- A good password: forget the failures and open a session; expired sessions go on the way.
CREATE OR REPLACE FUNCTION twin.open_session(of_name text, of_ip text, of_token bytea, of_csrf text, lifetime_s integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    DELETE FROM twin.login_attempt WHERE name = of_name AND ip = of_ip;
    DELETE FROM twin.session WHERE expires < now();
    INSERT INTO twin.session (token_hash, account, csrf, expires) VALUES (of_token, of_name, of_csrf, now() + make_interval(secs => lifetime_s))
$$;

CREATE OR REPLACE FUNCTION twin.find_session(of_token bytea)
RETURNS TABLE (name text, role text, must_change boolean, csrf text, expires timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT a.name, a.role, a.must_change, s.csrf, s.expires FROM twin.session s JOIN twin.account a ON a.name = s.account
    WHERE s.token_hash = of_token AND s.expires > now()
$$;

CREATE OR REPLACE FUNCTION twin.close_session(of_token bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    DELETE FROM twin.session WHERE token_hash = of_token
$$;

-- A new password ends every other session of the account.
CREATE OR REPLACE FUNCTION twin.set_password(of_name text, new_hash text, keep_token bytea DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    UPDATE twin.account SET password_hash = new_hash, must_change = false WHERE name = of_name;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM twin.session WHERE account = of_name AND token_hash IS DISTINCT FROM keep_token;
    RETURN true;
END $$;

-- Same password, stronger parameters: nothing else changes.
CREATE OR REPLACE FUNCTION twin.rehash_password(of_name text, old_hash text, new_hash text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    UPDATE twin.account SET password_hash = new_hash WHERE name = of_name AND password_hash = old_hash
$$;

-- The first account; false when there is one already.
CREATE OR REPLACE FUNCTION twin.first_account(of_name text, of_hash text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('twin.account'));
    INSERT INTO twin.account (name, password_hash) SELECT of_name, of_hash WHERE NOT EXISTS (SELECT FROM twin.account);
    RETURN FOUND;
END $$;

-- A new password by somebody at the machine: to be changed at the next login, all sessions end, the lock is lifted.
CREATE OR REPLACE FUNCTION twin.reset_password(of_name text, new_hash text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    UPDATE twin.account SET password_hash = new_hash, must_change = true WHERE name = of_name;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM twin.session WHERE account = of_name;
    DELETE FROM twin.login_attempt WHERE name = of_name;
    RETURN true;
END $$;

-- False when the name is taken (a revoked key keeps its name: logs stay readable).
CREATE OR REPLACE FUNCTION twin.add_key(of_name text, of_hash bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    INSERT INTO twin.api_key (name, hash) VALUES (of_name, of_hash) ON CONFLICT (name) DO NOTHING;
    RETURN FOUND;
END $$;

-- Who holds this key; its last use is noted at most once a minute, so that reads stay reads.
CREATE OR REPLACE FUNCTION twin.find_key(of_hash bytea) RETURNS TABLE (name text, role text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    UPDATE twin.api_key k SET last_used = now()
    WHERE k.hash = of_hash AND k.revoked_at IS NULL AND (k.last_used IS NULL OR k.last_used < now() - interval '1 minute');
    RETURN QUERY SELECT k.name, k.role FROM twin.api_key k WHERE k.hash = of_hash AND k.revoked_at IS NULL;
END $$;

CREATE OR REPLACE FUNCTION twin.revoke_key(of_name text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    UPDATE twin.api_key SET revoked_at = now() WHERE name = of_name AND revoked_at IS NULL;
    RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION twin.list_keys()
RETURNS TABLE (name text, created_at timestamptz, revoked_at timestamptz, last_used timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT k.name, k.created_at, k.revoked_at, k.last_used FROM twin.api_key k ORDER BY k.created_at, k.id
$$;
