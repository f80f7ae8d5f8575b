-- Uploads that are sent as parts, and the ones that join them. A joined upload has the pieces of its parts: they lie
-- where they arrived, in the folders of the parts, which are kept as long as the joined one.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.uploads
    ADD COLUMN concat      text,
    -- Of a final one: its parts, in their order.
    ADD COLUMN parts       uuid[],
    -- Of a partial one: the final one that has its bytes.
    ADD COLUMN joined_into uuid,
    ADD CONSTRAINT uploads_concat_check CHECK (concat IN ('partial', 'final')) NOT VALID,
    ADD CONSTRAINT uploads_parts_check CHECK ((concat IS NOT DISTINCT FROM 'final') = (parts IS NOT NULL)) NOT VALID;

-- The upload in whose folder a piece lies; null: that of its own.
ALTER TABLE odyssey.upload_pieces ADD COLUMN folder_id uuid;
