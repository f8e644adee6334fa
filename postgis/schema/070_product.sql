-- Map products: this table is the truth, TOML the exchange form. A changed card is a new version; at most one version is published.

CREATE TABLE IF NOT EXISTS twin.product (
    code text NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    card jsonb NOT NULL,
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'review', 'published', 'withdrawn')),
    title_zh text NOT NULL,
    theme text NOT NULL,
    division text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (code, version)
);
CREATE UNIQUE INDEX IF NOT EXISTS product_published ON twin.product (code) WHERE status = 'published';

CREATE OR REPLACE FUNCTION twin.announce_product() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    product twin.product := coalesce(NEW, OLD);
BEGIN
    INSERT INTO twin.outbox (topic, payload)
    SELECT topic, jsonb_build_object('code', product.code, 'version', product.version,
        'status', CASE WHEN TG_OP = 'DELETE' THEN 'deleted' ELSE product.status END)
    FROM unnest(ARRAY['product', 'catalogue']) topic;
    PERFORM twin.index_product(product.code);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER product_change AFTER INSERT OR UPDATE OR DELETE ON twin.product
    FOR EACH ROW EXECUTE FUNCTION twin.announce_product();

-- Give a version a status; publishing it withdraws the one before.
CREATE OR REPLACE FUNCTION twin.set_product_status(of_code text, of_version integer, new_status text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(of_code, 11));
    IF new_status = 'published' THEN
        UPDATE twin.product SET status = 'withdrawn', card = card || '{"status": "withdrawn"}', updated_at = now()
        WHERE code = of_code AND status = 'published' AND version <> of_version;
    END IF;
    UPDATE twin.product SET status = new_status, card = card || jsonb_build_object('status', new_status), updated_at = now()
    WHERE code = of_code AND version = of_version AND status <> new_status;
    RETURN FOUND;
END $$;

-- Store a card. The newest version is compared without version and status: equal content makes no new one.
CREATE OR REPLACE FUNCTION twin.put_product(new_card jsonb) RETURNS TABLE (version integer, changed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    newest twin.product;
    next_version integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(new_card ->> 'code', 11));
    SELECT * INTO newest FROM twin.product p WHERE p.code = new_card ->> 'code' ORDER BY p.version DESC LIMIT 1;
    IF newest.card - 'version' - 'status' = new_card - 'version' - 'status' THEN
        RETURN QUERY SELECT newest.version, twin.set_product_status(newest.code, newest.version, new_card ->> 'status');
        RETURN;
    END IF;
    next_version := coalesce(newest.version, 0) + 1;
    INSERT INTO twin.product (code, version, card, status, title_zh, theme, division)
    VALUES (new_card ->> 'code', next_version, new_card || jsonb_build_object('version', next_version, 'status', 'draft'), 'draft',
        new_card ->> 'title_zh', new_card ->> 'theme', new_card ->> 'division');
    PERFORM twin.set_product_status(new_card ->> 'code', next_version, new_card ->> 'status');
    RETURN QUERY SELECT next_version, true;
END $$;

-- All versions of one product, newest first, for those who write them.
CREATE OR REPLACE FUNCTION twin.read_product(of_code text) RETURNS SETOF twin.product
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT * FROM twin.product p WHERE p.code = of_code ORDER BY p.version DESC
$$;
