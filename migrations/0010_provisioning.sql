-- A vendor is provisioned and removed by one function each; neither makes a reader wait. Tables are
-- made beside their parent and attached: CREATE … PARTITION OF would lock the parent exclusively.
SET LOCAL lock_timeout = '5s';

CREATE FUNCTION odyssey.attach_vendor_table(parent text, vendor uuid, leaves integer, hash_column text, owner_role text)
    RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    base text := format('%s_%s', parent, replace(vendor::text, '-', ''));
    leaf text;
    hashed text := CASE WHEN hash_column IS NULL THEN '' ELSE format(' PARTITION BY HASH (%I)', hash_column) END;
BEGIN
    EXECUTE format('CREATE TABLE odyssey_leaf.%I (LIKE odyssey.%I INCLUDING ALL)%s', base, parent, hashed);
    EXECUTE format('ALTER TABLE odyssey_leaf.%I ENABLE ROW LEVEL SECURITY', base);
    IF owner_role IS NULL THEN
        EXECUTE format('ALTER TABLE odyssey_leaf.%I FORCE ROW LEVEL SECURITY', base);
    END IF;
    IF hash_column IS NOT NULL THEN
        FOR at IN 0 .. leaves - 1 LOOP
            leaf := format('%s_%s', base, to_char(at, 'FM00'));
            EXECUTE format('CREATE TABLE odyssey_leaf.%I (LIKE odyssey.%I INCLUDING ALL) WITH (fillfactor = 85)', leaf, parent);
            EXECUTE format('ALTER TABLE odyssey_leaf.%I ENABLE ROW LEVEL SECURITY', leaf);
            EXECUTE format('ALTER TABLE odyssey_leaf.%I FORCE ROW LEVEL SECURITY', leaf);
            EXECUTE format('ALTER TABLE odyssey_leaf.%I ATTACH PARTITION odyssey_leaf.%I FOR VALUES WITH (MODULUS %s, REMAINDER %s)',
                base, leaf, leaves, at);
        END LOOP;
    END IF;
    IF owner_role IS NOT NULL THEN
        EXECUTE format('ALTER TABLE odyssey_leaf.%I OWNER TO %I', base, owner_role);
    END IF;
    EXECUTE format('ALTER TABLE odyssey.%I ATTACH PARTITION odyssey_leaf.%I FOR VALUES IN (%L)', parent, base, vendor);
END $$;
REVOKE ALL ON FUNCTION odyssey.attach_vendor_table(text, uuid, integer, text, text) FROM PUBLIC;

-- Makes every partition of a new vendor. Called by the platform in the transaction that inserts it.
CREATE FUNCTION odyssey.provision_vendor(vendor uuid, product_leaves integer, customer_leaves integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '5s' AS $$
BEGIN
    IF product_leaves NOT BETWEEN 1 AND 99 OR customer_leaves NOT BETWEEN 1 AND 99 THEN
        RAISE EXCEPTION 'a vendor has between 1 and 99 leaves a table' USING ERRCODE = '22023';
    END IF;
    PERFORM odyssey.attach_vendor_table('products', vendor, product_leaves, 'id', NULL);
    PERFORM odyssey.attach_vendor_table('product_facts', vendor, product_leaves, 'product_id', NULL);
    PERFORM odyssey.attach_vendor_table('customers', vendor, customer_leaves, 'id', NULL);
    PERFORM odyssey.attach_vendor_table('health_profiles', vendor, customer_leaves, 'customer_id', NULL);
    PERFORM odyssey.attach_vendor_table('product_barcodes', vendor, 1, NULL, NULL);
    PERFORM odyssey.attach_vendor_table('consents', vendor, 1, NULL, NULL);
    PERFORM odyssey.attach_vendor_table('customer_products', vendor, 1, NULL, NULL);
    PERFORM odyssey.attach_vendor_table('product_documents', vendor, 1, NULL, 'odyssey_search');
    PERFORM odyssey.attach_vendor_table('customer_tokens', vendor, 1, NULL, 'odyssey_search');
END $$;

-- Empties a suspended vendor at once, without waiting for anyone else's readers; the empty partitions
-- are detached later by the owner. The key of the vendor is destroyed by the caller before this.
CREATE FUNCTION odyssey.remove_vendor(vendor uuid, at timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '5s' AS $$
DECLARE
    parent text;
    former text := current_setting('app.vendor_id', true);
BEGIN
    PERFORM set_config('app.vendor_id', vendor::text, true);
    IF NOT EXISTS (SELECT FROM odyssey.vendors WHERE id = vendor AND suspended_at IS NOT NULL) THEN
        RAISE EXCEPTION 'only a suspended vendor can be removed' USING ERRCODE = '55000';
    END IF;
    FOREACH parent IN ARRAY ARRAY['products', 'product_facts', 'customers', 'health_profiles', 'product_barcodes',
                                  'consents', 'customer_products', 'product_documents', 'customer_tokens'] LOOP
        EXECUTE format('TRUNCATE odyssey_leaf.%I', format('%s_%s', parent, replace(vendor::text, '-', '')));
    END LOOP;
    FOREACH parent IN ARRAY ARRAY['catalog_commits', 'allergen_holds', 'taxonomy_nodes', 'synonyms', 'vendor_rules',
                                  'scoring_policies', 'idempotency_keys', 'uploads', 'imports', 'row_errors', 'outbox',
                                  'memberships'] LOOP
        EXECUTE format('DELETE FROM odyssey.%I WHERE vendor_id = $1', parent) USING vendor;
    END LOOP;
    -- The short name is free again; the row stays for the audit trail.
    UPDATE odyssey.vendors SET removed_at = at, slug = 'removed-' || replace(id::text, '-', '') WHERE id = vendor;
    PERFORM set_config('app.vendor_id', coalesce(former, ''), true);
END $$;

-- Fresh statistics for a vendor's leaves after a large import; the wide columns are left out, since
-- they cost most of the time and no plan looks at them.
CREATE FUNCTION odyssey.analyze_vendor(what text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '5s' AS $$
DECLARE
    vendor uuid := nullif(current_setting('app.vendor_id', true), '')::uuid;
    tail   text := replace(vendor::text, '-', '');
BEGIN
    IF vendor IS NULL THEN
        RAISE EXCEPTION 'no vendor is set' USING ERRCODE = '55000';
    ELSIF what = 'products' THEN
        EXECUTE format('ANALYZE odyssey_leaf.%I (vendor_id, id, gtin, brand, category_id, status, batch_id, updated_at, deleted_at)', 'products_' || tail);
        EXECUTE format('ANALYZE odyssey_leaf.%I (vendor_id, product_id, batch_id, active, brand, category_id)', 'product_facts_' || tail);
        EXECUTE format('ANALYZE odyssey_leaf.%I (vendor_id, gtin, product_id)', 'product_barcodes_' || tail);
        EXECUTE format('ANALYZE odyssey_leaf.%I (vendor_id, product_id, changed_at)', 'product_documents_' || tail);
    ELSIF what = 'customers' THEN
        EXECUTE format('ANALYZE odyssey_leaf.%I (vendor_id, id, status, has_profile, health_consent, updated_at, deleted_at)', 'customers_' || tail);
        EXECUTE format('ANALYZE odyssey_leaf.%I (vendor_id, customer_id, updated_at)', 'health_profiles_' || tail);
    ELSE
        RAISE EXCEPTION 'nothing to analyse is called %', what USING ERRCODE = '22023';
    END IF;
END $$;

-- The staging table of one product import. The job's id names it, the vendor of the transaction owns
-- the job, and only this role may write it.
CREATE FUNCTION odyssey.create_product_staging(job uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '5s' AS $$
DECLARE
    bare text := 'products_' || replace(job::text, '-', '');
BEGIN
    IF NOT EXISTS (SELECT FROM odyssey.imports
                   WHERE vendor_id = nullif(current_setting('app.vendor_id', true), '')::uuid AND job_id = job) THEN
        RAISE EXCEPTION 'this vendor has no such import' USING ERRCODE = '42501';
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS odyssey_staging.%I', bare);
    EXECUTE format(
        'CREATE UNLOGGED TABLE odyssey_staging.%I (
             record bigint NOT NULL, row_number bigint NOT NULL, id uuid NOT NULL,
             source_hash bytea NOT NULL, gtin text, fields jsonb NOT NULL)', bare);
    EXECUTE format('GRANT SELECT, INSERT, DELETE ON odyssey_staging.%I TO odyssey_app', bare);
    RETURN bare;
END $$;
CREATE FUNCTION odyssey.drop_product_staging(job uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '5s' AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM odyssey.imports
                   WHERE vendor_id = nullif(current_setting('app.vendor_id', true), '')::uuid AND job_id = job) THEN
        RAISE EXCEPTION 'this vendor has no such import' USING ERRCODE = '42501';
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS odyssey_staging.%I', 'products_' || replace(job::text, '-', ''));
END $$;

DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY['provision_vendor(uuid, integer, integer)', 'remove_vendor(uuid, timestamptz)',
                                     'analyze_vendor(text)', 'create_product_staging(uuid)', 'drop_product_staging(uuid)'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION odyssey.%s FROM PUBLIC', signature);
    END LOOP;
END $$;
GRANT EXECUTE ON FUNCTION odyssey.provision_vendor(uuid, integer, integer) TO odyssey_platform;
GRANT EXECUTE ON FUNCTION odyssey.remove_vendor(uuid, timestamptz) TO odyssey_platform;
GRANT EXECUTE ON FUNCTION odyssey.analyze_vendor(text) TO odyssey_app;
GRANT EXECUTE ON FUNCTION odyssey.create_product_staging(uuid) TO odyssey_app;
GRANT EXECUTE ON FUNCTION odyssey.drop_product_staging(uuid) TO odyssey_app;
