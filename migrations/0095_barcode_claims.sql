-- `GET /products/duplicates`: rows that were refused because another product holds their barcode, newest import first.
SET LOCAL lock_timeout = '5s';

CREATE INDEX row_errors_barcode_taken_idx ON odyssey.row_errors (vendor_id, job_id, row_number, ordinal)
    WHERE code = 'barcode_taken';
