-- Labels that changed in a way that may turn somebody away, until they are judged; and what came of it.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.label_changes (
    vendor_id    uuid        NOT NULL,
    product_id   uuid        NOT NULL,
    -- The label before the first change that is not judged yet, and the holds that were open then.
    former       jsonb       NOT NULL,
    holds        jsonb       NOT NULL,
    -- Of the latest change: what was judged before it is not done with.
    changed_at   timestamptz NOT NULL,
    CONSTRAINT label_changes_pkey PRIMARY KEY (vendor_id, product_id)
);
SELECT odyssey.guard_table('odyssey.label_changes');
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.label_changes TO odyssey_app;

-- A change of a label by which a product that fitted somebody conflicts with them now.
CREATE TABLE odyssey.safety_regressions (
    vendor_id         uuid        NOT NULL,
    id                uuid        NOT NULL,
    product_id        uuid        NOT NULL,
    catalog_version   bigint      NOT NULL,
    conflict_count    bigint      NOT NULL,
    unverified_count  bigint      NOT NULL,
    -- The keyed ids of whom it conflicts with, under the vendor's key: an id in this list tells of a diagnosis.
    customers_sealed  bytea       NOT NULL,
    detected_at       timestamptz NOT NULL,
    CONSTRAINT safety_regressions_pkey PRIMARY KEY (vendor_id, id)
);
-- Of one product, newest first.
CREATE INDEX safety_regressions_product_id_idx ON odyssey.safety_regressions (vendor_id, product_id, id DESC);
-- The purge.
CREATE INDEX safety_regressions_detected_at_idx ON odyssey.safety_regressions (detected_at);
SELECT odyssey.guard_table('odyssey.safety_regressions');
CREATE POLICY safety_regressions_platform ON odyssey.safety_regressions TO odyssey_platform USING (true);
GRANT SELECT, INSERT ON odyssey.safety_regressions TO odyssey_app;
GRANT SELECT (vendor_id, id, detected_at), DELETE ON odyssey.safety_regressions TO odyssey_platform;

-- Removing a vendor empties them too. The function is taken as it stands and two tables are added to its list.
DO $$
DECLARE
    former text := pg_get_functiondef('odyssey.remove_vendor(uuid, timestamptz)'::regprocedure);
    mark   text := '''memberships''';
BEGIN
    IF position(mark IN former) = 0 THEN
        RAISE EXCEPTION 'odyssey.remove_vendor no longer lists the tables that it empties';
    END IF;
    EXECUTE replace(former, mark, mark || ', ''label_changes'', ''safety_regressions''');
END $$;
