-- What each import did, and every repair and refusal with its place: rows in = published + refused, always.

CREATE TABLE IF NOT EXISTS twin.import_run (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    layer_id text NOT NULL,
    layer integer,
    source text NOT NULL,
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'done', 'failed', 'aborted')),
    started timestamptz NOT NULL DEFAULT now(),
    finished timestamptz,
    report jsonb
);
CREATE INDEX IF NOT EXISTS import_run_layer ON twin.import_run (layer_id, started DESC);

CREATE TABLE IF NOT EXISTS twin.import_finding (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run uuid NOT NULL REFERENCES twin.import_run ON DELETE CASCADE,
    "row" bigint,
    source_key text,
    rule text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('repair', 'refuse', 'warn', 'note')),
    detail_zh text NOT NULL DEFAULT '',
    detail_en text NOT NULL DEFAULT '',
    lon double precision,
    lat double precision
);
CREATE INDEX IF NOT EXISTS import_finding_run ON twin.import_finding (run, id);
