-- Layers whose tiles lie ready in a PMTiles file: which file, by its hash, and what it says is in the tiles. The bytes lie below the home.

CREATE TABLE IF NOT EXISTS twin.tile_archive (
    layer integer PRIMARY KEY REFERENCES twin.layer ON DELETE CASCADE,
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    size bigint NOT NULL CHECK (size >= 0),
    vector_layers jsonb NOT NULL CHECK (jsonb_typeof(vector_layers) = 'array')
);

-- Let a layer of kind tiles read another file from this commit on; every tile of it is another.
CREATE OR REPLACE FUNCTION twin.put_archive(number integer, of_sha256 bytea, of_size bigint, of_bounds double precision[], of_vector_layers jsonb)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    layer_id text;
BEGIN
    UPDATE twin.layer l SET bounds = of_bounds, updated_at = now() WHERE l.number = put_archive.number AND l.kind = 'tiles' RETURNING id INTO layer_id;
    IF layer_id IS NULL THEN
        RAISE object_not_in_prerequisite_state USING MESSAGE = format('layer %s is not one of tiles', number);
    END IF;
    INSERT INTO twin.tile_archive VALUES (put_archive.number, of_sha256, of_size, of_vector_layers)
        ON CONFLICT (layer) DO UPDATE SET sha256 = excluded.sha256, size = excluded.size, vector_layers = excluded.vector_layers;
    PERFORM twin.emit_change(put_archive.number, NULL), twin.emit('catalogue', jsonb_build_object('layer', layer_id));
END $$;
