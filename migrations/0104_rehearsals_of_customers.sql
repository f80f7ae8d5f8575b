-- What a dry run of customers found, row by row: personal, and so sealed.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.imports
    -- Under the vendor's key, and of whoever is a customer already under the person's besides.
    ADD COLUMN rehearsal_sealed bytea;
