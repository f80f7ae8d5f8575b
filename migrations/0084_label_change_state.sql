-- What a former label waits for. One is kept while its product is away, and after a judgement that found people who can
-- no longer be sure: what comes next is compared with the label that fitted them.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.label_changes
    -- changed: to be judged; away: not offered, judged when it is again; unsure: judged, kept for the next change.
    ADD COLUMN state text NOT NULL DEFAULT 'changed',
    ADD CONSTRAINT label_changes_state_check CHECK (state IN ('changed', 'away', 'unsure'));
-- The next ones to be judged.
CREATE INDEX label_changes_changed_idx ON odyssey.label_changes (vendor_id, product_id) WHERE state = 'changed';
