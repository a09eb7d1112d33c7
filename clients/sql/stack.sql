-- Question: (writes) Where does the work of these claims stand? Sent only after `beat.sql` has requested it: a stack that was
-- not requested, or that was sent before, and a stack of a lost claim, write nothing.
-- Index: primary keys of heartbeat and stack, in their order, so that two writers cannot wait for each other.
-- NULL: never.
--
-- Parameters: parallel arrays job_ids bigint[], attempted_ats text[], stacks text[].
WITH given AS (
    SELECT g.job_id, g.attempted_at, g.stack
    FROM unnest(%(job_ids)s::bigint[], %(attempted_ats)s::timestamptz[], %(stacks)s::text[]) AS g (job_id, attempted_at, stack)
),
requested AS (
    SELECT h.job_id, h.attempted_at
    FROM keeper.heartbeat AS h
    JOIN given AS g USING (job_id, attempted_at)
    WHERE h.lost_at IS NULL
      AND h.stack_requested_at IS NOT NULL
      AND (h.stack_at IS NULL OR h.stack_at < h.stack_requested_at)
    ORDER BY h.job_id, h.attempted_at
    FOR UPDATE OF h
),
answered AS (
    UPDATE keeper.heartbeat AS h
    SET stack_at = now()
    FROM requested AS r
    WHERE h.job_id = r.job_id AND h.attempted_at = r.attempted_at
    RETURNING h.job_id, h.attempted_at
),
again AS (  -- not ON CONFLICT DO UPDATE: it needs the right to read the stacks of others
    UPDATE keeper.stack AS s
    SET taken_at = now(), stack = g.stack
    FROM given AS g
    JOIN answered AS a USING (job_id, attempted_at)
    WHERE s.job_id = g.job_id AND s.attempted_at = g.attempted_at
    RETURNING s.job_id, s.attempted_at
)
INSERT INTO keeper.stack (job_id, attempted_at, taken_at, stack)
SELECT g.job_id, g.attempted_at, now(), g.stack
FROM given AS g
JOIN answered AS a USING (job_id, attempted_at)
WHERE (g.job_id, g.attempted_at) NOT IN (SELECT b.job_id, b.attempted_at FROM again AS b)
ORDER BY g.job_id, g.attempted_at
ON CONFLICT (job_id, attempted_at) DO NOTHING
