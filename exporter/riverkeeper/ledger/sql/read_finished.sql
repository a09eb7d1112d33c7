-- Question: how many jobs finished in each of these ten-second slots, how long did they run, how long had they waited?
-- Index: river_job_state_and_finalized_at_index, then the rows of these slots, twice. Few rows come back: one a
-- slot and series, with its buckets in arrays. OFFSET 0 keeps the planner from evaluating an expression at every use.
-- At most `most` pairs of queue and kind are distinguished, first those that have a name, then those with most jobs; the
-- rest of a queue has an empty kind. In a slot where this once happened (`closed`) only the pairs that are its `own` are.
-- NULL: last is NULL where no moment is known. Bucket -1: finished, but no run time (never claimed, discarded,
-- cancelled). A claim happens only when a job is due, so attempted_at before scheduled_at means that scheduled_at was
-- moved after the claim: no wait is counted then. A run that ends before it began (clocks) took no time. Four months
-- is the most that one job adds to a sum: a garbage time must not overflow it.
-- Ruby and Java date a claim by the worker's clock: such a job has no wait (bucket -1), but its claim is the queue's last.
WITH run AS MATERIALIZED (
    SELECT
        timed.slot,
        timed.queue,
        timed.kind,
        timed.state,
        CASE WHEN timed.micros IS NULL THEN -1
            ELSE width_bucket(timed.micros - 0.5, %(edges)s::double precision[]) END AS bucket,
        count(*) AS jobs,
        coalesce(sum(timed.micros), 0)::bigint AS micros,
        max(timed.ended) AS last
    FROM (
        SELECT
            s.slot,
            job.*,
            CASE WHEN job.state = 'completed' AND abs(job.claimed) < 'Infinity'
                THEN least(greatest(round((job.ended - job.claimed) * 1e6), 0), 1e13) END AS micros
        FROM unnest(%(slots)s::bigint[]) AS s (slot)
        CROSS JOIN LATERAL (
            SELECT
                j.queue,
                j.kind,
                j.state,
                date_part('epoch', j.finalized_at) AS ended,
                date_part('epoch', j.attempted_at) AS claimed
            FROM river.river_job AS j
            WHERE j.state IN ('cancelled', 'completed', 'discarded')
              AND j.finalized_at >= to_timestamp(s.slot * 10) AND j.finalized_at < to_timestamp(s.slot * 10 + 10)
            OFFSET 0
        ) AS job
        OFFSET 0
    ) AS timed
    GROUP BY 1, 2, 3, 4, 5
),
told AS MATERIALIZED (
    SELECT run.queue, run.kind
    FROM run
    WHERE run.slot <> ALL (%(closed)s::bigint[])
    GROUP BY run.queue, run.kind
    ORDER BY
        (run.queue, run.kind) IN (
            SELECT kept.queue, kept.kind
            FROM unnest(%(kept_queues)s::text[], %(kept_kinds)s::text[]) AS kept (queue, kind)
        ) DESC,
        sum(run.jobs) DESC
    LIMIT %(most)s
)
SELECT
    named.slot,
    'run' AS measure,
    named.queue,
    named.kind,
    named.state::text AS label,
    array_agg(named.bucket) AS buckets,
    array_agg(named.jobs) AS counts,
    array_agg(named.micros) AS micros,
    max(named.last) AS last
FROM (
    SELECT
        run.slot,
        run.queue,
        CASE
            WHEN (run.slot, run.queue, run.kind) IN (
                SELECT own.slot, own.queue, own.kind
                FROM unnest(%(own_slots)s::bigint[], %(own_queues)s::text[], %(own_kinds)s::text[])
                    AS own (slot, queue, kind)
            ) THEN run.kind
            WHEN run.slot <> ALL (%(closed)s::bigint[])
                AND (run.queue, run.kind) IN (SELECT told.queue, told.kind FROM told) THEN run.kind
            ELSE ''
        END AS kind,
        run.state,
        run.bucket,
        sum(run.jobs)::bigint AS jobs,
        sum(run.micros)::bigint AS micros,
        max(run.last) AS last
    FROM run
    GROUP BY 1, 2, 3, 4, 5
) AS named
GROUP BY named.slot, named.queue, named.kind, named.state
UNION ALL
SELECT
    bucketed.slot,
    'wait',
    bucketed.queue,
    '',
    bucketed.priority::text,
    array_agg(bucketed.bucket),
    array_agg(bucketed.jobs),
    array_agg(bucketed.micros),
    max(bucketed.last)
FROM (
    SELECT
        timed.slot,
        timed.queue,
        timed.priority,
        CASE WHEN timed.other_clock THEN -1
            ELSE width_bucket(timed.micros - 0.5, %(edges)s::double precision[]) END AS bucket,
        count(*) AS jobs,
        sum(timed.micros)::bigint AS micros,
        max(timed.claimed) AS last
    FROM (
        SELECT
            s.slot,
            job.*,
            CASE
                WHEN job.other_clock THEN CASE WHEN abs(job.claimed) < 'Infinity' THEN 0 END
                WHEN job.due > '-Infinity' AND job.due <= job.claimed AND job.claimed < 'Infinity'
                    THEN least(round((job.claimed - job.due) * 1e6), 1e13)
            END AS micros
        FROM unnest(%(slots)s::bigint[]) AS s (slot)
        CROSS JOIN LATERAL (
            SELECT
                j.queue,
                j.priority,
                date_part('epoch', j.attempted_at) AS claimed,
                date_part('epoch', j.scheduled_at) AS due,
                coalesce(
                    (c.client LIKE 'java-%%' OR c.client LIKE '%%-____________') AND c.client ~ %(own_clock_ids)s, false
                ) AS other_clock  -- the patterns cost little, and leave few for the expression
            FROM river.river_job AS j
            CROSS JOIN LATERAL (SELECT j.attempted_by[cardinality(j.attempted_by)] AS client) AS c
            WHERE j.state IN ('cancelled', 'completed', 'discarded')
              AND j.finalized_at >= to_timestamp(s.slot * 10) AND j.finalized_at < to_timestamp(s.slot * 10 + 10)
            OFFSET 0
        ) AS job
        OFFSET 0
    ) AS timed
    WHERE timed.micros IS NOT NULL
    GROUP BY 1, 2, 3, 4
) AS bucketed
GROUP BY bucketed.slot, bucketed.queue, bucketed.priority
