-- What of a vendor's own a policy is compiled with, under one version: every answer names it, and an answer
-- that is kept is kept under it. One row a vendor, absent until the first change.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.vendor_policies (
    vendor_id        uuid        NOT NULL,
    version          bigint      NOT NULL,
    -- The published version of the vendor's rules; null: none.
    rules_version    integer,
    -- The version of the scoring policy in force; null: the platform's weights.
    scoring_version  integer,
    updated_at       timestamptz NOT NULL,
    CONSTRAINT vendor_policies_pkey PRIMARY KEY (vendor_id)
);
SELECT odyssey.guard_table('odyssey.vendor_policies');
GRANT SELECT, INSERT, UPDATE ON odyssey.vendor_policies TO odyssey_app;


-- Why a version was made, in the words of whoever made it, and which version a rollback repeats.
ALTER TABLE odyssey.vendor_rules
    ADD COLUMN note          text,
    ADD COLUMN published_at  timestamptz,
    ADD COLUMN repeats       integer;
