-- Question: How many claims of each of these clients were rescued since its last beat, or would have been in a dry run?
-- Index: rescue_by_time for the rows of the last `since` seconds, the newest `most_rows` of rescues and of dry runs.
-- NULL: never. A client is missing: none. A claim that was made later is of another process with the same client id.
SELECT
    c.instance,
    count(DISTINCT r.claim) FILTER (WHERE NOT r.dry_run) AS rescued,
    count(DISTINCT r.claim) FILTER (WHERE r.dry_run) AS recorded
FROM (
    SELECT newest.*
    FROM unnest(ARRAY[false, true]) AS sort (dry_run)
    CROSS JOIN LATERAL (
        SELECT a.dry_run, a.at, a.attempted_at, a.evidence ->> 'client_id' AS client_id, (a.job_id, a.attempted_at) AS claim
        FROM keeper.rescue AS a
        WHERE a.dry_run = sort.dry_run AND a.at > now() - make_interval(secs => %(since)s::double precision)
          AND (a.dry_run OR a.action <> 'stop')
        ORDER BY a.at DESC
        LIMIT %(most_rows)s
    ) AS newest
) AS r
JOIN unnest(%(instances)s::text[], %(clients)s::text[], %(beat_ats)s::double precision[], %(intervals)s::double precision[])
    AS c (instance, client_id, beat_at, beat_interval)
    ON c.client_id = r.client_id AND r.at > to_timestamp(c.beat_at) AND r.attempted_at <= to_timestamp(c.beat_at + c.beat_interval)
GROUP BY c.instance
