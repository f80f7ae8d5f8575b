-- Imports that are tried without being written, and the imports that apply them.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.imports
    -- What a dry run found: differences, rows that take something away from somebody. Counts of people, none by name.
    ADD COLUMN rehearsal        jsonb,
    -- The dry run whose file this import takes.
    ADD COLUMN rehearsed_job_id uuid;
