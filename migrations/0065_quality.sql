-- Summaries of the catalog's quality, label rule sets of vendors, and runs of rule sets.
SET LOCAL lock_timeout = '5s';

-- The newest summary of a vendor, of the catalog version it counted.
CREATE TABLE odyssey.quality_summaries (
    vendor_id        uuid        NOT NULL,
    catalog_version  bigint      NOT NULL,
    computed_at      timestamptz NOT NULL,
    body             jsonb       NOT NULL,
    CONSTRAINT quality_summaries_pkey PRIMARY KEY (vendor_id)
);
SELECT odyssey.guard_table('odyssey.quality_summaries');
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.quality_summaries TO odyssey_app;

-- The vendor's own rule sets; those of FDA, USDA and EU are data of the program.
CREATE TABLE odyssey.label_rule_sets (
    vendor_id    uuid        NOT NULL,
    id           text        NOT NULL,
    title        text        NOT NULL,
    rules        jsonb       NOT NULL,
    review_on    date        NOT NULL,
    row_version  bigint      NOT NULL,
    created_by   uuid,
    updated_at   timestamptz NOT NULL,
    CONSTRAINT label_rule_sets_pkey PRIMARY KEY (vendor_id, id)
);
SELECT odyssey.guard_table('odyssey.label_rule_sets');
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.label_rule_sets TO odyssey_app;

-- The latest run of each rule set: a new run replaces it, so that nothing grows.
CREATE TABLE odyssey.label_rule_runs (
    vendor_id        uuid        NOT NULL,
    rule_set         text        NOT NULL,
    job_id           uuid        NOT NULL,
    -- Null while it runs.
    finished_at      timestamptz,
    started_at       timestamptz NOT NULL,
    catalog_version  bigint,
    result           jsonb,
    CONSTRAINT label_rule_runs_pkey PRIMARY KEY (vendor_id, rule_set)
);
SELECT odyssey.guard_table('odyssey.label_rule_runs');
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.label_rule_runs TO odyssey_app;

-- Removing a vendor empties these too. The function is taken as it stands, so that what other migrations added
-- to its list stays.
DO $$
DECLARE
    former text := pg_get_functiondef('odyssey.remove_vendor(uuid, timestamptz)'::regprocedure);
    mark   text := '''memberships''';
BEGIN
    IF position(mark IN former) = 0 THEN
        RAISE EXCEPTION 'odyssey.remove_vendor no longer lists the tables that it empties';
    END IF;
    EXECUTE replace(former, mark, mark || ', ''quality_summaries'', ''label_rule_sets'', ''label_rule_runs''');
END $$;
