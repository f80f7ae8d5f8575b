-- Pictures of products, drawn anew by us, in an order.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.product_images (
    vendor_id            uuid        NOT NULL,
    product_id           uuid        NOT NULL,
    id                   uuid        NOT NULL,
    -- From 1, without gaps.
    position             integer     NOT NULL,
    -- For who cannot see it; null where nobody wrote one.
    alt_text             text,
    -- How it came: `upload` or `url`. The URL is not kept: it may carry a secret.
    source               text        NOT NULL,
    media_type           text        NOT NULL,
    -- In pixels.
    width                integer     NOT NULL,
    height               integer     NOT NULL,
    sha256               bytea       NOT NULL,
    content              bytea       NOT NULL,
    thumbnail_media_type text        NOT NULL,
    thumbnail_width      integer     NOT NULL,
    thumbnail_height     integer     NOT NULL,
    thumbnail_sha256     bytea       NOT NULL,
    thumbnail_content    bytea       NOT NULL,
    row_version          bigint      NOT NULL,
    created_by           uuid,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL,
    -- The pictures of one product.
    CONSTRAINT product_images_pkey PRIMARY KEY (vendor_id, product_id, id),
    CONSTRAINT product_images_position_check CHECK (position > 0),
    CONSTRAINT product_images_source_check CHECK (source IN ('upload', 'url')),
    -- 4 MiB and 512 KiB: catalog::IMAGE_BYTES_MAX and catalog::THUMBNAIL_BYTES_MAX.
    CONSTRAINT product_images_content_check CHECK (octet_length(content) <= 4194304),
    CONSTRAINT product_images_thumbnail_check CHECK (octet_length(thumbnail_content) <= 524288)
);
-- Pictures are compressed already.
ALTER TABLE odyssey.product_images ALTER COLUMN content SET STORAGE EXTERNAL;
ALTER TABLE odyssey.product_images ALTER COLUMN thumbnail_content SET STORAGE EXTERNAL;
SELECT odyssey.guard_table('odyssey.product_images');
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.product_images TO odyssey_app;

-- Removing a vendor empties it too. The function is taken as it stands and a table is added to its list.
DO $$
DECLARE
    former text := pg_get_functiondef('odyssey.remove_vendor(uuid, timestamptz)'::regprocedure);
    mark   text := '''memberships''';
BEGIN
    IF position(mark IN former) = 0 THEN
        RAISE EXCEPTION 'odyssey.remove_vendor no longer lists the tables that it empties';
    END IF;
    EXECUTE replace(former, mark, mark || ', ''product_images''');
END $$;
