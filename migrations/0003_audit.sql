-- Audit events and the people disclosed. Written in the transaction of the act; never changed.
SET LOCAL lock_timeout = '5s';

CREATE TABLE odyssey.audit_events (
    id           uuid        NOT NULL,
    -- The nil UUID stands for the platform.
    vendor_id    uuid        NOT NULL,
    occurred_at  timestamptz NOT NULL,
    -- Whoever follows committed rows reads up to the oldest running transaction, never by id.
    xact_id      xid8        NOT NULL DEFAULT pg_current_xact_id(),
    actor_kind   text        NOT NULL,
    actor_id     uuid,
    actor_role   text        NOT NULL,
    purpose      text        NOT NULL,
    reason       text,
    action       text        NOT NULL,
    entity_kind  text        NOT NULL,
    entity_id    text,
    count        bigint      NOT NULL,
    outcome      text        NOT NULL,
    request_id   uuid,
    details      jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT audit_events_pkey PRIMARY KEY (occurred_at, id),
    CONSTRAINT audit_events_actor_kind_check CHECK (actor_kind IN ('user', 'system', 'anonymous')),
    CONSTRAINT audit_events_outcome_check CHECK (outcome IN ('allowed', 'refused', 'failed'))
) PARTITION BY RANGE (occurred_at);
-- `GET /audit`: newest first within a vendor, keyset on (occurred_at, id).
CREATE INDEX audit_events_vendor_idx ON odyssey.audit_events (vendor_id, occurred_at DESC, id DESC);
SELECT odyssey.guard_table('odyssey.audit_events');
CREATE POLICY audit_events_platform_read ON odyssey.audit_events FOR SELECT TO odyssey_platform USING (true);
CREATE POLICY audit_events_platform_write ON odyssey.audit_events FOR INSERT TO odyssey_platform WITH CHECK (true);
GRANT SELECT, INSERT ON odyssey.audit_events TO odyssey_app, odyssey_platform;

CREATE TABLE odyssey.audit_subjects (
    vendor_id    uuid        NOT NULL,
    event_id     uuid        NOT NULL,
    customer_id  uuid        NOT NULL,
    occurred_at  timestamptz NOT NULL,
    CONSTRAINT audit_subjects_pkey PRIMARY KEY (occurred_at, vendor_id, event_id, customer_id)
) PARTITION BY RANGE (occurred_at);
-- "To whom was this person disclosed": the accounting of disclosures.
CREATE INDEX audit_subjects_customer_idx ON odyssey.audit_subjects (vendor_id, customer_id, occurred_at DESC);
SELECT odyssey.guard_table('odyssey.audit_subjects');
GRANT SELECT, INSERT ON odyssey.audit_subjects TO odyssey_app;

CREATE TABLE odyssey_leaf.audit_events_default PARTITION OF odyssey.audit_events DEFAULT;
ALTER TABLE odyssey_leaf.audit_events_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE odyssey_leaf.audit_events_default FORCE ROW LEVEL SECURITY;
CREATE TABLE odyssey_leaf.audit_subjects_default PARTITION OF odyssey.audit_subjects DEFAULT;
ALTER TABLE odyssey_leaf.audit_subjects_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE odyssey_leaf.audit_subjects_default FORCE ROW LEVEL SECURITY;

-- Makes the monthly partitions from the month of `first` on; safe to run twice. ATTACH takes no lock
-- that a reader or writer waits for.
CREATE FUNCTION odyssey.ensure_audit_partitions(first date, months integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '5s' AS $$
DECLARE
    parent text;
    month  date;
    leaf   text;
    made   integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('odyssey.ensure_audit_partitions'));
    FOREACH parent IN ARRAY ARRAY['audit_events', 'audit_subjects'] LOOP
        FOR at IN 0 .. months - 1 LOOP
            month := (date_trunc('month', first) + make_interval(months => at))::date;
            leaf := format('%s_%s', parent, to_char(month, 'YYYY_MM'));
            IF to_regclass('odyssey_leaf.' || leaf) IS NULL THEN
                EXECUTE format('CREATE TABLE odyssey_leaf.%I (LIKE odyssey.%I INCLUDING ALL)', leaf, parent);
                EXECUTE format('ALTER TABLE odyssey_leaf.%I ENABLE ROW LEVEL SECURITY', leaf);
                EXECUTE format('ALTER TABLE odyssey_leaf.%I FORCE ROW LEVEL SECURITY', leaf);
                EXECUTE format('ALTER TABLE odyssey.%I ATTACH PARTITION odyssey_leaf.%I FOR VALUES FROM (%L) TO (%L)',
                    parent, leaf, month, (month + interval '1 month')::date);
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
REVOKE ALL ON FUNCTION odyssey.ensure_audit_partitions(date, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION odyssey.ensure_audit_partitions(date, integer) TO odyssey_platform;
