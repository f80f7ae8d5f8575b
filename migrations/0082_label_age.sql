-- How old a label may be and still prove something, by each vendor; null: however old.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.vendor_policies
    ADD COLUMN label_age_max_days integer,
    ADD CONSTRAINT vendor_policies_label_age_check CHECK (label_age_max_days BETWEEN 1 AND 3650);
