-- Schemas and the guard every vendor table passes through.
-- Roles (odyssey_app, odyssey_platform, odyssey_search and the two logins) are made by the bootstrap
-- step of `odyssey migrate`, since roles belong to the cluster and not to the database.
SET LOCAL lock_timeout = '5s';

-- Leaves of partitioned tables: a leaf read directly would not pass the parent's policy, so nobody
-- but the owner may even look into this schema.
CREATE SCHEMA odyssey_leaf;
REVOKE ALL ON SCHEMA odyssey_leaf FROM PUBLIC;

-- Staging tables of running imports: COPY is refused under a policy, so these have none and are
-- reachable only by the vendor role, one table a job.
CREATE SCHEMA odyssey_staging;
REVOKE ALL ON SCHEMA odyssey_staging FROM PUBLIC;
GRANT USAGE ON SCHEMA odyssey_staging TO odyssey_app;

REVOKE ALL ON SCHEMA odyssey FROM PUBLIC;
GRANT USAGE ON SCHEMA odyssey TO odyssey_app, odyssey_platform, odyssey_search;

-- The vendor of this transaction, or null. After SET LOCAL ends the setting is '' and not null.
CREATE FUNCTION odyssey.current_vendor() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.vendor_id', true), '')::uuid;
REVOKE ALL ON FUNCTION odyssey.current_vendor() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION odyssey.current_vendor() TO odyssey_app, odyssey_platform, odyssey_search;

-- Turns on (and forces) row-level security with the one policy text that every vendor table has.
CREATE FUNCTION odyssey.guard_table(guarded regclass) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    bare text := (SELECT relname FROM pg_class WHERE oid = guarded);
BEGIN
    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', guarded);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', guarded);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', guarded);
    EXECUTE format(
        'CREATE POLICY %I ON %s USING (vendor_id = nullif(current_setting(''app.vendor_id'', true), '''')::uuid)
         WITH CHECK (vendor_id = nullif(current_setting(''app.vendor_id'', true), '''')::uuid)',
        bare || '_vendor', guarded);
END $$;
REVOKE ALL ON FUNCTION odyssey.guard_table(regclass) FROM PUBLIC;
