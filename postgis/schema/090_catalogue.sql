-- The life of map products: who moved which version when, and how often each product was used on each day.

CREATE TABLE IF NOT EXISTS twin.product_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    by_whom text NOT NULL,
    code text NOT NULL,
    version integer NOT NULL,
    from_status text,
    to_status text
);
CREATE INDEX IF NOT EXISTS product_log_code ON twin.product_log (code, id);

-- One line for every step, whichever way it was taken; the name is that of the caller, else of the database role.
CREATE OR REPLACE FUNCTION twin.log_product() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    product twin.product := coalesce(NEW, OLD);
BEGIN
    INSERT INTO twin.product_log (by_whom, code, version, from_status, to_status)
    VALUES (coalesce(nullif(current_setting('twin.actor', true), ''), session_user), product.code, product.version, OLD.status, NEW.status);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER product_made AFTER INSERT OR DELETE ON twin.product
    FOR EACH ROW EXECUTE FUNCTION twin.log_product();
CREATE OR REPLACE TRIGGER product_moved AFTER UPDATE OF status ON twin.product
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION twin.log_product();

-- A version's step to another status, taken only from `allowed`; returns the status it had. Looked at and moved under one lock.
CREATE OR REPLACE FUNCTION twin.move_product(of_code text, of_version integer, new_status text, allowed text[], by_whom text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    found_status text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(of_code, 11));
    PERFORM set_config('twin.actor', by_whom, true);
    SELECT p.status INTO found_status FROM twin.product p WHERE p.code = of_code AND p.version = of_version;
    IF found_status = ANY (allowed) THEN
        PERFORM twin.set_product_status(of_code, of_version, new_status);
    END IF;
    RETURN found_status;
END $$;

CREATE OR REPLACE FUNCTION twin.read_product_log(of_code text) RETURNS SETOF twin.product_log
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT * FROM twin.product_log l WHERE l.code = of_code ORDER BY l.id DESC LIMIT 1000
$$;

CREATE OR REPLACE FUNCTION twin.list_products(of_status text) RETURNS SETOF twin.product
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT DISTINCT ON (p.code) * FROM twin.product p WHERE p.status = of_status ORDER BY p.code, p.version DESC
$$;

CREATE TABLE IF NOT EXISTS twin.product_use (
    code text NOT NULL,
    day date NOT NULL,
    uses bigint NOT NULL,
    PRIMARY KEY (code, day)
);

-- Add what a web process counted, as [{"code", "day", "uses"}, …]; in one order everywhere, so that two processes never wait for each other.
CREATE OR REPLACE FUNCTION twin.count_uses(counted jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    INSERT INTO twin.product_use AS u (code, day, uses)
    SELECT c.code, c.day, c.uses FROM jsonb_to_recordset(counted) c (code text, day date, uses bigint) ORDER BY c.code, c.day
    ON CONFLICT (code, day) DO UPDATE SET uses = u.uses + EXCLUDED.uses
$$;

CREATE OR REPLACE FUNCTION twin.read_uses(since date) RETURNS SETOF twin.product_use
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT * FROM twin.product_use u WHERE u.day >= since ORDER BY u.day, u.code
$$;

REVOKE ALL ON FUNCTION twin.log_product(), twin.move_product(text, integer, text, text[], text), twin.read_product_log(text), twin.list_products(text),
    twin.count_uses(jsonb), twin.read_uses(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION twin.move_product(text, integer, text, text[], text), twin.read_product_log(text), twin.list_products(text),
    twin.count_uses(jsonb), twin.read_uses(date) TO twin_editor, twin_importer;
