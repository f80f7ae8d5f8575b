-- Full-text documents and blind-index tokens, apart from their tables: under a forced policy a GIN
-- index is never used, since @@ and @> are not leakproof. Row-level security is enabled, not forced;
-- the owner cannot log in; searching goes only through the definer functions below, which take the
-- vendor from the transaction's setting and never from an argument.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.product_documents (
    vendor_id   uuid        NOT NULL,
    product_id  uuid        NOT NULL,
    document    tsvector    NOT NULL,
    changed_at  timestamptz NOT NULL,
    CONSTRAINT product_documents_pkey PRIMARY KEY (vendor_id, product_id)
) PARTITION BY LIST (vendor_id);
CREATE INDEX product_documents_document_idx ON odyssey.product_documents USING gin (document) WITH (fastupdate = on);

CREATE TABLE odyssey.customer_tokens (
    vendor_id    uuid     NOT NULL,
    customer_id  uuid     NOT NULL,
    tokens       bigint[] NOT NULL,
    CONSTRAINT customer_tokens_pkey PRIMARY KEY (vendor_id, customer_id)
) PARTITION BY LIST (vendor_id);
CREATE INDEX customer_tokens_tokens_idx ON odyssey.customer_tokens USING gin (tokens) WITH (fastupdate = on);

DO $$
DECLARE
    bare text;
BEGIN
    FOREACH bare IN ARRAY ARRAY['product_documents', 'customer_tokens'] LOOP
        EXECUTE format('REVOKE ALL ON odyssey.%I FROM PUBLIC', bare);
        EXECUTE format('ALTER TABLE odyssey.%I ENABLE ROW LEVEL SECURITY', bare);
        EXECUTE format(
            'CREATE POLICY %I ON odyssey.%I USING (vendor_id = nullif(current_setting(''app.vendor_id'', true), '''')::uuid)
             WITH CHECK (vendor_id = nullif(current_setting(''app.vendor_id'', true), '''')::uuid)', bare || '_vendor', bare);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.%I TO odyssey_app', bare);
    END LOOP;
END $$;

-- Matching products, best first (or newest first), after a keyset position. `most` is at most 10,000.
CREATE FUNCTION odyssey.search_products(
    query tsquery, newest_first boolean, after_rank real, after_changed_at timestamptz, after_id uuid, most integer)
    RETURNS TABLE (product_id uuid, rank real, changed_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    vendor uuid := nullif(current_setting('app.vendor_id', true), '')::uuid;
BEGIN
    IF vendor IS NULL THEN
        RETURN;
    END IF;
    IF newest_first THEN
        RETURN QUERY EXECUTE
            'SELECT d.product_id, 0::real, d.changed_at FROM odyssey.product_documents d
             WHERE d.vendor_id = $1 AND d.document @@ $2
               AND ($3::timestamptz IS NULL OR (d.changed_at, d.product_id) < ($3, $4))
             ORDER BY d.changed_at DESC, d.product_id DESC LIMIT $5'
            USING vendor, query, after_changed_at, after_id, least(most, 10000);
    ELSE
        RETURN QUERY EXECUTE
            'SELECT m.product_id, m.rank, m.changed_at FROM (
                 SELECT d.product_id, ts_rank(d.document, $2) AS rank, d.changed_at FROM odyssey.product_documents d
                 WHERE d.vendor_id = $1 AND d.document @@ $2) m
             WHERE ($3::real IS NULL OR m.rank < $3 OR (m.rank = $3 AND m.product_id > $4))
             ORDER BY m.rank DESC, m.product_id LIMIT $5'
            USING vendor, query, after_rank, after_id, least(most, 10000);
    END IF;
END $$;

-- The plan inside search_products, for the test that the index is used.
CREATE FUNCTION odyssey.explain_search_products(query tsquery) RETURNS SETOF text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'EXPLAIN SELECT d.product_id FROM odyssey.product_documents d WHERE d.vendor_id = %L AND d.document @@ %L::tsquery',
        nullif(current_setting('app.vendor_id', true), '')::uuid, query);
END $$;

-- Customers that carry a blind-index token (exact external id, e-mail or phone).
CREATE FUNCTION odyssey.find_customers_by_token(token bigint, most integer) RETURNS TABLE (customer_id uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    vendor uuid := nullif(current_setting('app.vendor_id', true), '')::uuid;
BEGIN
    IF vendor IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE
        'SELECT t.customer_id FROM odyssey.customer_tokens t
         WHERE t.vendor_id = $1 AND t.tokens @> ARRAY[$2] ORDER BY t.customer_id LIMIT $3'
        USING vendor, token, least(most, 10000);
END $$;

REVOKE ALL ON FUNCTION odyssey.search_products(tsquery, boolean, real, timestamptz, uuid, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION odyssey.explain_search_products(tsquery) FROM PUBLIC;
REVOKE ALL ON FUNCTION odyssey.find_customers_by_token(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION odyssey.search_products(tsquery, boolean, real, timestamptz, uuid, integer) TO odyssey_app;
GRANT EXECUTE ON FUNCTION odyssey.explain_search_products(tsquery) TO odyssey_app;
GRANT EXECUTE ON FUNCTION odyssey.find_customers_by_token(bigint, integer) TO odyssey_app;

-- Changing an owner asks for CREATE on the schema at that moment only.
GRANT CREATE ON SCHEMA odyssey TO odyssey_search;
GRANT USAGE, CREATE ON SCHEMA odyssey_leaf TO odyssey_search;
ALTER TABLE odyssey.product_documents OWNER TO odyssey_search;
ALTER TABLE odyssey.customer_tokens OWNER TO odyssey_search;
ALTER FUNCTION odyssey.search_products(tsquery, boolean, real, timestamptz, uuid, integer) OWNER TO odyssey_search;
ALTER FUNCTION odyssey.explain_search_products(tsquery) OWNER TO odyssey_search;
ALTER FUNCTION odyssey.find_customers_by_token(bigint, integer) OWNER TO odyssey_search;
REVOKE CREATE ON SCHEMA odyssey FROM odyssey_search;
