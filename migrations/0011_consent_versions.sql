-- The place of a consent record in its customer's history: "the newest of a purpose counts" must not
-- depend on two records having different times. Equals `customers.consent_version` after the change.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.consents ADD COLUMN version bigint NOT NULL DEFAULT 0;
