-- How far an import has read, and when its last batch says that it will have finished.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.imports
    -- Rows read from the file by the present attempt, refused ones included; `read_count` are those that are settled.
    ADD COLUMN rows_read             bigint NOT NULL DEFAULT 0,
    -- By the pace of its batches so far; null while there are too few of them.
    ADD COLUMN finish_estimated_at   timestamptz,
    -- By how much it may well be earlier or later.
    ADD COLUMN finish_error_seconds  bigint;
