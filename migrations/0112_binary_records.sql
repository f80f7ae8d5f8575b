-- Rows of a set-based write as types of PostgreSQL's own, read in its binary format: reading them out of JSON took four
-- times as long as writing them. And staged rows as bytes: PostgreSQL has nothing to look for in them.
SET LOCAL lock_timeout = '5s';

CREATE TYPE odyssey.product_record AS (
    id                  uuid,
    external_id         text,
    gtin                text,
    name                text,
    brand               text,
    description         text,
    category_id         text,
    sub_category_id     text,
    cuisine             text,
    market              text,
    -- Decimal text.
    price               text,
    currency            text,
    status              text,
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
    label_jurisdiction  text,
    label_as_of         date,
    allergen_data       text,
    attestation         jsonb,
    lineage             jsonb,
    source_hash         bytea,
    source_mapping      bytea,
    edited_at           timestamptz,
    deleted_at          timestamptz
);

CREATE TYPE odyssey.product_facts_record AS (
    product_id             uuid,
    deriver_version        integer,
    active                 boolean,
    brand                  text,
    category_id            text,
    meal_role              smallint,
    dietary_tags           text[],
    price_hundredths       bigint,
    currency               text,
    label_as_of            date,
    changed_at             timestamptz,
    evidence_keys          smallint[],
    evidence_flags         smallint[],
    list_state             smallint,
    coverage_permille      smallint,
    container_term         boolean,
    mandatory_keys         bigint,
    attested               boolean,
    absent_keys            bigint,
    diets                  smallint[],
    per_100                bigint[],
    per_reference          bigint[],
    reference_amount       bigint,
    reference_source       smallint,
    is_volume              boolean,
    food_kind              smallint,
    nutri_score            smallint,
    nutri_grade            smallint,
    nutri_estimated        boolean,
    uk_npm_score           smallint,
    uk_npm_less_healthy    boolean,
    nova_group             smallint,
    claims_yes             integer,
    claims_no              integer,
    fda_healthy            smallint,
    completeness_permille  smallint,
    quality_permille       smallint,
    issue_codes            smallint[],
    issues                 jsonb
);

CREATE TYPE odyssey.product_document_record AS (
    product_id  uuid,
    document    tsvector
);

-- The staging table of a job, made anew. `fields` is null for a row that was known to be unchanged when it was read.
CREATE FUNCTION odyssey.create_staged_products(job uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '5s' AS $$
DECLARE
    bare text := 'products_' || replace(job::text, '-', '');
BEGIN
    IF NOT EXISTS (SELECT FROM odyssey.imports
                   WHERE vendor_id = nullif(current_setting('app.vendor_id', true), '')::uuid AND job_id = job) THEN
        RAISE EXCEPTION 'this vendor has no such import' USING ERRCODE = '42501';
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS odyssey_staging.%I', bare);
    EXECUTE format(
        'CREATE UNLOGGED TABLE odyssey_staging.%I (
             record bigint NOT NULL, row_number bigint NOT NULL, id uuid NOT NULL,
             source_hash bytea NOT NULL, gtin text, fields bytea)', bare);
    EXECUTE format('GRANT SELECT, INSERT, DELETE ON odyssey_staging.%I TO odyssey_app', bare);
    RETURN bare;
END $$;
REVOKE ALL ON FUNCTION odyssey.create_staged_products(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION odyssey.create_staged_products(uuid) TO odyssey_app;
