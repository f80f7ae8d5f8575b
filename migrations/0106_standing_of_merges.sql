-- What became of a merge. `merged`: the one that went is the other one now. `ended`: the one that stayed was deleted,
-- and neither external id is taken any more. `erased`: the one that went was erased alone. All three are erased with
-- the person; imports go on uniting with what a merge left while it is `merged` or `erased`.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.customer_merges
    ADD COLUMN standing text NOT NULL DEFAULT 'merged',
    ADD CONSTRAINT customer_merges_standing_check CHECK (standing IN ('merged', 'ended', 'erased'));
GRANT UPDATE (standing) ON odyssey.customer_merges TO odyssey_app;

-- Merges whose survivor was deleted before. The owner of the table is held to its policy too, so vendor by vendor.
ALTER TABLE odyssey.customer_merges NO FORCE ROW LEVEL SECURITY;
DO $$
DECLARE
    vendor uuid;
BEGIN
    FOR vendor IN SELECT DISTINCT vendor_id FROM odyssey.customer_merges LOOP
        PERFORM set_config('app.vendor_id', vendor::text, true);
        WITH RECURSIVE gone AS (
            SELECT m.merged_id FROM odyssey.customer_merges m
            WHERE m.vendor_id = vendor
              AND NOT EXISTS (SELECT FROM odyssey.customer_merges k
                              WHERE k.vendor_id = vendor AND k.merged_id = m.into_id)
              AND NOT EXISTS (SELECT FROM odyssey.customers c
                              WHERE c.vendor_id = vendor AND c.id = m.into_id AND c.deleted_at IS NULL)
            UNION
            SELECT m.merged_id FROM odyssey.customer_merges m JOIN gone g ON m.into_id = g.merged_id
            WHERE m.vendor_id = vendor
        )
        UPDATE odyssey.customer_merges SET standing = 'ended'
        WHERE vendor_id = vendor AND merged_id IN (SELECT merged_id FROM gone);
    END LOOP;
    PERFORM set_config('app.vendor_id', '', true);
END $$;
ALTER TABLE odyssey.customer_merges FORCE ROW LEVEL SECURITY;
