-- How a vendor's files are understood: what it saved, in versions that nobody changes, and the words that one
-- import was begun with, which its later attempts go on with.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.import_mappings (
    vendor_id   uuid        NOT NULL,
    mode        text        NOT NULL,
    version     bigint      NOT NULL,
    -- Headers, fields, units: settings, no cell of a file. Null: the mapping was taken back with this version.
    body        jsonb,
    created_by  uuid,
    created_at  timestamptz NOT NULL,
    CONSTRAINT import_mappings_pkey PRIMARY KEY (vendor_id, mode, version),
    CONSTRAINT import_mappings_mode_check CHECK (mode IN ('products', 'customers'))
);
SELECT odyssey.guard_table('odyssey.import_mappings');
GRANT SELECT, INSERT, DELETE ON odyssey.import_mappings TO odyssey_app;

ALTER TABLE odyssey.imports ADD COLUMN words jsonb;

-- Removing a vendor empties the table too. The function is taken as it stands and a table is added to its list.
DO $$
DECLARE
    former text := pg_get_functiondef('odyssey.remove_vendor(uuid, timestamptz)'::regprocedure);
    mark   text := '''memberships''';
BEGIN
    IF position(mark IN former) = 0 THEN
        RAISE EXCEPTION 'odyssey.remove_vendor no longer lists the tables that it empties';
    END IF;
    EXECUTE replace(former, mark, mark || ', ''import_mappings''');
END $$;
