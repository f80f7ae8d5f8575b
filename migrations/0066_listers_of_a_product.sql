-- Who has a product on a list: an audience of one product (reverse matching) reads it with every question,
-- and the primary key begins with the customer.
SET LOCAL lock_timeout = '5s';

CREATE INDEX customer_products_product_idx ON odyssey.customer_products (vendor_id, product_id);
