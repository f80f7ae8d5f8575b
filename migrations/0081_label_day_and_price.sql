-- What a snapshot needs of a product beside its facts: the day its label is of, for the vendor's limit on the
-- age of labels, and its price, for the filter. Rows get them when they are derived anew.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.product_facts
    ADD COLUMN label_as_of      date,
    ADD COLUMN price_hundredths bigint,
    ADD COLUMN currency         text;
