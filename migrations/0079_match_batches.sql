-- Matches of many customers at once: what was asked, how far it is, and the answers, sealed part by part.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.match_batches (
    vendor_id      uuid        NOT NULL,
    job_id         uuid        NOT NULL,
    -- Filters and the length of the lists; nothing of a person.
    query          jsonb       NOT NULL,
    -- Whom, by keyed id and in order; null: everybody who consents and has a profile.
    customers      uuid[],
    -- Where the next part begins.
    last_customer  uuid,
    part_count     integer     NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL,
    finished_at    timestamptz,
    CONSTRAINT match_batches_pkey PRIMARY KEY (vendor_id, job_id)
);
-- The purge.
CREATE INDEX match_batches_created_at_idx ON odyssey.match_batches (created_at);
SELECT odyssey.guard_table('odyssey.match_batches');
CREATE POLICY match_batches_platform ON odyssey.match_batches TO odyssey_platform USING (true);
GRANT SELECT, INSERT, UPDATE ON odyssey.match_batches TO odyssey_app;
GRANT SELECT (vendor_id, job_id, created_at), DELETE ON odyssey.match_batches TO odyssey_platform;

CREATE TABLE odyssey.match_batch_parts (
    vendor_id     uuid     NOT NULL,
    job_id        uuid     NOT NULL,
    part          integer  NOT NULL,
    -- The answers about some customers, compressed, under the vendor's key.
    lines_sealed  bytea    NOT NULL,
    CONSTRAINT match_batch_parts_pkey PRIMARY KEY (vendor_id, job_id, part)
);
SELECT odyssey.guard_table('odyssey.match_batch_parts');
CREATE POLICY match_batch_parts_platform ON odyssey.match_batch_parts TO odyssey_platform USING (true);
GRANT SELECT, INSERT ON odyssey.match_batch_parts TO odyssey_app;
GRANT SELECT (vendor_id, job_id, part), DELETE ON odyssey.match_batch_parts TO odyssey_platform;

-- Removing a vendor empties them too. The function is taken as it stands and two tables are added to its list.
DO $$
DECLARE
    former text := pg_get_functiondef('odyssey.remove_vendor(uuid, timestamptz)'::regprocedure);
    mark   text := '''memberships''';
BEGIN
    IF position(mark IN former) = 0 THEN
        RAISE EXCEPTION 'odyssey.remove_vendor no longer lists the tables that it empties';
    END IF;
    EXECUTE replace(former, mark, mark || ', ''match_batches'', ''match_batch_parts''');
END $$;
