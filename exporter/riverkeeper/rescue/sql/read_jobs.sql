-- Question: which of these jobs run under their claims, and what must a rescue know of them? Read after they are
-- locked, so that the result stays true; in a dry run by a login that may not lock them, it is true at this moment.
-- Index: river_job's primary key, once for each claim (LATERAL forces it, and IS TRUE keeps the planner from the
-- indexes by state); rescue_once_a_claim for earlier rescues of the job (OFFSET 0 keeps
-- the planner from the index by time; max(at) alone would be searched there until a row of the job comes); river_leader has one row or none.
-- NULL: client_id where attempted_by is empty; rescue_count, cancel_at and health_at where the metadata has no such
-- key; last_rescue_at where the job was never rescued. A claim is missing: its job does not run under it.
-- `unique_states` came with River's migration 6: where the table has no such column, the name means that of `old`.
SELECT c.number, seen.*
FROM jsonb_to_recordset(%(claims)s::jsonb) AS c (
    number integer, job_id bigint, attempt smallint, attempted_at timestamptz
)
CROSS JOIN (SELECT NULL::bit(8) AS unique_states) AS old
CROSS JOIN LATERAL (
    SELECT
        j.queue,
        j.kind,
        j.priority,
        j.max_attempts,
        j.attempted_by[cardinality(j.attempted_by)] AS client_id,
        extract(epoch FROM j.attempted_at)::double precision AS claimed_at,
        extract(epoch FROM j.scheduled_at)::double precision AS scheduled_at,
        coalesce(cardinality(j.errors), 0) AS errors,
        jsonb_typeof(j.metadata) = 'object' AS has_metadata,
        left((j.metadata -> 'river:rescue_count')::text, 32) AS rescue_count,
        left(j.metadata ->> 'cancel_attempted_at', 64) AS cancel_at,
        left(j.metadata ->> 'health_check_at', 64) AS health_at,
        unique_states IS NULL OR get_bit(unique_states, 2) = 1 AS retryable_keeps_key,
        EXISTS (SELECT FROM river.river_leader AS l WHERE l.expires_at > now()) AS led,
        coalesce((SELECT bool_and(f.state = 'in_force') FROM keeper.fence AS f), false) AS fenced,
        earlier.rescues,
        earlier.last_rescue_at,
        extract(epoch FROM clock_timestamp())::double precision AS now,
        random() AS chance
    FROM river.river_job AS j
    CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE acted.at > now() - interval '24 hours') AS rescues,
            extract(epoch FROM max(acted.at))::double precision AS last_rescue_at
        FROM (
            SELECT r.at
            FROM keeper.rescue AS r
            WHERE r.job_id = j.id AND NOT r.dry_run AND r.action <> 'stop'
            OFFSET 0
        ) AS acted
    ) AS earlier
    WHERE j.id = c.job_id
      AND (j.state = 'running') IS TRUE
      AND j.attempt = c.attempt
      AND j.attempted_at = c.attempted_at
    OFFSET 0
) AS seen
