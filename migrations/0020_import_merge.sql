-- Merging a file: what is to do, decided once per file; counters that stay exact over a restart; purges.
SET LOCAL lock_timeout = '5s';

-- Why an upload that broke off will never be imported.
ALTER TABLE odyssey.uploads ADD COLUMN failed_code text;

ALTER TABLE odyssey.imports
    -- Data rows of the file, once it has been read to its end.
    ADD COLUMN records_total  bigint,
    -- Rows that move barcodes: merged before all others and counted apart from the checkpoint.
    ADD COLUMN moved_records  bigint[] NOT NULL DEFAULT '{}',
    -- How many rows were refused under each code: while reading (found anew by a restart) and while merging.
    ADD COLUMN parse_codes    jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN merge_codes    jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN detected       jsonb,
    ADD COLUMN started_by     uuid;

-- The original of a row that was refused while merging is added from the file afterwards.
GRANT UPDATE (original_sealed) ON odyssey.row_errors TO odyssey_app;

-- Retention is the platform's: it sees keys and nothing of what they stand for.
CREATE POLICY row_errors_platform ON odyssey.row_errors TO odyssey_platform USING (true);
GRANT SELECT (vendor_id, job_id), DELETE ON odyssey.row_errors TO odyssey_platform;
CREATE POLICY imports_platform ON odyssey.imports TO odyssey_platform USING (true);
GRANT SELECT (vendor_id, job_id), DELETE ON odyssey.imports TO odyssey_platform;
GRANT DELETE ON odyssey.uploads TO odyssey_platform;

-- Compares the staged rows with the catalog, once per file: what is left in the job's own `todo` table is to be
-- merged, or kept because a person edited the product since. Rows up to the checkpoint and the given ones were
-- merged by an earlier attempt. Answers how many rows are left.
CREATE FUNCTION odyssey.create_product_todo(job uuid, mapping bytea, overwrite boolean, after_record bigint, merged bigint[])
    RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '5s' SET jit = off AS $$
DECLARE
    vendor uuid := nullif(current_setting('app.vendor_id', true), '')::uuid;
    tail   text := replace(job::text, '-', '');
    rows   bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM odyssey.imports WHERE vendor_id = vendor AND job_id = job) THEN
        RAISE EXCEPTION 'this vendor has no such import' USING ERRCODE = '42501';
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS odyssey_staging.%I', 'todo_' || tail);
    EXECUTE format('CREATE UNIQUE INDEX ON odyssey_staging.%I (record)', 'products_' || tail);
    EXECUTE format('ANALYZE odyssey_staging.%I (record, id)', 'products_' || tail);
    EXECUTE format(
        'CREATE UNLOGGED TABLE odyssey_staging.%I AS
         SELECT s.record, s.id, s.gtin,
                -- The same source row, but a person (or its deletion) came after it.
                coalesce(p.source_hash = s.source_hash AND p.source_mapping = %L::bytea, false) AND NOT %L::boolean AS kept
         FROM odyssey_staging.%I s
         LEFT JOIN odyssey.products p ON p.vendor_id = %L::uuid AND p.id = s.id
         WHERE s.record > %L::bigint AND s.record <> ALL (%L::bigint[])
           AND (p.id IS NULL OR p.edited_at IS NOT NULL OR p.deleted_at IS NOT NULL
                OR p.source_hash IS DISTINCT FROM s.source_hash OR p.source_mapping IS DISTINCT FROM %L::bytea)',
        'todo_' || tail, mapping, overwrite, 'products_' || tail, vendor, after_record, merged, mapping);
    GET DIAGNOSTICS rows = ROW_COUNT;
    EXECUTE format('CREATE UNIQUE INDEX ON odyssey_staging.%I (record)', 'todo_' || tail);
    EXECUTE format('ANALYZE odyssey_staging.%I', 'todo_' || tail);
    EXECUTE format('GRANT SELECT ON odyssey_staging.%I TO odyssey_app', 'todo_' || tail);
    RETURN rows;
END $$;

-- Both tables of a job.
CREATE OR REPLACE FUNCTION odyssey.drop_product_staging(job uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '5s' AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM odyssey.imports
                   WHERE vendor_id = nullif(current_setting('app.vendor_id', true), '')::uuid AND job_id = job) THEN
        RAISE EXCEPTION 'this vendor has no such import' USING ERRCODE = '42501';
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS odyssey_staging.%I', 'products_' || replace(job::text, '-', ''));
    EXECUTE format('DROP TABLE IF EXISTS odyssey_staging.%I', 'todo_' || replace(job::text, '-', ''));
END $$;

REVOKE ALL ON FUNCTION odyssey.create_product_todo(uuid, bytea, boolean, bigint, bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION odyssey.create_product_todo(uuid, bytea, boolean, bigint, bigint[]) TO odyssey_app;
