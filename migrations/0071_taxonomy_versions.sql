-- Changes of taxonomy and synonyms: one version per vendor that every change counts on, platform rows that
-- superadmins write, and synonyms that have an id and say how sure they are.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.taxonomy_versions (
    vendor_id   uuid        NOT NULL,
    version     bigint      NOT NULL,
    -- Names this very state: two databases that went apart give one number to different states.
    stamp       uuid        NOT NULL,
    updated_at  timestamptz NOT NULL,
    CONSTRAINT taxonomy_versions_pkey PRIMARY KEY (vendor_id)
);
SELECT odyssey.guard_table('odyssey.taxonomy_versions');
CREATE POLICY taxonomy_versions_shared ON odyssey.taxonomy_versions FOR SELECT
    USING (vendor_id = '00000000-0000-0000-0000-000000000000');
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.taxonomy_versions TO odyssey_app;

ALTER TABLE odyssey.synonyms
    ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN certainty text,
    ADD CONSTRAINT synonyms_certainty_check CHECK (certainty IN ('definite', 'likely'));
-- Serves reading, replacing and deleting one synonym by its id.
CREATE UNIQUE INDEX synonyms_id_idx ON odyssey.synonyms (vendor_id, id);

-- Superadmins write the platform's rows, and no others.
DO $$
DECLARE
    bare text;
BEGIN
    FOREACH bare IN ARRAY ARRAY['taxonomy_nodes', 'synonyms', 'taxonomy_versions'] LOOP
        EXECUTE format(
            'CREATE POLICY %I ON odyssey.%I TO odyssey_platform
                 USING (vendor_id = ''00000000-0000-0000-0000-000000000000'')
                 WITH CHECK (vendor_id = ''00000000-0000-0000-0000-000000000000'')', bare || '_platform', bare);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.%I TO odyssey_platform', bare);
    END LOOP;
END $$;

-- Removing a vendor empties this too. The function is taken as it stands, so that what other migrations added
-- to its list stays.
DO $$
DECLARE
    former text := pg_get_functiondef('odyssey.remove_vendor(uuid, timestamptz)'::regprocedure);
    mark   text := '''memberships''';
BEGIN
    IF position(mark IN former) = 0 THEN
        RAISE EXCEPTION 'odyssey.remove_vendor no longer lists the tables that it empties';
    END IF;
    EXECUTE replace(former, mark, mark || ', ''taxonomy_versions''');
END $$;
