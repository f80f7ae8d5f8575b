-- `GET /customers/duplicates`: people who share an e-mail address or a phone number, by their blind-index tokens.
SET LOCAL lock_timeout = '5s';

-- Tokens that more than one customer carries, behind a keyset position: how many carry each, and the first of them.
-- It walks the vendor's tokens: no index knows what is shared.
CREATE FUNCTION odyssey.find_shared_tokens(after_token bigint, most integer, shown integer)
    RETURNS TABLE (token bigint, carriers bigint, customer_ids uuid[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    vendor uuid := nullif(current_setting('app.vendor_id', true), '')::uuid;
BEGIN
    IF vendor IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE
        'SELECT u.token, count(*), (array_agg(t.customer_id ORDER BY t.customer_id))[1:$4]
         FROM odyssey.customer_tokens t, unnest(t.tokens) AS u (token)
         WHERE t.vendor_id = $1 AND ($2::bigint IS NULL OR u.token > $2)
         GROUP BY u.token HAVING count(*) > 1
         ORDER BY u.token LIMIT $3'
        USING vendor, after_token, least(most, 1000), least(shown, 1000);
END $$;
REVOKE ALL ON FUNCTION odyssey.find_shared_tokens(bigint, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION odyssey.find_shared_tokens(bigint, integer, integer) TO odyssey_app;

-- Owned by the role that may read the tokens; changing an owner asks for CREATE on the schema at that moment only.
GRANT CREATE ON SCHEMA odyssey TO odyssey_search;
ALTER FUNCTION odyssey.find_shared_tokens(bigint, integer, integer) OWNER TO odyssey_search;
REVOKE CREATE ON SCHEMA odyssey FROM odyssey_search;
