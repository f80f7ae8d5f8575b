-- Correcting refused rows in place: the corrections, and the jobs that import the corrected rows once more.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.imports
    -- The import whose refused rows this one takes.
    ADD COLUMN parent_job_id  uuid,
    -- Which rerun of that import it is, from 1 on.
    ADD COLUMN rerun_turn     integer,
    -- The whole mapping, by which rows are read when the file is gone; of customers its headers may be a person's.
    ADD COLUMN reading_sealed bytea;
-- The reruns of an import.
CREATE INDEX imports_parent_job_id_idx ON odyssey.imports (vendor_id, parent_job_id) WHERE parent_job_id IS NOT NULL;

CREATE TABLE odyssey.row_corrections (
    vendor_id      uuid        NOT NULL,
    -- The import whose file the row is in, whichever job refused it last.
    job_id         uuid        NOT NULL,
    row_number     bigint      NOT NULL,
    -- Of the file, from 0 on.
    column_index   integer     NOT NULL,
    -- What the cell is to say; sealed, since a customer row's are personal.
    value_sealed   bytea       NOT NULL,
    corrected_by   uuid,
    corrected_at   timestamptz NOT NULL,
    -- The last rerun that took it.
    taken_by       uuid,
    CONSTRAINT row_corrections_pkey PRIMARY KEY (vendor_id, job_id, row_number, column_index)
);
SELECT odyssey.guard_table('odyssey.row_corrections');
CREATE POLICY row_corrections_platform ON odyssey.row_corrections TO odyssey_platform USING (true);
GRANT SELECT, INSERT, UPDATE ON odyssey.row_corrections TO odyssey_app;
GRANT SELECT (vendor_id, job_id), DELETE ON odyssey.row_corrections TO odyssey_platform;

-- What became of a refused row when it was imported once more.
CREATE TABLE odyssey.rerun_rows (
    vendor_id      uuid        NOT NULL,
    parent_job_id  uuid        NOT NULL,
    -- Of the parent's file.
    row_number     bigint      NOT NULL,
    turn           integer     NOT NULL,
    job_id         uuid        NOT NULL,
    -- The row's place among those of the rerun, from 1 on.
    record         bigint      NOT NULL,
    -- Null until the rerun has judged it.
    outcome        text,
    CONSTRAINT rerun_rows_pkey PRIMARY KEY (vendor_id, parent_job_id, row_number, turn),
    CONSTRAINT rerun_rows_outcome_check CHECK (outcome IN ('taken', 'refused'))
);
-- The rows of one rerun.
CREATE INDEX rerun_rows_job_id_idx ON odyssey.rerun_rows (vendor_id, job_id, record);
SELECT odyssey.guard_table('odyssey.rerun_rows');
CREATE POLICY rerun_rows_platform ON odyssey.rerun_rows TO odyssey_platform USING (true);
GRANT SELECT, INSERT, UPDATE ON odyssey.rerun_rows TO odyssey_app;
GRANT SELECT (vendor_id, parent_job_id), DELETE ON odyssey.rerun_rows TO odyssey_platform;

-- Removing a vendor empties them too. The function is taken as it stands and two tables are added to its list.
DO $$
DECLARE
    former text := pg_get_functiondef('odyssey.remove_vendor(uuid, timestamptz)'::regprocedure);
    mark   text := '''memberships''';
BEGIN
    IF position(mark IN former) = 0 THEN
        RAISE EXCEPTION 'odyssey.remove_vendor no longer lists the tables that it empties';
    END IF;
    EXECUTE replace(former, mark, mark || ', ''row_corrections'', ''rerun_rows''');
END $$;
