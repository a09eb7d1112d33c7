-- Question: where did the work of these claims stand, as their clients sent it last?
-- Index: stack's primary key, once for each claim (LATERAL forces it).
-- NULL: never. A claim is missing: its client has sent no stack, or the stack was swept. At most most_characters of each.
SELECT c.number, sent.*
FROM jsonb_to_recordset(%(claims)s::jsonb) AS c (number integer, job_id bigint, attempted_at timestamptz)
CROSS JOIN LATERAL (
    SELECT
        extract(epoch FROM s.taken_at)::double precision AS taken_at,
        left(s.stack, %(most_characters)s::integer) AS stack,
        length(s.stack) > %(most_characters)s::integer AS is_cut
    FROM keeper.stack AS s
    WHERE s.job_id = c.job_id AND s.attempted_at = c.attempted_at
) AS sent
