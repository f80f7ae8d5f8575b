-- Uploads that arrive in several requests: how long they are to be, who writes now, and the pieces they lie in.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.uploads
    ADD COLUMN resumable       boolean NOT NULL DEFAULT false,
    -- Bytes of the whole file; null until the client says.
    ADD COLUMN byte_length     bigint,
    -- The request that writes. A newer one takes its place, and what the older still holds is not kept.
    ADD COLUMN writer          uuid,
    -- What the client said of the file (its name, maybe), sealed.
    ADD COLUMN metadata_sealed bytea;

CREATE TABLE odyssey.upload_pieces (
    vendor_id   uuid        NOT NULL,
    upload_id   uuid        NOT NULL,
    -- Of the file, in bytes.
    byte_from   bigint      NOT NULL,
    byte_count  bigint      NOT NULL,
    -- The name of the sealed file in the upload's folder, which is bound to its key: no piece opens in another's place.
    piece_id    uuid        NOT NULL,
    -- The piece's own key, wrapped by the vendor's data key.
    file_key    bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT upload_pieces_pkey PRIMARY KEY (vendor_id, upload_id, byte_from),
    CONSTRAINT upload_pieces_count_check CHECK (byte_count > 0)
);
SELECT odyssey.guard_table('odyssey.upload_pieces');
CREATE POLICY upload_pieces_platform ON odyssey.upload_pieces TO odyssey_platform USING (true);
GRANT SELECT, INSERT ON odyssey.upload_pieces TO odyssey_app;
GRANT SELECT (vendor_id, upload_id), DELETE ON odyssey.upload_pieces TO odyssey_platform;

-- Removing a vendor empties it too. The function is taken as it stands and a table is added to its list.
DO $$
DECLARE
    former text := pg_get_functiondef('odyssey.remove_vendor(uuid, timestamptz)'::regprocedure);
    mark   text := '''memberships''';
BEGIN
    IF position(mark IN former) = 0 THEN
        RAISE EXCEPTION 'odyssey.remove_vendor no longer lists the tables that it empties';
    END IF;
    EXECUTE replace(former, mark, mark || ', ''upload_pieces''');
END $$;
