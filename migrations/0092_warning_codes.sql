-- Of warnings only some are listed; how many there are under each code is told beside an import.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.imports
    ADD COLUMN warning_codes jsonb NOT NULL DEFAULT '{}';
