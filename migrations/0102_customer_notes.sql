-- Notes on customers, and on a product for a customer: a list, each with its author.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.customer_notes (
    vendor_id    uuid        NOT NULL,
    customer_id  uuid        NOT NULL,
    id           uuid        NOT NULL,
    -- The product that it is about; null where it is about the customer alone.
    product_id   uuid,
    -- Under the person key.
    text_sealed  bytea       NOT NULL,
    row_version  bigint      NOT NULL,
    created_by   uuid,
    created_at   timestamptz NOT NULL,
    updated_by   uuid,
    updated_at   timestamptz NOT NULL,
    -- The list of one customer, newest first.
    CONSTRAINT customer_notes_pkey PRIMARY KEY (vendor_id, customer_id, id)
);
SELECT odyssey.guard_table('odyssey.customer_notes');
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.customer_notes TO odyssey_app;

-- Removing a vendor empties it too. The function is taken as it stands and a table is added to its list.
DO $$
DECLARE
    former text := pg_get_functiondef('odyssey.remove_vendor(uuid, timestamptz)'::regprocedure);
    mark   text := '''memberships''';
BEGIN
    IF position(mark IN former) = 0 THEN
        RAISE EXCEPTION 'odyssey.remove_vendor no longer lists the tables that it empties';
    END IF;
    EXECUTE replace(former, mark, mark || ', ''customer_notes''');
END $$;
