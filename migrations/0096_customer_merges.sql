-- Two customers who are one person: who went into whom. The record that went stays, sealed, as a deleted one.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.customer_merges (
    vendor_id  uuid        NOT NULL,
    -- The customer that is no more.
    merged_id  uuid        NOT NULL,
    into_id    uuid        NOT NULL,
    merged_by  uuid,
    merged_at  timestamptz NOT NULL,
    CONSTRAINT customer_merges_pkey PRIMARY KEY (vendor_id, merged_id),
    CONSTRAINT customer_merges_two_check CHECK (merged_id <> into_id)
);
-- Erasing a person erases who went into them.
CREATE INDEX customer_merges_into_id_idx ON odyssey.customer_merges (vendor_id, into_id);
SELECT odyssey.guard_table('odyssey.customer_merges');
GRANT SELECT, INSERT, DELETE ON odyssey.customer_merges TO odyssey_app;

-- Removing a vendor empties it too. The function is taken as it stands and a table is added to its list.
DO $$
DECLARE
    former text := pg_get_functiondef('odyssey.remove_vendor(uuid, timestamptz)'::regprocedure);
    mark   text := '''memberships''';
BEGIN
    IF position(mark IN former) = 0 THEN
        RAISE EXCEPTION 'odyssey.remove_vendor no longer lists the tables that it empties';
    END IF;
    EXECUTE replace(former, mark, mark || ', ''customer_merges''');
END $$;
