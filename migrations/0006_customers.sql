-- Customers and their health profiles: LIST by vendor, HASH by id. Everything personal is sealed by
-- the application (columns *_sealed); this database never sees a name, a birth date or a diagnosis.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.customers (
    vendor_id             uuid        NOT NULL,
    id                    uuid        NOT NULL,
    status                text        NOT NULL,
    -- The person's own key, wrapped by the vendor's data key. Erasure destroys it.
    person_key            bytea       NOT NULL,
    external_id_sealed    bytea       NOT NULL,
    name_sealed           bytea,
    email_sealed          bytea,
    phone_sealed          bytea,
    birth_date_sealed     bytea,
    address_sealed        bytea,
    member_number_sealed  bytea,
    tags_sealed           bytea,
    notes_sealed          bytea,
    has_profile           boolean     NOT NULL DEFAULT false,
    -- State of the consent to health-data processing, kept beside its record for listing.
    health_consent        text        NOT NULL DEFAULT 'missing',
    lists_version         bigint      NOT NULL DEFAULT 0,
    consent_version       bigint      NOT NULL DEFAULT 0,
    source_hash           bytea,
    source_mapping        bytea,
    row_version           bigint      NOT NULL,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    edited_at             timestamptz,
    deleted_at            timestamptz,
    CONSTRAINT customers_pkey PRIMARY KEY (vendor_id, id),
    CONSTRAINT customers_status_check CHECK (status IN ('active', 'inactive')),
    CONSTRAINT customers_health_consent_check CHECK (health_consent IN ('missing', 'granted', 'withdrawn'))
) PARTITION BY LIST (vendor_id);
-- `GET /customers`: newest change first, keyset on (updated_at, id).
CREATE INDEX customers_updated_at_idx ON odyssey.customers (vendor_id, updated_at, id);
SELECT odyssey.guard_table('odyssey.customers');
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.customers TO odyssey_app;

CREATE TABLE odyssey.health_profiles (
    vendor_id    uuid        NOT NULL,
    customer_id  uuid        NOT NULL,
    -- One versioned JSON under the person key.
    profile_sealed bytea     NOT NULL,
    row_version  bigint      NOT NULL,
    updated_at   timestamptz NOT NULL,
    edited_at    timestamptz,
    CONSTRAINT health_profiles_pkey PRIMARY KEY (vendor_id, customer_id)
) PARTITION BY LIST (vendor_id);
SELECT odyssey.guard_table('odyssey.health_profiles');
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.health_profiles TO odyssey_app;

-- Consents: a new row for each change, the newest of a purpose counts.
CREATE TABLE odyssey.consents (
    vendor_id     uuid        NOT NULL,
    customer_id   uuid        NOT NULL,
    id            uuid        NOT NULL,
    purpose       text        NOT NULL,
    state         text        NOT NULL,
    -- The version of the words that were agreed to.
    text_version  text,
    -- `person`, `vendor_attestation` (import) or `column` (import).
    source        text        NOT NULL,
    recorded_by   uuid,
    job_id        uuid,
    recorded_at   timestamptz NOT NULL,
    CONSTRAINT consents_pkey PRIMARY KEY (vendor_id, customer_id, id),
    CONSTRAINT consents_purpose_check CHECK (purpose IN ('health_data', 'marketing', 'analytics')),
    CONSTRAINT consents_state_check CHECK (state IN ('granted', 'withdrawn'))
) PARTITION BY LIST (vendor_id);
SELECT odyssey.guard_table('odyssey.consents');
GRANT SELECT, INSERT, DELETE ON odyssey.consents TO odyssey_app;

CREATE TABLE odyssey.customer_products (
    vendor_id    uuid        NOT NULL,
    customer_id  uuid        NOT NULL,
    product_id   uuid        NOT NULL,
    list         text        NOT NULL,
    added_by     uuid,
    added_at     timestamptz NOT NULL,
    CONSTRAINT customer_products_pkey PRIMARY KEY (vendor_id, customer_id, product_id),
    CONSTRAINT customer_products_list_check CHECK (list IN ('always_allow', 'never_show'))
) PARTITION BY LIST (vendor_id);
SELECT odyssey.guard_table('odyssey.customer_products');
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.customer_products TO odyssey_app;
