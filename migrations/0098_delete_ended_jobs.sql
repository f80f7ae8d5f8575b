-- A vendor's people delete ended jobs, and with them what an import or a batch of matches left.
SET LOCAL lock_timeout = '5s';

GRANT DELETE ON odyssey.imports, odyssey.match_batches, odyssey.match_batch_parts TO odyssey_app;
