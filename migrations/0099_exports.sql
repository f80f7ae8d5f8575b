-- Exports: what was asked for, how far it is, and the file, sealed part by part.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.exports (
    vendor_id      uuid        NOT NULL,
    job_id         uuid        NOT NULL,
    kind           text        NOT NULL,
    format         text        NOT NULL,
    -- The filters; nothing of a person.
    filters        jsonb       NOT NULL,
    created_by     uuid,
    created_at     timestamptz NOT NULL,
    -- Where the next part begins; the time of events, which have an order of their own.
    last_id        uuid,
    last_at        timestamptz,
    part_count     integer     NOT NULL DEFAULT 0,
    row_count      bigint      NOT NULL DEFAULT 0,
    byte_count     bigint      NOT NULL DEFAULT 0,
    finished_at    timestamptz,
    -- Set when it finishes: from then on the file is not given out.
    expires_at     timestamptz,
    CONSTRAINT exports_pkey PRIMARY KEY (vendor_id, job_id),
    CONSTRAINT exports_kind_known CHECK (kind IN ('products', 'customers', 'profiles', 'matches', 'audit')),
    CONSTRAINT exports_format_known CHECK (format IN ('csv', 'ndjson'))
);
-- The purge.
CREATE INDEX exports_created_at_idx ON odyssey.exports (created_at);
-- The list, newest first.
CREATE INDEX exports_vendor_created_idx ON odyssey.exports (vendor_id, created_at DESC, job_id DESC);
SELECT odyssey.guard_table('odyssey.exports');
CREATE POLICY exports_platform ON odyssey.exports TO odyssey_platform USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.exports TO odyssey_app;
GRANT SELECT (vendor_id, job_id, created_at, expires_at), DELETE ON odyssey.exports TO odyssey_platform;

CREATE TABLE odyssey.export_parts (
    vendor_id     uuid     NOT NULL,
    job_id        uuid     NOT NULL,
    part          integer  NOT NULL,
    -- Some rows of the file, compressed, under the vendor's key.
    lines_sealed  bytea    NOT NULL,
    CONSTRAINT export_parts_pkey PRIMARY KEY (vendor_id, job_id, part)
);
SELECT odyssey.guard_table('odyssey.export_parts');
CREATE POLICY export_parts_platform ON odyssey.export_parts TO odyssey_platform USING (true);
GRANT SELECT, INSERT, DELETE ON odyssey.export_parts TO odyssey_app;
GRANT SELECT (vendor_id, job_id, part), DELETE ON odyssey.export_parts TO odyssey_platform;

-- Removing a vendor empties them too. The function is taken as it stands and two tables are added to its list.
DO $$
DECLARE
    former text := pg_get_functiondef('odyssey.remove_vendor(uuid, timestamptz)'::regprocedure);
    mark   text := '''memberships''';
BEGIN
    IF position(mark IN former) = 0 THEN
        RAISE EXCEPTION 'odyssey.remove_vendor no longer lists the tables that it empties';
    END IF;
    EXECUTE replace(former, mark, mark || ', ''exports'', ''export_parts''');
END $$;
