-- Removing a vendor empties the row of its rules and weights too. The function is taken as it stands and one
-- table is added to its list, so that what other migrations added to it stays.
SET LOCAL lock_timeout = '5s';

DO $$
DECLARE
    former text := pg_get_functiondef('odyssey.remove_vendor(uuid, timestamptz)'::regprocedure);
    mark   text := '''memberships''';
BEGIN
    IF position(mark IN former) = 0 THEN
        RAISE EXCEPTION 'odyssey.remove_vendor no longer lists the tables that it empties';
    END IF;
    EXECUTE replace(former, mark, mark || ', ''vendor_policies''');
END $$;
