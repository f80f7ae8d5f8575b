-- Uploads whose bytes are fetched from the vendor's inbox in the store, where somebody else put them in the clear.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.uploads
    ADD COLUMN fetched       boolean NOT NULL DEFAULT false,
    -- Name and version of the object in the inbox, sealed: the name may be a person's. Null once nothing of it lies
    -- there any more.
    ADD COLUMN source_sealed bytea,
    ADD CONSTRAINT uploads_source_check CHECK (fetched OR source_sealed IS NULL) NOT VALID;

-- The purge of uploads looks for objects that are sealed here and lie in the inbox still.
CREATE INDEX uploads_source_idx ON odyssey.uploads (vendor_id, id)
    WHERE source_sealed IS NOT NULL AND state <> 'receiving';
