-- What customers were before they changed: for looking back, for setting one back, and for undoing a whole import.
SET LOCAL lock_timeout = '5s';

-- The sealed columns of a row and its profile, copied as they lay there: they open with the person key, which stays in
-- the customer's row, and end with it.
CREATE TABLE odyssey.customer_versions (
    vendor_id             uuid        NOT NULL,
    customer_id           uuid        NOT NULL,
    -- Of the row as it was; the version that replaced it is the next one. 0 says that there was nobody before.
    row_version           bigint      NOT NULL,
    replaced_at           timestamptz NOT NULL,
    -- Who replaced it.
    replaced_by           uuid,
    -- The import, or the undoing of one, that replaced it; null where something else did.
    job_id                uuid,
    -- The import that was undone by replacing it.
    undone_job_id         uuid,
    -- From here on as in odyssey.customers and odyssey.health_profiles; null where there was nobody.
    status                text,
    external_id_sealed    bytea,
    name_sealed           bytea,
    email_sealed          bytea,
    phone_sealed          bytea,
    birth_date_sealed     bytea,
    address_sealed        bytea,
    member_number_sealed  bytea,
    tags_sealed           bytea,
    notes_sealed          bytea,
    profile_sealed        bytea,
    source_hash           bytea,
    source_mapping        bytea,
    updated_at            timestamptz,
    edited_at             timestamptz,
    profile_edited_at     timestamptz,
    deleted_at            timestamptz,
    -- The versions of one customer, newest first.
    CONSTRAINT customer_versions_pkey PRIMARY KEY (vendor_id, customer_id, row_version)
);
-- What an import replaced.
CREATE INDEX customer_versions_job_idx ON odyssey.customer_versions (vendor_id, job_id, customer_id) WHERE job_id IS NOT NULL;
-- What is over its time.
CREATE INDEX customer_versions_replaced_at_idx ON odyssey.customer_versions (replaced_at);
SELECT odyssey.guard_table('odyssey.customer_versions');
CREATE POLICY customer_versions_platform ON odyssey.customer_versions TO odyssey_platform USING (true);
-- Deleted by the application where a person is erased.
GRANT SELECT, INSERT, DELETE ON odyssey.customer_versions TO odyssey_app;
-- Retention is the platform's: it sees keys and times and nothing of what they stand for.
GRANT SELECT (vendor_id, customer_id, row_version, replaced_at), DELETE ON odyssey.customer_versions TO odyssey_platform;

-- Removing a vendor empties it too. The function is taken as it stands and a table is added to its list.
DO $$
DECLARE
    former text := pg_get_functiondef('odyssey.remove_vendor(uuid, timestamptz)'::regprocedure);
    mark   text := '''memberships''';
BEGIN
    IF position(mark IN former) = 0 THEN
        RAISE EXCEPTION 'odyssey.remove_vendor no longer lists the tables that it empties';
    END IF;
    EXECUTE replace(former, mark, mark || ', ''customer_versions''');
END $$;
