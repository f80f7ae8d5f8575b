-- Products: LIST by vendor, HASH by id. The id is derived from (vendor, external id), so the primary
-- key is the uniqueness of the external id and both look-ups touch one leaf.
SET LOCAL lock_timeout = '5s';

-- Batches are numbered before they are written and ordered by catalog_commits.
CREATE SEQUENCE odyssey.catalog_batches AS bigint;
GRANT USAGE ON SEQUENCE odyssey.catalog_batches TO odyssey_app;

CREATE TABLE odyssey.products (
    vendor_id           uuid        NOT NULL,
    id                  uuid        NOT NULL,
    external_id         text        NOT NULL,
    gtin                text,
    name                text,
    brand               text,
    description         text,
    category_id         text,
    sub_category_id     text,
    cuisine             text,
    market              text,
    price               numeric,
    currency            text,
    status              text        NOT NULL,
    ingredients         text,
    nutrition           jsonb,
    serving_size        jsonb,
    package_weight_mg   bigint,
    package_text        text,
    dietary_tags        text[],
    allergens           jsonb,
    certifications      text[],
    regulatory_codes    text[],
    images              text[],
    source_url          text,
    label_jurisdiction  text        NOT NULL,
    label_as_of         date,
    allergen_data       text        NOT NULL,
    -- Who attested `complete` and when: {"by": …, "at": …}.
    attestation         jsonb,
    -- Which file and row, or which person, wrote it last.
    lineage             jsonb       NOT NULL,
    -- Hash of the mapped source row of the last import of this item, and of the mapping it was read by.
    source_hash         bytea,
    source_mapping      bytea,
    batch_id            bigint      NOT NULL,
    row_version         bigint      NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    -- When a person (or software, but no file) last wrote it: an import keeps such edits.
    edited_at           timestamptz,
    deleted_at          timestamptz,
    CONSTRAINT products_pkey PRIMARY KEY (vendor_id, id),
    CONSTRAINT products_status_check CHECK (status IN ('active', 'inactive', 'discontinued')),
    CONSTRAINT products_allergen_data_check CHECK (allergen_data IN ('complete', 'partial', 'unknown')),
    CONSTRAINT products_price_check CHECK ((price IS NULL) = (currency IS NULL))
) PARTITION BY LIST (vendor_id);
-- `GET /products`: newest change first, keyset on (updated_at, id).
CREATE INDEX products_updated_at_idx ON odyssey.products (vendor_id, updated_at, id);
-- What a batch touched: deltas of snapshots.
CREATE INDEX products_batch_id_idx ON odyssey.products (vendor_id, batch_id);
CREATE INDEX products_brand_idx ON odyssey.products (vendor_id, brand, updated_at, id);
CREATE INDEX products_category_id_idx ON odyssey.products (vendor_id, category_id, updated_at, id);
SELECT odyssey.guard_table('odyssey.products');
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.products TO odyssey_app;

-- Barcodes are unique within a vendor: a table of their own, since a unique key of products would
-- have to contain the hash column.
CREATE TABLE odyssey.product_barcodes (
    vendor_id   uuid NOT NULL,
    gtin        text NOT NULL,
    product_id  uuid NOT NULL,
    CONSTRAINT product_barcodes_pkey PRIMARY KEY (vendor_id, gtin)
) PARTITION BY LIST (vendor_id);
CREATE INDEX product_barcodes_product_id_idx ON odyssey.product_barcodes (vendor_id, product_id);
SELECT odyssey.guard_table('odyssey.product_barcodes');
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.product_barcodes TO odyssey_app;

-- What the deriver made of a product, and the few product columns a snapshot needs, so that loading
-- reads one table.
CREATE TABLE odyssey.product_facts (
    vendor_id           uuid        NOT NULL,
    product_id          uuid        NOT NULL,
    batch_id            bigint      NOT NULL,
    deriver_version     integer     NOT NULL,
    active              boolean     NOT NULL,
    brand               text,
    category_id         text,
    dietary_tags        text[],
    changed_at          timestamptz NOT NULL,
    evidence_keys       smallint[]  NOT NULL,
    evidence_flags      smallint[]  NOT NULL,
    list_state          smallint    NOT NULL,
    coverage_permille   smallint    NOT NULL,
    container_term      boolean     NOT NULL,
    mandatory_keys      bigint      NOT NULL,
    attested            boolean     NOT NULL,
    -- Keys whose "contains" is a plain no at the coverage an allergy asks for: the list filter allergens.none.
    absent_keys         bigint      NOT NULL,
    diets               smallint[]  NOT NULL,
    -- In the order of the nutrient list; null is unknown.
    per_100             bigint[]    NOT NULL,
    per_reference       bigint[]    NOT NULL,
    reference_amount    bigint      NOT NULL,
    reference_source    smallint    NOT NULL,
    is_volume           boolean     NOT NULL,
    issues              jsonb       NOT NULL,
    CONSTRAINT product_facts_pkey PRIMARY KEY (vendor_id, product_id)
) PARTITION BY LIST (vendor_id);
CREATE INDEX product_facts_batch_id_idx ON odyssey.product_facts (vendor_id, batch_id);
-- Re-derivation after a change of tables: whatever an older deriver wrote.
CREATE INDEX product_facts_deriver_version_idx ON odyssey.product_facts (vendor_id, deriver_version);
SELECT odyssey.guard_table('odyssey.product_facts');
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.product_facts TO odyssey_app;

-- Which batch is which version; written last in each transaction, so commit order is version order.
CREATE TABLE odyssey.catalog_commits (
    vendor_id     uuid        NOT NULL,
    version       bigint      NOT NULL,
    batch_id      bigint      NOT NULL,
    committed_at  timestamptz NOT NULL,
    CONSTRAINT catalog_commits_pkey PRIMARY KEY (vendor_id, version)
);
SELECT odyssey.guard_table('odyssey.catalog_commits');
GRANT SELECT, INSERT, DELETE ON odyssey.catalog_commits TO odyssey_app;

-- CONTAINS evidence that vanished from the data and stays until a second person releases it.
CREATE TABLE odyssey.allergen_holds (
    vendor_id    uuid        NOT NULL,
    id           uuid        NOT NULL,
    product_id   uuid        NOT NULL,
    allergen     text        NOT NULL,
    flag         text        NOT NULL,
    since        timestamptz NOT NULL,
    -- Who or what removed it: the hold may not be released by the same person.
    lineage      jsonb       NOT NULL,
    released_at  timestamptz,
    released_by  uuid,
    CONSTRAINT allergen_holds_pkey PRIMARY KEY (vendor_id, id),
    CONSTRAINT allergen_holds_flag_check CHECK (flag IN ('contains'))
);
CREATE UNIQUE INDEX allergen_holds_open_key ON odyssey.allergen_holds (vendor_id, product_id, allergen, flag)
    WHERE released_at IS NULL;
SELECT odyssey.guard_table('odyssey.allergen_holds');
GRANT SELECT, INSERT, UPDATE ON odyssey.allergen_holds TO odyssey_app;
