-- Taxonomy, synonyms, rules and scoring policies: platform rows (nil vendor) with vendor overrides.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.taxonomy_nodes (
    vendor_id    uuid        NOT NULL,
    kind         text        NOT NULL,
    code         text        NOT NULL,
    label        text        NOT NULL,
    parent_code  text,
    active       boolean     NOT NULL DEFAULT true,
    row_version  bigint      NOT NULL,
    updated_at   timestamptz NOT NULL,
    CONSTRAINT taxonomy_nodes_pkey PRIMARY KEY (vendor_id, kind, code),
    CONSTRAINT taxonomy_nodes_kind_check
        CHECK (kind IN ('category', 'tag', 'allergen', 'cuisine', 'certification', 'condition', 'diet'))
);
CREATE TABLE odyssey.synonyms (
    vendor_id    uuid        NOT NULL,
    kind         text        NOT NULL,
    domain       text        NOT NULL,
    synonym      text        NOT NULL,
    target       text        NOT NULL,
    transform    text,
    row_version  bigint      NOT NULL,
    updated_at   timestamptz NOT NULL,
    CONSTRAINT synonyms_pkey PRIMARY KEY (vendor_id, kind, domain, synonym),
    CONSTRAINT synonyms_kind_check CHECK (kind IN ('header', 'value', 'search'))
);
CREATE TABLE odyssey.vendor_rules (
    vendor_id    uuid        NOT NULL,
    id           uuid        NOT NULL,
    version      integer     NOT NULL,
    state        text        NOT NULL,
    body         jsonb       NOT NULL,
    created_by   uuid,
    created_at   timestamptz NOT NULL,
    CONSTRAINT vendor_rules_pkey PRIMARY KEY (vendor_id, id, version),
    CONSTRAINT vendor_rules_state_check CHECK (state IN ('draft', 'published', 'retired'))
);
CREATE TABLE odyssey.scoring_policies (
    vendor_id    uuid        NOT NULL,
    version      integer     NOT NULL,
    weights      jsonb       NOT NULL,
    created_by   uuid,
    created_at   timestamptz NOT NULL,
    CONSTRAINT scoring_policies_pkey PRIMARY KEY (vendor_id, version)
);

SELECT odyssey.guard_table('odyssey.taxonomy_nodes'), odyssey.guard_table('odyssey.synonyms'),
       odyssey.guard_table('odyssey.vendor_rules'), odyssey.guard_table('odyssey.scoring_policies');
-- Platform rows are everybody's to read.
CREATE POLICY taxonomy_nodes_shared ON odyssey.taxonomy_nodes FOR SELECT
    USING (vendor_id = '00000000-0000-0000-0000-000000000000');
CREATE POLICY synonyms_shared ON odyssey.synonyms FOR SELECT
    USING (vendor_id = '00000000-0000-0000-0000-000000000000');
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.taxonomy_nodes, odyssey.synonyms TO odyssey_app;
GRANT SELECT, INSERT, UPDATE ON odyssey.vendor_rules, odyssey.scoring_policies TO odyssey_app;
