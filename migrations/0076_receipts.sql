-- Receipts: what an answer was computed from, signed, kept on request for six years.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.receipts (
    vendor_id       uuid        NOT NULL,
    -- The id of the answer, which is that of its audit event.
    id              uuid        NOT NULL,
    customer_id     uuid        NOT NULL,
    -- The signed document under the person key.
    receipt_sealed  bytea       NOT NULL,
    created_by      uuid,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    CONSTRAINT receipts_pkey PRIMARY KEY (vendor_id, id)
);
-- Erased with the customer.
CREATE INDEX receipts_customer_id_idx ON odyssey.receipts (vendor_id, customer_id);
-- The purge.
CREATE INDEX receipts_expires_at_idx ON odyssey.receipts (expires_at);
SELECT odyssey.guard_table('odyssey.receipts');
CREATE POLICY receipts_platform ON odyssey.receipts TO odyssey_platform USING (true);
GRANT SELECT, INSERT, DELETE ON odyssey.receipts TO odyssey_app;
-- Retention is the platform's: it sees keys and times and nothing of what they stand for.
GRANT SELECT (vendor_id, id, expires_at), DELETE ON odyssey.receipts TO odyssey_platform;
-- Removing a vendor empties them too. The function is taken as it stands and one table is added to its list, so
-- that what other migrations added to it stays.
DO $$
DECLARE
    former text := pg_get_functiondef('odyssey.remove_vendor(uuid, timestamptz)'::regprocedure);
    mark   text := '''memberships''';
BEGIN
    IF position(mark IN former) = 0 THEN
        RAISE EXCEPTION 'odyssey.remove_vendor no longer lists the tables that it empties';
    END IF;
    EXECUTE replace(former, mark, mark || ', ''receipts''');
END $$;
