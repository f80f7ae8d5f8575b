-- The headers of a customer file as the file writes them: where the first row is data they are a person's.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.imports ADD COLUMN headers_sealed bytea;
