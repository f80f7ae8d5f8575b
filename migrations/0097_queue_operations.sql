-- Operating the queue: lanes that stand still or are scaled, what each process works with, ended jobs that are put
-- back or deleted. Holds nothing but the queue's own tables and functions.
SET LOCAL lock_timeout = '5s';

-- What somebody decided about a lane. A lane without a row runs as its processes are set up.
CREATE TABLE odyssey.job_lanes (
    lane         text        COLLATE "C" NOT NULL,
    row_version  bigint      NOT NULL DEFAULT 0,
    paused_at    timestamptz,
    paused_by    uuid,
    -- In the words of whoever paused it: why, and nobody's data.
    pause_reason text,
    -- Jobs at once in each process; null: as the process is set up.
    workers      integer,
    -- Jobs at once over all processes; null: no bound but those of the processes.
    running_max  integer,
    changed_at   timestamptz NOT NULL,
    CONSTRAINT job_lanes_pkey PRIMARY KEY (lane),
    CONSTRAINT job_lanes_pause_check CHECK ((paused_at IS NULL) = (pause_reason IS NULL)),
    CONSTRAINT job_lanes_scale_check CHECK (workers >= 1 AND running_max >= 1)
);

-- What each process says of itself every few seconds; rows of processes that fell silent are deleted by the others.
CREATE TABLE odyssey.job_nodes (
    worker           uuid        NOT NULL,
    lane             text        COLLATE "C" NOT NULL,
    -- Jobs at once that it would run now.
    workers          integer     NOT NULL,
    running          integer     NOT NULL,
    ended_per_minute integer     NOT NULL,
    seen_at          timestamptz NOT NULL,
    CONSTRAINT job_nodes_pkey PRIMARY KEY (worker, lane)
) WITH (fillfactor = 50);

DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['job_lanes', 'job_nodes'] LOOP
        EXECUTE format('ALTER TABLE odyssey.%I ENABLE ROW LEVEL SECURITY', v_table);
        EXECUTE format('ALTER TABLE odyssey.%I FORCE ROW LEVEL SECURITY', v_table);
        EXECUTE format('CREATE POLICY %I ON odyssey.%I TO odyssey_platform USING (true) WITH CHECK (true)',
                       v_table || '_platform', v_table);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON odyssey.%I TO odyssey_platform', v_table);
    END LOOP;
END
$$;

-- A vendor deletes its own jobs once they have ended, and none before.
CREATE POLICY jobs_delete_ended ON odyssey.jobs AS RESTRICTIVE FOR DELETE TO odyssey_app USING (finished_at IS NOT NULL);
GRANT DELETE ON odyssey.jobs TO odyssey_app;

-- A claim, as before; and nothing of a lane that is paused, nor more than the lane may run at once over all processes.
-- The claim's lock makes counting and claiming one act, so the bound holds exactly.
CREATE OR REPLACE FUNCTION odyssey.job_claim(
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
    v_paused      boolean;
    v_running_max integer;
    v_limit       integer;
BEGIN
    SELECT l.paused_at IS NOT NULL, l.running_max INTO v_paused, v_running_max FROM job_lanes l WHERE l.lane = p_lane;
    IF v_paused THEN
        RETURN;
    END IF;
    SELECT min(l.id), coalesce(array_agg(u.ready_id), '{}'), coalesce(array_agg(u.vendor_id), '{}')
    INTO v_oldest, v_busy, v_busy_vendor
    FROM job_leases l CROSS JOIN LATERAL unnest(l.ready_ids, l.vendor_ids) AS u (ready_id, vendor_id)
    WHERE l.id >= p_oldest_lease AND l.lane = p_lane;

    -- Without a bound of its own the lane has that of the claim: least() passes over null.
    v_limit := least(p_limit, v_running_max - cardinality(v_busy));
    IF v_limit <= 0 THEN
        RETURN;
    END IF;

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
            LIMIT least(p_vendor_cap - p.running, v_limit)
        ) c
    ), chosen AS MATERIALIZED (
        SELECT c.vendor_id, c.prio, c.id,
               row_number() OVER (ORDER BY c.running + c.turn, c.served, c.prio, c.id) AS place
        FROM candidate c
        WHERE c.turn <= p_vendor_cap - c.running
        ORDER BY place
        LIMIT v_limit
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

-- Settling, as before; and a job that somebody put back while a worker was about to drop it is handed back instead.
CREATE OR REPLACE FUNCTION odyssey.job_settle(
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

    -- A pause is decided on the locked record, so that a resume is before it or after it and never lost; likewise
    -- a drop, so that a retry of the ended job keeps the ready row it found, or finds none.
    IF p_verdicts && ARRAY['pause', 'park', 'drop'] THEN
        PERFORM FROM jobs j
        WHERE j.id IN (SELECT e.job_id FROM unnest(p_job_ids, p_verdicts) AS e (job_id, verdict)
                       WHERE e.verdict IN ('pause', 'park', 'drop'))
        ORDER BY j.id
        FOR NO KEY UPDATE;
        UPDATE jobs j
        SET pause_requested_at = coalesce(j.pause_requested_at, p_now)
        FROM unnest(p_job_ids, p_verdicts) AS e (job_id, verdict)
        WHERE j.id = e.job_id AND e.verdict = 'pause';
    END IF;

    WITH given AS (
        SELECT e.vendor_id, e.prio, e.ready_id, e.job_id, e.flags, e.state, e.run_at, e.totals, e.error_code, e.error_detail,
               CASE WHEN e.verdict = 'drop' AND EXISTS (SELECT FROM jobs j WHERE j.id = e.job_id AND j.finished_at IS NULL)
                    THEN 'release' ELSE e.verdict END AS verdict,
               e.verdict IN ('pause', 'park')
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
