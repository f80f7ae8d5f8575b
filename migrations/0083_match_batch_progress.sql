-- How far a batch is: customers answered, and of how many.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.match_batches
    ADD COLUMN customers_done  bigint NOT NULL DEFAULT 0,
    -- Counted when the first part is written.
    ADD COLUMN customers_total bigint;
