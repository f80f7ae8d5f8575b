-- Vendors, people, memberships, sessions.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.vendors (
    id               uuid        NOT NULL,
    slug             text        NOT NULL,
    name             text        NOT NULL,
    settings         jsonb       NOT NULL DEFAULT '{}',
    catalog_version  bigint      NOT NULL DEFAULT 0,
    key_fingerprint  text        NOT NULL,
    product_leaves   integer     NOT NULL,
    customer_leaves  integer     NOT NULL,
    created_at       timestamptz NOT NULL,
    suspended_at     timestamptz,
    removed_at       timestamptz,
    CONSTRAINT vendors_pkey PRIMARY KEY (id),
    CONSTRAINT vendors_slug_key UNIQUE (slug),
    CONSTRAINT vendors_slug_check CHECK (slug ~ '^[a-z0-9][a-z0-9-]{1,62}$')
);
REVOKE ALL ON odyssey.vendors FROM PUBLIC;
ALTER TABLE odyssey.vendors ENABLE ROW LEVEL SECURITY;
ALTER TABLE odyssey.vendors FORCE ROW LEVEL SECURITY;
CREATE POLICY vendors_vendor ON odyssey.vendors
    USING (id = nullif(current_setting('app.vendor_id', true), '')::uuid)
    WITH CHECK (id = nullif(current_setting('app.vendor_id', true), '')::uuid);
CREATE POLICY vendors_platform ON odyssey.vendors TO odyssey_platform USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (catalog_version, settings) ON odyssey.vendors TO odyssey_app;
GRANT SELECT, INSERT, UPDATE ON odyssey.vendors TO odyssey_platform;

CREATE TABLE odyssey.users (
    id               uuid        NOT NULL,
    email            text        NOT NULL,
    display_name     text        NOT NULL,
    password_hash    text        NOT NULL,
    platform_role    text,
    failed_sign_ins  integer     NOT NULL DEFAULT 0,
    locked_until     timestamptz,
    created_at       timestamptz NOT NULL,
    disabled_at      timestamptz,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_key UNIQUE (email),
    CONSTRAINT users_email_check CHECK (email = lower(email)),
    CONSTRAINT users_platform_role_check CHECK (platform_role IN ('superadmin'))
);
REVOKE ALL ON odyssey.users FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON odyssey.users TO odyssey_platform;

CREATE TABLE odyssey.memberships (
    vendor_id     uuid        NOT NULL,
    user_id       uuid        NOT NULL,
    role          text        NOT NULL,
    created_at    timestamptz NOT NULL,
    suspended_at  timestamptz,
    CONSTRAINT memberships_pkey PRIMARY KEY (vendor_id, user_id),
    CONSTRAINT memberships_role_check CHECK (role IN ('vendor_admin', 'vendor_operator', 'vendor_viewer')),
    CONSTRAINT memberships_user_id_fkey FOREIGN KEY (user_id) REFERENCES odyssey.users (id)
);
-- "Which vendors is this person a member of", asked on every request.
CREATE INDEX memberships_user_id_idx ON odyssey.memberships (user_id);
SELECT odyssey.guard_table('odyssey.memberships');
CREATE POLICY memberships_platform ON odyssey.memberships TO odyssey_platform USING (true) WITH CHECK (true);
GRANT SELECT ON odyssey.memberships TO odyssey_app;
GRANT SELECT, INSERT, UPDATE ON odyssey.memberships TO odyssey_platform;

CREATE TABLE odyssey.sessions (
    id                  uuid        NOT NULL,
    user_id             uuid        NOT NULL,
    refresh_token_hash  bytea       NOT NULL,
    -- The hash before the last rotation: presented again, it means the token was stolen.
    former_token_hash   bytea,
    created_at          timestamptz NOT NULL,
    expires_at          timestamptz NOT NULL,
    revoked_at          timestamptz,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES odyssey.users (id)
);
CREATE UNIQUE INDEX sessions_refresh_token_hash_key ON odyssey.sessions (refresh_token_hash);
CREATE INDEX sessions_former_token_hash_idx ON odyssey.sessions (former_token_hash) WHERE former_token_hash IS NOT NULL;
CREATE INDEX sessions_expires_at_idx ON odyssey.sessions (expires_at);
REVOKE ALL ON odyssey.sessions FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.sessions TO odyssey_platform;

-- Fingerprints of the key store this database was sealed under; never keys.
CREATE TABLE odyssey.key_fingerprints (
    scope        text        NOT NULL,
    fingerprint  text        NOT NULL,
    recorded_at  timestamptz NOT NULL,
    CONSTRAINT key_fingerprints_pkey PRIMARY KEY (scope)
);
REVOKE ALL ON odyssey.key_fingerprints FROM PUBLIC;
GRANT SELECT, INSERT ON odyssey.key_fingerprints TO odyssey_platform;
