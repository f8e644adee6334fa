-- The rows. `object` is what is known now and has not ended, `object_past` every other version; both are families of one table a layer,
-- twin.object_<number> and twin.object_past_<number>. Queries name a member or its view, never the parent.

CREATE TABLE IF NOT EXISTS twin.object (
    layer integer NOT NULL,
    oid bigint NOT NULL,
    code text,
    class text,
    name text,
    parent_oid bigint,
    division text,
    geom geometry(Geometry, 4490),
    zmin double precision,
    zmax double precision,
    attrs jsonb NOT NULL DEFAULT '{}',
    psets jsonb,
    valid tstzrange NOT NULL DEFAULT tstzrange(now(), NULL),
    sys tstzrange NOT NULL DEFAULT tstzrange(now(), NULL),
    phase text,
    plan text,
    source text,
    source_key text,
    content_hash bytea,
    CONSTRAINT object_oid_of_layer CHECK (oid >> 40 = layer),
    CONSTRAINT object_finite CHECK (twin.is_finite(geom)),
    CONSTRAINT object_heights CHECK (abs(zmin) < 'Infinity' AND abs(zmax) < 'Infinity'),
    CONSTRAINT object_attrs CHECK (jsonb_typeof(attrs) = 'object'),
    CONSTRAINT object_times CHECK (NOT isempty(valid) AND NOT isempty(sys) AND lower(sys) IS NOT NULL),
    CONSTRAINT object_phase CHECK (phase IN ('planned', 'building', 'built', 'demolished'))
) PARTITION BY LIST (layer);

CREATE TABLE IF NOT EXISTS twin.object_past (LIKE twin.object INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY LIST (layer);

DO $$ BEGIN
    ALTER TABLE twin.object ADD CONSTRAINT object_known CHECK (upper_inf(sys));
EXCEPTION WHEN duplicate_object THEN NULL; -- the file is run again when a database is upgraded
END $$;

-- Indexes of the parents: every member gets them, made before it is attached. `oid` leads, so that the same index pages by oid.
CREATE UNIQUE INDEX IF NOT EXISTS object_oid ON twin.object (oid, layer, plan, lower(valid)) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX IF NOT EXISTS object_key ON twin.object (source_key, source, layer, plan, lower(valid)) NULLS NOT DISTINCT;
CREATE INDEX IF NOT EXISTS object_geom ON twin.object USING gist (geom);
CREATE INDEX IF NOT EXISTS object_code ON twin.object (code);
CREATE INDEX IF NOT EXISTS object_division ON twin.object (division text_pattern_ops);
CREATE INDEX IF NOT EXISTS object_past_geom ON twin.object_past USING gist (geom, valid);

-- Solids, pipes with Z, mounted points: what the flat `geom` cannot hold, one row for each level of detail.
CREATE TABLE IF NOT EXISTS twin.shape (
    layer integer NOT NULL,
    oid bigint NOT NULL,
    lod text NOT NULL DEFAULT '',
    geom geometry(GeometryZ, 4490) NOT NULL,
    valid tstzrange NOT NULL DEFAULT tstzrange(now(), NULL),
    sys tstzrange NOT NULL DEFAULT tstzrange(now(), NULL),
    CONSTRAINT shape_finite CHECK (twin.is_finite(geom)),
    CONSTRAINT shape_times CHECK (NOT isempty(valid) AND NOT isempty(sys))
) PARTITION BY LIST (layer);
CREATE UNIQUE INDEX IF NOT EXISTS shape_oid ON twin.shape (oid, layer, lod, lower(valid), lower(sys)) NULLS NOT DISTINCT;
CREATE INDEX IF NOT EXISTS shape_geom ON twin.shape USING gist (geom);

-- Public codes that do not embed their oid (一物一码); filled after a publish.
CREATE TABLE IF NOT EXISTS twin.entity (
    code text PRIMARY KEY,
    oid bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS entity_oid ON twin.entity (oid);

-- Where an object hangs (site / building / storey / space), outside the versioned rows: moving a storey re-versions nothing.
CREATE TABLE IF NOT EXISTS twin.tree (
    oid bigint PRIMARY KEY,
    path ltree NOT NULL
);
CREATE INDEX IF NOT EXISTS tree_path ON twin.tree USING gist (path);

CREATE TABLE IF NOT EXISTS twin.relation (
    from_oid bigint NOT NULL,
    to_oid bigint NOT NULL,
    kind text NOT NULL,
    attrs jsonb NOT NULL DEFAULT '{}',
    valid tstzrange NOT NULL DEFAULT tstzrange(now(), NULL),
    PRIMARY KEY (from_oid, kind, to_oid)
);
CREATE INDEX IF NOT EXISTS relation_to ON twin.relation (to_oid, kind);

-- Triangle meshes, shared by content; an instance is one row with its 4 × 4 matrix (column-major).
CREATE TABLE IF NOT EXISTS twin.mesh (
    sha256 bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    triangles integer NOT NULL CHECK (triangles >= 0),
    size bigint NOT NULL CHECK (size >= 0)
);
CREATE TABLE IF NOT EXISTS twin.mesh_use (
    layer integer NOT NULL,
    oid bigint NOT NULL,
    lod text NOT NULL DEFAULT '',
    sha256 bytea NOT NULL REFERENCES twin.mesh,
    matrix double precision[] NOT NULL CHECK (cardinality(matrix) = 16),
    origin geometry(PointZ, 4490) NOT NULL,
    valid tstzrange NOT NULL DEFAULT tstzrange(now(), NULL)
);
CREATE INDEX IF NOT EXISTS mesh_use_oid ON twin.mesh_use (oid);
CREATE INDEX IF NOT EXISTS mesh_use_mesh ON twin.mesh_use (sha256);
