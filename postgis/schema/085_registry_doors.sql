-- What the serving role reads of divisions, products, jobs and search; and the word that goes out when the catalogue changes.

CREATE OR REPLACE VIEW door.division AS
SELECT d.code, d.level, d.name_zh, d.name_en, d.parent_code,
    EXISTS (SELECT FROM twin.division c WHERE c.parent_code = d.code AND c.valid @> now()) AS has_children,
    ST_X(d.centroid) AS lon, ST_Y(d.centroid) AS lat, twin.bounds_of(d.geom) AS bounds
FROM twin.division d WHERE d.valid @> now();

-- All divisions a point lies in.
CREATE OR REPLACE FUNCTION door.division_at(lon double precision, lat double precision) RETURNS TABLE (code text, level smallint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
    SELECT DISTINCT p.code, p.level FROM twin.division_part p WHERE ST_Intersects(p.geom, ST_SetSRID(ST_MakePoint(lon, lat), 4490))
$$;

CREATE OR REPLACE VIEW door.product AS
SELECT code, version, card, status, updated_at FROM twin.product WHERE status = 'published';

CREATE OR REPLACE VIEW door.job AS
SELECT id, kind, args, status, done, total, step_zh, step_en, result, error, created_by, created_at, started_at, finished_at FROM twin.job;

-- Ids and fields of all layers, whatever the reader's scope: a publisher must be told which name is wrong.
CREATE OR REPLACE VIEW door.layer_card AS
SELECT id, fields FROM twin.layer;

CREATE OR REPLACE FUNCTION twin.announce_layer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
BEGIN
    INSERT INTO twin.outbox (topic, payload) VALUES ('catalogue', jsonb_build_object('layer', coalesce(NEW.id, OLD.id)));
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER layer_announced AFTER INSERT OR DELETE ON twin.layer
    FOR EACH ROW EXECUTE FUNCTION twin.announce_layer();
CREATE OR REPLACE TRIGGER layer_card_announced AFTER UPDATE OF id, kind, title_zh, title_en, description_zh, geometry_type, fields, bounds,
    min_zoom, max_zoom, access, synthetic, attribution, licence, accuracy_note_zh, vertical_datum ON twin.layer
    FOR EACH ROW WHEN (
        (OLD.id, OLD.kind, OLD.title_zh, OLD.title_en, OLD.description_zh, OLD.geometry_type, OLD.fields, OLD.bounds, OLD.min_zoom, OLD.max_zoom,
         OLD.access, OLD.synthetic, OLD.attribution, OLD.licence, OLD.accuracy_note_zh, OLD.vertical_datum)
        IS DISTINCT FROM
        (NEW.id, NEW.kind, NEW.title_zh, NEW.title_en, NEW.description_zh, NEW.geometry_type, NEW.fields, NEW.bounds, NEW.min_zoom, NEW.max_zoom,
         NEW.access, NEW.synthetic, NEW.attribution, NEW.licence, NEW.accuracy_note_zh, NEW.vertical_datum))
    EXECUTE FUNCTION twin.announce_layer();
