-- What the queue's migration finds in place: the schema, its owner, and the two roles that work with it.
-- The login may take both roles and has no right of its own.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'odyssey_owner') THEN
        CREATE ROLE odyssey_owner NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'odyssey_app') THEN
        CREATE ROLE odyssey_app NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'odyssey_platform') THEN
        CREATE ROLE odyssey_platform NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'jobs_test_login') THEN
        CREATE ROLE jobs_test_login LOGIN NOINHERIT PASSWORD 'jobs_test_login';
    END IF;
    GRANT odyssey_app, odyssey_platform TO jobs_test_login;
EXCEPTION
    -- Roles belong to the cluster: another test database is being made at this moment.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
CREATE SCHEMA IF NOT EXISTS odyssey AUTHORIZATION odyssey_owner;
GRANT USAGE ON SCHEMA odyssey TO odyssey_app, odyssey_platform;
