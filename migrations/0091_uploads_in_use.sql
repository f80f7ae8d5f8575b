-- The purge of uploads looks whether any import still waits for the file, not only the one it arrived for.
SET LOCAL lock_timeout = '5s';

GRANT SELECT (upload_id) ON odyssey.imports TO odyssey_platform;
