-- Uploads, staging tables of imports, and the errors of rows.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.uploads (
    vendor_id     uuid        NOT NULL,
    id            uuid        NOT NULL,
    job_id        uuid        NOT NULL,
    mode          text        NOT NULL,
    state         text        NOT NULL,
    -- Where the sealed bytes lie, relative to the spool; never the vendor's file name.
    spool_path    text        NOT NULL,
    -- The file key, wrapped by the vendor's data key.
    file_key      bytea       NOT NULL,
    byte_count    bigint      NOT NULL DEFAULT 0,
    sha256        bytea,
    -- Import parameters: attestation, consent, overrides.
    parameters    jsonb       NOT NULL,
    created_by    uuid,
    created_at    timestamptz NOT NULL,
    finished_at   timestamptz,
    expires_at    timestamptz NOT NULL,
    purged_at     timestamptz,
    CONSTRAINT uploads_pkey PRIMARY KEY (vendor_id, id),
    CONSTRAINT uploads_mode_check CHECK (mode IN ('products', 'customers')),
    CONSTRAINT uploads_state_check CHECK (state IN ('receiving', 'finished', 'purged'))
);
CREATE INDEX uploads_expires_at_idx ON odyssey.uploads (expires_at) WHERE purged_at IS NULL;
SELECT odyssey.guard_table('odyssey.uploads');
CREATE POLICY uploads_platform ON odyssey.uploads TO odyssey_platform USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON odyssey.uploads TO odyssey_app;
GRANT SELECT, UPDATE ON odyssey.uploads TO odyssey_platform;

-- One import: what was mapped, how far the merge is, what came of it.
CREATE TABLE odyssey.imports (
    vendor_id          uuid        NOT NULL,
    job_id             uuid        NOT NULL,
    upload_id          uuid        NOT NULL,
    mode               text        NOT NULL,
    mapping            jsonb,
    mapping_digest     bytea,
    -- Records consumed by merged batches: where a resumed job parses on.
    records_merged     bigint      NOT NULL DEFAULT 0,
    read_count         bigint      NOT NULL DEFAULT 0,
    created_count      bigint      NOT NULL DEFAULT 0,
    updated_count      bigint      NOT NULL DEFAULT 0,
    unchanged_count    bigint      NOT NULL DEFAULT 0,
    kept_count         bigint      NOT NULL DEFAULT 0,
    rejected_count     bigint      NOT NULL DEFAULT 0,
    warning_count      bigint      NOT NULL DEFAULT 0,
    bytes_total        bigint,
    bytes_read         bigint      NOT NULL DEFAULT 0,
    parameters         jsonb       NOT NULL,
    created_at         timestamptz NOT NULL,
    finished_at        timestamptz,
    CONSTRAINT imports_pkey PRIMARY KEY (vendor_id, job_id),
    CONSTRAINT imports_mode_check CHECK (mode IN ('products', 'customers'))
);
SELECT odyssey.guard_table('odyssey.imports');
GRANT SELECT, INSERT, UPDATE ON odyssey.imports TO odyssey_app;

CREATE TABLE odyssey.row_errors (
    vendor_id        uuid    NOT NULL,
    job_id           uuid    NOT NULL,
    row_number       bigint  NOT NULL,
    ordinal          integer NOT NULL,
    line_number      bigint  NOT NULL,
    severity         text    NOT NULL,
    column_name      text,
    code             text    NOT NULL,
    remedy           text    NOT NULL,
    -- Rejected value and suggestion; sealed, since a customer row's are personal.
    value_sealed     bytea,
    -- The original row, on its first error only.
    original_sealed  bytea,
    CONSTRAINT row_errors_pkey PRIMARY KEY (vendor_id, job_id, row_number, ordinal),
    CONSTRAINT row_errors_severity_check CHECK (severity IN ('error', 'warning'))
);
SELECT odyssey.guard_table('odyssey.row_errors');
GRANT SELECT, INSERT, DELETE ON odyssey.row_errors TO odyssey_app;
