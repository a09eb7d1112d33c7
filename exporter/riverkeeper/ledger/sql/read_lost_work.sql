-- Question: How much work had the attempts of these jobs done since their last checkpoint, as far as heartbeats show it?
-- Index: the primary keys of heartbeat, checkpoint and client: the claims of each job that the sweep has not deleted.
-- NULL: never. An attempt that never beat, or whose heartbeat is gone, is missing: its work is not known.
-- The end is the last beat or the reported end of the work, by the database's clock. The beginning is the last checkpoint
-- of the claim, else its claim; its first beat where the worker's clock may have dated the claim. After a snooze the next claim has
-- the same attempt: the newest one counts, and none that snoozed.
SELECT DISTINCT ON (h.job_id, h.attempt)
    h.job_id,
    h.attempt,
    greatest(0, extract(epoch FROM
        greatest(h.beat_at, h.ended_at)
        - greatest(c.saved_at, CASE WHEN w.client_id !~ %(own_clock_ids)s THEN h.attempted_at ELSE h.first_beat_at END)
    ) * 1000000)::bigint AS micros
FROM keeper.heartbeat AS h
LEFT JOIN keeper.checkpoint AS c ON c.job_id = h.job_id AND c.attempted_at = h.attempted_at
LEFT JOIN keeper.client AS w ON w.instance = h.instance
WHERE h.job_id = ANY (%(job_ids)s::bigint[])
  AND h.beat_interval > interval '0'  -- a tombstone never beat
  AND coalesce(h.outcome, '') NOT IN ('completed', 'snoozed', 'cancelled')
ORDER BY h.job_id, h.attempt, h.attempted_at DESC
