-- Retention: legal holds that stop every purge, what purges need to find their rows, and the months of the
-- audit that are older than the law asks for. Erasures: who was made unreadable in this database, to be
-- compared with the ledger of the key store at every start.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.legal_holds (
    -- The nil UUID stands for everything.
    vendor_id  uuid        NOT NULL,
    id         uuid        NOT NULL,
    -- Why, in the words of whoever placed it: a file reference, nobody's data.
    reason     text        NOT NULL,
    placed_at  timestamptz NOT NULL,
    lifted_at  timestamptz,
    CONSTRAINT legal_holds_pkey PRIMARY KEY (vendor_id, id),
    CONSTRAINT legal_holds_reason_check CHECK (length(reason) BETWEEN 1 AND 500)
);
SELECT odyssey.guard_table('odyssey.legal_holds');
CREATE POLICY legal_holds_platform ON odyssey.legal_holds TO odyssey_platform USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE (lifted_at) ON odyssey.legal_holds TO odyssey_platform;

-- One row for each line of the ledger that has been carried out here. A restored database lacks those that
-- came after its backup, and they are carried out again.
CREATE TABLE odyssey.erasures (
    vendor_id    uuid        NOT NULL,
    customer_id  uuid        NOT NULL,
    erased_at    timestamptz NOT NULL,
    CONSTRAINT erasures_pkey PRIMARY KEY (vendor_id, customer_id, erased_at)
);
SELECT odyssey.guard_table('odyssey.erasures');
CREATE POLICY erasures_platform ON odyssey.erasures TO odyssey_platform USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON odyssey.erasures TO odyssey_app;
GRANT SELECT, DELETE ON odyssey.erasures TO odyssey_platform;

-- "Events older than they are kept", whatever became of them.
CREATE INDEX outbox_created_at_idx ON odyssey.outbox (created_at);

-- The jobs that have tables in the staging schema: a job that was canceled while it waited, or whose last act
-- failed, leaves them behind.
CREATE FUNCTION odyssey.staging_jobs() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT DISTINCT right(c.relname, 32)::uuid
    FROM pg_class c
    WHERE c.relnamespace = 'odyssey_staging'::regnamespace AND c.relkind = 'r'
      AND c.relname ~ '^(products|todo)_[0-9a-f]{32}$'
$$;

-- Drops what a job left behind; whoever calls it has seen that the job has ended.
CREATE FUNCTION odyssey.purge_staging(job uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '500ms' AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS odyssey_staging.%I', 'products_' || replace(job::text, '-', ''));
    EXECUTE format('DROP TABLE IF EXISTS odyssey_staging.%I', 'todo_' || replace(job::text, '-', ''));
END $$;

-- Detaches and drops the months of the audit that ended before the given day, and in no case one that ended
-- less than six years ago by the clock of the database (45 CFR 164.316(b)(2)): one wrong clock deletes nothing.
-- The lock on the parent stops whoever audits, so it is waited for half a second and no longer; the next day
-- tries again.
CREATE FUNCTION odyssey.retire_audit_months(before date) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '500ms' AS $$
DECLARE
    latest  date := least(before, (now() - interval '6 years')::date);
    leaf    record;
    retired integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('odyssey.ensure_audit_partitions'));
    FOR leaf IN
        SELECT p.relname AS parent, c.relname AS name
        FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid
        JOIN pg_class p ON p.oid = i.inhparent
        WHERE i.inhparent IN ('odyssey.audit_events'::regclass, 'odyssey.audit_subjects'::regclass)
          AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'
          AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= latest
        ORDER BY c.relname
    LOOP
        EXECUTE format('ALTER TABLE odyssey.%I DETACH PARTITION odyssey_leaf.%I', leaf.parent, leaf.name);
        EXECUTE format('DROP TABLE odyssey_leaf.%I', leaf.name);
        retired := retired + 1;
    END LOOP;
    RETURN retired;
END $$;

REVOKE ALL ON FUNCTION odyssey.staging_jobs(), odyssey.purge_staging(uuid), odyssey.retire_audit_months(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION odyssey.staging_jobs(), odyssey.purge_staging(uuid), odyssey.retire_audit_months(date) TO odyssey_platform;
