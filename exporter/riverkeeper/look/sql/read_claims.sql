-- Question: which running attempts are the oldest, and was a cancel requested?
-- Index: river_job_prioritized_fetching_index: every running row, at most scan_bound.
-- NULL: client_id where attempted_by is empty; cancel_at where no cancel was requested, or the metadata is too large to read.
SELECT
    oldest.id,
    oldest.queue,
    oldest.kind,
    extract(epoch FROM oldest.attempted_at)::double precision AS attempted_at,
    oldest.attempted_by[cardinality(oldest.attempted_by)] AS client_id,
    CASE WHEN pg_column_size(oldest.metadata) < %(most_metadata)s THEN left(oldest.metadata ->> 'cancel_attempted_at', 40) END
        AS cancel_at
FROM (
    SELECT j.*
    FROM (
        SELECT r.id, r.queue, r.kind, r.attempted_at, r.attempted_by, r.metadata
        FROM river.river_job AS r
        WHERE r.state = 'running'
        ORDER BY r.queue, r.priority, r.scheduled_at, r.id
        LIMIT %(scan_bound)s
    ) AS j
    ORDER BY j.attempted_at
    LIMIT %(most_rows)s
) AS oldest
