-- What products were before they changed: for looking back, for setting one back, and for undoing a whole import.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.product_versions (
    vendor_id    uuid        NOT NULL,
    product_id   uuid        NOT NULL,
    -- Of the row as it was; the version that replaced it is the next one.
    row_version  bigint      NOT NULL,
    replaced_at  timestamptz NOT NULL,
    -- The import that replaced it; null where something else did.
    job_id       uuid,
    -- The row of odyssey.products as it was, without its key.
    former       jsonb       NOT NULL,
    CONSTRAINT product_versions_pkey PRIMARY KEY (vendor_id, product_id, row_version)
);
-- What an import replaced.
CREATE INDEX product_versions_job_idx ON odyssey.product_versions (vendor_id, job_id, product_id) WHERE job_id IS NOT NULL;
-- What is over its time.
CREATE INDEX product_versions_replaced_at_idx ON odyssey.product_versions (replaced_at);
SELECT odyssey.guard_table('odyssey.product_versions');
CREATE POLICY product_versions_platform ON odyssey.product_versions TO odyssey_platform USING (true);
GRANT SELECT, INSERT ON odyssey.product_versions TO odyssey_app;
GRANT SELECT (vendor_id, product_id, row_version, replaced_at), DELETE ON odyssey.product_versions TO odyssey_platform;

ALTER TABLE odyssey.imports
    -- The job that undoes it, once somebody asked for that.
    ADD COLUMN undo_job_id uuid,
    ADD COLUMN undone_at   timestamptz,
    -- Of a whole catalog: products that it does not have, and that are deleted.
    ADD COLUMN deleted_count bigint NOT NULL DEFAULT 0;

-- Removing a vendor empties it too. The function is taken as it stands and a table is added to its list.
DO $$
DECLARE
    former text := pg_get_functiondef('odyssey.remove_vendor(uuid, timestamptz)'::regprocedure);
    mark   text := '''memberships''';
BEGIN
    IF position(mark IN former) = 0 THEN
        RAISE EXCEPTION 'odyssey.remove_vendor no longer lists the tables that it empties';
    END IF;
    EXECUTE replace(former, mark, mark || ', ''product_versions''');
END $$;
