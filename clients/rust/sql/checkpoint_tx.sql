-- Question: (writes) Saves a checkpoint in the transaction that has the effect, so that both are there or neither is.
-- Index: primary keys of river_job and checkpoint. The job's row stays locked until the transaction ends, as by
-- verify_claim.sql: nobody can take the claim away before. So keep the transaction short.
-- NULL: never; no row: the claim is lost, roll back. Every name is qualified, because the transaction and its
-- search_path are the user's. Its login needs the rights of a worker on the keeper schema too.
--
-- Parameters: job_id bigint, attempted_at text, attempt smallint, number bigint (of the value among those of its
-- claim, from 1), val text (JSON in ASCII, at most 8,192 bytes).
WITH held AS MATERIALIZED (
    SELECT j.id, j.attempted_at, j.attempt
    FROM river.river_job AS j
    WHERE j.id OPERATOR(pg_catalog.=) %(job_id)s::pg_catalog.int8
      AND j.state OPERATOR(pg_catalog.=) 'running'
      AND j.attempt OPERATOR(pg_catalog.=) %(attempt)s::pg_catalog.int2
      AND j.attempted_at OPERATOR(pg_catalog.=) %(attempted_at)s::pg_catalog.timestamptz
    FOR NO KEY UPDATE
),
again AS (
    UPDATE keeper.checkpoint AS c
    SET
        number = %(number)s::pg_catalog.int8, saved_at = pg_catalog.clock_timestamp(), value = %(val)s::pg_catalog.text
    FROM held AS h
    WHERE c.job_id OPERATOR(pg_catalog.=) h.id
      AND c.attempted_at OPERATOR(pg_catalog.=) h.attempted_at
      AND c.number OPERATOR(pg_catalog.<) %(number)s::pg_catalog.int8
),
first AS (
    INSERT INTO keeper.checkpoint AS c (job_id, attempted_at, attempt, generation, number, saved_at, value)
    SELECT
        h.id, h.attempted_at, h.attempt,
        1 OPERATOR(pg_catalog.+) coalesce((
            SELECT pg_catalog.max(b.generation)
            FROM keeper.checkpoint AS b
            WHERE b.job_id OPERATOR(pg_catalog.=) h.id
        ), 0),
        %(number)s::pg_catalog.int8, pg_catalog.clock_timestamp(), %(val)s::pg_catalog.text
    FROM held AS h
    WHERE NOT EXISTS (
        SELECT
        FROM keeper.checkpoint AS s
        WHERE s.job_id OPERATOR(pg_catalog.=) h.id AND s.attempted_at OPERATOR(pg_catalog.=) h.attempted_at
    )
    ON CONFLICT (job_id, attempted_at) DO UPDATE SET  -- the tick has inserted it meanwhile
        number = excluded.number, saved_at = excluded.saved_at, value = excluded.value
    WHERE c.number OPERATOR(pg_catalog.<) excluded.number
)
SELECT 1 AS held FROM held
