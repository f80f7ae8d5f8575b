-- Proposals made of FHIR bundles: read, sealed, and applied only when somebody confirms.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.fhir_proposals (
    vendor_id        uuid        NOT NULL,
    id               uuid        NOT NULL,
    customer_id      uuid        NOT NULL,
    -- One versioned JSON under the person key: the lines, and what was decided about them.
    proposal_sealed  bytea       NOT NULL,
    -- A food allergy in it waits for somebody to say what it means: until then nothing is matched.
    awaits_decision  boolean     NOT NULL,
    created_by       uuid,
    created_at       timestamptz NOT NULL,
    decided_at       timestamptz,
    -- Null while a food allergy awaits a decision: such a proposal is never purged undecided.
    expires_at       timestamptz,
    CONSTRAINT fhir_proposals_pkey PRIMARY KEY (vendor_id, id),
    CONSTRAINT fhir_proposals_expires_at_check CHECK ((expires_at IS NULL) = awaits_decision),
    CONSTRAINT fhir_proposals_decided_at_check CHECK (decided_at IS NULL OR NOT awaits_decision)
);
-- A customer's proposals are counted, and deleted with the customer.
CREATE INDEX fhir_proposals_customer_id_idx ON odyssey.fhir_proposals (vendor_id, customer_id);
-- Every match asks whether a decision is awaited, and so does whoever judges a product by every customer.
CREATE INDEX fhir_proposals_awaits_decision_idx ON odyssey.fhir_proposals (vendor_id, customer_id) WHERE awaits_decision;
-- The purge.
CREATE INDEX fhir_proposals_expires_at_idx ON odyssey.fhir_proposals (expires_at) WHERE expires_at IS NOT NULL;
SELECT odyssey.guard_table('odyssey.fhir_proposals');
CREATE POLICY fhir_proposals_platform ON odyssey.fhir_proposals TO odyssey_platform USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.fhir_proposals TO odyssey_app;
-- Retention is the platform's: it sees keys and times and nothing of what they stand for.
GRANT SELECT (vendor_id, id, expires_at), DELETE ON odyssey.fhir_proposals TO odyssey_platform;
