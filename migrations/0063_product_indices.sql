-- Indices and quality of products, beside their facts. Null: derived before there were any, and unknown until
-- the row is derived again.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.product_facts
    -- Kind of food, Nutri-Score (score, grade; an estimated one counted what is proved), UK NPM, NOVA group.
    ADD COLUMN food_kind              smallint,
    ADD COLUMN nutri_score            smallint,
    ADD COLUMN nutri_grade            smallint,
    ADD COLUMN nutri_estimated        boolean,
    ADD COLUMN uk_npm_score           smallint,
    ADD COLUMN uk_npm_less_healthy    boolean,
    ADD COLUMN nova_group             smallint,
    -- US claims that are proved and refuted, as bits.
    ADD COLUMN claims_yes             integer,
    ADD COLUMN claims_no              integer,
    ADD COLUMN fda_healthy            smallint,
    ADD COLUMN completeness_permille  smallint,
    ADD COLUMN quality_permille       smallint,
    -- Numbers of the codes that occur in `issues`, each once, ascending.
    ADD COLUMN issue_codes            smallint[];
