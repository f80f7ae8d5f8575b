-- `GET /quality/products` (worst first, keyset on quality and id) and the counts of `GET /quality/summary`,
-- which read this index alone.
SET LOCAL lock_timeout = '5s';

CREATE INDEX product_facts_quality_idx ON odyssey.product_facts (vendor_id, quality_permille, product_id)
    INCLUDE (completeness_permille, issue_codes) WHERE active;
