-- Idempotency keys and the outbox.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.idempotency_keys (
    -- The nil UUID stands for the platform.
    vendor_id      uuid        NOT NULL,
    principal_id   uuid        NOT NULL,
    method         text        NOT NULL,
    route          text        NOT NULL,
    key            text        NOT NULL,
    -- SHA-256 over method, path, query and body.
    fingerprint    bytea       NOT NULL,
    -- While a call is under way: until when it may be so.
    lease_until    timestamptz,
    -- The answer, sealed, once there is one.
    answer_sealed  bytea,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (vendor_id, principal_id, method, route, key)
);
CREATE INDEX idempotency_keys_expires_at_idx ON odyssey.idempotency_keys (expires_at);
SELECT odyssey.guard_table('odyssey.idempotency_keys');
CREATE POLICY idempotency_keys_platform ON odyssey.idempotency_keys TO odyssey_platform USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.idempotency_keys TO odyssey_app, odyssey_platform;

CREATE TABLE odyssey.outbox (
    vendor_id     uuid        NOT NULL,
    id            uuid        NOT NULL,
    -- The sender reads up to the oldest running transaction, never by id.
    xact_id       xid8        NOT NULL DEFAULT pg_current_xact_id(),
    event         text        NOT NULL,
    -- Ids, codes and counts; nothing personal.
    payload       jsonb       NOT NULL,
    created_at    timestamptz NOT NULL,
    published_at  timestamptz,
    CONSTRAINT outbox_pkey PRIMARY KEY (vendor_id, id)
);
CREATE INDEX outbox_unpublished_idx ON odyssey.outbox (xact_id) WHERE published_at IS NULL;
SELECT odyssey.guard_table('odyssey.outbox');
CREATE POLICY outbox_platform ON odyssey.outbox TO odyssey_platform USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON odyssey.outbox TO odyssey_app;
GRANT SELECT, UPDATE, DELETE ON odyssey.outbox TO odyssey_platform;
