-- The job queue. One table to follow (jobs), one hot table whose rows are never updated (job_ready), one lease
-- row for each claim (job_leases). Why this layout: dead row versions of a hot table slow every claim while any
-- transaction stays open; here a claim writes one row whatever its size, and completing deletes by key.
--
-- A vendor_id of all zeros is the platform itself. Payloads hold ids, never personal or health data.

SET LOCAL lock_timeout = '5s';

-- ---------------------------------------------------------------------------------------------------------------
-- The record that a caller follows. Kinds that nobody follows (deliveries, fan-outs) have none.
-- No index holds a column that changes while a job lives, so each update stays within its page (HOT).

CREATE TABLE odyssey.jobs (
    id                  uuid        NOT NULL,
    vendor_id           uuid        NOT NULL,
    kind                text        NOT NULL,
    lane                text        NOT NULL,
    state               text        NOT NULL,
    priority            smallint    NOT NULL,
    payload             jsonb       NOT NULL,
    progress_permille   smallint    NOT NULL DEFAULT 0,
    totals              jsonb,
    step                text,
    attempt             smallint    NOT NULL DEFAULT 0,
    attempts_max        smallint    NOT NULL,
    unique_key          text,
    parent_job_id       uuid,
    created_by          uuid,
    -- The lease under which the job runs at this moment; the fence that a worker's transaction locks.
    lease_id            bigint,
    created_at          timestamptz NOT NULL,
    run_at              timestamptz,
    started_at          timestamptz,
    finished_at         timestamptz,
    cancel_requested_at timestamptz,
    pause_requested_at  timestamptz,
    error_code          text,
    error_detail        text,
    CONSTRAINT jobs_pkey PRIMARY KEY (id),
    CONSTRAINT jobs_state_check CHECK (state IN (
        'receiving', 'queued', 'running', 'paused', 'completed', 'completed_with_errors',
        'completed_nothing_written', 'canceled', 'failed')),
    CONSTRAINT jobs_progress_check CHECK (progress_permille BETWEEN 0 AND 1000),
    CONSTRAINT jobs_attempts_check CHECK (attempts_max BETWEEN 1 AND 1000 AND attempt BETWEEN 0 AND 1000),
    CONSTRAINT jobs_finished_check CHECK ((finished_at IS NULL) = (state IN ('receiving', 'queued', 'running', 'paused')))
) WITH (fillfactor = 70);

-- Serves the list of a vendor's jobs, newest first, by keyset (ids are UUIDv7).
CREATE INDEX jobs_vendor_idx ON odyssey.jobs (vendor_id, id);
-- Serves "the jobs that this job started".
CREATE INDEX jobs_parent_idx ON odyssey.jobs (parent_job_id) WHERE parent_job_id IS NOT NULL;

CREATE TABLE odyssey.job_steps (
    job_id      uuid        NOT NULL,
    vendor_id   uuid        NOT NULL,
    position    integer     NOT NULL,
    name        text        NOT NULL,
    attempt     smallint    NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT job_steps_pkey PRIMARY KEY (job_id, position),
    CONSTRAINT job_steps_job_fkey FOREIGN KEY (job_id) REFERENCES odyssey.jobs (id) ON DELETE CASCADE
);

CREATE TABLE odyssey.job_log (
    job_id    uuid        NOT NULL,
    id        bigint      GENERATED ALWAYS AS IDENTITY,
    vendor_id uuid        NOT NULL,
    at        timestamptz NOT NULL,
    level     text        NOT NULL,
    message   text        NOT NULL,
    fields    jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT job_log_pkey PRIMARY KEY (job_id, id),
    CONSTRAINT job_log_level_check CHECK (level IN ('debug', 'info', 'warn', 'error')),
    CONSTRAINT job_log_job_fkey FOREIGN KEY (job_id) REFERENCES odyssey.jobs (id) ON DELETE CASCADE
);

-- ---------------------------------------------------------------------------------------------------------------
-- What may run now. Rows are inserted and deleted, never updated; the primary key is the only index and is the
-- order of a claim: after the last id already handed out for (lane, vendor, priority).

CREATE TABLE odyssey.job_ready (
    lane         text        COLLATE "C" NOT NULL,
    vendor_id    uuid        NOT NULL,
    prio         smallint    NOT NULL,
    id           bigint      GENERATED ALWAYS AS IDENTITY,
    job_id       uuid        NOT NULL,
    kind         text        NOT NULL,
    attempt      smallint    NOT NULL,
    attempts_max smallint    NOT NULL,
    -- 1: has a row in jobs; 2: holds a unique key until it starts; 4: holds one until it finishes.
    flags        smallint    NOT NULL,
    payload      jsonb       NOT NULL,
    ready_at     timestamptz NOT NULL,
    CONSTRAINT job_ready_pkey PRIMARY KEY (lane, vendor_id, prio, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);

-- One row for each claim. Arrays of equal length name the ready rows it holds.
CREATE TABLE odyssey.job_leases (
    id         bigint      GENERATED ALWAYS AS IDENTITY,
    lane       text        COLLATE "C" NOT NULL,
    worker     uuid        NOT NULL,
    claimed_at timestamptz NOT NULL,
    until      timestamptz NOT NULL,
    vendor_ids uuid[]      NOT NULL,
    prios      smallint[]  NOT NULL,
    ready_ids  bigint[]    NOT NULL,
    CONSTRAINT job_leases_pkey PRIMARY KEY (id)
) WITH (fillfactor = 50);

-- Waits for its time: delayed jobs, retries after a failure, and (run_at = infinity) paused jobs.
CREATE TABLE odyssey.job_delayed (
    id           bigint      GENERATED ALWAYS AS IDENTITY,
    lane         text        NOT NULL,
    vendor_id    uuid        NOT NULL,
    prio         smallint    NOT NULL,
    job_id       uuid        NOT NULL,
    kind         text        NOT NULL,
    attempt      smallint    NOT NULL,
    attempts_max smallint    NOT NULL,
    flags        smallint    NOT NULL,
    payload      jsonb       NOT NULL,
    run_at       timestamptz NOT NULL,
    CONSTRAINT job_delayed_pkey PRIMARY KEY (id)
);
-- Serves the promotion of what is due.
CREATE INDEX job_delayed_run_at_idx ON odyssey.job_delayed (run_at);
-- Serves cancel and resume of one job; a job waits at most once.
CREATE UNIQUE INDEX job_delayed_job_key ON odyssey.job_delayed (job_id);

-- Who holds a unique key at this moment.
CREATE TABLE odyssey.job_unique (
    vendor_id   uuid NOT NULL,
    kind        text NOT NULL,
    unique_key  text NOT NULL,
    job_id      uuid NOT NULL,
    until_start boolean NOT NULL,
    CONSTRAINT job_unique_pkey PRIMARY KEY (vendor_id, kind, unique_key)
);
-- Serves the release of a job's key.
CREATE UNIQUE INDEX job_unique_job_key ON odyssey.job_unique (job_id);

-- Jobs that used up their attempts or can never succeed. Kept until redriven or purged.
CREATE TABLE odyssey.job_dead (
    job_id       uuid        NOT NULL,
    vendor_id    uuid        NOT NULL,
    lane         text        NOT NULL,
    prio         smallint    NOT NULL,
    kind         text        NOT NULL,
    attempt      smallint    NOT NULL,
    attempts_max smallint    NOT NULL,
    flags        smallint    NOT NULL,
    payload      jsonb       NOT NULL,
    error_code   text        NOT NULL,
    error_detail text,
    died_at      timestamptz NOT NULL,
    CONSTRAINT job_dead_pkey PRIMARY KEY (job_id)
);
-- Serves the list of a vendor's dead letters, newest first, and the purge of old ones.
CREATE INDEX job_dead_vendor_idx ON odyssey.job_dead (vendor_id, died_at, job_id);
CREATE INDEX job_dead_died_at_idx ON odyssey.job_dead (died_at);

-- Vendors whose queue stands still.
CREATE TABLE odyssey.job_paused (
    vendor_id uuid        NOT NULL,
    paused_at timestamptz NOT NULL,
    paused_by uuid,
    CONSTRAINT job_paused_pkey PRIMARY KEY (vendor_id)
);

CREATE TABLE odyssey.job_schedules (
    name        text        NOT NULL,
    cron        text        NOT NULL,
    last_run_at timestamptz NOT NULL,
    CONSTRAINT job_schedules_pkey PRIMARY KEY (name)
);

-- ---------------------------------------------------------------------------------------------------------------
-- Enqueue, in the caller's transaction and under the caller's role (policies apply).
-- The unique key is taken first: an insert that meets a key of an unfinished transaction waits for it. When the
-- key is held until start, the holder's key row is locked in share mode, so the holder cannot start, and miss
-- this transaction's change, before this transaction has ended.

CREATE FUNCTION odyssey.job_enqueue(
    p_job_id uuid, p_vendor_id uuid, p_kind text, p_lane text, p_prio smallint, p_payload jsonb,
    p_attempts_max smallint, p_followed boolean, p_unique_key text, p_unique_until_start boolean,
    p_run_at timestamptz, p_parent_job_id uuid, p_created_by uuid, p_now timestamptz, p_receiving boolean)
RETURNS TABLE (job_id uuid, existing boolean, ready_id bigint)
LANGUAGE plpgsql VOLATILE SET search_path = odyssey, pg_catalog
AS $$
#variable_conflict use_column
DECLARE
    v_holder uuid;
    v_ready  bigint;
    v_tries  integer := 0;
    v_flags  smallint := (CASE WHEN p_followed THEN 1 ELSE 0 END)
                       + (CASE WHEN p_unique_key IS NULL THEN 0 WHEN p_unique_until_start THEN 2 ELSE 4 END);
BEGIN
    WHILE p_unique_key IS NOT NULL LOOP
        INSERT INTO job_unique (vendor_id, kind, unique_key, job_id, until_start)
        VALUES (p_vendor_id, p_kind, p_unique_key, p_job_id, p_unique_until_start)
        ON CONFLICT (vendor_id, kind, unique_key) DO NOTHING;
        EXIT WHEN FOUND;
        IF p_unique_until_start THEN
            SELECT u.job_id INTO v_holder FROM job_unique u
            WHERE u.vendor_id = p_vendor_id AND u.kind = p_kind AND u.unique_key = p_unique_key FOR KEY SHARE;
        ELSE
            SELECT u.job_id INTO v_holder FROM job_unique u
            WHERE u.vendor_id = p_vendor_id AND u.kind = p_kind AND u.unique_key = p_unique_key;
        END IF;
        IF FOUND THEN
            RETURN QUERY SELECT v_holder, true, NULL::bigint;
            RETURN;
        END IF;
        -- The holder let go between the two statements: try to take the key again.
        v_tries := v_tries + 1;
        IF v_tries > 100 THEN
            RAISE EXCEPTION 'unique key of kind % changed hands 100 times', p_kind USING ERRCODE = '40001';
        END IF;
    END LOOP;

    IF p_followed THEN
        INSERT INTO jobs (id, vendor_id, kind, lane, state, priority, payload, attempts_max, unique_key,
                          parent_job_id, created_by, created_at, run_at)
        VALUES (p_job_id, p_vendor_id, p_kind, p_lane, CASE WHEN p_receiving THEN 'receiving' ELSE 'queued' END,
                p_prio, p_payload, p_attempts_max, p_unique_key, p_parent_job_id, p_created_by, p_now, p_run_at);
    END IF;

    IF p_receiving THEN
        NULL;
    ELSIF p_run_at > p_now THEN
        INSERT INTO job_delayed (lane, vendor_id, prio, job_id, kind, attempt, attempts_max, flags, payload, run_at)
        VALUES (p_lane, p_vendor_id, p_prio, p_job_id, p_kind, 1, p_attempts_max, v_flags, p_payload, p_run_at);
    ELSE
        INSERT INTO job_ready (lane, vendor_id, prio, job_id, kind, attempt, attempts_max, flags, payload, ready_at)
        VALUES (p_lane, p_vendor_id, p_prio, p_job_id, p_kind, 1, p_attempts_max, v_flags, p_payload, p_now)
        RETURNING job_ready.id INTO v_ready;
    END IF;
    RETURN QUERY SELECT p_job_id, false, v_ready;
END
$$;

-- ---------------------------------------------------------------------------------------------------------------
-- Claim. The caller holds the lane's advisory transaction lock, taken in an earlier statement, so that this
-- statement's snapshot shows every lease of earlier claims: counting and claiming are then one act and the cap
-- per vendor holds exactly. Every lease that exists is busy, expired or not: only the reaper takes one back.
-- Turns: a vendor's jobs in order of priority; between vendors, who runs fewest first, then who was served
-- longest ago. Sequential and bitmap scans are off: statistics taken of a momentarily empty table would turn
-- the plan into a scan of everything.

CREATE FUNCTION odyssey.job_claim(
    p_lane text, p_worker uuid, p_now timestamptz, p_until timestamptz, p_limit integer, p_vendor_cap integer,
    p_kinds text[], p_oldest_lease bigint,
    p_vendor_ids uuid[], p_prios smallint[], p_after_ids bigint[], p_served bigint[])
RETURNS TABLE (lease_id bigint, oldest_lease bigint, vendor_id uuid, prio smallint, id bigint, job_id uuid, kind text,
               attempt smallint, attempts_max smallint, flags smallint, payload jsonb, ready_at timestamptz)
LANGUAGE plpgsql VOLATILE
SET search_path = odyssey, pg_catalog SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_oldest      bigint;
    v_busy        bigint[];
    v_busy_vendor uuid[];
BEGIN
    SELECT min(l.id), coalesce(array_agg(u.ready_id), '{}'), coalesce(array_agg(u.vendor_id), '{}')
    INTO v_oldest, v_busy, v_busy_vendor
    FROM job_leases l CROSS JOIN LATERAL unnest(l.ready_ids, l.vendor_ids) AS u (ready_id, vendor_id)
    WHERE l.id >= p_oldest_lease AND l.lane = p_lane;

    RETURN QUERY
    WITH running AS (
        SELECT b.vendor_id, count(*) AS n FROM unnest(v_busy_vendor) AS b (vendor_id) GROUP BY b.vendor_id
    ), pair AS (
        SELECT h.vendor_id, h.prio, h.after_id, h.served, coalesce(r.n, 0) AS running
        FROM unnest(p_vendor_ids, p_prios, p_after_ids, p_served) AS h (vendor_id, prio, after_id, served)
        LEFT JOIN running r ON r.vendor_id = h.vendor_id
        WHERE coalesce(r.n, 0) < p_vendor_cap
          AND NOT EXISTS (SELECT FROM job_paused p WHERE p.vendor_id = h.vendor_id)
    ), candidate AS (
        SELECT p.vendor_id, p.prio, c.id, p.served, p.running,
               row_number() OVER (PARTITION BY p.vendor_id ORDER BY p.prio, c.id) AS turn
        FROM pair p
        CROSS JOIN LATERAL (
            SELECT r.id
            FROM job_ready r
            WHERE r.lane = p_lane AND r.vendor_id = p.vendor_id AND r.prio = p.prio AND r.id > p.after_id
              AND r.kind = ANY (p_kinds)
              AND r.id <> ALL (v_busy)
            ORDER BY r.id
            LIMIT least(p_vendor_cap - p.running, p_limit)
        ) c
    ), chosen AS MATERIALIZED (
        SELECT c.vendor_id, c.prio, c.id,
               row_number() OVER (ORDER BY c.running + c.turn, c.served, c.prio, c.id) AS place
        FROM candidate c
        WHERE c.turn <= p_vendor_cap - c.running
        ORDER BY place
        LIMIT p_limit
    ), lease AS (
        INSERT INTO job_leases (lane, worker, claimed_at, until, vendor_ids, prios, ready_ids)
        SELECT p_lane, p_worker, p_now, p_until, array_agg(c.vendor_id), array_agg(c.prio), array_agg(c.id)
        FROM chosen c
        HAVING count(*) > 0
        RETURNING job_leases.id
    )
    SELECT l.id, coalesce(v_oldest, l.id), r.vendor_id, r.prio, r.id, r.job_id, r.kind,
           r.attempt, r.attempts_max, r.flags, r.payload, r.ready_at
    FROM lease l
    CROSS JOIN chosen c
    CROSS JOIN LATERAL (
        SELECT * FROM job_ready r
        WHERE r.lane = p_lane AND r.vendor_id = c.vendor_id AND r.prio = c.prio AND r.id = c.id
    ) r
    ORDER BY c.place;
END
$$;

-- Which (vendor, priority) have ready rows, and the lowest id of each: one index probe for each, outside the
-- claim's lock. Finds what hints would miss: a low id committed late, the rows of a lease given back.
CREATE FUNCTION odyssey.job_sweep(p_lane text)
RETURNS TABLE (vendor_id uuid, prio smallint, lowest_id bigint)
LANGUAGE sql VOLATILE
SET search_path = odyssey, pg_catalog SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
AS $$
    WITH RECURSIVE pair AS (
        (SELECT r.vendor_id, r.prio, r.id
         FROM job_ready r
         WHERE r.lane = p_lane
         ORDER BY r.vendor_id, r.prio, r.id
         LIMIT 1)
        UNION ALL
        SELECT n.vendor_id, n.prio, n.id
        FROM pair p
        CROSS JOIN LATERAL (
            SELECT r.vendor_id, r.prio, r.id
            FROM job_ready r
            WHERE r.lane = p_lane AND (r.vendor_id, r.prio) > (p.vendor_id, p.prio)
            ORDER BY r.vendor_id, r.prio, r.id
            LIMIT 1
        ) n
    )
    SELECT p.vendor_id, p.prio, p.id FROM pair p
$$;

-- Moves what is due to the ready rows, oldest first. Several processes may promote at once.
CREATE FUNCTION odyssey.job_promote(p_now timestamptz, p_limit integer)
RETURNS TABLE (lane text, vendor_id uuid, prio smallint, ready_id bigint)
LANGUAGE sql VOLATILE
SET search_path = odyssey, pg_catalog SET enable_seqscan = off SET jit = off
AS $$
    WITH due AS MATERIALIZED (
        SELECT d.id
        FROM job_delayed d
        WHERE d.run_at <= p_now
        ORDER BY d.run_at
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    ), moved AS (
        DELETE FROM job_delayed d USING due WHERE d.id = due.id RETURNING d.*
    )
    INSERT INTO job_ready (lane, vendor_id, prio, job_id, kind, attempt, attempts_max, flags, payload, ready_at)
    SELECT m.lane, m.vendor_id, m.prio, m.job_id, m.kind, m.attempt, m.attempts_max, m.flags, m.payload, p_now
    FROM moved m
    ORDER BY m.run_at, m.id
    RETURNING job_ready.lane, job_ready.vendor_id, job_ready.prio, job_ready.id
$$;

-- Marks followed jobs as running under a lease and answers what became of them meanwhile. Rows that another
-- transaction has locked are skipped when p_skip_locked, so that one vendor's open transaction delays only its
-- own job. A job that was canceled or asked to pause while it waited is not marked.
CREATE FUNCTION odyssey.job_start(
    p_lease bigint, p_job_ids uuid[], p_attempts smallint[], p_now timestamptz, p_skip_locked boolean)
RETURNS TABLE (job_id uuid, finished boolean, cancel_requested boolean, pause_requested boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = odyssey, pg_catalog SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_ids uuid[];
BEGIN
    -- Key share: the reaper's delete of this lease waits for us, and we for it.
    PERFORM FROM job_leases l WHERE l.id = p_lease FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF p_skip_locked THEN
        SELECT array_agg(x.id) INTO v_ids FROM (
            SELECT j.id FROM jobs j WHERE j.id = ANY (p_job_ids) ORDER BY j.id FOR NO KEY UPDATE SKIP LOCKED) x;
    ELSE
        SELECT array_agg(x.id) INTO v_ids FROM (
            SELECT j.id FROM jobs j WHERE j.id = ANY (p_job_ids) ORDER BY j.id FOR NO KEY UPDATE) x;
    END IF;
    UPDATE jobs j
    SET state = 'running', lease_id = p_lease, attempt = e.attempt, started_at = coalesce(j.started_at, p_now)
    FROM unnest(p_job_ids, p_attempts) AS e (job_id, attempt)
    WHERE j.id = e.job_id AND j.id = ANY (v_ids)
      AND j.finished_at IS NULL AND j.cancel_requested_at IS NULL AND j.pause_requested_at IS NULL;
    RETURN QUERY
    SELECT j.id, j.finished_at IS NOT NULL, j.cancel_requested_at IS NOT NULL, j.pause_requested_at IS NOT NULL
    FROM unnest(v_ids) AS i (id) JOIN jobs j ON j.id = i.id;
END
$$;

-- Ends jobs of one lease, fenced: without the lease row nothing happens and false comes back; jobs that are no
-- longer in the lease are ignored. Verdicts:
--   done     ended in p_states[i]; the ready row goes
--   retry    waits until p_run_ats[i]; one attempt more
--   requeue  waits until p_run_ats[i]; the attempt does not count
--   pause    the job itself asks to wait until somebody resumes it; the attempt does not count
--   park     somebody asked it to pause; waits likewise, unless it was resumed meanwhile
--   dead     failed for good; becomes a dead letter
--   drop     ended already (canceled while it waited); the ready row goes
--   release  handed back unstarted or drained: the ready row stays as it is and may be claimed at once
-- Order of locks: lease, ready rows, jobs.
CREATE FUNCTION odyssey.job_settle(
    p_lease bigint, p_now timestamptz,
    p_vendor_ids uuid[], p_prios smallint[], p_ready_ids bigint[], p_job_ids uuid[], p_flags smallint[],
    p_verdicts text[], p_states text[], p_run_ats timestamptz[], p_totals jsonb[],
    p_error_codes text[], p_error_details text[])
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = odyssey, pg_catalog SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_lane text;
    v_held bigint[];
    v_left bigint[];
BEGIN
    SELECT l.lane, l.ready_ids INTO v_lane, v_held FROM job_leases l WHERE l.id = p_lease FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT coalesce(array_agg(h.id), '{}') INTO v_left FROM unnest(v_held) AS h (id) WHERE h.id <> ALL (p_ready_ids);
    IF cardinality(v_left) = 0 THEN
        DELETE FROM job_leases l WHERE l.id = p_lease;
    ELSE
        UPDATE job_leases l
        SET (vendor_ids, prios, ready_ids) = (
            SELECT array_agg(u.vendor_id), array_agg(u.prio), array_agg(u.ready_id)
            FROM unnest(l.vendor_ids, l.prios, l.ready_ids) AS u (vendor_id, prio, ready_id)
            WHERE u.ready_id <> ALL (p_ready_ids))
        WHERE l.id = p_lease;
    END IF;

    -- A pause is decided on the locked record, so that a resume is before it or after it and never lost.
    IF 'pause' = ANY (p_verdicts) OR 'park' = ANY (p_verdicts) THEN
        PERFORM FROM jobs j
        WHERE j.id IN (SELECT e.job_id FROM unnest(p_job_ids, p_verdicts) AS e (job_id, verdict)
                       WHERE e.verdict IN ('pause', 'park'))
        ORDER BY j.id
        FOR NO KEY UPDATE;
        UPDATE jobs j
        SET pause_requested_at = coalesce(j.pause_requested_at, p_now)
        FROM unnest(p_job_ids, p_verdicts) AS e (job_id, verdict)
        WHERE j.id = e.job_id AND e.verdict = 'pause';
    END IF;

    WITH given AS (
        SELECT e.*, e.verdict IN ('pause', 'park')
                    AND EXISTS (SELECT FROM jobs j WHERE j.id = e.job_id AND j.pause_requested_at IS NOT NULL) AS parked
        FROM unnest(p_vendor_ids, p_prios, p_ready_ids, p_job_ids, p_flags, p_verdicts, p_states, p_run_ats, p_totals,
                    p_error_codes, p_error_details)
             AS e (vendor_id, prio, ready_id, job_id, flags, verdict, state, run_at, totals, error_code, error_detail)
        WHERE e.ready_id = ANY (v_held)
    ), entry AS MATERIALIZED (
        SELECT g.vendor_id, g.prio, g.ready_id, g.job_id, g.flags, g.verdict, g.totals, g.error_code, g.error_detail,
               CASE WHEN g.parked THEN 'paused' WHEN g.verdict IN ('pause', 'park') THEN 'queued' ELSE g.state END AS state,
               CASE WHEN g.parked THEN 'infinity' WHEN g.verdict IN ('pause', 'park') THEN p_now ELSE g.run_at END AS run_at
        FROM given g
    ), gone AS (
        DELETE FROM job_ready r
        USING entry e
        WHERE e.verdict <> 'release'
          AND r.lane = v_lane AND r.vendor_id = e.vendor_id AND r.prio = e.prio AND r.id = e.ready_id
        RETURNING r.*, e.verdict, e.run_at, e.error_code, e.error_detail
    ), delayed AS (
        INSERT INTO job_delayed (lane, vendor_id, prio, job_id, kind, attempt, attempts_max, flags, payload, run_at)
        SELECT g.lane, g.vendor_id, g.prio, g.job_id, g.kind,
               g.attempt + (CASE g.verdict WHEN 'retry' THEN 1 ELSE 0 END), g.attempts_max, g.flags, g.payload, g.run_at
        FROM gone g
        WHERE g.verdict IN ('retry', 'requeue', 'pause', 'park')
    ), dead AS (
        INSERT INTO job_dead (job_id, vendor_id, lane, prio, kind, attempt, attempts_max, flags, payload,
                              error_code, error_detail, died_at)
        SELECT g.job_id, g.vendor_id, g.lane, g.prio, g.kind, g.attempt, g.attempts_max, g.flags, g.payload,
               g.error_code, g.error_detail, p_now
        FROM gone g
        WHERE g.verdict = 'dead'
        ON CONFLICT (job_id) DO UPDATE
        SET attempt = excluded.attempt, error_code = excluded.error_code,
            error_detail = excluded.error_detail, died_at = excluded.died_at
    ), freed AS (
        DELETE FROM job_unique u
        USING entry e
        WHERE u.job_id = e.job_id AND e.flags & 6 <> 0 AND e.verdict IN ('done', 'dead', 'drop')
    )
    UPDATE jobs j
    SET state             = e.state,
        lease_id          = NULL,
        run_at            = CASE WHEN e.verdict IN ('retry', 'requeue') THEN e.run_at END,
        finished_at       = CASE WHEN e.verdict IN ('done', 'dead') THEN p_now END,
        progress_permille = CASE WHEN e.verdict = 'done' AND e.state <> 'canceled' THEN 1000 ELSE j.progress_permille END,
        totals            = coalesce(e.totals, j.totals),
        error_code        = e.error_code,
        error_detail      = e.error_detail
    FROM entry e
    WHERE j.id = e.job_id AND e.flags & 1 <> 0 AND e.verdict <> 'drop' AND j.finished_at IS NULL;

    RETURN true;
END
$$;

-- ---------------------------------------------------------------------------------------------------------------
-- Everything belongs to whoever migrates. odyssey_app works for one vendor inside its transaction; odyssey_platform runs the queue.

DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['jobs', 'job_steps', 'job_log', 'job_ready', 'job_leases', 'job_delayed',
                                   'job_unique', 'job_dead', 'job_paused', 'job_schedules'] LOOP
        EXECUTE format('ALTER TABLE odyssey.%I ENABLE ROW LEVEL SECURITY', v_table);
        EXECUTE format('ALTER TABLE odyssey.%I FORCE ROW LEVEL SECURITY', v_table);
        EXECUTE format('CREATE POLICY %I ON odyssey.%I TO odyssey_platform USING (true) WITH CHECK (true)',
                       v_table || '_platform', v_table);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.%I TO odyssey_platform', v_table);
    END LOOP;
    FOREACH v_table IN ARRAY ARRAY['jobs', 'job_steps', 'job_log', 'job_ready', 'job_delayed', 'job_unique',
                                   'job_dead', 'job_paused'] LOOP
        EXECUTE format(
            'CREATE POLICY %I ON odyssey.%I TO odyssey_app '
            'USING (vendor_id = nullif(current_setting(''app.vendor_id'', true), '''')::uuid) '
            'WITH CHECK (vendor_id = nullif(current_setting(''app.vendor_id'', true), '''')::uuid)',
            v_table || '_vendor', v_table);
    END LOOP;
END
$$;

-- Only the database decides what a vendor's transaction may do: it follows, enqueues, asks to stop and redrives.
GRANT SELECT, INSERT, UPDATE ON odyssey.jobs TO odyssey_app;
GRANT SELECT, INSERT, UPDATE ON odyssey.job_steps TO odyssey_app;
GRANT SELECT, INSERT ON odyssey.job_log, odyssey.job_ready TO odyssey_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.job_delayed TO odyssey_app;
-- UPDATE is what a row lock asks for; no statement updates a key.
GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.job_unique TO odyssey_app;
GRANT SELECT, DELETE ON odyssey.job_dead TO odyssey_app;
GRANT SELECT, INSERT, DELETE ON odyssey.job_paused TO odyssey_app;

REVOKE ALL ON FUNCTION odyssey.job_enqueue, odyssey.job_claim, odyssey.job_sweep, odyssey.job_promote, odyssey.job_start, odyssey.job_settle FROM PUBLIC;
GRANT EXECUTE ON FUNCTION odyssey.job_enqueue TO odyssey_app, odyssey_platform;
GRANT EXECUTE ON FUNCTION odyssey.job_claim, odyssey.job_sweep, odyssey.job_promote, odyssey.job_start, odyssey.job_settle TO odyssey_platform;
